"""Functions that read the environment variable that they are told the name of, and the calls that name one.

`self._get_int("CROP_PAD", 0)`, where `_get_int()` reads `os.environ.get(var)` of its own parameter, reads `CROP_PAD`.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Function, Unit, call_name, defaults_of, own_nodes, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

HOPS = 3


@dataclass(frozen=True, slots=True)
class Place:
    """One place that reads ("read"), tests ("test") or sets ("set") a variable; `given` is the default or value."""

    unit: Unit
    node: ast.expr
    name: str
    how: str
    given: str


@dataclass(frozen=True, slots=True)
class Accessor:
    """A function of `unit` whose parameter `name` is the variable, and `default`, "" for none, what stands for it."""

    unit: Unit
    body: Function
    symbol: str
    name: str
    default: str


def accessor(place: Place) -> Accessor | None:
    """The function that a place stands in, where the variable is its parameter and no text."""
    body = next((part for part in place.unit.enclosing(place.node) if isinstance(part, Function)), None)
    if place.how == "set" or body is None or place.name not in _parameters(body):
        return None
    symbol = next((symbol for part, symbol in place.unit.functions() if part is body), body.name)
    others = _parameters(body) - {place.name}
    given = [written(node.value) for node in own_nodes(body) if isinstance(node, ast.Return) and node.value is not None]
    default = next((name for name in (place.given, *given) if name in others), "")
    return Accessor(place.unit, body, symbol, place.name, default)


def named_reads(codebase: "Codebase", found: list[Accessor]) -> Iterator[Place]:
    """The calls of accessors that give the name of a variable as a text, through accessors of accessors too."""
    known: set[tuple[str, str]] = set()
    for _ in range(HOPS):
        fresh = [item for item in found if (item.unit.path, item.symbol) not in known]
        known |= {(item.unit.path, item.symbol) for item in fresh}
        found = []
        for place in _calls(codebase, fresh):
            inner = accessor(place)
            if inner is not None:
                found.append(inner)
            elif re.fullmatch(r"[A-Za-z_]\w*", place.name):
                yield place


def _calls(codebase: "Codebase", found: list[Accessor]) -> Iterator[Place]:
    """The calls, of which those of methods are looked for in their own file."""
    by_name: dict[str, list[Accessor]] = {}
    for item in found:
        by_name.setdefault(item.body.name, []).append(item)
    for unit in units(codebase, rf"\b(?:{'|'.join(map(re.escape, by_name))})\(") if by_name else ():
        for node in unit.nodes:
            for item in by_name.get(call_name(node), ()) if isinstance(node, ast.Call) else ():
                if isinstance(node, ast.Call) and _means(codebase, unit, node, item):
                    yield from _place(unit, node, item)


def _means(codebase: "Codebase", unit: Unit, node: ast.Call, item: Accessor) -> bool:
    if "." in item.symbol:
        return unit.path == item.unit.path and isinstance(node.func, ast.Attribute)
    target = codebase.resolve_local(unit.path, written(node.func))
    return target is not None and (target[0], target[1].symbol) == (item.unit.path, item.symbol)


def _place(unit: Unit, node: ast.Call, item: Accessor) -> Iterator[Place]:
    given = _bound(item, node)
    name = given.get(item.name)
    if name is None:
        return
    text = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else written(name)
    default = given.get(item.default)
    around = next((part for part in unit.enclosing(node) if isinstance(part, Function)), None)
    own = around is not None and text in _parameters(around)
    if own or isinstance(name, ast.Constant):
        yield Place(unit, node, text, "read", written(default) if default is not None else _default(item))


def _bound(item: Accessor, node: ast.Call) -> dict[str, ast.expr]:
    """Parameter → what a call gives it."""
    names = [arg.arg for arg in (*item.body.args.posonlyargs, *item.body.args.args)]
    if "." in item.symbol and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    return dict(zip(names, node.args, strict=False)) | {k.arg: k.value for k in node.keywords if k.arg}


def _default(item: Accessor) -> str:
    return next((written(value) for name, value in defaults_of(item.body) if name == item.default), "")


def _parameters(body: Function) -> set[str]:
    return {arg.arg for arg in (*body.args.posonlyargs, *body.args.args, *body.args.kwonlyargs)}


def read_as(codebase: "Codebase", places: Sequence[Place]) -> dict[str, list[str]]:
    """Property that gives back a variable → the functions and files that read it."""
    names = {
        body.name for place in places for body in place.unit.enclosing(place.node)
        if isinstance(body, Function) and any(written(mark).endswith("property") for mark in body.decorator_list)
    }  # fmt: skip
    found: dict[str, list[str]] = {name: [] for name in names}
    for unit in units(codebase, rf"\.(?:{'|'.join(map(re.escape, sorted(names)))})\b") if names else ():
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in unit.nodes:
            if isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.ctx, ast.Load):
                symbol = unit.symbols.get(node, "")
                told = f"`{symbol}()`" if symbol else unit.path
                if told not in found[node.attr] and symbol.rpartition(".")[2] != node.attr:
                    found[node.attr].append(told)
    return found
