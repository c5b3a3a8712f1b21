"""Small pieces of the answers on vision: which calls are told first, and sentences with their places."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.models.model_entries import ASIDE
from retrieval.census.models.roster import roster_of
from retrieval.census.vision.vision_calls import Run
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Place = tuple[str, str, int, int]


def first(codebase: "Codebase", runs: list[Run]) -> list[Run]:
    """The calls that the main programs may make, without those of benchmarks and the like; all where there are none."""
    own = [run for run in runs if is_run(codebase, run)]
    return [run for run in own if not ASIDE.search(run.frame.path)] or own or runs


def is_run(codebase: "Codebase", run: Run) -> bool:
    """Whether the main programs may make a call, in the code of the repository itself."""
    lines = (run.step.start, run.step.end)
    hit = hit_at(codebase, run.frame.path, lines, symbol=run.frame.symbol, name="", text="")
    return reach_of(codebase).has(hit) and hit.role == "source"


def several(runs: Sequence[Run], most: int) -> list[Run]:
    """The first call of each model, whole models before parts inside them and before calls that
    may run any of several."""
    by = {run.name: run for run in reversed(runs)}
    kept = [run for run in runs if by[run.name] is run]
    return sorted(kept, key=lambda run: (run.inner, _inside(run), len({made.name for made in run.made}) > 2))[:most]


def _inside(run: Run) -> bool:
    """Whether the call stands in a method of a model, which runs a part of itself."""
    owner = run.frame.owner
    return owner is not None and roster_of(run.frame.program.codebase).family.is_model(owner)


def place(run: Run) -> Place:
    """Where a call stands."""
    return "call", run.frame.path, run.step.start, run.step.end


def at(codebase: "Codebase", text: str, places: Sequence[Place]) -> CensusHit:
    """A sentence with its places."""
    _, path, start, end = places[0]
    related = tuple(dict.fromkeys(places))
    return hit_at(
        codebase, path, (start, end), symbol="", name="vision", text=text[0].upper() + text[1:], related=related
    )
