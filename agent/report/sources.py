"""The cited lines of the repository for the page: each line once per file, with a little code around it.

Knows nothing of how they are shown. Everything is made inert here, so that whatever reads the data can show it
as text: control characters are visible escapes, and a line of 100,000 columns is cut.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agent.report.markup import visible
from retrieval.chunk import Span
from retrieval.snapshot import Snapshot, SourceFile

AROUND = 4
LONGEST_SPAN = 60
SMALL_GAP = 8
LONGEST_LINE = 320
BUDGET = 3_000_000  # characters of code in one page
_QUOTED = re.compile(
    r"#[^\n]*|(?P<open>\"\"\"|''')(?:\\.|(?!(?P=open)).)*(?P=open)?|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)
_COMMENT = re.compile(
    r"//[^\n]*|(?P<open>/\*)(?:(?!\*/).)*(?:\*/)?|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL
)
_BLOCKS = {
    "python": _QUOTED,
    **dict.fromkeys(("javascript", "typescript", "c", "cpp", "cuda", "java", "go", "rust", "css", "php"), _COMMENT),
}


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines from line `start` on; `inside` is what is open there: `'''`, `\"\"\"`, `/*` or "nothing"."""

    start: int
    inside: str
    text: str


@dataclass
class Sources:
    """Numbers for the files of a snapshot, and the lines of those that were asked for."""

    snapshot: Snapshot
    numbers: dict[str, int] = field(default_factory=dict)
    _wanted: dict[str, set[int]] = field(default_factory=dict)
    _characters: int = 0

    def __post_init__(self) -> None:
        self.numbers = {file.path: number for number, file in enumerate(self.snapshot.files)}

    def want(self, spans: Iterable[Span]) -> None:
        """Ask for the lines of `spans`, the first ones first; those beyond the budget of the page are left out."""
        for span in spans:
            file = self.snapshot.by_path.get(span.path)
            if file is None or self._characters > BUDGET:
                continue
            wanted = self._wanted.setdefault(span.path, set())
            last = min(span.end, span.start + LONGEST_SPAN - 1) + AROUND
            fresh = set(range(max(1, span.start - AROUND), min(last, len(file.lines)) + 1)) - wanted
            wanted |= fresh
            self._characters += sum(min(len(file.lines[line - 1]), LONGEST_LINE) for line in fresh)

    def blocks(self, path: str) -> list[Block]:
        """The lines asked for of one file, as runs of consecutive lines."""
        file, wanted = self.snapshot.by_path[path], sorted(self._wanted.get(path, ()))
        if not wanted:
            return []
        opened = _opened(file)
        return [Block(run[0], _inside(opened, run[0]), _text(file, run)) for run in _runs(wanted)]


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Consecutive numbers together; a few lines between are not worth a gap."""
    run = [numbers[0]]
    for number in numbers[1:]:
        if number > run[-1] + SMALL_GAP:
            yield run
            run = []
        run += range(run[-1] + 1 if run else number, number + 1)
    yield run


def _text(file: SourceFile, run: Sequence[int]) -> str:
    return "\n".join(cut(file.lines[number - 1]) for number in run)


def cut(line: str, longest: int = LONGEST_LINE) -> str:
    """One line made inert, and shortened when it is long beyond reading."""
    line = line.removesuffix("\r")
    if len(line) > longest:
        line = f"{line[:longest]} … {len(line) - longest} more characters"
    return visible(line, keep="\t")


def _opened(file: SourceFile) -> list[tuple[int, int, str]]:
    """Strings and comments of several lines as (first line, last line, what opens them)."""
    pattern = _BLOCKS.get(file.language)
    if pattern is None:
        return []
    found, line, position = [], 1, 0
    for match in pattern.finditer(file.text):
        line += file.text.count("\n", position, match.start())
        position = match.start()
        if match["open"] and (height := match[0].count("\n")):
            found.append((line, line + height, match["open"]))
    return found


def _inside(opened: Sequence[tuple[int, int, str]], line: int) -> str:
    return next((mark for first, last, mark in opened if first < line <= last), "")
