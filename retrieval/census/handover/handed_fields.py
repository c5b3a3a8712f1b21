"""Kind `handed_fields`: fields of shared objects that one function sets and another reads, also on elements of batches.

`for page in batch: page.predictions.layout = …` gives nothing back and hands all on: who sets a field and who reads it
is told per class of the objects. What an object does with fields of its own is told by `kept`; options are left out.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.record_types import Held, Types, types_of
from retrieval.census.meaning.traces import CHANGING
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMED, FIELDS, PLACES, DEEPEST = 2, 5, 30, 2
Place = tuple[str, str]
_DIRECT: tuple[Place, str] = (("", ""), "")


@dataclass(slots=True)
class Field:
    """One field with the functions that set it and those that read it, with a line each."""

    name: str
    writers: dict[Place, int] = field(default_factory=dict)
    readers: dict[Place, int] = field(default_factory=dict)

    @property
    def passed(self) -> list[Place]:
        """The functions that read what others set."""
        return [place for place in self.readers if place not in self.writers]

    @property
    def width(self) -> tuple[int, int]:
        """How many functions it joins: of the fewer of setters and readers, and of all."""
        return min(len(self.writers), len(self.passed)), len(self.writers) + len(self.passed)


@dataclass(slots=True)
class Shared:
    """A class whose objects functions fill for one another, with the fields that are handed on, the widest first."""

    cls: Place
    fields: list[Field]

    @property
    def writers(self) -> set[Place]:
        """Every function that sets one of the fields."""
        return {place for item in self.fields for place in item.writers}

    @property
    def width(self) -> int:
        """How many functions it joins through all of its fields."""
        return sum(item.width[1] for item in self.fields)

    @property
    def rank(self) -> tuple[int, int]:
        """Its widths, for the order: what many set and many read goes before what one sets for many."""
        return sum(item.width[0] for item in self.fields), self.width


@kind(
    "handed_fields",
    summary="fields of shared objects that one function sets and others read, also on the elements of batches",
    example="handed_fields, or handed_fields: Page",
    reads="python",
    ordered=True,
)
def handed_fields(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per class, those that join most functions first. Patterns match the class."""
    for item in shared_of(codebase):
        if query.matches(item.cls[1]):
            yield _hit(codebase, item)


@once
def shared_of(codebase: Codebase) -> list[Shared]:
    """The classes whose objects are filled by some functions for others, those that join most functions first."""
    types, found = types_of(codebase), dict[Place, dict[str, Field]]()
    named, reach = _set_names(codebase), reach_of(codebase)
    ways: dict[Place, Counter[tuple[Place, str]]] = {}
    for unit in units(codebase):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            if reach.runs((unit.path, symbol)):
                _read(types, (unit, function, symbol), named, (ways, found))
    _join(ways, found)
    every = [Shared(cls, _passed(fields)) for cls, fields in found.items()]
    return sorted((item for item in every if item.fields), key=lambda s: ([-n for n in s.rank], s.cls))


def _join(ways: dict[Place, Counter[tuple[Place, str]]], found: dict[Place, dict[str, Field]]) -> None:
    """Fields of an object that is mostly come to through a field of another are told with that one: `a.b`."""
    for _ in range(DEEPEST):
        for inner, ((outer, name), times) in [(place, way.most_common(1)[0]) for place, way in ways.items()]:
            if outer != inner and outer != _DIRECT[0] and 2 * times > ways[inner].total() and inner in found:
                into = found.setdefault(outer, {})
                for item in found.pop(inner).values():
                    item.name = f"{name}.{item.name}"
                    into[item.name] = item


def _passed(fields: dict[str, Field]) -> list[Field]:
    kept = [f for f in fields.values() if f.writers and f.passed]
    return sorted(kept, key=lambda f: (f.name.rpartition(".")[2].startswith("_"), [-n for n in f.width], f.name))


def _set_names(codebase: Codebase) -> frozenset[str]:
    """The names of attributes that anything but `self.x = …` sets."""
    return frozenset(
        node.attr
        for unit in units(codebase)
        if codebase.snapshot.by_path[unit.path].role == "source"
        for node in unit.nodes
        if isinstance(node, ast.Attribute)
        and not _is_self(node.value)
        and (isinstance(node.ctx, ast.Store) or _changes(unit, node))
    )


def _changes(unit: Unit, node: ast.Attribute) -> bool:
    """Whether an attribute is changed in place: `x.items.append(…)`, `x.table[key] = …`."""
    around = unit.parents.get(node)
    if isinstance(around, ast.Attribute) and around.attr in CHANGING:
        return isinstance(call := unit.parents.get(around), ast.Call) and call.func is around
    return isinstance(around, ast.Subscript) and around.value is node and isinstance(around.ctx, ast.Store)


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _read(
    types: Types,
    place: tuple[Unit, Function, str],
    named: frozenset[str],
    into: tuple[dict[Place, Counter[tuple[Place, str]]], dict[Place, dict[str, Field]]],
) -> None:
    """Note the fields of shared objects that one function sets and reads, and how it comes to the objects."""
    (unit, function, symbol), (ways, found) = place, into
    seen = [n for n in own_nodes(function) if isinstance(n, ast.Attribute) and n.attr in named]
    seen = [n for n in seen if not _is_self(n.value)]
    env: dict[str, Held] = types.environment(unit, function, symbol) if seen else {}
    for node in seen:
        held = types.held(unit.path, node.value, env)
        if held is None or held[1] or OPTIONS.search(held[0][1]) or node.attr not in types.declared(held[0]):
            continue
        outer = node.value if isinstance(node.value, ast.Attribute) and not _is_self(node.value.value) else None
        around = types.held(unit.path, outer.value, env) if outer is not None else None
        way = (around[0], outer.attr) if outer is not None and around is not None and not around[1] else _DIRECT
        ways.setdefault(held[0], Counter())[way] += 1
        item = found.setdefault(held[0], {}).setdefault(node.attr, Field(node.attr))
        writes = isinstance(node.ctx, ast.Store) or _changes(unit, node)
        (item.writers if writes else item.readers).setdefault((unit.path, symbol), unit.row(node.lineno))


def _hit(codebase: Codebase, item: Shared) -> CensusHit:
    path, symbol = item.cls
    definition = types_of(codebase).records[item.cls].definition
    told = [
        f"`{f.name}` is set by {people(codebase, f.writers, NAMED)} and read by {people(codebase, f.passed, NAMED)}"
        for f in item.fields[:FIELDS]
    ]
    more = f"; and {counted(len(item.fields) - FIELDS, 'more field')}" if len(item.fields) > FIELDS else ""
    places = [(p[0], line) for f in item.fields[:FIELDS] for p, line in [*f.writers.items(), *f.readers.items()][:8]]
    text = f"`{symbol}` objects ({path}) are filled on their way from step to step: {'; '.join(told)}{more}"
    return hit_at(
        codebase,
        path,
        (definition.head_start, definition.head_end),
        symbol=symbol,
        name=symbol,
        text=text,
        related=tuple(("use", p, line, line) for p, line in list(dict.fromkeys(places))[:PLACES]),
        detail={"fields": str(len(item.fields)), "writers": str(len(item.writers)), "width": str(item.width)},
    )
