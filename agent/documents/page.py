"""One file opened for checking: its words, definitions and statements by line, each worked out once, when asked.

Lexical, for files of any language: statements are told by brackets, long strings and indentation.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from retrieval.snapshot import SourceFile

WORD = re.compile(r"[^\W\d]\w*|\d[\d_]*(?:\.\d+)?")
HEADER = re.compile(
    r"^[ \t]*(?:(?:export|default|pub|public|private|protected|static|final|abstract|async|inline|virtual)\s+)*"
    r"(?:def|class|function|func|fn|struct|interface|trait|impl|enum|type|module)\s+([^\W\d]\w*)"
)
_CLOSING = (")", "]", "}", "end")
_MOST_PLACES = 200
_BRACKETS_ONLY = ("python", "notebook", "json")  # languages in which braces hold values, not blocks
_PAIRS = {")": "(", "]": "[", "}": "{"}
_QUOTED = r"""\"{3}|'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[()\[\]{}]"""
_MARKS = {True: re.compile(rf"{_QUOTED}|#.*"), False: re.compile(rf"{_QUOTED}|//.*")}  # by whether `#` begins a comment
_FRESH = re.compile(r"(?:async def|def|class|import|from|@)\b")  # what begins a statement of Python when not indented
_LONG_END = {'"""': re.compile('"""'), "'''": re.compile("'''")}
_JOINS = re.compile(r"\s*(?:elif|else|except|finally|case)\b|\s*[)\]}]|\s*@")


@dataclass(frozen=True, slots=True)
class Block:
    """A definition: `start` includes its decorators, `head` is its first line proper; 1-based, inclusive."""

    name: str
    start: int
    head: int
    end: int


class Page:
    """A file by line. `length` is its number of lines."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.lines = file.lines
        self.length = len(file.lines)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Word → the lines it stands on, ascending, each once."""
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.lines, 1):
            for word in set(WORD.findall(line)):
                found.setdefault(word, []).append(number)
        return found

    @cached_property
    def blocks(self) -> dict[str, list[Block]]:
        """Name → its definitions, in the order of their first lines."""
        found: dict[str, list[Block]] = {}
        indents = [_indent(line) for line in self.lines]
        for number, line in enumerate(self.lines, 1):
            if header := HEADER.match(line):
                block = _block(number, header[1], self.lines, indents)
                found.setdefault(block.name, []).append(block)
        return found

    @cached_property
    def depths(self) -> list[int]:
        """How many brackets are open before each line, and after the last one; a long string counts as one."""
        return self._scanned[0]

    @cached_property
    def text(self) -> frozenset[int]:
        """Lines of strings of several lines, such as docstrings: there a citation may begin and end anywhere."""
        return self._scanned[1]

    @cached_property
    def _scanned(self) -> tuple[list[int], frozenset[int]]:
        pythonic = self.file.language in _BRACKETS_ONLY
        opening, marks = "([{" if pythonic else "([", _MARKS[pythonic]
        depths, text, depth, quote = [0], set[int](), 0, ""
        for number, line in enumerate(self.lines, 1):
            at = 0
            if quote:
                text.add(number)
            elif depth and self.file.language == "python" and _FRESH.match(line):
                depth = depths[-1] = 0
            while found := (_LONG_END[quote] if quote else marks).search(line, at):
                at, mark = found.end(), found[0]
                if quote:
                    quote = ""
                elif mark in _LONG_END and self.file.language == "python":
                    quote = mark
                    text.add(number)
                elif mark in opening:
                    depth += 1
                elif mark in _PAIRS and _PAIRS[mark] in opening:
                    depth = max(0, depth - 1)
            depths.append(depth + bool(quote))
        return depths, frozenset(text)

    def is_inside(self, number: int) -> bool:
        """Whether a line continues the statement before it."""
        return self.depths[number - 1] > 0

    def is_whole(self, start: int, end: int) -> bool:
        """Whether lines are exactly one statement with its block, or one call or table."""
        depths = self.depths[start - 1 : end + 1]
        if depths[0] == depths[-1] and all(depth > depths[0] for depth in depths[1:-1]):
            return True
        if depths[0] or depths[-1] or not self.lines[start - 1].strip() or not self.lines[end - 1].strip():
            return False
        own = _indent(self.lines[start - 1])
        inner = (n for n in range(start + 1, end + 1) if not self.is_inside(n) and self.lines[n - 1].strip())
        if not all(_indent(self.lines[n - 1]) > own or _JOINS.match(self.lines[n - 1]) for n in inner):
            return False
        after = next((line for line in self.lines[end:] if line.strip()), "")
        return _indent(after) <= own and not _JOINS.match(after)

    @cached_property
    def _condensed(self) -> tuple[str, list[int]]:
        parts = [condense(line) for line in self.lines]
        offsets, total = [], 0
        for part in parts:
            offsets.append(total)
            total += len(part)
        return "".join(parts), offsets

    def lines_with(self, expression: str) -> list[int]:
        """The lines on which a condensed expression begins, each once; the first two hundred."""
        text, offsets = self._condensed
        found: list[int] = []
        at = text.find(expression)
        while at >= 0 and len(found) < _MOST_PLACES:
            line = bisect_right(offsets, at)
            if not found or found[-1] != line:
                found.append(line)
            at = text.find(expression, at + 1)
        return found

    def condensed(self, start: int, end: int) -> str:
        """Lines `start` to `end` as one condensed text."""
        text, offsets = self._condensed
        return text[offsets[start - 1] : offsets[end] if end < len(offsets) else len(text)]


def condense(text: str) -> str:
    """`text` without blanks and differences of quotes."""
    return "".join(text.split()).replace("'", '"')


def stands(lines: Sequence[int], start: int, end: int) -> bool:
    """Whether one of ascending `lines` lies between `start` and `end`."""
    at = bisect_left(lines, start)
    return at < len(lines) and lines[at] <= end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else -1


def _block(head: int, name: str, lines: Sequence[str], indents: list[int]) -> Block:
    own, start, end, signature = indents[head - 1], head, head, True
    while start > 1 and indents[start - 2] == own and lines[start - 2].lstrip().startswith("@"):
        start -= 1
    for number in range(head + 1, len(lines) + 1):
        if indents[number - 1] < 0:
            continue
        text = lines[number - 1].lstrip()
        if indents[number - 1] <= own and not (text.startswith(_CLOSING) and (signature or text[0] in "}e")):
            break
        signature = signature and (indents[number - 1] > own or text.startswith(")"))
        end = number
    return Block(name, start, head, end)
