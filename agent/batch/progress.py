"""Where a batch stands, for people: log lines, and rows of a live table. Pure bookkeeping over signs and outcomes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.batch.task import Outcome, Sign

ROWS = 12
_ACTIVE = ("answering", "indexing", "indexed")


@dataclass
class Progress:
    """The state of every repository of one call; `began` and every `now` are in seconds."""

    began: float
    signs: dict[str, Sign] = field(default_factory=dict)
    ended: dict[str, Outcome] = field(default_factory=dict)
    _working: set[str] = field(default_factory=set)

    def update(self, message: Sign | Outcome) -> str:
        """Take one message; its log line, "" when it deserves none."""
        if isinstance(message, Outcome):
            self.ended[message.slug] = replace(message, record={}, files={})
            return _ending(message)
        before = self.signs.get(message.slug)
        self.signs[message.slug] = message
        return _line(message, before)

    def counts(self) -> Counter[str]:
        """Repositories by state."""
        states = [self.ended[slug].state if slug in self.ended else sign.state for slug, sign in self.signs.items()]
        return Counter("indexing" if state == "indexed" else state for state in states)

    def seconds_left(self, now: float) -> float | None:
        """What the rest takes at the pace so far; None before anything was done."""
        worked = sum(not outcome.unchanged for outcome in self.ended.values())
        rest = len(self.signs) - len(self.ended)
        return (now - self.began) / worked * rest if worked else None

    def headline(self) -> str:
        """Counts of repositories by state, and the model's pace."""
        counts = self.counts()
        parts = [f"{counts[state]} {state}" for state in ("queued", "indexing", "answering", "done", "failed")]
        pace = sum(sign.per_second for slug, sign in self.signs.items() if slug not in self.ended)
        return ", ".join(parts) + (f"; {pace:.0f} tokens/s" if pace else "")

    def rows(self) -> list[tuple[str, str, str]]:
        """(repository, state, what is going on) of those in work."""
        active = [sign for slug, sign in self.signs.items() if slug not in self.ended and sign.state in _ACTIVE]
        active.sort(key=lambda sign: _ACTIVE.index(sign.state))
        return [(sign.slug, state_of(sign.state, sign.stage, sign.of), sign.detail) for sign in active[:ROWS]]


def state_of(state: str, stage: int, of: int) -> str:
    """ "answering stage 3/17", or the state alone."""
    return f"{state} stage {stage}/{of}" if stage else state


def _line(sign: Sign, before: Sign | None) -> str:
    """A line where the state or the stage changed, or something was said that is no mere counting."""
    if sign.state == "queued":
        return f"{sign.slug}: {sign.detail}" if sign.detail else ""
    if before is None or (before.state, before.stage) != (sign.state, sign.stage):
        detail = f": {sign.detail}" if sign.detail else ""
        return f"{sign.slug}: {state_of(sign.state, sign.stage, sign.of)}{detail}"
    return ""


def _ending(outcome: Outcome) -> str:
    if outcome.state == "failed":
        return f"{outcome.slug}: failed: {outcome.reason}"
    if outcome.unchanged:
        return f"{outcome.slug}: unchanged"
    totals: Mapping[str, Any] = outcome.record["totals"]
    seconds = sum(outcome.record["seconds"].values())
    return (
        f"{outcome.slug}: done in {seconds:.1f} s: {totals['verified']} verified, "
        f"{totals['extractive']} extractive, {totals['unresolved']} unresolved"
    )
