"""Kind `travelling`: one object, dictionary or list that many functions of the main programs are handed and change.

An object counts by its class (annotated, given by the calls, or the only class that has the attributes used), a
dictionary by its name and the keys that several functions share, a list by its name and who appends to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.flow.screens import is_screen
from retrieval.census.handover.handed_fields import shared_of
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.handover.travellers import LEAST, Traveller, dictionaries, producers
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.object_types import class_of_parameter
from retrieval.census.meaning.people import people
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.traces import Place, Trace, traces_of
from retrieval.census.meaning.traces_joined import joined_traces
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN_KEYS, PLACES, NAMED = 14, 40, 5
# What is filled for people to read, and steers nothing.
_RECORD = re.compile(
    r"(?i)^(?:\w*metrics?|stats|logs?|\w*meters?|loss(?:es|_dict)?|\w*scores?|tim(?:es|ings)|summary|history)$"
)
_LAYER = re.compile(r"(?:forward|__call__|__init__|)$")  # what passes from layer to layer; the class itself
LAYERED, INSIDE, NEAR, RECORD, STEADY = 0.2, 0.6, 4, 0.2, 0.5
_KNOWN: Beside[Codebase, list[Traveller]] = Beside()


@kind(
    "travelling",
    summary="objects, dictionaries and lists handed through several functions: who makes, changes and reads them",
    example="travelling, or travelling: document, sort=object",
    reads="python",
    options=("sort",),
    ordered=True,
)
def travelling(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per traveller, the most widely handed first. Patterns match its name or its class."""
    for item in travellers(codebase):
        names = (item.name, item.cls[1].symbol) if item.cls else (item.name,)
        if item.sort in query.options.get("sort", item.sort).split("|") and query.matches(*names):
            yield told(codebase, item)


def travellers(codebase: Codebase) -> list[Traveller]:
    """Everything that travels, by weight; worked out once."""
    if codebase not in _KNOWN:
        found = [*_objects(codebase), *dictionaries(codebase), *_lists(codebase)]
        for item in found:
            item.weight = _weight(codebase, item)
        _KNOWN[codebase] = sorted((i for i in found if i.weight), key=lambda i: (-i.weight, i.name))
    return _KNOWN[codebase]


def _objects(codebase: Codebase) -> Iterator[Traveller]:
    groups: dict[Place, Traveller] = {}
    for trace in traces_of(codebase).traces:
        found = class_of_parameter(codebase, trace) if trace.parameter else None
        if found is not None and _travels(codebase, trace, found):
            key = found[0], found[1].symbol
            groups.setdefault(key, Traveller("object", trace.name, [], found)).traces.append(trace)
    for item in groups.values():
        names = [trace.name for trace in item.traces]
        item.name = max(dict.fromkeys(names), key=names.count)
        if len(item.users) >= LEAST:
            yield item


def _travels(codebase: Codebase, trace: Trace, found: tuple[str, Definition]) -> bool:
    """Whether a parameter of that class is context: no model, no screen, no options."""
    own = _share(codebase, (found[0], f"{found[1].symbol}.")) == 1 and not _is_mixed_in(codebase, found)
    return own and not OPTIONS.search(found[1].name) and not OPTIONS.search(trace.name)


def _is_mixed_in(codebase: Codebase, found: tuple[str, Definition]) -> bool:
    """Whether models are what derives from a class: an object of it is a model."""
    program = program_of(codebase)
    below = program.descendants(ClassRef(*found))
    return any(_share(codebase, (cls.path, f"{cls.definition.symbol}.")) == LAYERED for cls in below)


def _lists(codebase: Codebase) -> Iterator[Traveller]:
    groups: dict[str, list[Trace]] = {}
    for trace in traces_of(codebase).traces:
        if trace.parameter and len(trace.name) > 3:
            groups.setdefault(trace.name, []).append(trace)
    for name, found in groups.items():
        for traces in joined_traces(codebase, found) if any(trace.added for trace in found) else ():
            several = any(trace.added for trace in traces) and len({trace.place for trace in traces}) >= LEAST
            if several and not any(class_of_parameter(codebase, trace) for trace in traces):
                yield Traveller("list", name, traces)


