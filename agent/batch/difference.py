"""What changed between two batches: repositories, answers and census facts.

Repositories are matched by the names of their folders. An answer has changed when its status or a statement has; where
only the cited lines are others, the code has moved.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.batch.board import Board
from agent.batch.record import cut, read_answers

Record = Mapping[str, Any]
STATEMENT_LENGTH = 300


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """One question: its status before and now, the statements that are gone and those that are new."""

    question: str
    text: str
    before: str
    now: str
    gone: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RepositoryChange:
    """One repository: its state before and now, changed answers, answers whose places alone moved, and census queries
    with their hits before and now."""

    slug: str
    before: str
    now: str
    answers: tuple[AnswerChange, ...]
    moved: tuple[str, ...]
    facts: tuple[tuple[str, int, int], ...]

    @property
    def is_change(self) -> bool:
        """Whether anything differs."""
        return bool(self.before != self.now or self.answers or self.moved or self.facts)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two batches: repositories that came and went, and those that changed."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[RepositoryChange, ...]
    same: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not (self.added or self.removed or self.changed)


def compare(old: Board, new: Board) -> Difference:
    """What the batch in `new` found that the one in `old` did not, and the other way round."""
    before = {record["slug"]: record for record in old.records()}
    now = {record["slug"]: record for record in new.records()}
    both = [slug for slug in now if slug in before]
    changes = [_repository(before[slug], now[slug], old.out / slug, new.out / slug) for slug in both]
    changed = tuple(change for change in changes if change.is_change)
    return Difference(
        added=tuple(slug for slug in now if slug not in before),
        removed=tuple(slug for slug in before if slug not in now),
        changed=changed,
        same=len(both) - len(changed),
    )


def _repository(before: Record, now: Record, old: Path, new: Path) -> RepositoryChange:
    asked_before, asked_now = before.get("questions", {}), now.get("questions", {})
    keys = [key for key in {**asked_before, **asked_now} if asked_before.get(key) != asked_now.get(key)]
    statements = (_statements(old), _statements(new)) if keys else ({}, {})
    answers = [_answer(key, asked_before.get(key), asked_now.get(key), *statements) for key in keys]
    changed = tuple(answer for answer in answers if answer.gone or answer.new or answer.before != answer.now)
    return RepositoryChange(
        slug=now["slug"],
        before=before["state"],
        now=now["state"],
        answers=changed,
        moved=tuple(answer.question for answer in answers if answer not in changed),
        facts=tuple(_facts(before.get("facts", {}), now.get("facts", {}))),
    )


def _answer(key: str, before: Record | None, now: Record | None, *statements: dict[str, list[str]]) -> AnswerChange:
    old, new = (found.get(key, []) for found in statements)
    return AnswerChange(
        question=key,
        text=(now or before or {}).get("question", ""),
        before=before["status"] if before else "not asked",
        now=now["status"] if now else "not asked",
        gone=tuple(_without(old, new)),
        new=tuple(_without(new, old)),
    )


def _statements(out: Path) -> dict[str, list[str]]:
    """Question → its statements, each on one line."""
    document = read_answers(out) or {"stages": []}
    questions = [question for stage in document["stages"] for question in stage["questions"]]
    return {one["id"]: [_line(claim) for claim in one["claims"]] for one in questions}


def _line(claim: Mapping[str, Any]) -> str:
    text = " ".join(f"{claim['text']} {claim['block']}".split())
    return cut(text, STATEMENT_LENGTH)


def _without(these: Sequence[str], those: Sequence[str]) -> Iterator[str]:
    known = set(those)
    yield from (text for text in dict.fromkeys(these) if text not in known)


def _facts(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """Queries of both batches whose number of hits changed."""
    for query, result in now.items():
        if query in before and before[query]["hits"] != result["hits"]:
            yield query, before[query]["hits"], result["hits"]
