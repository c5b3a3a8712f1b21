"""The object of options as a carrier: one namespace or configuration that many functions take, and who sets what of it.

Only what functions that call each other take under one name counts as one object; see `traces_joined.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.language import hit_at
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.traces import Trace, traces_of
from retrieval.census.meaning.traces_joined import joined_traces
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, WIDE, SETTERS, ENTRIES, NAMED, PLACES = 4, 8, 4, 6, 4, 30
_NO_OBJECT = frozenset({"kwargs", "params"})


def carried_options(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per object that at least four functions hold, those that most functions set something of first."""
    groups: dict[str, list[Trace]] = {}
    for trace in traces_of(codebase).traces:
        held = trace.attributes or trace.keys
        if OPTIONS.search(trace.name) and "." not in trace.name and held and trace.name not in _NO_OBJECT:
            groups.setdefault(trace.name, []).append(trace)
    parts = [part for traces in groups.values() for part in joined_traces(codebase, traces)]
    parts = [p for p in parts if len({t.place for t in p}) >= LEAST and any(t.parameter for t in p)]
    parts = [p for p in parts if _setting(p) or len({t.place for t in p}) >= WIDE]
    for part in sorted(parts, key=lambda p: (-len(_setting(p)), -len({t.place for t in p}))):
        yield _hit(codebase, part)


def _set(trace: Trace) -> list[str]:
    """The entries that a function sets."""
    names = {**trace.changed, **trace.put}
    return [name for name in names if name != "its items" and not name.endswith("()")]


def _setting(part: list[Trace]) -> list[Trace]:
    return sorted((trace for trace in part if _set(trace)), key=lambda trace: -len(_set(trace)))


def _hit(codebase: Codebase, part: list[Trace]) -> CensusHit:
    places = list(dict.fromkeys(trace.place for trace in part))
    setting = _setting(part)
    word = "a dictionary" if sum(len(t.keys) for t in part) > sum(len(t.attributes) for t in part) else "a namespace"
    text = f"`{part[0].name}`, {word} of options, goes through {counted(len(places), 'function')} of "
    text += counted(len({path for path, _ in places}), "file")
    if setting:
        told = [
            f"`{t.symbol}()` ({t.path}) sets {listed([f'`{name}`' for name in _set(t)], ENTRIES)}"
            for t in setting[:SETTERS]
        ]
        text += f", which use it to hand values on: {'; '.join(told)}"
        text += f"; {len(setting) - SETTERS} more set entries" if len(setting) > SETTERS else ""
    readers = [place for place in places if place not in {t.place for t in setting}]
    text += f"; read {'only ' if setting else ''}by {people(codebase, readers, NAMED)}" if readers else ""
    text += "" if setting else "; none of them sets an entry"
    spots = [(t.path, line, line) for t in [*setting, *part] for line in t.lines[:2]]
    first, *rest = list(dict.fromkeys(spots))
    related = tuple(("use", *spot) for spot in rest[:PLACES])
    return hit_at(codebase, first[0], first[1:], symbol=part[0].symbol, name=part[0].name, text=text, related=related)