def _weight(codebase: Codebase, item: Traveller) -> float:
    """How much of the programs' context it carries: functions outside of model code, screens less, changes more."""
    shares = {place: _share(codebase, place) for place in {*item.users, *item.makers}}
    if sum(share >= INSIDE for share in shares.values()) < 2:
        return 0.0
    item.enters = LAYERED in shares.values()
    changed = sum(shares.get(place, 0) for place in item.changers)
    weight = sum(shares.values()) + changed + (min(len(item.keys), SHOWN_KEYS) / 2 if item.sort == "dictionary" else 0)
    near = len(shares.keys() & _running(codebase))
    told = RECORD if _RECORD.search(item.name.rpartition(".")[2]) else 1.0
    steady = STEADY if item.sort == "object" and not item.changers else 1.0
    return weight * told * steady * (1 + min(near, NEAR) / 2)


@once
def _running(codebase: Codebase) -> frozenset[Place]:
    """The functions that run a model themselves: what they hold is near to what models take."""
    return frozenset((use.frame.path, use.frame.symbol) for use in roster_of(codebase).uses)


def _share(codebase: Codebase, place: Place) -> float:
    path, symbol = place
    owner = symbol.rpartition(".")[0]
    item = next((d for d in codebase.facts[path].definitions if d.symbol == owner and d.kind == "class"), None)
    bases = codebase.bases(path, item) if item is not None else []
    if any(base.startswith("torch.optim.") for base in bases):
        return LAYERED
    if any(base.startswith(("torch.", "tensorflow.", "flax.", "transformers.")) for base in bases):
        return LAYERED if _LAYER.match(symbol.rpartition(".")[2]) else INSIDE
    return 0.3 if is_screen(codebase, path) else 1.0


def told(codebase: Codebase, item: Traveller) -> CensusHit:
    """A traveller in a sentence: what it is, who makes it, who changes it, who takes it."""
    lead = {"object": _object_words, "dictionary": _dictionary_words, "list": _list_words}[item.sort](codebase, item)
    places = [(trace.path, line, line) for trace in _proving(item) for line in trace.lines[:2]]
    places = [*((g.path, g.line, g.line) for g in item.made[:4]), *places]
    if item.cls is not None:
        places = [(item.cls[0], item.cls[1].head_start, item.cls[1].head_end), *places]
    places = list(dict.fromkeys(places))[:PLACES]
    return hit_at(
        codebase,
        places[0][0],
        places[0][1:],
        symbol=item.cls[1].symbol if item.cls else item.traces[0].symbol,
        name=item.name,
        text=lead,
        related=tuple(("use", *place) for place in places[1:]),
        detail={"sort": item.sort, "functions": str(len(item.users)), "changers": str(len(item.changers))},
    )


def _proving(item: Traveller) -> list[Trace]:
    return sorted(item.traces, key=lambda trace: -bool(item.changes(trace)))


def _object_words(codebase: Codebase, item: Traveller) -> str:
    assert item.cls is not None
    path, definition = item.cls
    setters = [p for shared in shared_of(codebase) if shared.cls == (path, definition.symbol) for p in shared.writers]
    changers = list(dict.fromkeys([*item.changers, *sorted(setters)]))
    others = [place for place in item.users if place not in changers]
    text = f"`{item.name}`, one `{definition.symbol}` object ({path}), is handed through "
    text += counted(len({*item.users, *setters}), "function")
    if changers:
        changed = dict.fromkeys(f"`{what}`" for t in _proving(item) for what in item.changes(t) if what != "its items")
        text += f"; it is changed by {people(codebase, changers, NAMED)}"
        text += f" (they set or call {listed(list(changed), 8)})" if changed else ""
    return text + (f"; read only by {people(codebase, others, NAMED)}" if others else "")


def _dictionary_words(codebase: Codebase, item: Traveller) -> str:
    keys = listed([f"`{key}`" for key in item.keys], SHOWN_KEYS)
    held = "kept in the attribute" if "." in item.name else "passed as"
    text = f"a dictionary {held} `{item.name}` with the keys {keys}"
    changers = [place for place in item.changers if place not in item.makers]
    readers = [t.place for t in item.traces if t.read and t.place not in item.changers]
    given = [place for place in producers(codebase, item) if place not in (*item.makers, *item.users)]
    roles = (("built by", item.makers), ("given by", given), ("entries set by", changers), ("read by key in", readers))
    parts = [f"{verb} {people(codebase, places, NAMED)}" for verb, places in roles if places]
    return f"{text}: {'; '.join(parts)}"


def _list_words(codebase: Codebase, item: Traveller) -> str:
    others = [place for place in item.users if place not in item.changers]
    filled = people(codebase, item.changers, NAMED)
    text = f"the list `{item.name}` is filled by {filled}, which add to the list that is given"
    return text + (f", and handed on to {people(codebase, others, NAMED)}" if others else "")
