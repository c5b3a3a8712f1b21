"""The terminal: live progress while an audit runs, plain log lines where there is no terminal. The
one import of rich.

Draws the events of agent/events.py on standard error and decides nothing. Every text that comes
from a repository is made inert before it is shown.
"""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent import events
from agent.report.markup import one_line
from agent.situation import Situation, clock, describe, drafted, size, summary

if TYPE_CHECKING:
    from agent.pull import PullProgress

QUIET_SECONDS = 15.0
STYLES = {"head": "bold reverse", "fact": "bold", "person": "cyan", "fault": "red", "note": "dim"}


class _Shown(ABC):
    """What is drawn on the terminal while a `with` lasts, and restored on any exit."""

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shut()

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _shut(self) -> None: ...


class Console(_Shown):
    """A listener for an audit's events; use it in a `with`, so that the terminal is restored on any
    exit.
    """

    def __init__(self, *, lines: bool = True, drafts: bool = False) -> None:
        """Without `lines` only what is going on now is shown, and notes; nothing is left of it afterwards. `drafts`
        shows what the model writes, while it does, and the verifier's word on it.
        """
        self._rich = RichConsole(stderr=True, highlight=False, markup=False, emoji=False)
        self._lines, self._drafts, self._paused = lines, drafts, False
        self._situation = Situation()
        self._start = self._said = time.monotonic()
        self._live: Live | None = None

    def _open(self) -> None:
        if self._rich.is_terminal:
            self._begin()

    def _begin(self) -> None:
        """A live line of its own each time: one that is started again clears what was written since it stopped."""
        self._live = Live(console=self._rich, get_renderable=self._draw, refresh_per_second=6, transient=True)
        self._live.start()
        self._paused = False

    def _shut(self) -> None:
        if self._live:
            self._live.stop()

    def listen(self, event: events.Event) -> None:
        """Show one event."""
        now = time.monotonic()
        self._situation.update(event, now)
        if self._live and self._paused:
            self._begin()
        if (self._lines or isinstance(event, events.Note)) and (line := describe(event, self._situation, now)):
            self.say(line)
        elif self._lines and not self._live and now - self._said > QUIET_SECONDS:
            self.say(self._situation.activity())
        if self._drafts and isinstance(event, events.Drafted | events.Judged):
            self.show(drafted(event))
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
        if self._drafts and situation.drafts:
            return Group(*(self._growing(name, text) for name, text in situation.drafts.items()))
        if not situation.questions:
            return Group(Spinner("dots", text=Text(situation.activity(), style="dim")))
        title = f"{one_line(stage.title)}: {', '.join(stage.questions)}; " if stage else ""
        line = Text(title + situation.activity(), style="dim", overflow="ellipsis", no_wrap=True)
        return Group(grid, Spinner("dots", text=line))

    def _growing(self, name: str, text: str) -> Text:
        """The end of a draft that is being written, on one line."""
        room = max(20, self._rich.width - 12)
        return Text(f"  {name:<5} {one_line(text)[-room:]}", style="italic", no_wrap=True, overflow="crop")

    def show(self, lines: Iterable[tuple[str, str]], more: Callable[[], bool] = lambda: True) -> None:
        """(role, text) lines as in agent/report/reply.py, on standard error; `more` is asked before each further
        screenful and ends it with False.
        """
        self.pause()
        room = 0
        for role, text in lines:
            height = max(1, -(-cell_len(text) // self._rich.width))
            if room and room + height > self._rich.height - 2 and self._rich.is_terminal:
                if not more():
                    return
                room = 0
            room += height
            self._rich.print(Text(text, style=STYLES.get(role, "")), soft_wrap=not self._rich.is_terminal)

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

    def __init__(self, clear: Callable[[], None]) -> None:
        """`clear` takes away what a live display shows, before anything is written."""
        self._rich = RichConsole(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.clear = clear

    def line(self, role: str, text: str) -> None:
        """One line that is inert already; `role` as in agent/report/reply.py."""
        self.clear()
        self._rich.print(Text(text, style=STYLES.get(role, "")))


class LiveTable(_Shown):
    """A headline over a table that are drawn anew while they are shown, and log lines above them; without a terminal
    the log lines alone. Use it in a `with`."""

    def __init__(self, headline: Callable[[], str], rows: Callable[[], Sequence[Sequence[str]]]) -> None:
        self._headline = headline
        self._rows = rows
        self._rich = RichConsole(stderr=True, highlight=False, markup=False, emoji=False)
        self._start = time.monotonic()
        self._live: Live | None = None

    def _open(self) -> None:
        if self._rich.is_terminal:
            self._live = Live(console=self._rich, get_renderable=self._draw, refresh_per_second=4, transient=True)
            self._live.start()

    def _shut(self) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line on standard error, unless it is empty."""
        stamp = clock(time.monotonic() - self._start)
        if text and self._live:
            self._rich.print(Text(f"{stamp}  ", style="dim") + Text(one_line(text)))
        elif text:
            sys.stderr.write(f"{stamp}  {one_line(text)}\n")
            sys.stderr.flush()

    def _draw(self) -> Group:
        grid = Table.grid(padding=(0, 2))
        for cells in self._rows():
            grid.add_row(*(Text(one_line(cell), overflow="ellipsis", no_wrap=True) for cell in cells))
        return Group(Spinner("dots", text=Text(self._headline(), style="bold")), grid)


class Download(_Shown):
    """Shows one download; use it in a `with`. Without a terminal it writes a line at most every 15
    seconds.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._rich = RichConsole(stderr=True, highlight=False, markup=False, emoji=False)
        self._status = self._rich.status(Text(alias)) if self._rich.is_terminal else None
        self._said = time.monotonic()

    def _open(self) -> None:
        if self._status:
            self._status.start()

    def _shut(self) -> None:
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
