"""Search by words: BM25 over the words that stand in code.

Knows how identifiers fall into words (`load_audioFile` has "load", "audio" and "file"), which words
tell nothing, and how to rank by them. It knows nothing of vectors or files.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

from retrieval.chunk import Chunk
from retrieval.languages import words

_IDENTIFIER = re.compile(r"[^\W\d]\w*|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_SUFFIXES = ("ings", "ing", "ied", "ies", "ers", "er", "ed", "es", "s", "e", "y")
_SILENT = words(
    """a an and any are as at be been being between but by can code codebase did do does each for
    from give had has have how if in into is it its list may not of on or other project repo
    repository self should so that the their them then there these they this those to use used
    uses using was were what when where which while who whom why will with within would you your"""
)
MAX_CHARACTERS = 12_000
PLACE_WEIGHT = 2  # how often path and names count beside the text
SATURATION, LENGTH_NORM = 1.5, 0.75  # k1 and b of BM25


def tokens(text: str) -> list[str]:
    """The words of `text` in order: each identifier's parts, and itself where it has several."""
    return list(chain.from_iterable(map(_words_of, _IDENTIFIER.findall(text[:MAX_CHARACTERS]))))


@lru_cache(maxsize=200_000)
def _words_of(identifier: str) -> tuple[str, ...]:
    return tuple(_parts(identifier))


def _parts(identifier: str) -> Iterator[str]:
    parts = _PART.findall(identifier)
    if len(parts) > 1:
        yield identifier.lower().strip("_")
    for part in parts:
        word = part.lower()
        if word not in _SILENT and (len(word) > 1 or word.isdigit()):
            yield _stem(word)


def _stem(word: str) -> str:
    """Cuts one common ending, so that "loading", "loads" and "loader" meet "load"."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            stem = word.removesuffix(suffix)
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else stem
    return word


class LexicalIndex:
    """BM25 (Robertson and Zaragoza, 2009, with Lucene's idf) over chunks, held in memory.

    Building it takes 3 s of processor time for a million lines.
    """

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        import numpy

        self._numbers: dict[str, int] = {}
        number = self._numbers
        documents = [[number.setdefault(word, len(number)) for word in _document(chunk)] for chunk in chunks]
        self._count = len(documents)
        lengths = numpy.array([len(document) for document in documents], dtype=numpy.int64)
        flat = numpy.fromiter(chain.from_iterable(documents), dtype=numpy.int64, count=int(lengths.sum()))
        places = numpy.repeat(numpy.arange(self._count), lengths)
        pairs, counts = numpy.unique(flat * max(1, self._count) + places, return_counts=True)
        word, self._places = numpy.divmod(pairs, max(1, self._count))
        frequency = numpy.bincount(word, minlength=len(number))
        self._starts = numpy.concatenate([[0], numpy.cumsum(frequency)])
        idf = numpy.log(1 + (self._count - frequency + 0.5) / (frequency + 0.5))
        norm = SATURATION * (1 - LENGTH_NORM + LENGTH_NORM * lengths / max(1.0, lengths.mean() if len(lengths) else 1))
        self._weights = counts * (SATURATION + 1) / (counts + norm[self._places]) * idf[word]

    def rank(self, query: str, count: int) -> list[int]:
        """Places of the `count` best chunks, best first; only chunks that share a word with it."""
        import numpy

        scores = numpy.zeros(self._count)
        for word in dict.fromkeys(tokens(query)):
            if (number := self._numbers.get(word)) is not None:
                postings = slice(self._starts[number], self._starts[number + 1])
                scores[self._places[postings]] += self._weights[postings]
        best = numpy.argsort(-numpy.round(scores, 9), kind="stable")[:count]
        return [place for place in best.tolist() if scores[place] > 0]


def _document(chunk: Chunk) -> list[str]:
    place = tokens(f"{chunk.span.path} {' '.join(chunk.names) or chunk.symbol}")
    return place * PLACE_WEIGHT + tokens(chunk.text)
