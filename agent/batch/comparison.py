"""One thing across all repositories of a batch: a question's answers, or the census hits that hold certain words.

Reads answers.json of each repository, so that every hit counts and not only the first ones.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.batch.board import Board
from agent.batch.record import cut, read_answers

QUESTION = re.compile(r"\d+\.\d+")
_TEXT_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """A place in a repository that a census query found."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one repository has: `hits` in path order, after so many files were `searched`; or `answer` and `status`."""

    slug: str
    hits: tuple[Hit, ...] = ()
    searched: int = 0
    status: str = ""
    answer: str = ""


def answers_to(board: Board, question: str) -> list[Found]:
    """The answer of every repository that was asked."""
    asked = [(record, record.get("questions", {}).get(question)) for record in board.records()]
    return [Found(record["slug"], status=one["status"], answer=one["answer"]) for record, one in asked if one]


def who_has(board: Board, words: Sequence[str]) -> list[Found]:
    """The census hits with all `words` in each finished repository, most hits first.

    A hit counts when its line holds the words, or when it answers a query for one thing alone that holds them. Only
    repositories that were asked such a query are listed.
    """
    wanted = [word.lower() for word in words]
    found = [one for record in board.records() if (one := _in_repository(board, record["slug"], wanted))]
    return sorted(found, key=lambda one: (-len(one.hits), one.slug))


def _in_repository(board: Board, slug: str, words: Sequence[str]) -> Found | None:
    document = read_answers(board.out / slug)
    if document is None:
        return None
    records = [record for stage in document["stages"] for one in stage["questions"] for record in one["census"]]
    asked = [record for record in records if _holds(record["query"], words)]
    hits = {hit.place: hit for record in asked for hit in _hits(record, words)}
    searched = max((record["files_searched"] for record in asked), default=0)
    return Found(slug, tuple(hits.values()), searched) if asked else None


def _hits(record: Mapping[str, Any], words: Sequence[str]) -> Iterator[Hit]:
    single = "," not in record["query"]
    for hit in record["hits"]:
        text = " ".join(str(hit["text"]).split())
        if single or _holds(text, words):
            yield Hit(f"{hit['path']}:{hit['start']}", cut(text, _TEXT_LENGTH))


def _holds(text: str, words: Sequence[str]) -> bool:
    low = text.lower()
    return all(word in low for word in words)
