"""Parts that stand in for each other without a common base: alternatives of one branch, functions called by any module.

Classes count that the arms of one `if` (or one function) bind to the same name: the methods that all of them have with
the same parameters are their interface. Functions count that the arms import under one name from several modules, or
that are called on a module which is only known at run time. Copies of a function that no code exchanges do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.census.meaning.values import ClassRef
from retrieval.facts import Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

LEAST_METHODS = 2
_OUTSIDE = words("forward __init__ __call__ __repr__ __len__ __iter__ __getitem__ extra_repr")
Class = tuple[str, Definition]
Place = tuple[str, str, int]  # path, symbol and line of the choice


@dataclass(frozen=True, slots=True)
class StandIns:
    """Classes that one place chooses between, and the methods with parameters that all of them have."""

    classes: tuple[Class, ...]
    methods: tuple[str, ...]
    place: Place


def class_stand_ins(codebase: Codebase) -> Iterator[StandIns]:
    """Sets of classes without a base of the repository in common, bound to one name at one place."""
    seen: set[frozenset[tuple[str, str]]] = set()
    program = program_of(codebase)
    for unit in units(codebase, r"\belse\b|\belif\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            for line, names in _chosen(function):
                found = [c for name in names if (c := codebase.class_of(unit.path, name)) is not None]
                key = frozenset((path, item.symbol) for path, item in found)
                if len(key) < 2 or key in seen or _related(program, found):
                    continue
                seen.add(key)
                methods = _common(codebase, found)
                if len(methods) >= LEAST_METHODS:
                    yield StandIns(tuple(found), tuple(methods), (unit.path, symbol, unit.row(line)))


def _chosen(function: Function) -> Iterator[tuple[int, list[str]]]:
    """Per name that the arms of conditions bind by calling a class: the line of the first, and the classes."""
    made: dict[str, dict[str, int]] = {}
    for node in own_nodes(function):
        if isinstance(node, ast.If):
            for arm in (node.body, node.orelse):
                for item in arm:
                    value = item.value if isinstance(item, ast.Assign | ast.AnnAssign) else None
                    target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
                    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and target is not None:
                        made.setdefault(ast.unparse(target), {}).setdefault(value.func.id, item.lineno)
    for names in made.values():
        if len(names) > 1 and all(name[:1].isupper() for name in names):
            yield min(names.values()), list(names)


def _related(program: Program, found: list[Class]) -> bool:
    """Whether the classes have a base of the repository in common: that is then their interface."""
    lines = [{(c.path, c.definition.symbol) for c in program.line(ClassRef(path, item))} for path, item in found]
    return bool(set.intersection(*lines))


def _common(codebase: Codebase, found: list[Class]) -> list[str]:
    """ "lock(groups)": the methods of the same parameters in every class, in the order of the first."""
    tables = []
    for path, item in found:
        methods = {}
        for inner in codebase.facts[path].definitions:
            owner, _, name = inner.symbol.rpartition(".")
            if owner == item.symbol and inner.kind != "class" and name not in _OUTSIDE and not name.startswith("_"):
                methods[name] = tuple(p.split(":")[0].split("=")[0].strip() for p in inner.parameters)[1:]
        tables.append(methods)
    same = [n for n in tables[0] if all(n in t and t[n] == tables[0][n] for t in tables[1:])]
    return [f"{name}({', '.join(tables[0][name])})" for name in same]


@dataclass(frozen=True, slots=True)
class Imports:
    """Functions of one name that the arms of a condition import from several modules."""

    names: tuple[str, ...]
    modules: tuple[str, ...]
    place: Place


def import_stand_ins(codebase: Codebase) -> Iterator[Imports]:
    """Names that each arm of one condition imports from another module of the repository."""
    for unit in units(codebase, r"(?m)^\s+from\b.*\bimport\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in ast.walk(unit.tree):
            if isinstance(node, ast.If):
                arms = [table for arm in (node.body, node.orelse) if (table := _imported(codebase, unit, arm))]
                shared = set.intersection(*(set(arm) for arm in arms)) if len(arms) > 1 else set()
                modules = dict.fromkeys(arm[name] for arm in arms for name in sorted(shared))
                if shared and len(modules) > 1:
                    place = (unit.path, unit.symbols.get(node, ""), unit.row(node.lineno))
                    yield Imports(tuple(sorted(shared)), tuple(modules), place)


def _imported(codebase: Codebase, unit: Unit, arm: list[ast.stmt]) -> dict[str, str]:
    """Name → file of the repository that an arm imports it from, its inner conditions included."""
    found = {}
    for statement in arm:
        for node in (n for n in ast.walk(statement) if isinstance(n, ast.ImportFrom)):
            for alias in node.names:
                module = (node.module or "").rpartition(".")[2]
                ends = (f"/{module}.py", f"/{module}/__init__.py")
                paths = [path for path in codebase.facts if module and f"/{path}".endswith(ends)]
                if paths:
                    found[alias.asname or alias.name] = paths[0] if len(paths) == 1 else module
    return found


def is_exchanged(codebase: Codebase, name: str) -> bool:
    """Whether some call `module.name(…)` may run the functions of that name of several files."""
    program = program_of(codebase)
    for path, call in codebase.all_calls():
        holder, _, called = call.written.rpartition(".")
        definition = program.definition(path, call.symbol) if holder and called == name and call.symbol else None
        frame = program.frame(path, definition) if definition is not None and definition.kind != "class" else None
        for site in program.sites(frame) if frame is not None else ():
            here = site.step.start == call.start and site.step.written == call.written
            if here and len({target.path for target in site.targets}) > 1:
                return True
    return False
