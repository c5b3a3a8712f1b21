"""Which traces of one name mean the same object: those of one file, of functions that call each other, or with keys of
their own in common. An equal name of a parameter alone joins nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.traces import Place, Trace

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

KEYS = 3  # so many keys in common join what no traced call does


def joined_traces(codebase: Codebase, traces: list[Trace]) -> list[list[Trace]]:
    """The traces in groups, in the order of the first of each."""
    groups: list[list[Trace]] = []
    for trace in traces:
        near = [group for group in groups if any(_meet(codebase, trace, other) for other in group)]
        groups = [group for group in groups if group not in near] + [[t for group in near for t in group] + [trace]]
    return groups


def _meet(codebase: Codebase, one: Trace, other: Trace) -> bool:
    if one.path == other.path and (len(one.name) > 2 or one.keys.keys() & other.keys.keys()):
        return True
    if len(one.keys.keys() & other.keys.keys()) >= KEYS:
        return True
    return _linked(codebase, one.place, other.place)


def is_near(codebase: Codebase, place: Place, others: frozenset[Place]) -> bool:
    """Whether a function stands in a file with one of the others, calls it, is called by it, or shares a caller."""
    return any(place[0] == other[0] or _linked(codebase, place, other) for other in others)


def _linked(codebase: Codebase, one: Place, other: Place) -> bool:
    calls, callers = _calls(codebase)
    if other in calls.get(one, ()) or one in calls.get(other, ()):
        return True
    return not callers.get(one, frozenset()).isdisjoint(callers.get(other, ()))


@once
def _calls(codebase: Codebase) -> tuple[dict[Place, frozenset[Place]], dict[Place, frozenset[Place]]]:
    """Which functions a function is seen to call, and which call it."""
    calls: dict[Place, set[Place]] = {}
    callers: dict[Place, set[Place]] = {}
    for path, call in codebase.all_calls():
        target = codebase.resolve_call(path, call)
        if target is not None:
            place = (target[0], target[1].symbol)
            calls.setdefault((path, call.symbol), set()).add(place)
            callers.setdefault(place, set()).add((path, call.symbol))
    return ({k: frozenset(v) for k, v in calls.items()}, {k: frozenset(v) for k, v in callers.items()})
