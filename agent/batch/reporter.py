"""An audit's events as signs of life of a task: few enough to cross a pipe, whatever the audit tells."""

import time
from collections.abc import Callable

from agent import events
from agent.batch.task import Sign, State

TELL_SECONDS = 0.5


class Reporter:
    """A listener of one audit; `tell` gets its signs, at most one each half second besides the turns of stages."""

    def __init__(self, slug: str, state: State, tell: Callable[[Sign], None]) -> None:
        self._slug = slug
        self._state: State = state
        self._tell = tell
        self._stage = self._of = 0
        self._told = 0.0
        self._entered = ("", 0.0)
        self.seconds: dict[str, float] = {}

    def listen(self, event: events.Event) -> None:
        """Take one event; a stage, a note and a loaded model are always told."""
        match event:
            case events.StageFinished():
                self._leave(event.stage_id)
            case events.StageStarted():
                if self._entered[0] != event.stage_id:
                    self._entered = (event.stage_id, time.monotonic())
                self._stage, self._of = event.number, event.of
                again = f", attempt {event.attempt}" if event.attempt > 1 else ""
                self._say(f"{event.title}{again}")
            case events.ModelLoaded():
                self._say(f"model {event.alias}: {event.plan}")
            case events.Note():
                self._say(event.text)
            case events.Progress() if self._due():
                self._say(f"{event.phase} {event.done}/{event.total}")
            case events.Tokens() if self._due():
                self._say("", event.per_second)

    def _leave(self, stage: str) -> None:
        """Everything that a stage took, census and verifier too; `seconds` has it by the stage's id."""
        if self._entered[0] == stage:
            self.seconds[stage] = time.monotonic() - self._entered[1]

    def _due(self) -> bool:
        return time.monotonic() - self._told >= TELL_SECONDS

    def _say(self, detail: str, per_second: float = 0.0) -> None:
        self._told = time.monotonic()
        self._tell(Sign(self._slug, self._state, detail, self._stage, self._of, per_second))
