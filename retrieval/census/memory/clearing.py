"""Kind `clearing`: functions that give cached memory back or collect garbage, and what runs them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.triggers import triggers_of
from retrieval.census.meaning.wording import caller
from retrieval.census.models.roster import roster_of
from retrieval.census.settings.switches import circumstances_of, proof
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Related = tuple[str, str, int, int]
_CLEARING = words("empty_cache ipc_collect malloc_trim clear_session release_memory clear_device_cache")


@kind(
    "clearing",
    summary="functions that call `empty_cache` or `gc.collect`, on which condition, and the callers of those functions",
    example="clearing",
    reads="python",
    ordered=True,
)
def clearing(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function; patterns match what it calls."""
    for frame, _depth in roster_of(codebase).frames:
        steps = [step for step in frame.body.calls if _clears(step)]
        names = list(dict.fromkeys(step.written for step in steps))
        if not names or not query.matches(*names):
            continue
        said, behind = _told(codebase, frame, steps)
        trigger = triggers_of(codebase, frame)
        subject = caller(frame)
        text = f"{subject[0].upper()}{subject[1:]} calls {said}"
        related = [("call", frame.path, step.start, step.end) for step in steps[1:]]
        related += [*behind, *(("caller", path, line, line) for path, line in trigger.places)]
        yield hit_at(
            codebase, frame.path, (steps[0].start, steps[0].end), symbol=frame.symbol, name=names[0],
            text=text + trigger.said, related=tuple(dict.fromkeys(related)),
        )  # fmt: skip


def _told(codebase: "Codebase", frame: "Frame", steps: list[CallStep]) -> tuple[str, list[Related]]:
    """The calls, those on one condition together, with the condition; and the places that show the conditions."""
    groups: dict[str, dict[str, None]] = {}
    behind: list[Related] = []
    for step in steps:
        condition, shown = circumstances_of(codebase, frame, step.guards)
        groups.setdefault(condition, {})[f"`{step.written}()`"] = None
        behind += proof(shown)
    told = [f"{listed(list(names))}{condition}" for condition, names in groups.items()]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1]))), behind


def _clears(step: CallStep) -> bool:
    head, _, last = step.written.rpartition(".")
    return last in _CLEARING or step.written in ("gc.collect", "collect") or (last == "collect" and head.endswith("gc"))
