"""Kind `feedback`: what a loop gives to a call in one round and fills from that call's results for the next.

`prompt = tokens[since:]; result = decode(prompt); tokens.extend(result.tokens)` inside a loop hands the results of a
round to the next one. Counters and lists that are only collected do not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.flow.feedback_rule import rule_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.traces import ADDING, base_of
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, quoted, subject_of, units, written
from retrieval.census.models.families import MODELISH
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Loop = ast.For | ast.AsyncFor | ast.While
FARTHEST = 40
_LAYERS = re.compile(r"(?:^|[\W_])(?:layers?|blocks?|depth|resnets|attentions|stages|resblocks|convs?)\b")
_JOINING = words("cat concat concatenate hstack vstack append column_stack")
_CASTS = words(
    "to type float half double int long bfloat16 cpu cuda contiguous detach clone numpy astype squeeze unsqueeze "
    "max min sum abs round len"
)
_PLAIN = words("len range min max int float str print sum abs round isinstance enumerate zip list tuple set sorted")


@dataclass(frozen=True, slots=True)
class Fed:
    """`name` is filled on line `filled` and given on line `given` to what `taker` says in words."""

    name: str
    taker: str
    given: int
    filled: int
    kept: str = ""  # the key or attribute that holds it in a round
    maker: str = ""  # the call that makes the value of the next round; "" where results are added
    renewed: bool = False  # whether the next round's value is made of the results alone


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
    seen = _begun_as_numbers(function)
    for loop in (node for node in own_nodes(function) if isinstance(node, Loop) and not _is_layered(node)):
        for fed in (*_kept(loop), *_fed(loop, own)):
            if fed.name not in seen and before.get(fed.name, loop.lineno) < loop.lineno:
                seen.add(fed.name)
                yield loop, fed


def _begun_as_numbers(function: Function) -> set[str]:
    """The names that are given a number as written: what is added to them counts."""
    nodes = [node for node in own_nodes(function) if isinstance(node, ast.Assign)]
    plain = [n for n in nodes if isinstance(n.value, ast.Constant) and isinstance(n.value.value, int | float)]
    return {base_of(target) for node in plain for target in node.targets}


def _is_layered(loop: Loop) -> bool:
    """Whether a loop goes through the layers of one model."""
    return not isinstance(loop, ast.While) and _LAYERS.search(written(loop.iter)) is not None


def _fed(loop: Loop, own: set[str]) -> Iterator[Fed]:
    """The names that calls in the loop take and that results of these calls are put into."""
    body = [node for statement in loop.body for node in ast.walk(statement)]
    made, whole = _made(body, own), _made(body)
    numbers = _numbers(body)
    for node in body:
        if not isinstance(node, ast.Call) or not _is_step(node, own):
            continue
        results = _results(body, node)
        for name in _given(node):
            for held in _behind(name, made) - numbers:
                line, maker = _filled(body, held, results, whole)
                if line and held not in results:
                    yield Fed(held, f"`{call_name(node)}()` is given", node.lineno, line, maker=maker)
        yield from _renewed(body, node, results, whole)


def _renewed(body: list[ast.AST], call: ast.Call, results: set[str], made: dict[str, set[str]]) -> Iterator[Fed]:
    """What a model is given in a round and what its results make anew further down, for the next round."""
    for name in sorted(_given(call) - results - {"self"}) if MODELISH.search(call_name(call)) else ():
        bound = [n for n in body if isinstance(n, ast.Assign) and any(name in _stored(t) for t in n.targets)]
        first = min(bound, key=lambda node: node.lineno, default=None)
        looped = any(isinstance(n, ast.For | ast.comprehension) and name in _stored(n.target) for n in body)
        if first is None or looped or first.lineno <= (call.end_lineno or call.lineno):
            continue
        maker = _call_in(first.value)
        if maker is not None and any(_from(given, results, made) for given in _loaded(first.value) - {name, "self"}):
            takes = f"`{call_name(call)}()` is given"
            yield Fed(name, takes, call.lineno, first.lineno, maker=written(maker.func), renewed=True)


def _is_step(call: ast.Call, own: set[str]) -> bool:
    """Whether a call runs code of the repository, or what its name says is a model."""
    name = call_name(call)
    return (name in own and name not in _PLAIN and name not in ADDING) or bool(MODELISH.search(name))


def _numbers(body: list[ast.AST]) -> set[str]:
    """The names that a loop counts with: places in a list and numbers that are added to."""
    indices = {n.id for i in body if isinstance(i, ast.Subscript) for n in _indices(i.slice)}
    counted = {base_of(i.target) for i in body if isinstance(i, ast.AugAssign) and isinstance(i.value, ast.Constant)}
    return indices | counted


def _indices(node: ast.expr) -> Iterator[ast.Name]:
    parts = [node.lower, node.upper] if isinstance(node, ast.Slice) else [node]
    inner = [n.left if isinstance(n, ast.BinOp) else n for n in parts]
    yield from (n for n in inner if isinstance(n, ast.Name))


def _made(body: list[ast.AST], own: set[str] | None = None) -> dict[str, set[str]]:
    """A name → the names that it is worked out from inside the loop; with `own`, of results of steps nothing is."""
    made: dict[str, set[str]] = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AugAssign):
            if own is not None and any(isinstance(n, ast.Call) and _is_step(n, own) for n in ast.walk(node.value)):
                continue
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
        if isinstance(node, ast.Assign) and _call_in(node.value) is call
        for target in node.targets
        for name in _stored(target)
    }


def _behind(name: str, made: dict[str, set[str]]) -> set[str]:
    """The name and those that it is worked out from in one or two steps."""
    return {name, *made.get(name, ()), *(far for near in made.get(name, ()) for far in made.get(near, ()))}


def _filled(body: list[ast.AST], name: str, results: set[str], made: dict[str, set[str]]) -> tuple[int, str]:
    """The line on which the results are added to the name, or on which a call makes the next value of it of the last
    one, with that call; (0, "") for none."""
    last: tuple[int, str] = (0, "")
    for node in body:
        added: set[str] = set()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
            added = _given(node) if base_of(node.func.value) == name else set()
        elif isinstance(node, ast.AugAssign) and base_of(node.target) == name:
            added = _loaded(node.value)
        if any(_from(given, results, made) for given in added):
            return getattr(node, "lineno", 0), ""
        call = _call_in(node.value) if isinstance(node, ast.Assign) else None
        if call is None or not isinstance(node, ast.Assign) or call_name(call) in _CASTS:
            continue
        names, joins = _loaded(call), call_name(call) in _JOINING
        if name not in names or all(name not in _stored(target) for target in node.targets):
            continue
        if any(_from(given, results, made) for given in names - {name}) and (joins or not _is_fresh(body, name)):
            last = max(last, (node.lineno, "" if joins else written(call.func)))
    return last


def _call_in(value: ast.expr) -> ast.Call | None:
    """The call of `f(x)`, `f(x)[0]` and `f(x).sample`."""
    while isinstance(value, ast.Subscript | ast.Attribute | ast.Await):
        value = value.value
    return value if isinstance(value, ast.Call) else None


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
        f"{fed.taker} what `{fed.name}` holds (line {lines[1]}), and "
    )
    if fed.renewed:
        text += f"`{fed.maker}()` makes the `{fed.name}` of the next round of what came out (line {lines[2]})"
    elif fed.maker:
        text += f"`{fed.maker}()` makes the `{fed.name}` of the next round of it and of the results (line {lines[2]})"
    else:
        text += f"the results of the round are added to `{fed.name}` for the next one (line {lines[2]})"
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
