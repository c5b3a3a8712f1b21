"""Where an audit stands, and how that reads: log lines, the closing figures, times and sizes for people.

Pure bookkeeping over the events of agent/events.py; console.py draws it.
"""

from dataclasses import dataclass, field

from agent import events
from agent.report.markup import one_line

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
    drafts: dict[str, str] = field(default_factory=dict)

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
            case events.Written():
                self.drafts[event.question_id] = self.drafts.get(event.question_id, "") + event.text
            case events.Drafted():
                self.drafts.pop(event.question_id, None)
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


def drafted(event: events.Drafted | events.Judged) -> list[tuple[str, str]]:
    """What the model wrote, or the verifier's word on it, as (role, text) lines."""
    if isinstance(event, events.Drafted):
        said = [line for line in event.text.split("\n") if line.strip()] or ["(nothing was written)"]
        return [("model", f"  {event.question_id:<5} {one_line(line)}") for line in said]
    faults = f": {', '.join(dict.fromkeys(event.faults))}" if event.faults else ""
    return [("note", f"  {event.question_id:<5} {event.accepted} accepted, {event.rejected} refused{faults}")]


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
