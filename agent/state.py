"""The values that flow through an audit, from evidence to the accepted answer.

What crosses a checkpoint, a file or a process is a frozen pydantic model.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from retrieval.chunk import Span

Status = Literal["verified", "extractive", "unresolved", "edited"]
Origin = Literal["census", "model", "excerpt", "person"]


class Frozen(BaseModel):
    """Immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Citation(Frozen):
    """Lines of a file of the snapshot; `sha256` is of their bytes, without the last line's `\\n`.

    `symbol` is the innermost definition around the first line, "" at module level and outside Python.
    """

    path: str
    start: int
    end: int
    sha256: str
    symbol: str = ""

    @property
    def span(self) -> Span:
        """The cited lines as a span."""
        return Span(self.path, self.start, self.end)


class Evidence(Frozen):
    """One numbered item shown to the model in a stage's prompt.

    `id` is "E1", "E2" …; `spans` are the lines that the item stands for and that a claim citing it cites;
    `text` what the model is shown: line-numbered code, or the statements of a census. `questions` are the ids of
    the questions it was gathered for, `why` how it was found, `names` the identifiers known to stand in it.
    """

    id: str
    kind: Literal["code", "census"]
    title: str
    spans: tuple[tuple[str, int, int], ...]
    text: str
    questions: tuple[str, ...] = ()
    why: str = ""
    names: tuple[str, ...] = ()

    def span_list(self) -> list[Span]:
        """`spans` as spans."""
        return [Span(*span) for span in self.spans]


class DraftClaim(Frozen):
    """One sentence of the model with the evidence ids it was written under, not yet believed."""

    text: str
    evidence: tuple[str, ...]


class Fault(Frozen):
    """Why a claim was refused. `message` is worded for the model, so that it can do better."""

    kind: str
    message: str


class Repair(Frozen):
    """A deterministic correction of a draft claim, made before any retry.

    `after` is "" for one that was tried in vain; `accepted` says whether the corrected claim passed.
    """

    kind: str
    before: str
    after: str
    accepted: bool = False


class Claim(Frozen):
    """An accepted statement with the citations that prove it.

    `level` 0 is a statement, 1 an item under the statement before it; `block` is preformatted text (a
    directory tree) that is printed in a fence under the statement. `searched` is the number of files that
    prove an absence, for a statement that has nothing to cite. `faults` is what the verifier held against the
    statement of a person who kept it all the same.
    """

    text: str
    citations: tuple[Citation, ...]
    origin: Origin
    evidence: tuple[str, ...] = ()
    level: int = 0
    block: str = ""
    searched: int = 0
    faults: tuple[Fault, ...] = ()


class Verdict(Frozen):
    """What the verifier says of one draft claim: `claim` when accepted, else `faults`."""

    draft: DraftClaim
    claim: Claim | None = None
    faults: tuple[Fault, ...] = ()
    repairs: tuple[Repair, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the claim may be printed."""
        return self.claim is not None


class Excerpt(Frozen):
    """Code quoted in an answer; `text` equals the cited lines."""

    citation: Citation
    language: str
    text: str


class CensusRecord(Frozen):
    """One census query behind an answer, with every hit."""

    query: str
    files_searched: int
    hits: tuple[dict[str, object], ...]
    unread: tuple[dict[str, str], ...] = ()


class Stated(Frozen):
    """One of the things said: its value, a statement that says it, and the ids of the questions that do."""

    value: str
    said: str
    questions: tuple[str, ...]


class Contradiction(Frozen):
    """Different values of `what` ("count", "version", …) said of one `subject`."""

    what: str
    subject: str
    statements: tuple[Stated, ...]


class Rejected(Frozen):
    """A claim that was never accepted, kept for the record."""

    text: str
    faults: tuple[Fault, ...]


class Shown(Frozen):
    """Evidence that stood in the prompt of a question: what `Evidence` says without its text."""

    id: str
    kind: Literal["code", "census"]
    title: str
    spans: tuple[tuple[str, int, int], ...]
    why: str = ""


class Answer(Frozen):
    """The answer to one question as it is reported; `claims` come in printing order.

    `missing` names what the question asks for and the answer does not say. `shown` is the evidence that the model was
    given; a claim that rests on an item names its id.
    """

    question_id: str
    question: str
    status: Status
    claims: tuple[Claim, ...] = ()
    census: tuple[CensusRecord, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    repairs: tuple[Repair, ...] = ()
    shown: tuple[Shown, ...] = ()
    left_out: tuple[str, ...] = ()
    missing: tuple[Fault, ...] = ()
    attempts: int = 0
    seconds: float = 0.0
