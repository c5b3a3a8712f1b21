"""A batch's records as the tables of its summary: repositories, questions, answers, facts, and what took long.

Pure: records in, rows out. Every renderer (summary.py) shows these rows and works nothing out itself.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]
STATUSES = ("verified", "extractive", "edited", "unresolved")
MARKS = {"verified": "✓", "edited": "✎", "extractive": "~", "unresolved": "✗"}


@dataclass(frozen=True, slots=True)
class Row:
    """One repository: counts of questions by status, seconds, and tokens that the model read and wrote."""

    slug: str
    place: str
    state: str
    reason: str
    files: int
    counts: Mapping[str, int]
    citations: int
    index_seconds: float
    answer_seconds: float
    prompt_tokens: int
    generated: int

    @property
    def seconds(self) -> float:
        """Everything together."""
        return self.index_seconds + self.answer_seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the batch: its stage's number and title, its id and text."""

    number: int
    title: str
    id: str
    text: str


def rows(records: Sequence[Record]) -> list[Row]:
    """A row for each record, in their order."""
    return [_row(record) for record in records]


def _row(record: Record) -> Row:
    totals, usage, seconds = record.get("totals", {}), record.get("usage", {}), record.get("seconds", {})
    return Row(
        slug=record["slug"],
        place=record["source"]["place"],
        state=record["state"],
        reason=record["reason"],
        files=record.get("repo", {}).get("files", 0),
        counts={status: totals.get(status, 0) for status in STATUSES},
        citations=totals.get("citations", 0),
        index_seconds=seconds.get("index", 0.0),
        answer_seconds=seconds.get("answer", 0.0),
        prompt_tokens=usage.get("prompt_tokens", 0),
        generated=usage.get("generated", 0),
    )


def asked(records: Sequence[Record]) -> list[Asked]:
    """Every question of any repository, in the order of the questionnaire."""
    found: dict[str, Asked] = {}
    for record in records:
        stages = {stage["number"]: stage["title"] for stage in record.get("stages", ())}
        for key, question in record.get("questions", {}).items():
            number = int(key.partition(".")[0])
            found.setdefault(key, Asked(number, stages.get(number, ""), key, question["question"]))
    return sorted(found.values(), key=lambda one: _order(one.id))


def _order(key: str) -> tuple[int, ...]:
    return tuple(int(part) for part in key.split(".") if part.isdecimal())


def marks(record: Record, questions: Sequence[Asked]) -> list[tuple[int, str]]:
    """Stage number → one mark for each of its questions, "·" where it was not asked."""
    found: dict[int, str] = {}
    for one in questions:
        answer = record.get("questions", {}).get(one.id)
        found[one.number] = found.get(one.number, "") + (MARKS[answer["status"]] if answer else "·")
    return list(found.items())


def totals(records: Sequence[Record]) -> dict[str, Any]:
    """Sums over all repositories."""
    every = rows(records)
    counts = Counter({status: sum(row.counts[status] for row in every) for status in STATUSES})
    return {
        "repositories": len(every),
        "done": sum(row.state == "done" for row in every),
        "failed": sum(row.state == "failed" for row in every),
        "questions": sum(counts.values()),
        **{status: counts[status] for status in STATUSES},
        "citations": sum(row.citations for row in every),
        "files": sum(row.files for row in every),
        "seconds": round(sum(row.seconds for row in every), 3),
        "prompt_tokens": sum(row.prompt_tokens for row in every),
        "generated": sum(row.generated for row in every),
    }


def answers(records: Sequence[Record], question: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The answer of each repository to one question, as (slug, answer of its record)."""
    for record in records:
        answer = record.get("questions", {}).get(question)
        if answer:
            yield record["slug"], answer


def slowest_stages(records: Sequence[Record]) -> list[tuple[str, float]]:
    """Stage → seconds that its questions took in all repositories, the longest first."""
    found: dict[str, float] = {}
    for record in records:
        for stage in record.get("stages", ()):
            name = f"{stage['number']} {stage['title']}"
            found[name] = found.get(name, 0.0) + stage["seconds"]
    return sorted(found.items(), key=lambda one: -one[1])


def facts(records: Sequence[Record]) -> dict[str, list[tuple[str, int]]]:
    """Census query → its number of hits in each repository that was asked, most first."""
    found: dict[str, list[tuple[str, int]]] = {}
    for record in records:
        for query, result in record.get("facts", {}).items():
            found.setdefault(query, []).append((record["slug"], result["hits"]))
    return {query: sorted(hits, key=lambda one: (-one[1], one[0])) for query, hits in found.items()}
