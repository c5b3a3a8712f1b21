"""The values of checking: a place in the repository, and what is said of a citation of it."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal[
    "ok", "weak", "moved", "changed", "wrong_lines", "missing", "out_of_range", "too_wide", "ambiguous", "unparsable"
]
VERDICTS: tuple[Verdict, ...] = (
    "ok", "weak", "moved", "changed", "wrong_lines", "missing", "out_of_range", "too_wide", "ambiguous", "unparsable",
)  # fmt: skip
FALSE: frozenset[Verdict] = frozenset(
    ["moved", "changed", "wrong_lines", "missing", "out_of_range", "too_wide", "unparsable"]
)  # and `ambiguous` where lines are cited


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file of the repository, 1-based and inclusive."""

    path: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.path}:{self.start}" + (f"-{self.end}" if self.end != self.start else "")


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict with its reason, for people; `now` is where the cited lines stand when they moved."""

    verdict: Verdict
    reason: str
    now: Place | None = None
