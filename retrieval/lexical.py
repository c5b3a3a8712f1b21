"""Search by words: BM25 over the words that stand in code.

Knows how identifiers fall into words (`load_audioFile` has "load", "audio" and "file"), which words
tell nothing, and how to rank by bm25s. It knows nothing of vectors or files.
"""

import re
from collections.abc import Iterator, Sequence

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
PLACE_WEIGHT = 2  # how often path and symbol count beside the text


def tokens(text: str) -> list[str]:
    """The words of `text` in order: each identifier's parts, and itself where it has several."""
    return list(_tokens(text[:MAX_CHARACTERS]))


def _tokens(text: str) -> Iterator[str]:
    for identifier in _IDENTIFIER.findall(text):
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
    """BM25 over chunks, held in memory; building it takes about 0.1 ms per chunk."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        import bm25s

        corpus = [_document(chunk) for chunk in chunks]
        self._known = {word for document in corpus for word in document}
        self._bm25 = bm25s.BM25(method="lucene")
        if self._known:
            self._bm25.index(corpus, show_progress=False)

    def rank(self, query: str, count: int) -> list[int]:
        """Places of the `count` best chunks, best first; only chunks that share a word with it."""
        wanted = [word for word in dict.fromkeys(tokens(query)) if word in self._known]
        if not wanted:
            return []
        scores = self._bm25.get_scores(wanted).tolist()
        places = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
        return [place for place in places[:count] if scores[place] > 0]


def _document(chunk: Chunk) -> list[str]:
    place = tokens(f"{chunk.span.path} {chunk.symbol}")
    return place * PLACE_WEIGHT + tokens(chunk.text)
