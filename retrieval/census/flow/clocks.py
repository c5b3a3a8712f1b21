"""Kind `clocks`: loops that look again and again, and elapsed time, where they decide on models.

A watcher is a loop that sleeps in every round and then decides something; elapsed time is a comparison with the clock.
Told where the function, or another method of its class, leads to a model or lets one go, and what is decided is more
than a message. What only measures how long something took decides nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.concurrency.started_beside import started_beside
from retrieval.census.flow.periodic import CLOCK, acts, ifs_around
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, quoted, subject_of, units, written
from retrieval.census.models.model_concerns import Concerns, concerns_of
from retrieval.census.settings.set_defaults import default_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DECISIONS, CONDITION, VALUES = 3, 140, 3
_TIMER = re.compile(
    r"(?:^|\.)(?:Timer|QTimer|singleShot|after|add_job|call_later|every|PeriodicCallback|repeat_every)\Z"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_ORDERS = ast.Lt | ast.LtE | ast.Gt | ast.GtE
_LEAVES = ast.Return | ast.Break | ast.Continue | ast.Raise


@kind(
    "clocks",
    summary="loops that look again and again, and elapsed time, where they decide on model work (watch|timer|elapsed)",
    example="clocks: watch",
    reads="python",
    ordered=True,
)
def clocks(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per watcher, per timer, and per comparison with the clock; patterns are `watch`, `timer`, `elapsed`."""
    for what in ("watch", "timer", "elapsed"):
        yield from (hit for name, hit in _every(codebase) if name == what and query.matches(what))


