"""Questions from the served page: each reply as plain values, with the cited lines themselves, so that the page needs
no other file. One question at a time; the model stays loaded in between.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from agent.ask import Inquirer
from agent.events import Event, ModelLoaded, Progress, Tokens
from agent.options import AuditOptions
from agent.report.reply import reply_json, searched_line
from agent.report.sources import cut
from retrieval.chunk import Span

if TYPE_CHECKING:
    from agent.ask import Reply

MOST_LINES, AROUND = 40, 2
BETWEEN = 0.3  # seconds between two words on progress
Say = Callable[[dict[str, Any]], None]


class Conversation:
    """Answers questions about the repository of `options`; use it in a `with`, which ends the model's process."""

    def __init__(self, options: AuditOptions) -> None:
        self._one = threading.Lock()
        self._say: Say = lambda value: None
        self._heard = 0.0
        self._inquirer = Inquirer(options, self._hear)

    def __enter__(self) -> Self:
        self._inquirer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inquirer.__exit__(kind, error, trace)

    def ask(self, question: str, say: Say) -> None:
        """Answer one question. `say` gets {"kind": "progress", "text"}, then {"kind": "facts" or "reply", "reply"}.

        Raises MachineError and RetrievalError.
        """
        with self._one:
            self._say = say
            reply = self._inquirer.ask(question, lambda facts: say({"kind": "facts", "reply": self._told(facts)}))
            say({"kind": "reply", "reply": self._told(reply)})

    def _told(self, reply: "Reply") -> dict[str, Any]:
        told: dict[str, Any] = reply_json(reply)
        for claim in told["claims"]:
            for citation in claim["citations"]:
                citation["lines"] = self._lines(Span(citation["path"], citation["start"], citation["end"]))
        for place in told["nearest"]:
            place["lines"] = self._lines(Span(place["path"], place["start"], place["end"]))
        return told | {"searched": searched_line(reply), "census": []}

    def _lines(self, span: Span) -> dict[str, Any]:
        """The cited lines with two around them: the number of the first, and the texts."""
        lines = self._inquirer.codebase.snapshot.by_path[span.path].lines
        first = max(1, span.start - AROUND)
        last = min(span.end + AROUND, first + MOST_LINES - 1, len(lines))
        return {"first": first, "texts": [cut(line) for line in lines[first - 1 : last]]}

    def _hear(self, event: Event) -> None:
        now = time.monotonic()
        if now - self._heard >= BETWEEN and (text := _activity(event)):
            self._heard = now
            self._say({"kind": "progress", "text": text})


def _activity(event: Event) -> str:
    match event:
        case Progress():
            return f"{event.phase} {event.done}/{event.total}"
        case ModelLoaded():
            return f"model {event.alias} loaded"
        case Tokens():
            verb = "reading evidence" if event.phase == "prompt" else "writing"
            return f"{verb}, {event.done} tokens"
    return ""
