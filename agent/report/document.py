"""The report as one frozen value: everything that any of the three documents prints.

It renders nothing. Everything in it comes from the snapshot, the pack and the answers of one audit.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from agent.stages import Stage, StagePack
from agent.state import Answer, Citation
from agent.structure import Structure
from retrieval.snapshot import Skipped, Snapshot

Answers = tuple[tuple[Stage, tuple[Answer, ...]], ...]


@dataclass(frozen=True)
class RunFacts:
    """What produced the answers. `model_sha256` is "" without a model; `options` those that shape
    answers.
    """

    model: str
    model_sha256: str
    embedder: str
    pack_hash: str
    options: Mapping[str, object] = field(default_factory=dict)
    llama_cpp: str = ""
    version: str = ""


@dataclass(frozen=True)
class Coverage:
    """Paths by what the audit did with them, each sorted.

    `read`: searched by the census; `cited`: named by a citation or an excerpt; `untouched`: read,
    but neither cited nor shown to the model; `skipped`: never read.
    """

    read: tuple[str, ...]
    cited: tuple[str, ...]
    untouched: tuple[str, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Report:
    """One finished audit. `commit` is "" when unknown; `usage` holds counts (tokens, loads, bytes)."""

    repository: str
    commit: str
    tree_hash: str
    snapshot: Snapshot
    pack: StagePack
    answers: Answers
    run: RunFacts
    coverage: Coverage
    usage: Mapping[str, int | float] = field(default_factory=dict)
    seconds: float = 0.0
    structure: Structure = field(default_factory=Structure)

    def every_answer(self) -> list[Answer]:
        """All answers in printing order."""
        return [answer for _, answers in self.answers for answer in answers]


@dataclass(frozen=True, slots=True)
class Totals:
    """What the closing summary counts; `answered` is every question that is not unresolved."""

    questions: int
    answered: int
    verified: int
    extractive: int
    unresolved: int
    edited: int
    claims: int
    citations: int
    rejected: int


def count(answers: Iterable[Answer]) -> Totals:
    """The totals over `answers`."""
    listed = list(answers)
    by_status = Counter(answer.status for answer in listed)
    claims = [claim for answer in listed for claim in answer.claims]
    return Totals(
        questions=len(listed),
        answered=len(listed) - by_status["unresolved"],
        verified=by_status["verified"],
        extractive=by_status["extractive"],
        unresolved=by_status["unresolved"],
        edited=by_status["edited"],
        claims=len(claims),
        citations=sum(len(citations_of(answer)) for answer in listed),
        rejected=sum(len(answer.rejected) for answer in listed),
    )


def citations_of(answer: Answer) -> list[Citation]:
    """Every citation of an answer's claims and excerpts, in printing order."""
    cited = [citation for claim in answer.claims for citation in claim.citations]
    return cited + [excerpt.citation for excerpt in answer.excerpts]


def cover(snapshot: Snapshot, answers: Iterable[Answer], shown: Collection[str] = ()) -> Coverage:
    """What became of every file; `shown` are the paths that stood in a prompt."""
    read = tuple(file.path for file in snapshot.files)
    cited = {citation.path for answer in answers for citation in citations_of(answer)}
    touched = cited.union(shown)
    return Coverage(
        read=read,
        cited=tuple(sorted(cited)),
        untouched=tuple(path for path in read if path not in touched),
        skipped=tuple(sorted(snapshot.skipped, key=lambda skipped: skipped.path)),
    )
