"""The rule of a value that a loop carries over its rounds: how it begins, what a round takes of it, what cuts it back.

Told from the function itself: assignments before the loop, slices inside it, assignments under a condition to the
value or to a bound of its slices, the conditions that leave the loop, and the parameters among all these conditions
with their defaults. A value that is kept under a key is followed to where that key is read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.traces import ADDING
from retrieval.census.meaning.units import Function, Unit, guarded, only_if, quoted, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Loop = ast.For | ast.AsyncFor | ast.While
Guarded = tuple[ast.stmt, tuple[str, ...]]
MOST, LONG, READERS = 3, 110, 2
_SIMPLE = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr


@dataclass(slots=True)
class Rule:
    """Sentences on one value, and the lines that prove them."""

    parts: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)


def rule_of(codebase: Codebase, unit: Unit, held: tuple[Function, Loop], name: str, kept: str = "") -> Rule:
    """The rule of `name`, which `loop` of `function` carries; `kept` is the key under which a round finds it."""
    function, loop = held
    rule = Rule()
    every = [(node, around) for node, around in guarded(function.body)]
    first, last = loop.lineno, loop.end_lineno or loop.lineno
    simple = [item for item in every if isinstance(item[0], _SIMPLE)]
    inside = [item for item in simple if first <= item[0].lineno <= last]
    base = _around(every, loop)
    tested: list[str] = []

    def say(lead: str, found: list[tuple[str, tuple[str, ...], int]]) -> None:
        told = [f"{text}{only_if([c for c in around if c not in base])}".strip() for text, around, _ in found[:MOST]]
        if told:
            rule.parts.append(f"{lead} {'; '.join(told)}")
            rule.places += [(unit.path, unit.row(line)) for _, _, line in found[:MOST]]
            tested.extend(c for _, around, _ in found for c in around)

    say("it begins as", list(_begun(simple, name, first)))
    slices, bounds = _slices(inside, name)
    say("a round takes", slices)
    say("it is cut back by", list(_cut(inside, name, _widened(inside, bounds), base)))
    say("the loop is left", list(_left(every, (first, last), base)))
    if switches := _switches(function, tested):
        rule.parts.append(f"switches: {listed(switches, 6)}")
    for text, path, line in _readers(codebase, kept) if kept else ():
        rule.parts.append(text)
        rule.places.append((path, line))
    return rule


def _around(every: list[Guarded], loop: Loop) -> tuple[str, ...]:
    return next((around for node, around in every if node is loop), ())


def _begun(simple: list[Guarded], name: str, before: int) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """How the value is set and filled before the loop."""
    for node, around in simple:
        if node.lineno >= before:
            continue
        value = getattr(node, "value", None)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        bound = any(t is not None and written(t) == name for t in targets)
        if isinstance(node, ast.Assign | ast.AnnAssign) and bound and value is not None:
            yield quoted(value, LONG), around, node.lineno
        elif isinstance(value, ast.Call) and written(value.func) in {f"{name}.{adding}" for adding in ADDING}:
            yield f"with {', '.join(quoted(a, LONG) for a in value.args)} added", around, node.lineno


def _slices(inside: list[Guarded], name: str) -> tuple[list[tuple[str, tuple[str, ...], int]], set[str]]:
    """The slices of the value that a round takes, and the names that bound them."""
    found: dict[str, tuple[str, tuple[str, ...], int]] = {}
    bounds: set[str] = set()
    for node, around in inside:
        inner: set[ast.AST] = set()
        for part in ast.walk(node):
            if not isinstance(part, ast.Subscript) or _root(part) != name or isinstance(part.ctx, ast.Store):
                continue
            inner.add(part.value)
            if part not in inner and any(isinstance(n, ast.Slice) for n in ast.walk(part)):
                found.setdefault(written(part), (quoted(part, LONG), around, node.lineno))
                bounds |= {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and n.id != name}
    return list(found.values()), bounds


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return written(node)


def _widened(inside: list[Guarded], bounds: set[str]) -> set[str]:
    """The bounds and the names that they are worked out from in the loop."""
    found = set(bounds)
    for node, _ in inside:
        if isinstance(node, ast.Assign) and any(written(target) in bounds for target in node.targets):
            found |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    return found


def _cut(
    inside: list[Guarded], name: str, bounds: set[str], base: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Assignments under a condition that empty the value or move a bound of its slices."""
    for node, around in inside:
        if len(around) <= len(base):
            continue
        if isinstance(node, ast.Assign):
            target = written(node.targets[0])
            moved = target in bounds and any(written(n) in (name, f"len({name})") for n in ast.walk(node.value))
            fresh = isinstance(node.value, ast.List | ast.Dict | ast.Constant | ast.Subscript)
            if moved or (target == name and fresh):
                yield quoted(node, LONG), around, node.lineno
        elif isinstance(node, ast.Expr) and written(node.value) == f"{name}.clear()":
            yield quoted(node, LONG), around, node.lineno


