"""Census kind `loop_state`: what a loop carries from one round to the next.

A name counts that is set before the loop in the same function and, inside it, added to, changed in place or set from
itself. Reads the facts only; values that merely get replaced in each round are left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.census.language import Query, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, Fact, FileFacts

_CHANGES = frozenset(
    ["append", "extend", "update", "add", "insert", "pop", "popleft", "appendleft", "clear", "remove", "setdefault"]
)
_SHORTEST = 3
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Carried:
    name: str
    before: int
    inside: int
    how: str


@kind(
    "loop_state",
    summary="names that a loop carries from round to round: set before it and added to or changed in it",
    example="loop_state: *tokens*, total",
    reads="python",
    ordered=True,
)
def loop_state(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per loop, the longest loops first; `related` are the settings and the changes."""
    loops = [
        (path, loop)
        for path, facts in codebase.facts.items()
        for loop in facts.facts
        if loop.kind == "loop" and loop.end - loop.start >= _SHORTEST
    ]
    for path, loop in sorted(loops, key=lambda item: (item[1].start - item[1].end, item[0], item[1].start)):
        targets = set(re.findall(r"\w+", loop.detail.get("target", "")))
        found = _carried(codebase.facts[path], loop)
        carried = [item for item in found if item.name not in targets and query.matches(item.name)]
        if carried:
            yield _hit(codebase, path, loop, carried)


def _carried(facts: FileFacts, loop: Fact) -> list[_Carried]:
    before: dict[str, int] = {}
    for fact in facts.facts:
        if fact.kind == "assign" and fact.symbol == loop.symbol and fact.start < loop.start:
            before.setdefault(fact.name, fact.start)
    replaced = _replaced(facts, loop)
    changes = [*_assigned(facts, loop), *_changed_in_place(facts, loop)]
    found: dict[str, _Carried] = {}
    for name, line, how in sorted(changes, key=lambda change: change[1]):
        if name in before and line < replaced.get(name, loop.end + 1):
            found.setdefault(name, _Carried(name, before[name], line, how))
    return list(found.values())


def _replaced(facts: FileFacts, loop: Fact) -> dict[str, int]:
    """Name → the first line of the loop that gives it a value which does not come from its last one."""
    lines: dict[str, int] = {}
    for fact in facts.facts:
        inside = fact.symbol == loop.symbol and loop.start <= fact.start <= loop.end
        fresh = fact.kind == "assign" and fact.detail.get("operator", "=") == "=" and fact.name.isidentifier()
        if inside and fresh and not _mentions(fact.detail.get("value", ""), fact.name):
            lines.setdefault(fact.name, fact.start)
    return lines


def _mentions(value: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", value) is not None


def _assigned(facts: FileFacts, loop: Fact) -> Iterator[tuple[str, int, str]]:
    for fact in facts.facts:
        if fact.kind != "assign" or fact.symbol != loop.symbol or not loop.start < fact.start <= loop.end:
            continue
        operator = fact.detail.get("operator", "=")
        value = fact.detail.get("value", "")
        if operator not in ("=", ":"):
            yield fact.name, fact.start, f"`{operator}`"
        elif "[" in fact.name and fact.name.partition("[")[0].isidentifier():
            yield fact.name.partition("[")[0], fact.start, f"`{fact.name} = …`"
        elif fact.name.isidentifier() and _mentions(value, fact.name):
            yield fact.name, fact.start, "set from itself"


def _changed_in_place(facts: FileFacts, loop: Fact) -> Iterator[tuple[str, int, str]]:
    for call in facts.calls:
        owner, _, method = call.written.rpartition(".")
        inside = call.symbol == loop.symbol and loop.start < call.start <= loop.end
        if inside and method in _CHANGES and owner.isidentifier():
            yield owner, call.start, f"`{method}()`"


def _hit(codebase: Codebase, path: str, loop: Fact, carried: list[_Carried]) -> CensusHit:
    where = f"In `{loop.symbol}()`, the loop" if loop.symbol else "The loop"
    listed = ", ".join(
        f"`{item.name}` (set on line {item.before}, {item.how} on line {item.inside})" for item in carried[:_SHOWN]
    )
    more = f" and {len(carried) - _SHOWN} more" if len(carried) > _SHOWN else ""
    header = " ".join(loop.text.split()).rstrip(":").replace("`", "'")
    lines = sorted({line for item in carried for line in (item.before, item.inside)})
    return hit_at(
        codebase,
        path,
        (loop.start, loop.start),
        symbol=loop.symbol,
        name=loop.symbol,
        text=f"{where} `{header}` (lines {loop.start}-{loop.end}) carries from round to round: {listed}{more}",
        related=tuple(("state", path, line, line) for line in lines[: 2 * _SHOWN]),
    )
