"""Turns several rankings of chunks into the few places worth reading.

Knows reciprocal rank fusion, that tests, examples and vendored code come after the program itself,
and how to keep one file, or many copies of one text, from filling the result. It does not know how
the rankings came about.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retrieval.chunk import Chunk, Hit, Span
from retrieval.snapshot import Snapshot

RANK_OFFSET = 60  # the constant of Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", 2009
MAX_HIT_LINES = 80
CRUMB_LINES = 3  # a line or two between definitions match by their few words, and tell little
CRUMB_WEIGHT = 0.75
_ROLE_WEIGHTS: dict[str, float] = {
    "source": 1.0,
    "config": 0.9,
    "docs": 0.85,
    "example": 0.7,
    "test": 0.4,
    "vendored": 0.3,
    "generated": 0.25,
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """Places of chunks, best first, that one way of searching gave for one query."""

    how: str
    query: str
    places: list[int]


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk's place with its fused score and the ranks that made it."""

    place: int
    score: float
    why: tuple[str, ...]


def fuse(chunks: Sequence[Chunk], rankings: Sequence[Ranking]) -> list[Scored]:
    """All ranked places by the sum of 1 / (60 + rank), weighted by the role of their file."""
    scores: dict[int, float] = {}
    reasons: dict[int, list[str]] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking.places, 1):
            scores[place] = scores.get(place, 0.0) + 1.0 / (RANK_OFFSET + rank)
            reasons.setdefault(place, []).append(f"{ranking.how} #{rank} for {ranking.query!r}")
    found = [Scored(place, score * _weight(chunks[place]), tuple(reasons[place])) for place, score in scores.items()]
    return sorted(found, key=lambda one: (-one.score, chunks[one.place].span))


def _weight(chunk: Chunk) -> float:
    crumb = chunk.kind != "section" and chunk.span.end - chunk.span.start < CRUMB_LINES - 1
    return _ROLE_WEIGHTS.get(chunk.role, 1.0) * (CRUMB_WEIGHT if crumb else 1.0)


def select(snapshot: Snapshot, chunks: Sequence[Chunk], scored: Sequence[Scored], k: int) -> list[Hit]:
    """At most `k` hits, best first: few per file, one per text, neighbours joined.

    The caps give way only when nothing else is left to fill the result with.
    """
    hits: list[Hit] = []
    for one in _capped(chunks, scored, per_file=max(2, -(-k // 3))):
        hit = Hit(chunks[one.place], one.score, one.why)
        neighbour = next((at for at, other in enumerate(hits) if _joins(other, hit)), None)
        if neighbour is not None:
            hits[neighbour] = _joined(snapshot, hits[neighbour], hit)
        elif len(hits) < k:
            hits.append(hit)
        else:
            break
    return hits


def _capped(chunks: Sequence[Chunk], scored: Sequence[Scored], per_file: int) -> Iterator[Scored]:
    files: Counter[str] = Counter()
    texts: set[str] = set()
    later: list[Scored] = []
    for one in scored:
        chunk = chunks[one.place]
        if chunk.text in texts:
            continue
        if files[chunk.span.path] >= per_file:
            later.append(one)
            continue
        files[chunk.span.path] += 1
        texts.add(chunk.text)
        yield one
    yield from (one for one in later if chunks[one.place].text not in texts)


def _joins(hit: Hit, other: Hit) -> bool:
    """Whether both overlap or touch (blank lines aside) and make a hit that is not too long."""
    first, second = sorted((hit.chunk.span, other.chunk.span))
    near = first.path == second.path and second.start <= first.end + 3
    return near and max(first.end, second.end) - first.start < MAX_HIT_LINES


def _joined(snapshot: Snapshot, hit: Hit, other: Hit) -> Hit:
    """`hit` with the lines of both; symbol and kind stay those of the better one."""
    one, two = hit.chunk.span, other.chunk.span
    span = Span(one.path, min(one.start, two.start), max(one.end, two.end))
    if span == one:
        return hit
    chunk = replace(hit.chunk, id=f"{hit.chunk.id}+{other.chunk.id}", span=span, text=snapshot.excerpt(span))
    return Hit(chunk, hit.score, (*hit.why, *other.why))
