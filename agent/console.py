"""The terminal: live progress while an audit runs, plain log lines where there is no terminal. The
one import of rich.

Draws the events of agent/events.py on standard error and decides nothing. Every text that comes
from a repository is made inert before it is shown.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from rich.console import Console as RichConsole
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent import events
from agent.report.markup import one_line

if TYPE_CHECKING:
    from agent.pull import PullProgress

QUIET_SECONDS = 15.0
_PHASES = {
    "walk": "reading files",
    "facts": "reading the code",
    "chunks": "splitting into chunks",
    "embed": "embedding",
    "census": "asking the census",
    "load": "loading the model",
}


@dataclass
class Situation:
    """Where an audit stands, as far as its events tell. Pure bookkeeping; `now` is in seconds."""

    questions: int = 0
    answered: int = 0
    stage: events.StageStarted | None = None
    tokens: events.Tokens | None = None
    progress: events.Progress | None = None
    began: float | None = None
    judged: set[str] = field(default_factory=set)

    def update(self, event: events.Event, now: float) -> None:
        """Take one event into account."""
        match event:
            case events.AuditStarted():
                self.questions = event.questions
            case events.Progress():
                self.progress = event if event.done < event.total else None
            case events.StageStarted():
                self.stage, self.tokens, self.progress = event, None, None
                self.began = now if self.began is None else self.began
            case events.Tokens():
                self.tokens = event
            case events.Judged():
                self.judged.add(event.question_id)
            case events.StageFinished():
                self.answered += len(event.answers)
                self.tokens = None

    def seconds_left(self, now: float) -> float | None:
        """What the remaining questions take at the pace so far; None before the first stage is
        finished.
        """
        if self.began is None or not self.answered:
            return None
        return (now - self.began) / self.answered * (self.questions - self.answered)

    def activity(self) -> str:
        """The one line about what is going on now."""
        if self.progress:
            phase = _PHASES.get(self.progress.phase, self.progress.phase)
            return f"{phase} {self.progress.done}/{self.progress.total}"
        if self.tokens:
            verb = "reading evidence" if self.tokens.phase == "prompt" else "writing"
            done, total = self.tokens.done, self.tokens.total
            return f"{verb}, {done}/{total} tokens, {self.tokens.per_second:.0f} tokens/s"
        if self.stage:
            return f"{self.stage.evidence} evidence items, {self.stage.evidence_tokens} tokens"
        return "starting"


class Console:
    """A listener for an audit's events; use it in a `with`, so that the terminal is restored on any
    exit.
    """

    def __init__(self, *, lines: bool = True) -> None:
        """Without `lines` only what is going on now is shown, and notes; nothing is left of it afterwards."""
        self._rich = RichConsole(stderr=True, highlight=False, markup=False, emoji=False)
        self._lines, self._paused = lines, False
        self._situation = Situation()
        self._start = self._said = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._rich.is_terminal:
            self._live = Live(console=self._rich, get_renderable=self._draw, refresh_per_second=6, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def listen(self, event: events.Event) -> None:
        """Show one event."""
        now = time.monotonic()
        self._situation.update(event, now)
        if self._live and self._paused:
            self._live.start()
            self._paused = False
        if (self._lines or isinstance(event, events.Note)) and (line := describe(event, self._situation, now)):
            self.say(line)
        elif self._lines and not self._live and now - self._said > QUIET_SECONDS:
            self.say(self._situation.activity())
        if isinstance(event, events.Finished):
            self._close(event)

    def pause(self) -> None:
        """Clear the live line until the next event, so that others can write to the terminal."""
        if self._live and not self._paused:
            self._live.stop()
            self._paused = True

    def say(self, text: str) -> None:
        """One line on standard error."""
        self._said = time.monotonic()
        stamp = clock(self._said - self._start)
        if self._live:
            self._rich.print(Text(f"{stamp}  ", style="dim") + Text(one_line(text)))
        else:
            sys.stderr.write(f"{stamp}  {one_line(text)}\n")
            sys.stderr.flush()

    def _draw(self) -> Group:
        situation, now = self._situation, time.monotonic()
        stage = situation.stage
        left = situation.seconds_left(now)
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            Text(f"stage {stage.number}/{stage.of}" if stage else "preparing", style="bold"),
            ProgressBar(total=situation.questions or 1, completed=situation.answered, width=30),
            Text(f"{situation.answered}/{situation.questions} questions"),
            Text(f"about {clock(left)} left" if left is not None else "", style="dim"),
        )
        if not situation.questions:
            return Group(Spinner("dots", text=Text(situation.activity(), style="dim")))
        title = f"{one_line(stage.title)}: {', '.join(stage.questions)}; " if stage else ""
        line = Text(title + situation.activity(), style="dim", overflow="ellipsis", no_wrap=True)
        return Group(grid, Spinner("dots", text=line))

    def _close(self, event: events.Finished) -> None:
        if self._live:
            self._live.stop()
            self._live = None
        grid = Table.grid(padding=(0, 3))
        for label, value in summary(event):
            grid.add_row(Text(label, style="dim"), Text(value))
        if self._rich.is_terminal:
            self._rich.print(grid)
        else:
            for label, value in summary(event):
                sys.stderr.write(f"{label:<12} {value}\n")


class Paper:
    """Standard output for people: lines by role, coloured where it is a terminal that wants colour."""

    _STYLES: ClassVar[dict[str, str]] = {"fact": "bold", "model": "", "note": "dim", "place": ""}

    def __init__(self, clear: Callable[[], None]) -> None:
        """`clear` takes away what a live display shows, before anything is written."""
        self._rich = RichConsole(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.clear = clear

    def line(self, role: str, text: str) -> None:
        """One line that is inert already; `role` as in agent/report/reply.py."""
        self.clear()
        self._rich.print(Text(text, style=self._STYLES[role]))


class Download:
    """Shows one download; use it in a `with`. Without a terminal it writes a line at most every 15
    seconds.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._rich = RichConsole(stderr=True, highlight=False, markup=False, emoji=False)
        self._status = self._rich.status(Text(alias)) if self._rich.is_terminal else None
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status:
            self._status.stop()

    def listen(self, progress: "PullProgress") -> None:
        """Show how far it is."""
        total = f" of {size(progress.total)}" if progress.total else ""
        line = one_line(f"{self._alias}: {size(progress.done)}{total}, {progress.what}")
        if self._status:
            self._status.update(Text(line))
        elif time.monotonic() - self._said > QUIET_SECONDS:
            self._said = time.monotonic()
            sys.stderr.write(line + "\n")


