"""What interfaces of engines take and give by their annotations: a model of another kind must fit these records."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.extension.hierarchies import hierarchies
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.record_types import Place, types_of
from retrieval.census.memory.stage_sets import holds_models
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, FIELDS = 3, 4
_OPTIONS = re.compile(r"(?:Options|Config|Settings|Args|Spec)$")
_EMBEDS = re.compile(r"(?i)embed|feature|vector|hidden|latent")


@dataclass(frozen=True, slots=True)
class Typed:
    """A method that an interface leaves to its classes, with the records that it takes and gives."""

    hit: CensusHit
    method: Definition
    takes: tuple[Place, ...]
    gives: tuple[Place, ...]


@once
def typed_interfaces(codebase: Codebase) -> list[Typed]:
    """The methods, left to classes that hold models, whose annotations name records of the repository as result."""
    roster, reach, found = roster_of(codebase), reach_of(codebase), list[Typed]()
    for hit in hierarchies(codebase, parse_query("hierarchies: what=interfaces")):
        cls = roster.program.named_class(hit.path, hit.symbol) if hit.detail["abstract"] and reach.has(hit) else None
        below = roster.program.descendants(cls) if cls is not None else ()
        if sum(holds_models(roster, one) for one in below) > 1:
            names = {f"{hit.symbol}.{name}" for name in hit.detail["abstract"].split(", ")}
            own = [item for item in codebase.facts[hit.path].definitions if item.symbol in names]
            found += [typed for item in own if (typed := _typed(codebase, hit, item)).gives]
    found = [item for item in found if not {*item.gives} <= {*item.takes}]  # `Page` in, `Page` out carries everything
    asked = Counter(place for item in found for place in item.takes)
    return sorted(found, key=lambda item: max((asked[place] for place in item.takes), default=len(found)))


def _typed(codebase: Codebase, hit: CensusHit, item: Definition) -> Typed:
    told = [parameter.partition(":")[2].partition("=")[0].strip() for parameter in item.parameters]
    takes = [place for text in told for place in _records(codebase, hit.path, text)]
    return Typed(hit, item, tuple(takes), tuple(_records(codebase, hit.path, item.returns)))


def _records(codebase: Codebase, path: str, text: str) -> list[Place]:
    """The record that an annotation names, without classes of options."""
    try:
        held = types_of(codebase).annotated(path, ast.parse(text, mode="eval").body) if text else None
    except SyntaxError:
        return []
    told = held is not None and types_of(codebase).declared(held[0]) and not _OPTIONS.search(held[0][1])
    return [held[0]] if held is not None and told else []


def said_of(codebase: Codebase, typed: list[Typed]) -> str:
    """ "`Engine.predict()` takes `Input` (`image`) and gives `Output` (`text`)", of several interfaces."""
    told = []
    for item in typed:
        takes = f" takes {_named(codebase, item.takes)} and" if item.takes else ""
        told.append(f"`{item.method.symbol}()` ({item.hit.path}){takes} gives {_named(codebase, item.gives)}")
    fields = [name for item in typed for place in item.gives for name in types_of(codebase).declared(place)]
    none = "; none of these results has a field for an embedding" if not any(map(_EMBEDS.search, fields)) else ""
    return listed(told, SHOWN) + none


def _named(codebase: Codebase, places: tuple[Place, ...]) -> str:
    records = types_of(codebase).records
    told = []
    for place in dict.fromkeys(places):
        fields = [f"`{name}`" for name in records[place].fields]
        told.append(f"`{place[1]}`" + (f" ({listed(fields, FIELDS)})" if fields else ""))
    return listed(told, SHOWN)
