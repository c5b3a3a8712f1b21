"""What travels through functions: the record of one traveller, and which names mean a dictionary that does.

A dictionary counts by its name and the keys that several functions share. It is one where code builds it, annotates it
or uses it with methods of dictionaries; tables and other objects with entries are none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.files.path_patterns import paths_of
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.meaning.traces import Given, Place, Trace, traces_of
from retrieval.census.meaning.traces_joined import is_near, joined_traces
from retrieval.facts import Definition
from retrieval.languages import words
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST = 3
_KEY = re.compile(r"[A-Za-z_][\w-]*")
_COMMON = words("state_dict ckpt checkpoint environ kwargs defaults self cls match row")
_WEIGHTS = re.compile(r"(?:^|_)(?:weights?|bias|gamma|beta)$")
_MAPPING = re.compile(r"(?i)dict|mapping")
_ANY = re.compile(r"\b(?:Any|object)\b")
_PROVING = frozenset({"get", "items", "setdefault"})
_OF_MAPPINGS = words("keys values items get pop popitem update setdefault copy clear fromkeys has_key move_to_end")


@dataclass(slots=True)
class Traveller:
    """What travels: `sort` is "object", "dictionary" or "list"; `keys` are those that several functions use."""

    sort: str
    name: str
    traces: list[Trace]
    cls: tuple[str, Definition] | None = None
    keys: list[str] = field(default_factory=list)
    made: list[Given] = field(default_factory=list)
    weight: float = 0.0
    enters: bool = False  # whether a layer or model takes it

    @property
    def users(self) -> list[Place]:
        """The functions that hold it."""
        return list(dict.fromkeys(trace.place for trace in self.traces))

    @property
    def changers(self) -> list[Place]:
        """The functions that change it, those that change it most first."""
        found = [trace for trace in self.traces if self.changes(trace)]
        found.sort(key=lambda trace: -len(self.changes(trace)))
        return list(dict.fromkeys(trace.place for trace in found))

    def changes(self, trace: Trace) -> list[str]:
        """What a function changes of it."""
        if self.sort == "dictionary":
            return list(trace.put)
        return ["items"] * len(trace.added) if self.sort == "list" else list(trace.changed)

    @property
    def makers(self) -> list[Place]:
        """The functions that build it."""
        plain = [trace for trace in self.traces if trace.built and not trace.parameter]  # no stand-in for what is given
        own = [trace.place for trace in plain if self.sort == "dictionary"]
        return list(dict.fromkeys([*own, *((given.path, given.symbol) for given in self.made)]))


def dictionaries(codebase: Codebase) -> Iterator[Traveller]:
    """The dictionaries that several functions of the main programs hold under one name."""
    groups: dict[str, list[Trace]] = {}
    everything = traces_of(codebase)
    for trace in everything.traces:
        if trace.keys and _may_be_mapping(trace) and trace.name not in _COMMON:
            groups.setdefault(_called(trace), []).append(trace)
    other = _other_than_mappings(everything.traces)
    for name, traces in ((key, part) for key, found in groups.items() for part in joined_traces(codebase, found)):
        shown = any(t.built or _MAPPING.search(t.annotation) for t in traces)
        if not shown and any(is_near(codebase, p, frozenset(t.place for t in traces)) for p in other.get(name, ())):
            continue  # functions near by use it as a table or another object with entries
        keys = _shared(traces)
        handed = name.count(".") or any(trace.parameter for trace in traces)
        layers = 2 * sum(_WEIGHTS.search(key) is not None for key in keys) > len(keys)
        if len(keys) < 2 or not handed or layers or OPTIONS.search(name.rpartition(".")[2]):
            continue
        used = [trace for trace in traces if keys.keys() & trace.keys.keys()]
        takers = {trace.symbol.rpartition(".")[2] for trace in used if trace.parameter}
        made = [g for g in everything.given if len(keys.keys() & g.keys.keys()) > 1 and (g.to in takers or not g.to)]
        made += _built_elsewhere(everything.traces, name, keys)
        held = frozenset(trace.place for trace in used)
        made = [g for g in made if g.to or is_near(codebase, (g.path, g.symbol), held)]
        written = any(t.built or t.attributes.keys() & _PROVING or _MAPPING.search(t.annotation) for t in used)
        if (made or written) and len({trace.place for trace in used} | {(g.path, g.symbol) for g in made}) >= LEAST:
            yield Traveller("dictionary", name, used, keys=list(keys), made=made)


def _other_than_mappings(traces: list[Trace]) -> dict[str, list[Place]]:
    """Each name whose entries are read with the functions in which it is used as no dictionary is."""
    found: dict[str, list[Place]] = {}
    for trace in traces:
        if trace.keys and not _may_be_mapping(trace):
            found.setdefault(_called(trace), []).append(trace.place)
    return found


def _built_elsewhere(traces: list[Trace], name: str, keys: dict[str, int]) -> list[Given]:
    """Dictionaries of another name that are built with most of the keys."""
    least = max(2, len(keys) // 2 + 1)
    return [
        Given(t.path, t.symbol, "", t.built, next(iter(t.built.values())))
        for t in traces
        if _called(t) != name and len(keys.keys() & t.built.keys()) >= least
    ]


def _called(trace: Trace) -> str:
    """The name that means the same dictionary elsewhere: of an attribute with its class."""
    owner = trace.symbol.rpartition(".")[0]
    return f"{owner}.{trace.name[5:]}" if trace.name.startswith("self.") else trace.name


def _shared(traces: list[Trace]) -> dict[str, int]:
    """The keys that functions use, those of several functions first, with the number of functions.

    Keys of one function only count where one name is handed through at least three and they share another key.
    """
    counts: dict[str, set[Place]] = {}
    for trace in traces:
        for key in trace.keys:
            if _KEY.fullmatch(key):
                counts.setdefault(key, set()).add(trace.place)
    shared = {key for key, places in counts.items() if len(places) > 1}
    several = len({t.place for t in traces if t.parameter and t.keys.keys() & counts.keys()}) >= LEAST
    kept = counts if shared and several else shared
    return {key: len(counts[key]) for key in sorted(kept, key=lambda key: (-len(counts[key]), key))}


def _may_be_mapping(trace: Trace) -> bool:
    """Whether a name may hold a dictionary: annotated as one or not at all, and used as nothing else."""
    if trace.annotation and not _MAPPING.search(trace.annotation) and not _ANY.search(trace.annotation):
        return False
    return not any(name not in _OF_MAPPINGS for name in trace.attributes)


def producers(codebase: Codebase, item: Traveller) -> list[Place]:
    """The functions of the repository whose result callers give to those that take a dictionary as a parameter."""
    takers = {trace.place: trace.name for trace in item.traces if trace.parameter}
    lasts = {symbol.rpartition(".")[2] for _, symbol in takers}
    found: dict[Place, None] = {}
    for path, call in codebase.all_calls():
        if call.name.rpartition(".")[2] not in lasts or (target := codebase.resolve_call(path, call)) is None:
            continue
        place = target[0], target[1].symbol
        listed = paths_of(codebase).names(*place).parameters
        name = takers.get(place, "")
        index = listed.index(name) if name in listed else len(call.arguments)
        given = dict(call.keywords).get(name) or (call.arguments[index] if index < len(call.arguments) else "")
        bound = paths_of(codebase).names(path, call.symbol).bound.get(given, []) if given.isidentifier() else []
        for line, value, part in bound:
            callee = dotted(value.func) if isinstance(value, ast.Call) and line < call.start and part < 1 else ""
            maker = codebase.resolve_local(path, callee) if callee else None
            if maker is not None and maker[1].kind != "class":
                found[maker[0], maker[1].symbol] = None
    return list(found)
