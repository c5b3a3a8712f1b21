"""The values that retrieval returns: spans, chunks and hits.

Lines are 1-based and inclusive everywhere, and split at `\\n` only. tree-sitter's 0-based rows are
converted in `parse.py` and nowhere else.
"""

from dataclasses import dataclass
from typing import Literal

ChunkKind = Literal["function", "method", "class", "module", "script", "window", "cell", "section"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Lines `start` to `end` (1-based, inclusive) of the repository-relative POSIX path `path`."""

    path: str
    start: int
    end: int

    def __str__(self) -> str:
        lines = str(self.start) if self.start == self.end else f"{self.start}-{self.end}"
        return f"{self.path}:{lines}"

    def overlaps(self, other: "Span") -> bool:
        """Whether both spans share at least one line of the same file."""
        return self.path == other.path and self.start <= other.end and other.start <= self.end

    def covers(self, other: "Span") -> bool:
        """Whether every line of `other` lies in this span."""
        return self.path == other.path and self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Chunk:
    """A retrievable piece of one file.

    `id` is a hash of path, lines and text; `symbol` the dotted name inside the file of what all its lines
    belong to ("" for module level), `text` the exact lines of the span without the last `\\n`, `names` the
    dotted names of the definitions in it.
    """

    id: str
    span: Span
    kind: ChunkKind
    symbol: str
    language: str
    role: str
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that search found; `score` is only comparable within one search, higher is better.

    `span` are the lines to read: those of the chunk, and of neighbours in the same file that were found too.
    """

    chunk: Chunk
    score: float
    why: tuple[str, ...] = ()
    span: Span = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.span is None:
            object.__setattr__(self, "span", self.chunk.span)
