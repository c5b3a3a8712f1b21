"""How far a batch is: prompt tokens evaluated, tokens written, told at most four times a second."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a batch: prompt tokens evaluated so far, or tokens written so far.

    `total` is of all prompt tokens, or of all tokens allowed; `seconds` counts from the start of
    the phase. `written` are the tokens written since the last step, by the request's place.
    """

    phase: Literal["prompt", "write"]
    done: int
    total: int
    seconds: float
    written: Mapping[int, Sequence[int]] = field(default_factory=dict)


Listener = Callable[[Step], None]


class Pace:
    """Tells the listener of one phase, at most four times a second."""

    def __init__(
        self,
        listener: Listener,
        phase: Literal["prompt", "write"],
        total: int,
        fresh: dict[int, list[int]] | None = None,
    ) -> None:
        """`fresh` collects the tokens of each request until they are told."""
        self._listener = listener
        self._fresh = {} if fresh is None else fresh
        self._phase: Literal["prompt", "write"] = phase
        self._total = total
        self._done = 0
        self._began = time.perf_counter()
        self._said = 0.0

    def add(self, count: int) -> None:
        self._done += count
        now = time.perf_counter()
        if now - self._said >= 0.25 or self._done == self._total:
            self._said = now
            self._tell(now)

    def close(self) -> None:
        """Tell what has not been told yet."""
        if self._fresh:
            self._tell(time.perf_counter())

    def _tell(self, now: float) -> None:
        written = dict(self._fresh)
        self._fresh.clear()
        self._listener(Step(self._phase, self._done, self._total, now - self._began, written))