@once
def _every(codebase: Codebase) -> tuple[tuple[str, CensusHit], ...]:
    """Everything that is told, with what it is."""
    concerns = concerns_of(codebase)
    found: list[tuple[str, CensusHit]] = []
    for unit in units(codebase, r"\b(?:sleep|monotonic|perf_counter|time\.time|datetime\.now|utcnow)\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            if concerns.runs(unit.path, symbol) and concerns.around(unit.path, symbol):
                found += [(what, hit) for what, hit in _in(codebase, concerns, unit, (function, symbol))]
    return (*found, *(("timer", hit) for hit in _timers(codebase, concerns)))


def _timers(codebase: Codebase, concerns: Concerns) -> Iterator[CensusHit]:
    """Timers that run a function which has to do with models."""
    for path, call in codebase.all_calls():
        if not _TIMER.search(call.name) or codebase.snapshot.by_path[path].role != "source":
            continue
        names = {word for text in (*call.arguments, *dict(call.keywords).values()) for word in _NAME.findall(text)}
        given = [item for item in codebase.facts[path].definitions if item.name in names and item.kind != "class"]
        if any(concerns.itself(path, item.symbol) for item in given):
            text = f"{subject_of(codebase, path, call.symbol)} sets a timer: `{call.text.replace('`', chr(39))}`"
            yield hit_at(codebase, path, (call.start, call.end), symbol=call.symbol, name=call.name, text=text)


def _in(
    codebase: Codebase, concerns: Concerns, unit: Unit, at: tuple[Function, str]
) -> Iterator[tuple[str, CensusHit]]:
    function, symbol = at
    told: set[int] = set()
    for loop in (node for node in own_nodes(function) if isinstance(node, ast.While | ast.For)):
        said = _watches(codebase, concerns, unit, (at, loop))
        if said:
            told |= {id(node) for node in ast.walk(loop)}
            yield "watch", _hit(codebase, unit, (loop, symbol), said)
    derived = _derived(function)
    for node in own_nodes(function):
        if isinstance(node, ast.If) and id(node) not in told and _elapsed(node.test, derived):
            said = _decides(concerns, unit, symbol, node)
            if said:
                outer = "".join(f", inside `if` {quoted(item.test, 80)}" for item in ifs_around(unit, node))
                told_if = f"{said} if {_tested(codebase, unit, at, node.test)}{outer}"
                text = f"{subject_of(codebase, unit.path, symbol)} {told_if}"
                yield "elapsed", _hit(codebase, unit, (node, symbol), text)


def _watches(codebase: Codebase, concerns: Concerns, unit: Unit, at: tuple[tuple[Function, str], ast.stmt]) -> str:
    """A loop that sleeps in every round and decides on models between, in words; "" for other loops."""
    (_, symbol), loop = at
    if not isinstance(loop, ast.While):
        return ""
    waits = [call for call in _every_round(loop.body) if call_name(call) == "sleep"]
    tests = [node for node in own_nodes(loop) if isinstance(node, ast.If) and _decides(concerns, unit, symbol, node)]
    outer = [node for node in tests if not any(node is not other and node in ast.walk(other) for other in tests)]
    decided = [
        f"{_decides(concerns, unit, symbol, node)} if {_tested(codebase, unit, at[0], node.test)}"
        for node in outer[:DECISIONS]
    ]
    if not waits or not decided:
        return ""
    begun = started_beside(codebase, unit.path, symbol)
    pause = f"every {quoted(waits[0].args[0], 40)} seconds" if waits[0].args else "again and again"
    every = pause if isinstance(loop.test, ast.Constant) else f"{pause} while {quoted(loop.test, 80)}"
    return f"{subject_of(codebase, unit.path, symbol)}{begun} looks {every} and {'; '.join(decided)}"


def _every_round(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """The calls that stand as statements of a loop itself, or of a `try` in it."""
    for statement in body:
        if isinstance(statement, ast.Try):
            yield from _every_round([*statement.body, *statement.finalbody])
        value = statement.value if isinstance(statement, ast.Expr) else None
        value = value.value if isinstance(value, ast.Await) else value
        if isinstance(value, ast.Call):
            yield value


def _decides(concerns: Concerns, unit: Unit, symbol: str, node: ast.If) -> str:
    """What a condition decides, in words: a call that has to do with models, an event, or how the body ends."""
    leaves = any(isinstance(statement, _LEAVES) for statement in node.body)
    calls = [part for statement in node.body for part in ast.walk(statement) if isinstance(part, ast.Call)]
    events = [call for call in calls if call_name(call) == "set" and not call.args]
    itself = concerns.itself(unit.path, symbol)
    own = not itself and any(re.fullmatch(r"self\.\w+", written(call.func)) for call in calls)
    works = own or any(concerns.called(unit.path, symbol, call) for call in calls)
    told = acts(node.body) if works or (leaves and itself) or events else ""
    return told or (f"sets {quoted(events[0].func, 60).removesuffix('.set`')}`" if events else "")


def _derived(function: Function) -> dict[str, str]:
    """The names that hold a difference with the clock, each with that difference as written."""
    read, found = set[str](), dict[str, str]()
    for node in (n for n in own_nodes(function) if isinstance(n, ast.Assign | ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        clocked = _reads_clock(node.value) or bool(_named(node.value) & read)
        if clocked and any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub) for n in ast.walk(node.value)):
            found |= dict.fromkeys(names, quoted(node.value, CONDITION))
        elif isinstance(node.value, ast.Call) and call_name(node.value) in CLOCK:
            read |= names
    return found


def _named(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _reads_clock(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call) and call_name(part) in CLOCK for part in ast.walk(node))


def _elapsed(test: ast.expr, derived: Mapping[str, str]) -> bool:
    """Whether a condition compares elapsed time by order."""
    compared = [part for part in ast.walk(test) if isinstance(part, ast.Compare) and isinstance(part.ops[0], _ORDERS)]
    return any(_reads_clock(part) or _named(part) & derived.keys() for part in compared)


def _tested(codebase: Codebase, unit: Unit, at: tuple[Function, str], test: ast.expr) -> str:
    """A condition as written, with what its own predicates compare and what its settings are."""
    owner, derived = at[1].rpartition(".")[0], _derived(at[0])
    said = [f"`{name}` is {derived[name]}" for name in sorted(_named(test) & derived.keys())]
    looked = [test]
    for call in (n for n in ast.walk(test) if isinstance(n, ast.Call) and written(n.func).startswith("self.")):
        inner = next((f for f, name in unit.functions() if name == f"{owner}.{call_name(call)}"), None)
        compared = _compared(inner) if inner is not None else None
        if inner is not None and compared is not None:
            said.append(f"that is {_tested(codebase, unit, (inner, at[1]), compared)}")
    values = [value for expression in looked for value in _values(codebase, unit, owner, expression)]
    said += [f"by default {value}" for value in dict.fromkeys(values)][:VALUES]
    return quoted(test, CONDITION) + (f" ({'; '.join(said)})" if said else "")


def _compared(function: Function) -> ast.expr | None:
    """The comparison with the clock that a small predicate makes."""
    derived = _derived(function)
    tests = [
        n.test if isinstance(n, ast.If) else n.value for n in own_nodes(function) if isinstance(n, ast.If | ast.Return)
    ]
    return next((test for test in tests if test is not None and _elapsed(test, derived)), None)


def _values(codebase: Codebase, unit: Unit, owner: str, expression: ast.expr) -> Iterator[str]:
    """What the settings in a condition are by default: fields and options, and constants of the object."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Attribute):
            held = isinstance(node.value, ast.Name) and node.value.id == "self"
            value = _constant(unit, owner, node.attr) if held else default_of(codebase, node.attr)
            if value and value not in ("None", "0.0"):
                yield f"{quoted(node)} is {value}"


def _constant(unit: Unit, owner: str, name: str) -> str:
    """The number that the constructor of a class gives to an attribute, and nothing else gives another."""
    found: set[str] = set()
    for function, symbol in unit.functions():
        if symbol.rpartition(".")[0] != owner:
            continue
        for node in own_nodes(function):
            if isinstance(node, ast.Assign) and any(written(t) == f"self.{name}" for t in node.targets):
                number = isinstance(node.value, ast.Constant) and isinstance(node.value.value, int | float)
                found.add(written(node.value) if number else "")
    return next(iter(found)) if len(found) == 1 else ""


def _hit(codebase: Codebase, unit: Unit, at: tuple[ast.AST, str], text: str) -> CensusHit:
    node, symbol = at
    return hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=symbol, text=text)
