"""Objects that hold data between the calls of one body: a helper is given an image, gives faces, takes results.

Told of the bodies in which models take part, when something goes into the object and something else comes out of it.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.handover.handoffs import NAMES, OPTIONS
from retrieval.census.handover.model_bodies import TOOLS, ModelBody, leading_bodies
from retrieval.census.meaning.flow_names import scalars
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import call_name, own_nodes
from retrieval.pyast import dotted
from retrieval.retrying import CONTAINER_METHODS

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

BODIES, MEMBERS, SHOWN = 6, 3, 4
_NO_CARRIER = re.compile(
    r"(?:^|_)(?:os|st|gr|np|torch|plt|ax|fig|parser|args|bar|pbar|progress|response|request|file|f|client)$"
)
_SETTING = re.compile(r"^(?:dtype|device|training|shape|config|cfg|args|opts?|__\w+)$|_(?:cfg|config|size|dim|type)$")
_IN_PLACE = re.compile(r"_$|^(?:to|eval|train|half|float|cuda|cpu|requires_grad|write|load_state_dict|set_\w*device)$")


@dataclass(slots=True)
class HeldData:
    """One object of a body: its name, its class where known, what goes in and what comes out (in words), the lines."""

    name: str
    cls: str = ""
    given: dict[str, None] = field(default_factory=dict)
    taken: dict[str, None] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    owned: bool = False  # something comes out of it that no argument of the same call explains
    lines: list[int] = field(default_factory=list)

    @property
    def told(self) -> bool:
        """Whether data goes in by one member and comes out by another."""
        return bool(self.given and self.owned) and len(self.members) >= MEMBERS

    @property
    def said(self) -> str:
        """ "`self.helper` (`Helper`) is given `image` by `read()`, and gives it on by `faces` and `paste()`"."""
        cls = f" (`{self.cls}`)" if self.cls else ""
        return (
            f"`{self.name}`{cls} is given {listed(list(self.given), SHOWN)}, and what it holds is taken by "
            f"{listed(list(self.taken), SHOWN)}"
        )


@once
def held_data(codebase: Codebase) -> list[tuple[ModelBody, HeldData]]:
    """The objects that hold data between calls, in the leading bodies with models."""
    return [(body, item) for body in leading_bodies(codebase, BODIES) for item in _objects(codebase, body)]


def _objects(codebase: Codebase, body: ModelBody) -> list[HeldData]:
    nodes = own_nodes(body.function)
    flowing = _flowing(body)
    statements = {node.value for node in nodes if isinstance(node, ast.Expr)}
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    found: dict[str, HeldData] = {}
    for node in nodes:
        if not isinstance(node, ast.Attribute) or not _may_hold(body, dotted(node.value)):
            continue
        item = found.setdefault(dotted(node.value), HeldData(dotted(node.value)))
        line = body.unit.row(node.lineno)
        if isinstance(node.ctx, ast.Store):
            _note(item, item.given, f"`{node.attr}`, which is set", node.attr, line)
        elif node not in called and not _SETTING.search(node.attr):
            _note(item, item.taken, f"the attribute `{node.attr}`", node.attr, line)
            item.owned = True
    for call in (node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        name, method = dotted(call.func.value), call.func.attr  # type: ignore[attr-defined]
        item = found.get(name)
        if item is None or method in CONTAINER_METHODS or _IN_PLACE.search(method):
            continue
        line = body.unit.row(call.lineno)
        item.cls = item.cls or _class(codebase, body, f"{name}.{method}", line)
        data = [
            ast.unparse(a) for a in (*call.args, *(k.value for k in call.keywords)) if (_names(a) - {name}) & flowing
        ]
        if data and call in statements:  # what it gives back shows no state
            _note(item, item.given, f"{listed([f'`{text[:40]}`' for text in data], 2)} by `{method}()`", method, line)
        elif call not in statements:
            _note(item, item.taken, f"`{method}()`", method, line)
            item.owned = item.owned or not data
    return [item for item in found.values() if item.told]


def _note(item: HeldData, side: dict[str, None], told: str, member: str, line: int) -> None:
    side.setdefault(told)
    item.members.add(member)
    item.lines.append(line)


def _may_hold(body: ModelBody, name: str) -> bool:
    """Whether an expression may be an object that holds data: an attribute of `self`, or a name bound to a new one."""
    if not name or name in ("self", "cls") or name.count(".") > 1:
        return False
    last = name.rpartition(".")[2]
    if TOOLS.search(last) or OPTIONS.search(last) or _NO_CARRIER.search(last):
        return False
    return name.startswith("self.") or name in _made(body)


def _made(body: ModelBody) -> set[str]:
    """The names that a body binds to objects of classes."""
    found = set()
    for node in own_nodes(body.function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            made = call_name(node.value)
            found |= {dotted(t) for t in node.targets} if re.match(r"_*[A-Z][a-z]|copy$", made) else set()
    return found


def _flowing(body: ModelBody) -> set[str]:
    """The names of what flows: parameters and what is bound in the body, tools and options left out."""
    given = body.function.args
    names = {item.arg for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)} - {"self", "cls"}
    names |= {n.id for n in own_nodes(body.function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names -= set(scalars(body.function))
    return {n for n in names if not (TOOLS.search(n) or OPTIONS.search(n) or NAMES.search(n))}


def _names(node: ast.expr) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _class(codebase: Codebase, body: ModelBody, written: str, line: int) -> str:
    calls = (c for c in codebase.facts[body.frame.path].calls if c.start == line and c.written == written)
    names = (c.receiver.rpartition(".")[2] for c in calls)
    return next((name for name in names if name.lstrip("_")[:1].isupper()), "")
