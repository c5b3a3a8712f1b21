"""Kind `feedback`: what a loop gives to a call in one round and fills from that call's results for the next.

`prompt = tokens[since:]; result = decode(prompt); tokens.extend(result.tokens)` inside a loop hands the results of a
round to the next one. Counters and lists that are only collected do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.reach import reach_of
from retrieval.census.traces import ADDING, base_of
from retrieval.census.units import Function, Unit, call_name, own_nodes, quoted, subject_of, units
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Loop = ast.For | ast.AsyncFor | ast.While
_JOINING = words("cat concat concatenate hstack vstack append column_stack")
_PLAIN = words("len range min max int float str print sum abs round isinstance enumerate zip list tuple set sorted")


@dataclass(frozen=True, slots=True)
class Fed:
    """`name` is filled on line `filled` and given on line `given` to what `taker` says in words."""

    name: str
    taker: str
    given: int
    filled: int


@kind(
    "feedback",
    summary="loops that give a call what its own earlier results filled: the state that goes from round to round",
    example="feedback, or feedback: *tokens*",
    reads="python",
    ordered=True,
)
def feedback(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per loop and name in what the main programs run. Patterns match the name."""
    reach = reach_of(codebase)
    own = {item.name for _, item in codebase.all_definitions() if item.kind != "class"}
    for unit in units(codebase, r"\b(?:for|while)\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            if reach.runs((unit.path, symbol)):
                for loop, fed in _loops(function, own):
                    if query.matches(fed.name):
                        yield _hit(codebase, unit, symbol, (loop, fed))


def _loops(function: Function, own: set[str]) -> Iterator[tuple[Loop, Fed]]:
    before: dict[str, int] = {}
    for node in own_nodes(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                before.setdefault(base_of(target), node.lineno)
    seen: set[str] = set()
    for loop in (node for node in own_nodes(function) if isinstance(node, Loop)):
        for fed in (*_kept(loop), *_fed(loop, own)):
            if fed.name not in seen and before.get(fed.name, loop.lineno) < loop.lineno:
                seen.add(fed.name)
                yield loop, fed


def _fed(loop: Loop, own: set[str]) -> Iterator[Fed]:
    """The names that calls in the loop take and that results of these calls are put into."""
    body = [node for statement in loop.body for node in ast.walk(statement)]
    made = _made(body)
    for node in body:
        if not isinstance(node, ast.Call) or call_name(node) not in own - _PLAIN - ADDING:
            continue
        results = _results(body, node)
        for name in _given(node):
            for held in _behind(name, made):
                line = _filled(body, held, results, made)
                if line and held not in results:
                    yield Fed(held, f"`{call_name(node)}()` is given", node.lineno, line)


def _made(body: list[ast.AST]) -> dict[str, set[str]]:
    """A name → the names that it is worked out from inside the loop."""
    made: dict[str, set[str]] = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name in _stored(target):
                    made.setdefault(name, set()).update(_loaded(node.value))
    return made


def _kept(loop: Loop) -> Iterator[Fed]:
    """Entries and attributes that are set in every round from a part of what earlier rounds have collected."""
    body = [node for statement in loop.body for node in ast.walk(statement)]
    filled = {
        base_of(node.func.value): node.lineno
        for node in body
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "extend"
    }
    for node in body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Subscript):
            continue
        target, name = node.targets[0], base_of(node.value.value)
        if isinstance(target, ast.Subscript | ast.Attribute) and name and name in filled:
            yield Fed(name, f"{quoted(target, 60)} is set from", node.lineno, filled[name])


def _given(call: ast.Call) -> set[str]:
    return {name for value in (*call.args, *(k.value for k in call.keywords)) for name in _loaded(value)}


def _results(body: list[ast.AST], call: ast.Call) -> set[str]:
    """The names bound to the call's result."""
    return {
        name
        for node in body
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
        for name in _stored(target)
    }


def _behind(name: str, made: dict[str, set[str]]) -> set[str]:
    """The name and those that it is worked out from in one or two steps."""
    return {name, *made.get(name, ()), *(far for near in made.get(name, ()) for far in made.get(near, ()))}


def _filled(body: list[ast.AST], name: str, results: set[str], made: dict[str, set[str]]) -> int:
    """The line on which the results are added to the name, 0 if on none."""
    for node in body:
        added: set[str] = set()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
            added = _given(node) if base_of(node.func.value) == name else set()
        elif isinstance(node, ast.AugAssign) and base_of(node.target) == name:
            added = _loaded(node.value)
        if any(_from(given, results, made) for given in added):
            return getattr(node, "lineno", 0)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and call_name(node.value) in _JOINING:
            names = _loaded(node.value)
            stored = {base_of(target) for target in node.targets}
            if name in stored and name in names and any(_from(given, results, made) for given in names - {name}):
                return node.lineno
    return 0


def _from(name: str, results: set[str], made: dict[str, set[str]]) -> bool:
    return bool(_behind(name, made) & results)


def _stored(target: ast.AST) -> set[str]:
    if isinstance(target, ast.Tuple | ast.List):
        return {name for item in target.elts for name in _stored(item)}
    while isinstance(target, ast.Subscript | ast.Starred):
        target = target.value
    name = base_of(target)
    return {name} if name else set()


def _loaded(value: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _hit(codebase: Codebase, unit: Unit, symbol: str, found: tuple[Loop, Fed]) -> CensusHit:
    loop, fed = found
    runs, word = (loop.test, "while") if isinstance(loop, ast.While) else (loop.iter, "over")
    lines = [unit.row(line) for line in (loop.lineno, fed.given, fed.filled)]
    where = subject_of(codebase, unit.path, symbol)
    text = (
        f"{where} feeds results back: in the loop {word} {quoted(runs, 60)} (line {lines[0]}) "
        f"{fed.taker} what `{fed.name}` holds (line {lines[1]}), and the results of the round are added to "
        f"`{fed.name}` for the next one (line {lines[2]})"
    )
    return hit_at(
        codebase,
        unit.path,
        (lines[0], lines[0]),
        symbol=symbol,
        name=fed.name,
        text=text[0].upper() + text[1:],
        related=tuple(("round", unit.path, line, line) for line in lines[1:]),
    )
