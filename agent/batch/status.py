"""How the batches of one output folder stand, told by its files and locks alone, from any process.

Waits for nobody and changes nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.batch.board import Board
from agent.batch.progress import state_of

STATES = ("answering", "indexing", "queued", "failed", "done")


@dataclass(frozen=True, slots=True)
class Standing:
    """One repository: its state, what is going on or why it failed, and the model's tokens per second."""

    slug: str
    state: str
    detail: str
    stage: int = 0
    of: int = 0
    per_second: float = 0.0
    seconds: float = 0.0

    @property
    def shown(self) -> str:
        """The state with its stage."""
        return state_of(self.state, self.stage, self.of)


def standings(board: Board) -> list[Standing]:
    """Every repository of the folder, those in work first."""
    found = [_standing(slug, board.live(slug), board.record(slug)) for slug in board.slugs()]
    return sorted(found, key=lambda one: STATES.index(one.state))


def _standing(slug: str, live: Mapping[str, Any] | None, record: Mapping[str, Any] | None) -> Standing:
    if live is not None:
        state = "indexing" if live["state"] == "indexed" else live["state"]
        return Standing(slug, state, live["detail"], live["stage"], live["of"], live["per_second"])
    if record is None:
        return Standing(slug, "queued", "")
    seconds = sum(record["seconds"].values())
    if record["state"] == "failed":
        return Standing(slug, "failed", record["reason"], seconds=seconds)
    totals = record["totals"]
    counts = f"{totals['verified']} verified, {totals['extractive']} extractive, {totals['unresolved']} unresolved"
    return Standing(slug, "done", counts, seconds=seconds)


def headline(found: Sequence[Standing]) -> str:
    """Counts by state, the pace of the model, and how long the rest takes if somebody goes on with it."""
    counts = Counter(one.state for one in found)
    text = ", ".join(f"{counts[state]} {state}" for state in reversed(STATES))
    if pace := sum(one.per_second for one in found):
        text += f"; {pace:.0f} tokens/s"
    if (left := seconds_left(found)) is not None:
        text += f"; about {left / 60:.0f} minutes left"
    return text


def seconds_left(found: Sequence[Standing]) -> float | None:
    """What the rest takes at the pace of what is done, with as many at work as now; None when that cannot be told."""
    done = [one.seconds for one in found if one.state == "done"]
    working = sum(one.state in ("answering", "indexing") for one in found)
    rest = working + sum(one.state == "queued" for one in found)
    answering = sum(one.state == "answering" for one in found)
    return sum(done) / len(done) * rest / max(1, answering) if done and working else None