def _left(
    every: list[Guarded], lines: tuple[int, int], base: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """The conditions under which the loop is left before its end, of loops inside it apart."""
    loops = [node for node, _ in every if isinstance(node, Loop) and lines[0] < node.lineno <= lines[1]]
    for node, around in every:
        within = any(inner.lineno <= node.lineno <= (inner.end_lineno or 0) for inner in loops)
        if (
            isinstance(node, ast.Break)
            and lines[0] <= node.lineno <= lines[1]
            and not within
            and len(around) > len(base)
        ):
            yield "", around, node.lineno


def _switches(function: Function, tested: list[str]) -> list[str]:
    """The parameters among conditions, with their defaults."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults = {a.arg: d for a, d in zip(plain[len(plain) - len(given.defaults) :], given.defaults, strict=True)}
    defaults |= {a.arg: d for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True) if d is not None}
    names = dict.fromkeys(name for text in tested for name in re.findall(r"[A-Za-z_]\w*", text))
    return [f"`{name}` (default {written(defaults[name])})" for name in names if name in defaults]


def _readers(codebase: Codebase, key: str) -> Iterator[tuple[str, str, int]]:
    """Where an entry of that name is read out of options, and what the value read is put into there."""
    reach, told = reach_of(codebase), 0
    for unit in units(codebase, rf"\.{re.escape(key)}\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            reads = (n for n in ast.walk(function) if isinstance(n, ast.Attribute) and _is_read(n, key))
            found = next(reads, None)
            if found is None or not reach.runs((unit.path, symbol)) or told == READERS:
                continue
            told += 1
            used = _used(function, found)
            line = unit.row(used.lineno if used is not None else found.lineno)
            said = f", where {quoted(used, LONG)}" if used is not None else ""
            yield f"`{key}` is read by `{symbol}()` ({unit.path}){said}", unit.path, line


def _is_read(node: ast.Attribute, key: str) -> bool:
    known = node.attr == key and isinstance(node.ctx, ast.Load)
    return known and bool(OPTIONS.search(written(node.value).rpartition(".")[2]))


def _used(function: Function, read: ast.AST) -> ast.stmt | None:
    """The last statement that works with what was read, by name, one step on."""
    names: set[str] = set()
    last: ast.stmt | None = None
    for node in ast.walk(function):
        if isinstance(node, ast.NamedExpr) and read in ast.walk(node.value):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign) and read in ast.walk(node.value):
            names |= {written(target) for target in node.targets}
    for _ in range(2):
        for statement, _around in guarded(function.body):
            value = statement.value if isinstance(statement, ast.Assign) else None
            read_names = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} if value is not None else set()
            if isinstance(statement, ast.Assign) and names & read_names:
                names |= {written(target) for target in statement.targets if isinstance(target, ast.Name)}
                last = statement if any(isinstance(n, ast.Slice) for n in ast.walk(statement)) else last or statement
    return last
