"""Kind `feedback`: what a loop gives to a call in one round and fills from that call's results for the next.

`prompt = tokens[since:]; result = decode(prompt); tokens.extend(result.tokens)` inside a loop hands the results of a
round to the next one. Counters and lists that are only collected do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.families import MODELISH
from retrieval.census.feedback_rule import rule_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.reach import reach_of
from retrieval.census.traces import ADDING, base_of
from retrieval.census.units import Function, Unit, call_name, own_nodes, quoted, subject_of, units
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Loop = ast.For | ast.AsyncFor | ast.While
FARTHEST = 40
_JOINING = words("cat concat concatenate hstack vstack append column_stack")
_PLAIN = words("len range min max int float str print sum abs round isinstance enumerate zip list tuple set sorted")


@dataclass(frozen=True, slots=True)
class Fed:
    """`name` is filled on line `filled` and given on line `given` to what `taker` says in words."""

    name: str
    taker: str
    given: int
    filled: int
    kept: str = ""  # the key or attribute that holds it in a round


@kind(
    "feedback",
    summary="loops that give a call what its own earlier results filled: the state that goes from round to round",
    example="feedback, or feedback: *tokens*",
    reads="python",
    ordered=True,
)
def feedback(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per loop and name in what the main programs run, those with most rules first. Patterns match names."""
    reach = reach_of(codebase)
    hits: list[CensusHit] = []
    own = {item.name for _, item in codebase.all_definitions() if item.kind != "class"}
    for unit in units(codebase, r"\b(?:for|while)\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            if reach.runs((unit.path, symbol)):
                for loop, fed in _loops(function, own):
                    if query.matches(fed.name):
                        hits.append(_hit(codebase, unit, (function, symbol), (loop, fed)))
    yield from sorted(hits, key=lambda hit: -int(hit.detail["rules"]))


def _loops(function: Function, own: set[str]) -> Iterator[tuple[Loop, Fed]]:
    given = function.args
    before = {item.arg: function.lineno for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
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
        if not isinstance(node, ast.Call) or not _is_step(node, own):
            continue
        results = _results(body, node)
        for name in _given(node):
            for held in _behind(name, made):
                line = _filled(body, held, results, made)
                if line and held not in results:
                    yield Fed(held, f"`{call_name(node)}()` is given", node.lineno, line)


def _is_step(call: ast.Call, own: set[str]) -> bool:
    """Whether a call runs code of the repository, or what its name says is a model."""
    name = call_name(call)
    return name in own - _PLAIN - ADDING or (isinstance(call.func, ast.Name) and bool(MODELISH.search(name)))


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
            yield Fed(name, f"{quoted(target, 60)} is set from", node.lineno, filled[name], _key(target))


def _key(target: ast.Subscript | ast.Attribute) -> str:
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.slice.value if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str) else ""


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
        joins = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and not _is_fresh(body, name)
        if isinstance(node, ast.Assign) and (joins or call_name(node.value) in _JOINING):
            names = _loaded(node.value)
            stored = {inner for target in node.targets for inner in _stored(target)}
            if name in stored and name in names and any(_from(given, results, made) for given in names - {name}):
                return node.lineno
    return 0


def _is_fresh(body: list[ast.AST], name: str) -> bool:
    """Whether a round gives the name a value that does not come from its last one."""
    bound = [
        node for node in body if isinstance(node, ast.Assign) and name in {n for t in node.targets for n in _stored(t)}
    ]
    looped = any(isinstance(node, ast.For) and name in _stored(node.target) for node in body)
    return looped or any(name not in _loaded(node.value) for node in bound)


def _from(name: str, results: set[str], made: dict[str, set[str]]) -> bool:
    found, waiting = {name}, [name]
    while waiting and len(found) < FARTHEST:
        for near in made.get(waiting.pop(0), ()):
            if near not in found:
                found.add(near)
                waiting.append(near)
    return bool(found & results)


def _stored(target: ast.AST) -> set[str]:
    if isinstance(target, ast.Tuple | ast.List):
        return {name for item in target.elts for name in _stored(item)}
    while isinstance(target, ast.Subscript | ast.Starred):
        target = target.value
    name = base_of(target)
    return {name} if name else set()


def _loaded(value: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _hit(codebase: Codebase, unit: Unit, of: tuple[Function, str], found: tuple[Loop, Fed]) -> CensusHit:
    (function, symbol), (loop, fed) = of, found
    runs, word = (loop.test, "while") if isinstance(loop, ast.While) else (loop.iter, "over")
    lines = [unit.row(line) for line in (loop.lineno, fed.given, fed.filled)]
    where = subject_of(codebase, unit.path, symbol)
    rule = rule_of(codebase, unit, (function, loop), fed.name, fed.kept)
    text = (
        f"{where} feeds results back: in the loop {word} {quoted(runs, 60)} (line {lines[0]}) "
        f"{fed.taker} what `{fed.name}` holds (line {lines[1]}), and the results of the round are added to "
        f"`{fed.name}` for the next one (line {lines[2]})"
    )
    told = [part if not number else part[0].upper() + part[1:] for number, part in enumerate(rule.parts)]
    text += f". The rule of `{fed.name}`: {'. '.join(told)}" if told else ""
    return hit_at(
        codebase,
        unit.path,
        (lines[0], lines[0]),
        symbol=symbol,
        name=fed.name,
        text=text[0].upper() + text[1:],
        related=tuple(
            ("round", path, line, line) for path, line in (*((unit.path, line) for line in lines[1:]), *rule.places)
        ),
        detail={"rules": str(len(rule.parts))},
    )
