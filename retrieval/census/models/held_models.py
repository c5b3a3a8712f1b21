"""Methods that run what their object was made with: `self.model(…)` where the constructor takes `model`.

Which models these are is told by the places that make such objects: `Stage(name="layout", model=self.layout_model)`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from retrieval.beside import once
from retrieval.census.flow.default_targets import chosen_by
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.class_fields import class_node
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.families import MODELISH, RUNNING
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEEPEST, SHOWN = 5, 8
Place = tuple[str, str]
Fixed = tuple[str, int, str, str]  # file, line, what is given there and the function around


class Parameter(NamedTuple):
    """A parameter of a constructor, and its position after `self`; -1 where it has none."""

    name: str
    place: int


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
    cls = ClassRef(path, item)
    held = filled(codebase, cls)
    for method in _called(_methods(node), name):
        for call in (n for n in ast.walk(method) if isinstance(n, ast.Call)):
            attribute = _attribute(call)
            if attribute in held:
                given = [at for user in _running(codebase, cls, name) for at in _all_given(codebase, user, attribute)]
                given.sort(key=lambda at: _rank(codebase, at[0], at[3]))
                made: dict[tuple[str, str], tuple[str, int]] = {}
                for file, line, text, symbol in given:
                    made.setdefault((_maker(symbol), text), (file, line))
                return HeldRun(path, written(call.func), call.lineno, tuple(made), tuple(made.values()))
    return None


def _running(codebase: Codebase, cls: ClassRef, name: str) -> Iterator[ClassRef]:
    """The class and those deriving from it whose objects run its own method of that name."""
    program = program_of(codebase)
    for user in (cls, *program.descendants(cls)):
        found = program.method(user, name)
        if found is not None and found[0] == cls:
            yield user


def _all_given(codebase: Codebase, cls: ClassRef, attribute: str) -> Iterator[tuple[str, int, str, str]]:
    """What objects of exactly that class are made with for an attribute: file, line, text and the function around."""
    filling = filled(codebase, cls).get(attribute)
    if isinstance(filling, Parameter):
        yield from _made_with(codebase, cls.definition, filling)
    elif filling is not None:
        yield filling


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


@once
def filled(codebase: Codebase, cls: ClassRef) -> dict[str, Parameter | Fixed]:
    """Attributes that a constructor fills: by a parameter of it, or with what it gives to the one of its base."""
    program = program_of(codebase)
    starts = [at for at in program.line(cls) if program.definition(at.path, f"{at.definition.symbol}.__init__")]
    node = class_node(codebase, starts[0].path, starts[0].definition) if starts else None
    start = _methods(node).get("__init__") if node is not None else None
    if start is None:
        return {}
    names = [item.arg for item in (*start.args.args, *start.args.kwonlyargs)]
    order = [item.arg for item in start.args.args[1:]]
    found: dict[str, Parameter | Fixed] = {}
    for call in (n for n in ast.walk(start) if isinstance(n, ast.Call)) if len(starts) > 1 else ():
        if written(call.func) == "super().__init__":
            for attribute, inner in filled(codebase, starts[1]).items():
                value = _argument(call, inner) if isinstance(inner, Parameter) else None
                if isinstance(value, ast.Name) and value.id in names:
                    found[attribute] = Parameter(value.id, order.index(value.id) if value.id in order else -1)
                elif value is not None and not isinstance(value, ast.Constant):
                    symbol = f"{starts[0].definition.symbol}.__init__"
                    found[attribute] = (starts[0].path, call.lineno, written(value), symbol)
                elif not isinstance(inner, Parameter):
                    found[attribute] = inner
    for target, name in _set(start, names):
        found[target] = Parameter(name, order.index(name) if name in order else -1)
    return found


def _set(start: Function, names: list[str]) -> Iterator[tuple[str, str]]:
    """Attributes that the constructor sets to one of its parameters."""
    for node in ast.walk(start):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in names:
            target = written(node.targets[0])
            if target.startswith("self."):
                yield target[5:], node.value.id


def _argument(call: ast.Call, parameter: Parameter) -> ast.expr | None:
    """What a call gives for a parameter, by name or by position."""
    named = next((keyword.value for keyword in call.keywords if keyword.arg == parameter.name), None)
    plain = call.args if not any(isinstance(item, ast.Starred) for item in call.args) else []
    return named or (plain[parameter.place] if 0 <= parameter.place < len(plain) else None)


def _methods(node: ast.ClassDef) -> dict[str, Function]:
    return {m.name: m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)}


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


def _made_with(codebase: Codebase, item: Definition, parameter: Parameter) -> Iterator[Fixed]:
    """Where objects of a class are made, what each is given as that parameter, and in which function."""
    for unit in units(codebase, rf"\b{re.escape(item.name)}\("):
        if codebase.snapshot.by_path[unit.path].role == "test":
            continue
        for node in unit.nodes:
            if isinstance(node, ast.Call) and written(node.func).rpartition(".")[2] == item.name:
                value = _argument(node, parameter)
                if value is not None and not isinstance(value, ast.Constant):
                    yield unit.path, unit.row(node.lineno), written(value), unit.symbols.get(node, "")
