"""Turns several rankings of chunks into the few places worth reading.

Knows reciprocal rank fusion, that tests, prose and vendored code come after the program itself, how to
keep one file, or many copies of one text, from filling the result, and that neighbours make one result.
It does not know how the rankings came about.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from retrieval.chunk import Chunk, Hit, Span

# Rank fusion after Cormack, Clarke and Büttcher, 2009, who take 60 for lists of thousands of documents.
RANK_OFFSET = 30
MAX_HIT_LINES = 80
GAP_LINES = 40  # what stands between two hits of one result
DEPTH = 6  # candidates looked at for each wanted result
FILE_DECAY = 0.8  # what a further result of the same file is worth
FOLDER_DECAY = 0.98
_ROLE_WEIGHTS: dict[str, float] = {
    "source": 1.0,
    "config": 0.95,
    "test": 0.8,
    "docs": 0.7,
    "example": 0.7,
    "vendored": 0.4,
    "generated": 0.4,
}
_ON_TESTS = re.compile(r"\b[Tt]est(s|ed|ing)?\b|\btest_\w|\bTest[A-Z]")


@dataclass(frozen=True, slots=True)
class Ranking:
    """Places of chunks, best first, that one way of searching gave for one query; `weight` beside other ways."""

    how: str
    query: str
    places: list[int]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk's place with its fused score and the ranks that made it."""

    place: int
    score: float
    why: tuple[str, ...]


def fuse(chunks: Sequence[Chunk], rankings: Sequence[Ranking]) -> list[Scored]:
    """All ranked places by the sum of weight / (offset + rank), times the weight of their file's role.

    A query that speaks of tests does not count them less.
    """
    weights = dict(_ROLE_WEIGHTS)
    if any(_ON_TESTS.search(ranking.query) for ranking in rankings):
        weights["test"] = 1.0
    scores: dict[int, float] = {}
    reasons: dict[int, list[str]] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking.places, 1):
            scores[place] = scores.get(place, 0.0) + ranking.weight / (RANK_OFFSET + rank)
            reasons.setdefault(place, []).append(f"{ranking.how} #{rank} for {ranking.query!r}")
    found = [
        Scored(place, score * weights.get(chunks[place].role, 1.0), tuple(reasons[place]))
        for place, score in scores.items()
    ]
    return sorted(found, key=lambda one: (-one.score, chunks[one.place].span))


def select(chunks: Sequence[Chunk], scored: Sequence[Scored], k: int) -> list[Hit]:
    """At most `k` hits, best first: files and folders take turns, each text comes once, neighbours are joined."""
    hits: list[Hit] = []
    texts: set[str] = set()
    waiting = list(scored)
    looked_at = 0
    while waiting and (looked_at < k * DEPTH or len(hits) < k):
        one = _next(chunks, waiting[: k * DEPTH * 2], hits)
        waiting.remove(one)
        looked_at += 1
        if chunks[one.place].text in texts:
            continue
        texts.add(chunks[one.place].text)
        hit = Hit(chunks[one.place], one.score, one.why)
        neighbour = next((at for at, other in enumerate(hits) if _joins(other.span, hit.span)), None)
        if neighbour is not None:
            hits[neighbour] = _joined(hits[neighbour], hit)
        elif len(hits) < k:
            hits.append(hit)
    return sorted(hits, key=lambda hit: -hit.score)


def _next(chunks: Sequence[Chunk], waiting: Sequence[Scored], hits: Sequence[Hit]) -> Scored:
    """The best of those that wait, where each hit of its file and folder makes it count less."""
    files = Counter(hit.span.path for hit in hits)
    folders = Counter(_folder(hit.span.path) for hit in hits)

    def worth(one: Scored) -> float:
        path = chunks[one.place].span.path
        return one.score * FILE_DECAY ** files[path] * FOLDER_DECAY ** folders[_folder(path)]

    return max(waiting, key=worth)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _joins(span: Span, other: Span) -> bool:
    """Whether both are near each other and make a hit that is not too long."""
    first, second = sorted((span, other))
    near = first.path == second.path and second.start - first.end <= GAP_LINES
    return near and max(first.end, second.end) - first.start < MAX_HIT_LINES


def _joined(hit: Hit, other: Hit) -> Hit:
    """`hit` with the lines of both; its chunk stays that of the better one."""
    one, two = hit.span, other.span
    span = Span(one.path, min(one.start, two.start), max(one.end, two.end))
    return replace(hit, span=span, why=hit.why if span == one else (*hit.why, *other.why))