def describe(event: events.Event, situation: Situation, now: float) -> str:
    """The log line of an event, "" when it deserves none."""
    match event:
        case events.Note():
            return event.text
        case events.AuditStarted():
            return (
                f"{event.repository}: {event.files} files read, {event.skipped} skipped; "
                f"{event.stages} stages, {event.questions} questions"
            )
        case events.ModelLoaded():
            return f"model {event.alias} loaded in {event.seconds:.1f} s: {event.plan}"
        case events.Progress() if event.done >= event.total > 0:
            return f"{_PHASES.get(event.phase, event.phase)}: {event.total} done"
        case events.StageStarted():
            again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
            asked = f": {', '.join(event.questions)}" if event.questions else ""
            return f"stage {event.number}/{event.of} {event.title}{again}{asked}"
        case events.StageFinished():
            left = situation.seconds_left(now)
            pace = f", about {clock(left)} left" if left else ""
            return f"finished: {_statuses(event)} in {event.seconds:.1f} s{pace}"
    return ""


def summary(event: events.Finished) -> list[tuple[str, str]]:
    """The closing table as (label, value) rows."""
    return [
        ("answered", f"{event.answered} of {event.answered + event.unresolved}"),
        ("verified", str(event.verified)),
        ("extractive", str(event.extractive)),
        ("unresolved", str(event.unresolved)),
        ("citations", str(event.citations)),
        ("time", clock(event.seconds)),
        ("peak memory", size(event.peak_memory_bytes) if event.peak_memory_bytes else "unknown"),
        ("report", one_line(event.out)),
    ]


def _statuses(event: events.StageFinished) -> str:
    counts: dict[str, int] = {}
    for answer in event.answers:
        counts[answer.status] = counts.get(answer.status, 0) + 1
    return ", ".join(f"{number} {status}" for status, number in counts.items()) or "nothing asked"


def clock(seconds: float) -> str:
    """Minutes and seconds, as 4:05; hours when there are any."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(count: int) -> str:
    """Bytes for people, as 1.1 GiB."""
    number, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
