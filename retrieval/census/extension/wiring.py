"""The interfaces that parts keep, and who decides which implementation of one runs: a caller, or what makes them.

An interface is open to other implementations where a function outside of its classes takes one as an annotated
parameter; else the functions that make its classes fix the choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.hierarchies import every_hierarchy
from retrieval.census.handover.agreements import agreements
from retrieval.census.language import Query, hit_at
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, PLACES, MAKERS, TAKERS = 5, 20, 3, 2
_WORD = re.compile(r"[A-Za-z_]\w*")
Place = tuple[str, str, int]


def kept_interfaces(codebase: Codebase) -> Iterator[CensusHit]:
    """The interfaces that parts are exchanged at, or that there is none."""
    every = list(agreements(codebase, Query("", "agreements", (), {})))
    libraries = [hit for hit in every if "library" in hit.detail]
    hits = [hit for hit in every if "single" not in hit.detail and "library" not in hit.detail]
    alone = [f"`{hit.name}` (`{hit.detail['single']}`)" for hit in every if "single" in hit.detail]
    if not every:
        return
    told = listed([hit.detail["said"] for hit in hits], SHOWN)
    text = f"Parts keep {counted(len(hits), 'common interface')}: {told}" if hits else ""
    wired, spots = _wiring(codebase, hits[:SHOWN])
    if alone:
        text += f"{'; b' if hits else 'B'}ase classes with one implementation so far: {listed(alone, SHOWN)}"
    if libraries:
        lead = "; interfaces" if text else "Interfaces"
        text += f"{lead} of libraries that classes take over: "
        text += listed([hit.detail["said"] for hit in libraries], SHOWN)
    text += wired
    hits = hits or every
    related = tuple(("interface", hit.path, hit.start, hit.end) for hit in hits[1:PLACES])
    related += tuple(("wired", *spot) for spot in spots)
    first = hits[0]
    lines = (first.start, first.end)
    yield hit_at(codebase, first.path, lines, symbol=first.symbol, name="interfaces", text=text, related=related)


def _wiring(codebase: Codebase, interfaces: Iterable[CensusHit]) -> tuple[str, list[tuple[str, int, int]]]:
    """For interfaces that are base classes who passes in or makes their implementations, as a continuation of a
    sentence; and the places."""
    wanted = {(hit.path, hit.start): hit.name for hit in interfaces}
    trees = {(h.path, h.start): h for h in every_hierarchy(codebase)}
    takers = _takers(codebase, {key: trees[key] for key in wanted if key in trees})
    open_ones, fixed, spots = [], [], []
    for key, name in wanted.items():
        if key in takers:
            open_ones.append(f"`{name}` by {people(codebase, [p[:2] for p in takers[key]], TAKERS)}")
            spots += [(path, line, line) for path, _, line in takers[key][:TAKERS]]
        elif key in trees and (made := _makers(codebase, trees[key])):
            fixed.append(f"`{name}` in {people(codebase, [place[:2] for place in made], MAKERS)}")
            spots += [(path, line, line) for path, _, line in made[:MAKERS]]
    text = (
        f". Another implementation can be passed in where one is a parameter: {listed(open_ones)}" if open_ones else ""
    )
    text += f". Which implementation runs is fixed where they are made or chosen: {listed(fixed)}" if fixed else ""
    return text, spots


def _takers(codebase: Codebase, trees: dict[tuple[str, int], CensusHit]) -> dict[tuple[str, int], list[Place]]:
    """Interface → the functions outside of its classes that take an object of it as an annotated parameter."""
    names: dict[str, list[tuple[str, int]]] = {}
    for key, hit in trees.items():
        names.setdefault(hit.symbol.rpartition(".")[2], []).append(key)
    found: dict[tuple[str, int], list[Place]] = {}
    for path, item in codebase.all_definitions():
        if item.kind == "class" or codebase.snapshot.by_path[path].role != "source":
            continue
        words = {w for p in item.parameters for w in _WORD.findall(p.partition(":")[2].partition("=")[0])}
        for word in words & names.keys():
            local = codebase.resolve_local(path, word)
            for key in names[word]:
                own = (trees[key].symbol, *trees[key].detail["members"].split(", "))
                inside = any(item.symbol.startswith(f"{cls}.") for cls in own)
                if not inside and local is not None and (local[0], local[1].head_start) == key:
                    found.setdefault(key, []).append((path, item.symbol, item.head_start))
    return found


def _makers(codebase: Codebase, tree: CensusHit) -> list[Place]:
    """Where source code makes or names the classes below a base."""
    places = [place for place in tree.related if place[0] in ("construction", "choice")]
    found = [(path, codebase.symbol_at(path, line), line) for _, path, line, _ in places]
    return [place for place in found if codebase.snapshot.by_path[place[0]].role == "source"]
