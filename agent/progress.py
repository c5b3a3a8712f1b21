"""Where a running audit stands, kept in a small file beside the report, so that another process can show it.

The file is replaced as a whole, at most twice a second, and goes away when the audit is finished; one that stays
behind belongs to an audit that was interrupted.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from agent import events
from agent.console import Situation
from agent.report.document import Report
from agent.report.files import write_page

NAME = ".progress.json"
BETWEEN = 0.5  # seconds between two writings
PAGE_BETWEEN = 20.0  # seconds between two pages of an unfinished audit
State = Literal["running", "interrupted", "finished"]


@dataclass(frozen=True)
class Standing:
    """What the file says; `left` and `seconds` are in seconds, `left` None while it is unknown."""

    state: State
    repository: str = ""
    stages: int = 0
    questions: int = 0
    answered: int = 0
    stage: int = 0
    title: str = ""
    activity: str = ""
    left: float | None = None
    seconds: float = 0.0


class ProgressFile:
    """A listener for an audit's events that keeps the file in `out`; use it in a `with`."""

    def __init__(self, out: Path) -> None:
        self._path = out / NAME
        self._situation = Situation()
        self._started = events.AuditStarted("", 0, 0, 0, 0)
        self._began = self._drawn = time.monotonic()
        self._written = 0.0
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if error is None:
            self._path.unlink(missing_ok=True)
        else:
            self._write("interrupted")

    def tee(self, listener: Callable[[events.Event], None]) -> Callable[[events.Event], None]:
        """A listener that hears an event first itself, then `listener`."""

        def both(event: events.Event) -> None:
            self.listen(event)
            listener(event)

        return both

    def listen(self, event: events.Event) -> None:
        """Take one event into account, and write when the last writing is old enough; nothing after the block's end."""
        if self._closed:
            return
        now = time.monotonic()
        if isinstance(event, events.AuditStarted):
            self._started = event
        self._situation.update(event, now)
        if now - self._written >= BETWEEN or isinstance(event, events.StageFinished):
            self._write("running")

    def draw(self, report: Callable[[], Report]) -> None:
        """Write the page of the stages finished so far, when the last one is old enough to be worth its time."""
        if self._situation.answered and time.monotonic() - self._drawn >= PAGE_BETWEEN:
            write_page(report(), self._path.parent)
            self._drawn = time.monotonic()

    def _write(self, state: State) -> None:
        now = self._written = time.monotonic()
        situation = self._situation
        stage = situation.stage
        value = {
            "state": state,
            "pid": os.getpid(),
            "repository": self._started.repository,
            "stages": self._started.stages,
            "questions": self._started.questions,
            "answered": situation.answered,
            "stage": stage.number if stage else 0,
            "title": stage.title if stage else "",
            "activity": situation.activity(),
            "left": situation.seconds_left(now),
            "seconds": now - self._began,
        }
        temporary = self._path.with_name(f"{NAME}.{os.getpid()}")
        with suppress(OSError):  # progress that cannot be shown must not stop an audit
            temporary.write_text(json.dumps(value), "utf-8")
            temporary.replace(self._path)


def read_standing(out: Path) -> Standing:
    """Where the audit that writes into `out` stands: "finished" without a file, "interrupted" without its process."""
    import psutil

    try:
        value = json.loads((out / NAME).read_text("utf-8"))
        pid = int(value.pop("pid"))
        standing = Standing(**value)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Standing("finished")
    if standing.state == "running" and not psutil.pid_exists(pid):
        return Standing(**{**value, "state": "interrupted"})
    return standing
