"""Options that hold a class: fields and parameters of type `type[Base]` whose class other code makes.

`FormatOption(pipeline_cls=OwnPipeline)` puts a class of the user's own in without a change of the code.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, defaults_of, own_nodes, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 6
_TYPE = re.compile(r"^(?:typing\.)?(?:Optional\[)?(?:typing\.)?[Tt]ype\[['\"]?(?P<base>[A-Za-z_][\w.]*)")
_BARE = re.compile(r"^(?:typing\.)?[Tt]ype\b")
Use = tuple[str, str, int]


@dataclass
class Holder:
    """A field or parameter that holds a class below `base`; `defaults` are the classes that it holds by itself."""

    unit: Unit
    node: ast.AST
    name: str
    owner: str
    base: str
    parameter: bool
    defaults: list[str] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)


def class_options(codebase: "Codebase") -> Iterator[Point]:
    """One point per field or parameter about models whose class is made somewhere, those made in most places first."""
    holders = [item for item in _holders(codebase) if _is_about_models(codebase, item)]
    _fill(codebase, holders)
    yield from (
        _point(codebase, item) for item in sorted(holders, key=lambda h: (h.parameter, -len(h.uses))) if item.uses
    )


def _holders(codebase: "Codebase") -> Iterator[Holder]:
    for unit in units(codebase, r":\s*['\"]?(?:Optional\[)?(?:typing\.)?[Tt]ype\["):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in unit.nodes:
            if isinstance(node, ast.ClassDef):
                yield from _fields(unit, node)
        for body, symbol in unit.functions():
            yield from _parameters(unit, body, symbol)


def _fields(unit: Unit, node: ast.ClassDef) -> Iterator[Holder]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found = _TYPE.match(_annotation(item.annotation))
            if found:
                default = [written(item.value)] if item.value is not None and written(item.value) != "None" else []
                yield Holder(unit, item, item.target.id, unit.symbol_of(node), found["base"], False, default)


def _parameters(unit: Unit, body: Function, symbol: str) -> Iterator[Holder]:
    defaults = {name: written(value) for name, value in defaults_of(body)}
    for arg in (*body.args.args, *body.args.kwonlyargs):
        found = _TYPE.match(_annotation(arg.annotation)) if arg.annotation is not None else None
        if found and arg.arg not in ("cls", "self"):
            default = [defaults[arg.arg]] if defaults.get(arg.arg, "None") != "None" else []
            uses = [
                (unit.path, symbol, unit.lines(node)[0]) for node in own_nodes(body)
                if isinstance(node, ast.Call) and written(node.func) == arg.arg
            ]  # fmt: skip
            yield Holder(unit, arg, arg.arg, symbol, found["base"], True, default, uses)


def _annotation(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else written(node)


def _is_about_models(codebase: "Codebase", item: Holder) -> bool:
    local = codebase.resolve_local(item.unit.path, item.base)
    return local is not None and bool(MODEL_WORD.search(item.base) or MODEL_WORD.search(item.name))


def _fill(codebase: "Codebase", holders: list[Holder]) -> None:
    """Enter the defaults that subclasses set, and the places that make what a field holds."""
    fields: dict[str, list[Holder]] = {}
    for item in holders:
        if not item.parameter:
            fields.setdefault(item.name, []).append(item)
    if not fields:
        return
    for unit in units(codebase, r"\b(?:" + "|".join(map(re.escape, sorted(fields))) + r")\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in unit.nodes:
            if isinstance(node, ast.ClassDef):
                _defaults(codebase, unit, node, fields)
        for body, symbol in unit.functions():
            _uses(unit, body, symbol, fields)


def _defaults(codebase: "Codebase", unit: Unit, node: ast.ClassDef, fields: dict[str, list[Holder]]) -> None:
    bases = {written(base).rpartition(".")[2] for base in node.bases}
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name) or item.value is None:
            continue
        for holder in fields.get(item.target.id, ()):
            below = holder.owner.rpartition(".")[2] in bases
            if below and codebase.resolve_local(unit.path, written(item.value)) is not None:
                holder.defaults.append(written(item.value))


def _uses(unit: Unit, body: Function, symbol: str, fields: dict[str, list[Holder]]) -> None:
    """Calls of `option.pipeline_cls` and of a variable that holds it; of fields of one name that of the same file."""
    nodes = own_nodes(body)
    held: dict[str, str] = {}
    for node in nodes:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(value, ast.Attribute) and isinstance(target, ast.Name) and value.attr in fields:
            held[target.id] = value.attr
    for node in nodes:
        func = node.func if isinstance(node, ast.Call) else None
        name = (
            func.attr
            if isinstance(func, ast.Attribute)
            else held.get(func.id, "")
            if isinstance(func, ast.Name)
            else ""
        )
        holders = fields.get(name, [])
        near = [holder for holder in holders if holder.unit.path == unit.path]
        for holder in near or holders:
            holder.uses.append((unit.path, symbol, unit.lines(node)[0]))


def _point(codebase: "Codebase", item: Holder) -> Point:
    path, base = item.unit.path, item.base.rpartition(".")[2]
    owner = f"{item.owner}()" if item.parameter else item.owner
    kind = "parameter" if item.parameter else "field"
    today = [f"`{name}`" for name in dict.fromkeys(item.defaults)]
    makers = list(dict.fromkeys(f"`{symbol}()` ({p})" for p, symbol, _ in item.uses))
    said = (
        f"By argument: the {kind} `{item.name}` of `{owner}` ({path}) holds a class below `{base}`"
        f"{f', by itself {listed(today, SHOWN)}' if today else ''}; {listed(makers, 4)} makes what it holds, so that "
        f"an own class below `{base}` is given there without a change of code"
    )
    short = f"`{item.name}` of `{owner}` takes any class below `{base}`"
    related = tuple(("made", p, line, line) for p, _, line in item.uses[:6])
    found = codebase.resolve_local(path, item.base)
    holds = ((found[0], found[1].symbol),) if found is not None else ()
    return Point("argument", short, said, path, item.unit.lines(item.node), item.owner, related, holds=holds)
