"""Methods that run what their object was made with: `self.model(…)` where the constructor takes `model`.

Which models these are is told by the places that make such objects: `Stage(name="layout", model=self.layout_model)`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.default_targets import chosen_by
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.class_fields import class_node
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, units, written
from retrieval.census.models.families import MODELISH, RUNNING
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEEPEST, SHOWN = 5, 8
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A call on an attribute that the constructor was given, its line, and what objects were made with."""

    path: str
    call: str
    line: int
    given: tuple[tuple[str, str], ...]  # the class or function that makes an object, and what it gives to it
    places: tuple[tuple[str, int], ...]  # where each is given

    @property
    def said(self) -> str:
        """ "calls `self.model(…)` on the model that its object was made with: in `Pipeline` `self.layout`"."""
        models = f": {self.told}" if self.given else ""
        return f"calls `{self.call}(…)` on the model that its object was made with{models}"

    @property
    def told(self) -> str:
        """ "in `Pipeline` `self.layout`, `ocr`; in `Other` `self.net`": what objects were made with, by their maker."""
        makers: dict[str, dict[str, None]] = {}
        for maker, name in self.given:
            makers.setdefault(maker, {})[f"`{name}`"] = None
        rows = [(f"in `{maker}` " if maker else "", listed(list(names), SHOWN)) for maker, names in makers.items()]
        return "; ".join(f"{maker}{names}" for maker, names in rows)


@once
def runs_held_model(codebase: Codebase, place: Place) -> HeldRun | None:
    """The run of a held model in a method, or in the methods of its object that it calls."""
    path, symbol = place
    owner, _, name = symbol.rpartition(".")
    item = next((d for d in codebase.facts[path].definitions if d.symbol == owner and d.kind == "class"), None)
    node = class_node(codebase, path, item) if item is not None else None
    if item is None or node is None:
        return None
    methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)}
    held = dict(_given(methods["__init__"])) if "__init__" in methods else {}
    for method in _called(methods, name):
        for call in (n for n in ast.walk(method) if isinstance(n, ast.Call)):
            attribute = _attribute(call)
            if attribute in held:
                given = list(_made_with(codebase, item, held[attribute]))
                given.sort(key=lambda at: _rank(codebase, at[0], at[3]))
                made: dict[tuple[str, str], tuple[str, int]] = {}
                for file, line, text, symbol in given:
                    made.setdefault((_maker(symbol), text), (file, line))
                return HeldRun(path, written(call.func), call.lineno, tuple(made), tuple(made.values()))
    return None


def _rank(codebase: Codebase, path: str, symbol: str) -> tuple[bool, bool]:
    """What the main programs run first, and there the makers that defaults choose."""
    return not reach_of(codebase).runs((path, symbol)), not chosen_by(codebase, _maker(symbol)).said


def _maker(symbol: str) -> str:
    """The class whose method makes an object, or the function that does."""
    owner = symbol.rpartition(".")[0]
    return owner or symbol


def _attribute(call: ast.Call) -> str:
    """ "model" of `self.model(…)` and `self.model.predict(…)`, where the name is one of a model."""
    parts = written(call.func).split(".")
    known = len(parts) in (2, 3) and parts[0] == "self" and MODELISH.search(parts[1])
    return parts[1] if known and (len(parts) == 2 or parts[2] in RUNNING) else ""


def _given(start: Function) -> Iterator[tuple[str, str]]:
    """Attributes that the constructor sets to one of its parameters."""
    names = {item.arg for item in (*start.args.args, *start.args.kwonlyargs)}
    for node in ast.walk(start):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in names:
            target = written(node.targets[0])
            if target.startswith("self."):
                yield target[5:], node.value.id


def _called(methods: dict[str, Function], name: str) -> list[Function]:
    """A method and those of its object that it calls, and so on."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting and len(found) < DEEPEST * DEEPEST:
        name = waiting.pop(0)
        if name in methods and name not in found:
            found[name] = None
            calls = (written(n.func) for n in ast.walk(methods[name]) if isinstance(n, ast.Call))
            waiting += [text[5:] for text in calls if text.startswith("self.")]
    return [methods[name] for name in found]


def _made_with(codebase: Codebase, item: Definition, parameter: str) -> Iterator[tuple[str, int, str, str]]:
    """Where objects of a class are made, what each is given as that parameter, and in which function."""
    for unit in units(codebase, rf"\b{re.escape(item.name)}\("):
        if codebase.snapshot.by_path[unit.path].role == "test":
            continue
        for node in ast.walk(unit.tree):
            if isinstance(node, ast.Call) and written(node.func).rpartition(".")[2] == item.name:
                for keyword in node.keywords:
                    if keyword.arg == parameter and not isinstance(keyword.value, ast.Constant):
                        symbol = unit.symbols.get(node, "")
                        yield unit.path, unit.row(node.lineno), written(keyword.value), symbol
