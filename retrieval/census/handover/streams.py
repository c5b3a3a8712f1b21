"""Kinds `generators` and `pipes`: what streams values from function to function, and to and from other programs.

A generator is told once, with what it yields and who takes it. A pipe is one whose data the code uses: a command whose
output only says that it failed carries nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.code.yields import yields
from retrieval.census.flow.started import started
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import listed
from retrieval.facts import Call, CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

VALUES, NAMED, PLACES, CLASSES, SHORT = 3, 3, 12, 3, 60
_INNER = re.compile(r"(?i)param|\bnamed_|children\(")  # walks over the parts of a model or a tree
_CONSTANT = re.compile(r"yield (?:from )?(?:[A-Z][A-Z0-9_]*|None|[\"'\d].*)?$")
_REACH = re.compile(r" \(nothing that ")
_PIPED = re.compile(r"PIPE|True")
_TAKING = re.compile(
    r"^(?:subprocess\.(?:run|Popen|check_output|getoutput|getstatusoutput)|asyncio\.create_subprocess_\w+)$"
)
_TELLING = ("subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput")
Place = tuple[str, str]


@kind(
    "generators",
    summary="generator functions with the values that they yield and who takes these, those of the main programs first",
    example="generators",
    reads="python",
    ordered=True,
)
def generators(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per generator, of methods that several classes have one for all. Patterns match the function."""
    groups: dict[str, list[CensusHit]] = {}
    for hit in yields(codebase, Query("", "yields", (), {"what": "stream"})):
        if hit.symbol and not _INNER.search(hit.text):
            groups.setdefault(f"{hit.path}:{hit.symbol}", []).append(hit)
    alike: dict[str, list[list[CensusHit]]] = {}
    for hits in groups.values():
        if not all(_CONSTANT.match(hit.text) for hit in hits):
            alike.setdefault(hits[0].symbol.rpartition(".")[2], []).append(hits)
    takers = _takers(codebase)
    told: list[list[CensusHit]] = []
    for found in alike.values():
        together = len({h[0].symbol for h in found}) >= CLASSES and all("." in h[0].symbol for h in found)
        told += [[hit for hits in found for hit in hits]] if together else found
    for hits in sorted(told, key=lambda hits: _order(hits, takers)):
        if query.matches(hits[0].symbol.rpartition(".")[2], hits[0].symbol):
            yield _generator(codebase, hits, takers)


def _order(hits: list[CensusHit], takers: dict[Place, list[Place]]) -> tuple[bool, bool, int, int]:
    """Code that runs first, what other files take before what only its own file does."""
    used = {taker for hit in hits for taker in takers.get((hit.path, hit.symbol), ())}
    away = {taker for taker in used if taker[0] not in {hit.path for hit in hits}}
    unreached = all(hit.detail["reached"] == "no" for hit in hits)
    return hits[0].role != "source", unreached, -len(away), -len(used)


def _generator(codebase: Codebase, hits: list[CensusHit], takers: dict[Place, list[Place]]) -> CensusHit:
    places = list(dict.fromkeys((hit.path, hit.symbol) for hit in hits))
    cut = (_REACH.split(hit.text)[0].removeprefix("yield ").removeprefix("from ") for hit in hits)
    values = dict.fromkeys(one_line(text, SHORT) for text in cut)
    quoted = [f"`{value.replace('`', chr(39))}`" for value in values if value]
    text = people(codebase, places, NAMED)
    text += f" {'yields' if len(places) == 1 else 'yield'} {listed(quoted, VALUES) if quoted else 'at each step'}"
    used = list(dict.fromkeys(taker for place in places for taker in takers.get(place, ()) if taker not in places))
    text += f", taken by {people(codebase, used, NAMED)}" if used else ""
    first = hits[0]
    related = tuple(("yield", hit.path, hit.start, hit.end) for hit in hits[1:PLACES])
    lines = (first.start, first.end)
    name = first.symbol.rpartition(".")[2]
    return hit_at(codebase, first.path, lines, symbol=first.symbol, name=name, text=text, related=related)


@once
def _takers(codebase: Codebase) -> dict[Place, list[Place]]:
    """Each generator with the functions that call it."""
    own = {(path, fact.symbol) for path, fact in codebase.all_facts("yield")}
    names = {symbol.rpartition(".")[2] for _, symbol in own}
    found: dict[Place, list[Place]] = {}
    for path, call in codebase.all_calls():
        if call.name.rpartition(".")[2] in names and (target := codebase.resolve_call(path, call)) is not None:
            place = (target[0], target[1].symbol)
            if place in own and codebase.snapshot.by_path[path].role == "source":
                found.setdefault(place, []).append((path, call.symbol))
    return found


@kind(
    "pipes",
    summary="pipes to and from other programs whose data the code uses, with the program and the direction",
    example="pipes",
    reads="python",
    ordered=True,
)
def pipes(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per call that starts the program. Patterns match the program or the call's name."""
    programs = {(h.path, h.start): h.detail["program"] for h in started(codebase, Query("", "started", (), {}))}
    for path, call in codebase.all_calls():
        ways = _directions(codebase, path, call) if _TAKING.match(call.name) else []
        program = programs.get((path, call.start), "")
        built = codebase.snapshot.by_path[path].role == "config"  # setup.py, and what only checks the repository
        if ways and not built and query.matches(program, call.name):
            what = f"`{program}`" if program else "a program whose command is made up at run time"
            text = f"{people(codebase, [(path, call.symbol)], 1)} {' and '.join(ways)} {what} through a pipe"
            yield hit_at(
                codebase, path, (call.start, call.end), symbol=call.symbol, name=program or call.name, text=text
            )


def _directions(codebase: Codebase, path: str, call: Call) -> list[str]:
    """What the code does with the pipes of a call: "reads the output of", "writes to"."""
    given = dict(call.keywords)
    lines = _body(codebase, path, call)
    held = "|".join(re.escape(name) for name in call.assigned)
    tail = rf"\b(?:{held})\.(?:stdout|communicate)\b" if held else r"\)\.(?:stdout|communicate)\b"
    reads = call.name in _TELLING
    if _PIPED.search(given.get("stdout", "")) or given.get("capture_output") == "True":
        reads = reads or re.search(tail, lines) is not None
    feeds = "input" in given and given["input"] != "None"
    if _PIPED.search(given.get("stdin", "")):
        fed = rf"\b(?:{held})\.(?:stdin\.|communicate\((?!\s*(?:\)|timeout)))" if held else r"\.communicate\((?!\))"
        feeds = feeds or re.search(fed, lines) is not None
    return ["writes to"] * feeds + ["reads the output of"] * reads


def _body(codebase: Codebase, path: str, call: Call) -> str:
    """The lines of the function around a call, from the call on."""
    item = next((d for d in codebase.facts[path].definitions if d.symbol == call.symbol), None)
    lines = codebase.snapshot.by_path[path].lines
    last = item.end if item is not None and call.symbol else min(len(lines), call.end + SHORT)
    return "\n".join(map(str, lines[call.start - 1 : last]))
