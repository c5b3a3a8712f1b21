"""The report as one frozen value: everything that any of the three documents prints.

It renders nothing. Everything in it comes from the snapshot, the pack and the answers of one audit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.report.coverage import Answers, Coverage, citations_of
from agent.stages import StagePack
from agent.state import Answer, Claim, Contradiction
from agent.structure import Structure
from retrieval.snapshot import Snapshot


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
    judge: str = ""
    judge_sha256: str = ""


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
    contradictions: tuple[Contradiction, ...] = ()
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


def attribution(claim: Claim) -> str:
    """ " (Stated by a person.)" behind such a statement, with what the verifier held against it, if it did."""
    if claim.origin != "person":
        return ""
    against = "; ".join(fault.message for fault in claim.faults)
    return f" (Stated by a person against the verifier: {against}.)" if against else " (Stated by a person.)"


@dataclass(frozen=True, slots=True)
class Yield:
    """How often a kind of repair was tried on a draft, and how often the draft then passed."""

    tried: int
    accepted: int


def repair_yields(answers: Iterable[Answer]) -> dict[str, Yield]:
    """The yield of each kind of repair, by name."""
    made = [repair for answer in answers for repair in answer.repairs]
    tried = Counter(repair.kind for repair in made)
    accepted = Counter(repair.kind for repair in made if repair.accepted)
    return {kind: Yield(tried[kind], accepted[kind]) for kind in sorted(tried)}
