"""Classes that one table of a dispatch chooses between: named in it, or made by the functions that it names."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import own_nodes, units
from retrieval.census.meaning.values import ClassRef
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, MOST = 2, 30
Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Dispatched:
    """Classes of one table without a base in common, the methods that all have and code calls, and where it stands."""

    table: str
    classes: tuple[ClassRef, ...]
    methods: tuple[str, ...]
    place: Place


@once
def dispatched_classes(codebase: Codebase) -> tuple[Dispatched, ...]:
    """The tables of the main programs whose classes share at least two methods that code calls, most methods first."""
    program, reach = program_of(codebase), reach_of(codebase)
    called = Counter(c.name.rpartition(".")[2] for _, c in codebase.all_calls() if "." in c.written)
    found: dict[frozenset[tuple[str, str]], Dispatched] = {}
    for table, place, names in _tables(codebase):
        classes = list(dict.fromkeys(cls for name in names for cls in _classes(codebase, place[0], name)))
        lines = [{(c.path, c.definition.symbol) for c in program.line(cls)} for cls in classes]
        if len(classes) < LEAST or set.intersection(*lines) or not reach.runs(place[:2]):
            continue
        having, shared = _widest(codebase, classes, called)
        key = frozenset((cls.path, cls.definition.symbol) for cls in having)
        if len(shared) >= LEAST:
            methods = sorted(shared, key=lambda name: (-called[name], name))
            found.setdefault(key, Dispatched(table, having, tuple(methods), place))
    return tuple(sorted(found.values(), key=lambda item: -len(item.methods)))


def _widest(
    codebase: Codebase, classes: list[ClassRef], called: Counter[str]
) -> tuple[tuple[ClassRef, ...], list[str]]:
    """The largest set of the classes that share at least two methods that code calls, with these methods."""
    groups: dict[tuple[ClassRef, ...], list[str]] = {}
    tables = {cls: _methods(codebase, cls) for cls in classes}
    for name in dict.fromkeys(name for table in tables.values() for name in sorted(table) if called[name]):
        having = tuple(cls for cls in classes if name in tables[cls])
        groups.setdefault(having, []).append(name)
    shared = {
        having: [name for other, names in groups.items() if set(having) <= set(other) for name in names]
        for having in groups
        if len(having) >= LEAST
    }
    fitting = [item for item in shared.items() if len(item[1]) >= LEAST]
    return max(fitting, key=lambda item: (len(item[0]), len(item[1])), default=((), []))


def _tables(codebase: Codebase) -> Iterator[tuple[str, Place, list[str]]]:
    """Dictionaries from texts to names, with the name that they are bound to and their place."""
    for unit in units(codebase, r"[\"']\s*:\s*[A-Za-z_][\w.]*\s*[,}]"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in unit.nodes:
            value = node.value if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) else None
            if value is None or not LEAST <= len(value.keys) <= MOST:
                continue
            names = [dotted(item) for item in value.values if isinstance(item, ast.Name | ast.Attribute)]
            if len(names) == len(value.values) and isinstance(node, ast.Assign):
                place = (unit.path, unit.symbols.get(node, ""), unit.lines(node)[0])
                yield dotted(node.targets[0]), place, names


def _classes(codebase: Codebase, path: str, name: str) -> Iterator[ClassRef]:
    """The class that a name is, or the classes whose objects the function of that name gives."""
    found = codebase.resolve_local(path, name)
    if found is None:
        return
    if found[1].kind == "class":
        yield ClassRef(*found)
        return
    for unit in units(codebase, path=found[0]):
        for function, symbol in unit.functions():
            if symbol == found[1].symbol:
                yield from _given(codebase, (found[0], symbol), function)


def _class(codebase: Codebase, place: tuple[str, str], name: str) -> ClassRef | None:
    """The class of the repository that a name means in a function, which may import it itself."""
    path, symbol = place
    root, _, rest = name.partition(".")
    own = next((i for i in codebase.facts[path].imports if i.alias == root and i.symbol == symbol), None)
    spelled = ".".join(filter(None, (own.module, own.name, rest))) if own is not None else name
    found = codebase.find(spelled, path) if own is not None else codebase.resolve_local(path, name)
    return ClassRef(*found) if found is not None and found[1].kind == "class" else None


def _given(codebase: Codebase, place: tuple[str, str], function: ast.AST) -> Iterator[ClassRef]:
    """The classes of the repository whose constructor, or method of the class, makes what a function returns."""
    nodes = own_nodes(function)
    made: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            target = node.targets[0]
            first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
            made[dotted(first)] = dotted(node.value.func)
    for node in nodes:
        if isinstance(node, ast.Return) and node.value is not None:
            first = node.value.elts[0] if isinstance(node.value, ast.Tuple) and node.value.elts else node.value
            callee = dotted(first.func) if isinstance(first, ast.Call) else made.get(dotted(first), "")
            for name in (callee, callee.rpartition(".")[0]):
                if name and (cls := _class(codebase, place, name)) is not None:
                    yield cls


def _methods(codebase: Codebase, cls: ClassRef) -> set[str]:
    """The public methods that a class or a base of it in the repository defines."""
    return {
        item.name
        for owner in program_of(codebase).line(cls)
        for item in codebase.facts[owner.path].definitions
        if item.symbol.rpartition(".")[0] == owner.definition.symbol
        and item.kind == "method"
        and not item.name.startswith("_")
    }
