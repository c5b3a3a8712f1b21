"""What became of recorded lines in a later state of the repository: the same, moved, changed or gone.

A record holds the digest of the cited bytes and short digests of their first line, their last line and the three
lines on either side. Moved means: the same bytes elsewhere, and enough of them or of what is around them to be sure.
No file content is kept in a record.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from agent.documents.anchors import AROUND, exact, short, surroundings
from agent.documents.verdicts import Place, Ruling
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from agent.documents.lexicon import Lexicon

_TELLING = 24  # characters without blanks that make lines recognisable without what is around them


@dataclass(frozen=True, slots=True)
class Record:
    """Lines as they were cited. The short digests are "" in reports written before there were any."""

    place: Place
    sha256: str
    first: str = ""
    last: str = ""
    before: str = ""
    after: str = ""


class ByteLines:
    """A file as byte lines, each with its short digest, worked out once."""

    def __init__(self, file: SourceFile) -> None:
        self.path = file.path
        self.lines = file.data.split(b"\n")
        if self.lines[-1] == b"":
            self.lines.pop()

    @cached_property
    def digests(self) -> list[str]:
        """The short digest of every line."""
        return [short([line]) for line in self.lines]

    @cached_property
    def by_digest(self) -> dict[str, list[int]]:
        """Short digest → the lines (1-based) that have it."""
        found: dict[str, list[int]] = {}
        for number, digest in enumerate(self.digests, 1):
            found.setdefault(digest, []).append(number)
        return found

    def holds(self, record: Record, start: int) -> bool:
        """Whether exactly the recorded bytes stand from line `start` on."""
        end = start + record.place.end - record.place.start
        return start >= 1 and end <= len(self.lines) and exact(self.lines, start, end) == record.sha256

    def context(self, record: Record, start: int, end: int) -> int:
        """How many of the two sides of these lines are as recorded."""
        around = surroundings(self.lines, start, end)
        return (bool(record.before) and around[0] == record.before) + (bool(record.after) and around[1] == record.after)


class Drift:
    """Finds recorded lines in the files of a repository as it is now."""

    def __init__(self, lexicon: "Lexicon") -> None:
        self._lexicon = lexicon
        self._opened: dict[str, ByteLines] = {}

    def rule(self, record: Record) -> Ruling:
        """What became of the recorded lines."""
        place = record.place
        file = self._open(place.path)
        if file and file.holds(record, place.start) and not _only_look_alike(record, file):
            return Ruling("ok", "the same lines as recorded")
        if now := self._moved(record, file):
            return Ruling("moved", f"moved to {now}", now)
        if file is None:
            return Ruling("missing", "no such file any more")
        if now := _changed(record, file):
            return Ruling("changed", f"the lines were changed; look at {now.start}-{now.end}", now)
        return Ruling("missing", "the lines are gone")

    def _open(self, path: str) -> ByteLines | None:
        if path not in self._opened and path in self._lexicon.files:
            self._opened[path] = ByteLines(self._lexicon.files[path])
        return self._opened.get(path)

    def _moved(self, record: Record, file: ByteLines | None) -> Place | None:
        if file and (start := _best(record, [(file, start) for start in _starts(record, file)], record.place.start)):
            return Place(file.path, start[1], start[1] + record.place.end - record.place.start)
        if not record.first:
            return None
        found = [
            (other, start)
            for path, line in self._everywhere.get(record.first, ())
            if path != record.place.path and (other := self._open(path)) and other.holds(record, start := line)
        ]
        with_context = [(other, start) for other, start in found if _context(record, other, start)]
        several = record.place.end - record.place.start >= AROUND - 1
        sure = with_context or (found if several and _telling(record, found) else [])
        if len({(other.path, start) for other, start in sure}) != 1:
            return None
        other, start = sure[0]
        return Place(other.path, start, start + record.place.end - record.place.start)

    @cached_property
    def _everywhere(self) -> dict[str, list[tuple[str, int]]]:
        """Short digest of a line → every path and line that has it."""
        found: dict[str, list[tuple[str, int]]] = {}
        for path in self._lexicon.files:
            if file := self._open(path):
                for number, digest in enumerate(file.digests, 1):
                    found.setdefault(digest, []).append((path, number))
        return found


def _only_look_alike(record: Record, file: ByteLines) -> bool:
    """Whether the same bytes at the recorded place are others like them, and the recorded ones stand elsewhere."""
    if not record.before or _context(record, file, record.place.start):
        return False
    return any(_context(record, file, start) for start in _starts(record, file))


def _starts(record: Record, file: ByteLines) -> Iterator[int]:
    lines = file.by_digest.get(record.first, ()) if record.first else range(1, len(file.lines) + 1)
    return (line for line in lines if file.holds(record, line))


def _context(record: Record, file: ByteLines, start: int) -> int:
    return file.context(record, start, start + record.place.end - record.place.start)


def _best(record: Record, found: list[tuple[ByteLines, int]], was: int) -> tuple[ByteLines, int] | None:
    """Of the places of the same bytes in a file the recorded one: by what is around, else the only one."""
    with_context = [one for one in found if _context(record, *one)]
    if with_context:
        return max(with_context, key=lambda one: (_context(record, *one), -abs(one[1] - was)))
    return min(found, key=lambda one: abs(one[1] - was)) if _telling(record, found) else None


def _telling(record: Record, found: list[tuple[ByteLines, int]]) -> bool:
    """Whether lines with other surroundings can be told to be the recorded ones: long enough, and only here."""
    if len(found) != 1:
        return False
    file, start = found[0]
    lines = file.lines[start - 1 : start + record.place.end - record.place.start]
    return sum(len(b"".join(line.split())) for line in lines) >= _TELLING


def _changed(record: Record, file: ByteLines) -> Place | None:
    """Where lines that are no longer the same must stand: between their first and last line or their surroundings."""
    if not record.first:
        return None
    length, was = record.place.end - record.place.start + 1, record.place.start
    starts, ends = _edges(record, file)
    pairs = [(a, b) for a in starts for b in ends if a <= b <= a + 2 * length + 20]
    if pairs:
        start, end = min(pairs, key=lambda pair: (abs(pair[0] - was) + abs(pair[1] - pair[0] + 1 - length), pair))
        return Place(file.path, start, end)
    for edge, shift in ((starts, 0), (ends, 1 - length)):
        if edge:
            start = max(1, min((line + shift for line in edge), key=lambda line: abs(line - was)))
            return Place(file.path, start, min(len(file.lines), start + length - 1))
    return None


def _edges(record: Record, file: ByteLines) -> tuple[list[int], list[int]]:
    """Where the recorded lines can begin and end: at their first and last line, or beside their surroundings."""
    starts = [line for line in file.by_digest.get(record.first, ()) if _says_something(file, line)]
    ends = [line for line in file.by_digest.get(record.last, ()) if _says_something(file, line)]
    for line in range(1, len(file.lines) + 2):
        if line > 1 and record.before == short(file.lines[max(0, line - 1 - AROUND) : line - 1]):
            starts.append(line)
        if line <= len(file.lines) and line > 1 and record.after == short(file.lines[line - 1 : line - 1 + AROUND]):
            ends.append(line - 1)
    return starts, ends


def _says_something(file: ByteLines, line: int) -> bool:
    return len(b"".join(file.lines[line - 1].split())) >= _TELLING // 2
