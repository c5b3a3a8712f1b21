"""Queues that a repository writes itself: classes with a container that one method fills and another empties, waiting.

By use: a container made in the constructor, a method that puts into it, a method that takes out of it, and one that
waits on a condition or an event. The bound is what the filling method compares the length with.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.traces import ADDING
from retrieval.census.meaning.units import Function, Unit, call_name, units, written
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_MAKERS = words("deque list OrderedDict PriorityQueue")
_TAKING = words("pop popleft heappop")
_PUTTING = ADDING | {"heappush"}
_WAITING = words("wait wait_for")


@dataclass(frozen=True, slots=True)
class OwnQueue:
    """A class that is a queue: its lines, the methods that fill and empty it, its bound, what it holds."""

    path: str
    name: str
    lines: tuple[int, int]
    puts: tuple[str, ...]
    takes: tuple[str, ...]
    bound: str  # the parameter of the constructor that bounds it, "" without
    position: int  # of that parameter, -1 without
    item: str  # the annotation of what is put in
    closes: str


@once
def own_queues(codebase: Codebase) -> tuple[OwnQueue, ...]:
    """The queue classes of the code that is no test."""
    found = []
    for unit in units(codebase, r"\bwait(?:_for)?\("):
        if codebase.snapshot.by_path[unit.path].role not in ("test", "vendored"):
            found += [
                made
                for node in ast.walk(unit.tree)
                if isinstance(node, ast.ClassDef) and (made := _read(unit, node)) is not None
            ]
    return tuple(found)


def _read(unit: Unit, node: ast.ClassDef) -> OwnQueue | None:
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    start = next((item for item in methods if item.name == "__init__"), None)
    held = set(_containers(start)) if start is not None else set()
    rest = [item for item in methods if item is not start]
    puts = [m for m in rest if _changes(m, held, _PUTTING) and len(m.args.args) > 1]
    takes = [m for m in rest if m not in puts and _changes(m, held, _TAKING)]
    waits = any(isinstance(n, ast.Call) and call_name(n) in _WAITING for m in (*puts, *takes) for n in ast.walk(m))
    if start is None or not puts or not takes or not waits:
        return None
    bound = _bound(puts[0], held, start)
    names = [item.arg for item in start.args.args[1:]]
    given = puts[0].args.args[1]
    return OwnQueue(
        unit.path,
        node.name,
        unit.lines(node),
        tuple(m.name for m in puts),
        tuple(m.name for m in takes),
        bound,
        names.index(bound) if bound in names else -1,
        written(given.annotation) if given.annotation is not None else "",
        next((m.name for m in rest if m.name in ("close", "shutdown", "stop", "join")), ""),
    )


def _containers(start: Function) -> Iterator[str]:
    """The attributes that the constructor sets to an empty container."""
    for node in ast.walk(start):
        value = getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AnnAssign) else None
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(value, ast.List) or (isinstance(value, ast.Call) and call_name(value) in _MAKERS):
            yield from (written(t) for t in targets if isinstance(t, ast.Attribute))


def _changes(method: Function, held: set[str], how: frozenset[str]) -> bool:
    for node in ast.walk(method):
        if isinstance(node, ast.Call) and call_name(node) in how:
            holder = written(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if held & {holder, *(written(argument) for argument in node.args[:1])}:
                return True
    return False


def _bound(put: Function, held: set[str], start: Function) -> str:
    """The parameter whose value the length of the container is compared with."""
    lengths = {f"len({name})" for name in held}
    for node in ast.walk(put):
        if isinstance(node, ast.Compare) and written(node.left) in lengths:
            limit = written(node.comparators[0])
            for item in ast.walk(start):
                targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
                value = getattr(item, "value", None)
                named = any(t is not None and written(t) == limit for t in targets if isinstance(t, ast.expr))
                if isinstance(item, ast.Assign | ast.AnnAssign) and named and isinstance(value, ast.Name):
                    return value.id
    return ""
