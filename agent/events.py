"""What an audit tells its listener while it works. The console draws these; the audit never prints."""

from dataclasses import dataclass

from agent.state import Answer


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; subclasses say what."""


@dataclass(frozen=True, slots=True)
class Note(Event):
    """A sentence for the person: a resumed run, a changed repository, a fallback taken."""

    text: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """`done` of `total` units of a phase: "walk", "facts", "chunks", "embed", "census", "load"."""

    phase: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class AuditStarted(Event):
    """The pack is read and the snapshot taken."""

    repository: str
    files: int
    skipped: int
    stages: int
    questions: int


@dataclass(frozen=True, slots=True)
class ModelLoaded(Event):
    """The model is resident; `plan` is its memory plan in one line."""

    alias: str
    plan: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StageStarted(Event):
    """A stage begins (attempt 1) or asks its rejected questions again (attempt 2 and up)."""

    stage_id: str
    title: str
    number: int
    of: int
    attempt: int
    questions: tuple[str, ...]
    evidence: int
    evidence_tokens: int


@dataclass(frozen=True, slots=True)
class Tokens(Event):
    """Model progress inside a stage: prompt tokens evaluated and tokens generated so far, tokens per second."""

    phase: str  # "prompt" | "generate"
    done: int
    total: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Written(Event):
    """What the model has just added to the draft of a question."""

    question_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Drafted(Event):
    """The whole draft of a question, before the verifier has seen it."""

    question_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged(Event):
    """The verifier's word on one question's draft: claims accepted and refused."""

    question_id: str
    accepted: int
    rejected: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageFinished(Event):
    """All questions of a stage have their answers."""

    stage_id: str
    answers: tuple[Answer, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The report is written."""

    out: str
    answered: int
    verified: int
    extractive: int
    unresolved: int
    citations: int
    seconds: float
    peak_memory_bytes: int
