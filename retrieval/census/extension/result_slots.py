"""Records with one field for each kind of model: what a model of another kind gives has no place in them.

`page.predictions.layout = …` in one class that holds a model, `page.predictions.tables = …` in another.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.handover.handed_fields import Place, Shared, shared_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.record_types import types_of
from retrieval.census.memory.stage_sets import holds_models
from retrieval.census.models.roster import Roster, roster_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN, FILLERS = 2, 6, 2


@dataclass(frozen=True, slots=True)
class Slots:
    """A record, the fields that classes with models fill, with the names of these, and its other fields."""

    path: str
    symbol: str
    lines: tuple[int, int]
    filled: dict[str, tuple[str, ...]]
    others: tuple[str, ...]

    @property
    def said(self) -> str:
        """ "`Predictions` (a.py) has one field for each kind: `boxes` (filled by `Detector`), …"."""
        told = [f"`{name}` (filled by {listed([f'`{o}`' for o in by], FILLERS)})" for name, by in self.filled.items()]
        told += [f"`{name}`" for name in self.others]
        return f"`{self.symbol}` ({self.path}) has one field for each kind: {listed(told, SHOWN)}"


@once
def result_slots(codebase: Codebase) -> list[Slots]:
    """The records of which classes that hold models fill at least two fields, each class one of its own: what fills
    several is no model but what drives them."""
    roster, found = roster_of(codebase), list[Slots]()
    for shared in shared_of(codebase):
        groups: dict[str, dict[str, tuple[str, ...]]] = {}
        for field in shared.fields:
            prefix, _, name = field.name.rpartition(".")
            fillers = tuple(dict.fromkeys(o for place in field.writers if (o := _filler(roster, place))))
            if fillers:
                groups.setdefault(prefix, {})[name] = fillers
        for prefix, given in groups.items():
            times = Counter(owner for owners in given.values() for owner in owners)
            own = {name: tuple(o for o in owners if times[o] == 1) for name, owners in given.items()}
            filled = {name: owners for name, owners in own.items() if owners}
            if len(filled) >= LEAST:
                found += _slots(codebase, shared, prefix, filled)
    return found


def _filler(roster: Roster, place: Place) -> str:
    """The class of a method when its objects, or those of classes below it, hold a model."""
    path, symbol = place
    owner = symbol.rpartition(".")[0]
    cls = roster.program.named_class(path, owner) if owner else None
    if cls is None:
        return ""
    held = any(holds_models(roster, one) for one in (cls, *roster.program.descendants(cls)))
    return cls.definition.symbol if held else ""


def _slots(codebase: Codebase, shared: Shared, prefix: str, filled: dict[str, tuple[str, ...]]) -> list[Slots]:
    types, cls = types_of(codebase), shared.cls
    for name in filter(None, prefix.split(".")):
        held = types.field_of(cls, name)
        if held is None:
            return []
        cls = held[0]
    definition = types.records[cls].definition
    others = tuple(name for name in types.records[cls].fields if name not in filled) if prefix else ()
    return [Slots(cls[0], cls[1], (definition.head_start, definition.head_end), filled, others)]
