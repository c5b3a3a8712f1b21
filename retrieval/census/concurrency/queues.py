"""Kind `queues`: queues between functions, of libraries and of the repository itself, with their bound and both ends.

Who fills and who empties is found by the name that a queue is kept under. `detail["model"]` says whether a function
that empties it runs a model: only then do model runs wait in it. Queues of an event loop are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency.own_queues import OwnQueue, own_queues
from retrieval.census.concurrency.queue_contents import feeds_model
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.models.held_models import runs_held_model
from retrieval.census.models.touches import ways
from retrieval.census.settings.set_defaults import default_of
from retrieval.facts import Call, CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_LIBRARY = re.compile(
    r"^(?:queue|multiprocessing|torch\.multiprocessing|asyncio|janus|mp|ctx)\.(?:\w+\.)*\w*Queue$|\.JoinableQueue$"
)
_PLAIN = frozenset(["queue", "q", "event", "lock", "done"])
_PUTS, _GETS = frozenset(["put", "put_nowait"]), frozenset(["get", "get_nowait"])
SHOWN, FIELDS = 4, 8
Place = tuple[str, str]


@kind(
    "queues",
    summary="queues between functions, own ones too, with bound, who fills and who empties them (model=yes|no)",
    example="queues, or queues: model=yes",
    reads="python",
    options=("model",),
    ordered=True,
)
def queues(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per queue of a library and per queue class of the repository, those from which models run first."""
    found = [*(_own(codebase, item) for item in own_queues(codebase)), *_library(codebase)]
    for hit in sorted(found, key=lambda hit: hit.detail["model"] != "yes"):
        wanted = hit.detail["model"] in query.options.get("model", "yes|no").split("|")
        if wanted and query.matches(hit.name):
            yield hit


def _library(codebase: Codebase) -> Iterator[CensusHit]:
    for path, call in codebase.all_calls():
        if not _LIBRARY.search(call.name) or codebase.snapshot.by_path[path].role == "test":
            continue
        name = call.assigned[0] if call.assigned else ""
        fills, takes = _users(codebase, path, name, _PUTS), _users(codebase, path, name, _GETS)
        size = call.arguments[0] if call.arguments else dict(call.keywords).get("maxsize", "")
        limit = f"at most {_valued(codebase, size)} waiting" if size and size != "0" else "without a bound"
        loop = " of the event loop" if call.name.startswith("asyncio.") else ""
        text = f"the queue{loop} `{name or call.name}` (`{call.name}`, {limit})"
        yield _hit(codebase, (path, (call.start, call.end), call.symbol, name or call.name), text, (fills, takes))


def _own(codebase: Codebase, item: OwnQueue) -> CensusHit:
    made = [
        (path, call)
        for path, call in codebase.all_calls()
        if call.name.rpartition(".")[2] == item.name and codebase.snapshot.by_path[path].role == "source"
    ]
    files = {item.path, *(path for path, _ in made)}
    puts, gets = frozenset(item.puts), frozenset(item.takes)
    fills = _callers(codebase, files, puts, item.name)
    takes = _callers(codebase, files, gets, item.name)
    waits = listed([f"`{name}()`" for name in (*item.puts, *item.takes)], SHOWN)
    text = f"the queue class `{item.name}` of the repository ({item.path}; {waits} wait"
    text += f", `{item.closes}()` ends it)" if item.closes else ")"
    text += f", with at most {_limit(codebase, item, made)} waiting" if item.bound else ", without a bound"
    text += _items(codebase, item)
    if made:
        names = dict.fromkeys(f"`{call.assigned[0] if call.assigned else item.name}`" for _, call in made)
        text += f", made as {listed(list(names), SHOWN)}"
    return _hit(codebase, (item.path, item.lines, item.name, item.name), text, (fills, takes))


def _limit(codebase: Codebase, item: OwnQueue, made: list[tuple[str, Call]]) -> str:
    given = [dict(call.keywords).get(item.bound) or (call.arguments[:1] or [""])[0] for _, call in made]
    return _valued(codebase, next(filter(None, given), item.bound))


def _valued(codebase: Codebase, text: str) -> str:
    """A bound as written, with the default of the field that it names."""
    last = text.rpartition(".")[2]
    default = default_of(codebase, last) if last.isidentifier() else ""
    return f"`{text}`" + (f" (default {default})" if default else "")


def _items(codebase: Codebase, item: OwnQueue) -> str:
    found = codebase.class_of(item.path, item.item) if item.item.isidentifier() else None
    if found is None:
        return ""
    names = [f"`{field.name}`" for field in class_fields(codebase, *found)]
    fields = f" with {listed(names, FIELDS)}" if names else ""
    return f", of `{item.item}` objects{fields}"


def _users(codebase: Codebase, home: str, name: str, methods: frozenset[str]) -> list[Place]:
    """The functions that call one of the methods on what has this name: in its own file, else anywhere."""
    last = name.rpartition(".")[2]
    found: dict[bool, dict[Place, None]] = {True: {}, False: {}}
    for path, call in codebase.all_calls() if last else ():
        owner, _, method = call.written.rpartition(".")
        if method in methods and owner.rpartition(".")[2] == last and codebase.snapshot.by_path[path].role != "test":
            found[path == home][path, call.symbol] = None
    return list(found[True] or (found[False] if last not in _PLAIN else {}))


def _callers(codebase: Codebase, files: Iterable[str], methods: frozenset[str], own: str) -> list[Place]:
    """The functions of these files that call one of the methods, the class itself left out."""
    found: dict[Place, None] = {}
    for path in sorted(files):
        for call in codebase.facts[path].calls:
            owner, _, method = call.written.rpartition(".")
            if method in methods and owner not in ("", "self") and not call.symbol.startswith(f"{own}."):
                found[path, call.symbol] = None
    return list(found)


def _hit(
    codebase: Codebase,
    made: tuple[str, tuple[int, int], str, str],
    text: str,
    ends: tuple[list[Place], list[Place]],
) -> CensusHit:
    path, lines, symbol, name = made
    fills, takes = ends
    text += f"; filled by {_named(fills)}" if fills else ""
    text += f"; emptied by {_named(takes)}" if takes else ""
    runs = [place for place in takes if _runs_model(codebase, place) and feeds_model(codebase, place, name)]
    text += (", which" if runs == takes else f"; {_named(runs)}") if runs else ""
    text += f" run{'s' if len(runs) == 1 else ''} a model on what comes out" if runs else ""
    related = []
    for file, inner in (*fills[:SHOWN], *takes[:SHOWN]):
        item = next((d for d in codebase.facts[file].definitions if d.symbol == inner), None)
        related += [("end", file, item.head_start, item.head_end)] if item is not None else []
    detail = {"model": "yes" if runs else "no", "loop": "yes" if "event loop" in text else "no"}
    return hit_at(codebase, path, lines, symbol=symbol, name=name, text=text, related=tuple(related), detail=detail)


def _named(places: list[Place]) -> str:
    return listed(list(dict.fromkeys(f"`{symbol}()`" if symbol else path for path, symbol in places)), SHOWN)


def _runs_model(codebase: Codebase, place: Place) -> bool:
    program = program_of(codebase)
    definition = program.definition(*place) if place[1] else None
    frame = program.frame(place[0], definition) if definition is not None and definition.kind != "class" else None
    if frame is None:
        return False
    found = any(way.touch.does == "runs" for way in ways(codebase, [frame]))
    return found or runs_held_model(codebase, place) is not None
