"""The repository class of a parameter: annotated, given by every call, or the only class with the attributes used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import Instance
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.census.meaning.traces import Trace
    from retrieval.codebase import Codebase

Found = tuple[str, Definition]
LEAST_ATTRIBUTES = 2
_WORD = re.compile(r"[A-Za-z_][\w.]*")
_NO_RECORD = re.compile(r"(?:Error|Exception|Warning)$|(?:^|\.)(?:Enum|IntEnum|StrEnum|Flag)$")
_CONTAINERS = re.compile(r"^(?:typing\.)?(?:list|dict|tuple|set|List|Dict|Tuple|Set|Sequence|Iterable|Type|type)\b")
_KNOWN: Beside[Codebase, dict[str, set[tuple[str, str]]]] = Beside()


def class_of_parameter(codebase: Codebase, trace: Trace) -> Found | None:
    """The class whose objects a parameter takes; None for containers of objects, exceptions and enums."""
    found = _annotated(codebase, trace) if trace.annotation else _given(codebase, trace) or _only(codebase, trace)
    if found is None or found[1].kind != "class":
        return None
    bases = [found[1].name, *codebase.bases(*found)]
    return None if any(map(_NO_RECORD.search, bases)) else found


def _annotated(codebase: Codebase, trace: Trace) -> Found | None:
    written = trace.annotation.strip("'\"")
    if _CONTAINERS.match(written):
        return None
    for word in _WORD.findall(written):
        found = codebase.resolve_local(trace.path, word)
        if found is not None and found[1].kind == "class":
            return found
    return None


def _given(codebase: Codebase, trace: Trace) -> Found | None:
    item = next((d for d in codebase.facts[trace.path].definitions if d.symbol == trace.symbol), None)
    value = program_of(codebase).given.get((trace.path, item.head_start, trace.name)) if item is not None else None
    return (value.cls.path, value.cls.definition) if isinstance(value, Instance) else None


def _only(codebase: Codebase, trace: Trace) -> Found | None:
    """The one class of the repository that has all of the attributes, where at least two are used."""
    if len(trace.attributes) < LEAST_ATTRIBUTES:
        return None
    members = _members(codebase)
    holders = [members.get(name, set()) for name in trace.attributes]
    shared = set.intersection(*holders)
    if len(shared) != 1:
        return None
    path, symbol = next(iter(shared))
    return path, next(d for d in codebase.facts[path].definitions if d.symbol == symbol and d.kind == "class")


def _members(codebase: Codebase) -> dict[str, set[tuple[str, str]]]:
    """Attribute → the classes that define it as a method, a field or an attribute of `self`."""
    if codebase not in _KNOWN:
        found: dict[str, set[tuple[str, str]]] = {}
        for path, facts in codebase.facts.items():
            classes = {d.symbol for d in facts.definitions if d.kind == "class"}
            named = [(d.symbol.rpartition(".")[0], d.name) for d in facts.definitions if d.kind == "method"]
            for fact in facts.facts:
                owner = fact.symbol if fact.symbol in classes else fact.symbol.rpartition(".")[0]
                if fact.kind == "assign" and owner in classes:
                    named.append((owner, fact.name.removeprefix("self.")))
            for owner, name in named:
                if owner in classes:
                    found.setdefault(name, set()).add((path, owner))
        _KNOWN[codebase] = found
    return _KNOWN[codebase]
