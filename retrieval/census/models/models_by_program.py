"""Which program makes which models, in a sentence, where several programs make different ones."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.starts import Start
from retrieval.census.language import hit_at
from retrieval.census.meaning.feasible import refuted
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.residency import made_by
from retrieval.census.models.made_models import Made
from retrieval.census.models.model_entries import Entry
from retrieval.census.models.roster import Roster
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, MOST_PROGRAMS, MOST_MODELS, TOGETHER = 2, 6, 8, 3


def by_program(codebase: "Codebase", roster: Roster, entries: Sequence[Entry]) -> Iterator[CensusHit]:
    """One sentence; none for a single program, or when all make the same."""
    names = {entry.name for entry in entries}
    told: dict[tuple[str, ...], dict[str, Start]] = {}
    for start in reach_of(codebase).starts:
        made = [m for m in made_by(roster, start, hosted=True) if m.name in names and not _excluded(roster, start, m)]
        if made and not start.name.startswith("the public API"):
            told.setdefault(tuple(dict.fromkeys(m.name for m in made)), {}).setdefault(_called(start), start)
    if len(told) < LEAST or len(names) < LEAST:
        return
    rows = [
        f"{listed(list(starts), TOGETHER)}: {listed([f'`{name}`' for name in made], MOST_MODELS)}"
        for made, starts in list(told.items())[:MOST_PROGRAMS]
    ]
    places = [("program", s.path, *s.lines) for group in told.values() for s in group.values()][:MOST_PROGRAMS]
    _, path, first, last = places[0]
    yield hit_at(
        codebase, path, (first, last), symbol="", name="summary", text=f"By program: {'; '.join(rows)}",
        related=tuple(dict.fromkeys(places[1:])),
    )  # fmt: skip


def _called(start: Start) -> str:
    return start.name if "`" in start.name else f"`{start.name}`"


def _excluded(roster: Roster, start: Start, made: Made) -> bool:
    """Whether the constants that the program's own calls give to the function that makes a model rule it out."""
    units = {*start.units}
    calls = [call for call in roster.tracer.holders.callers(made.frame) if (call[0].path, call[0].symbol) in units]
    return bool(calls) and all(refuted(made.frame, made.step.guards, (call,)) for call in calls)
