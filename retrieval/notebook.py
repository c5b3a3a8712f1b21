"""The cells of a Jupyter notebook, each source line with the line of the .ipynb file it stands on.

Scans the JSON itself, because a JSON parser forgets where a value stood. Reads `source` (nbformat
4) and `input` (nbformat 3) of each cell; outputs are not read. It does not know Python.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_MAGIC = re.compile(r"(\s*)(?:[%!?]|[\w.]+\?{1,2}\s*$)")
_ASSIGNED_MAGIC = re.compile(r"(\s*[\w, ]+=\s*)[%!]")
_PYTHON_MAGICS = frozenset(["%%time", "%%timeit", "%%capture", "%%prun", "%%memit", "%%mprun", "%%python", "%%python3"])
_SOURCE_KEYS = ("source", "input")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: `lines[i]` stands on line `rows[i]` (1-based) of the .ipynb file."""

    index: int
    kind: str  # "code", "markdown", "raw" …
    lines: tuple[str, ...]
    rows: tuple[int, ...]

    @property
    def start(self) -> int:
        """First line of the raw file that holds source of this cell."""
        return self.rows[0]

    @property
    def end(self) -> int:
        """Last line of the raw file that holds source of this cell."""
        return self.rows[-1]

    @property
    def text(self) -> str:
        """The source as the notebook shows it."""
        return "\n".join(self.lines)

    @property
    def python(self) -> str:
        """The source with magics and shell lines made inert, line for line.

        "" for a cell in another language (`%%bash`); `%%time` and its like still hold Python.
        """
        magic = self.lines[0].strip().partition(" ")[0]
        if self.kind != "code" or (magic.startswith("%%") and magic not in _PYTHON_MAGICS):
            return ""
        return "\n".join(_without_magic(line) for line in self.lines)


def _without_magic(line: str) -> str:
    if found := _MAGIC.match(line):
        return f"{found[1]}pass"
    if found := _ASSIGNED_MAGIC.match(line):
        return f"{found[1]}None"
    return line


@dataclass(slots=True)
class _Frame:
    """An open JSON object or array; `key` is the object's current key."""

    is_object: bool
    key: str = ""
    wants_key: bool = True
    kind: str = ""
    pieces: list[tuple[str, int]] = field(default_factory=list)


def cells(text: str) -> list[Cell]:
    """The cells with source of the notebook `text`, in order; as many as can be read if broken."""
    newlines = [found.start() for found in re.finditer("\n", text)]
    found: list[Cell] = []
    for kind, pieces in _cell_sources(text, newlines):
        lines, rows = _lines(pieces)
        if any(line.strip() for line in lines):
            found.append(Cell(len(found), kind, lines, rows))
    return found


def _cell_sources(text: str, newlines: list[int]) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    stack: list[_Frame] = []
    for token in _TOKEN.finditer(text):
        first = token[0][0]
        if first in "{[":
            stack.append(_Frame(first == "{"))
        elif first in "}]":
            closed = stack.pop() if stack else _Frame(False)
            if closed.is_object and _is_cell(stack) and closed.pieces:
                yield closed.kind or "code", closed.pieces
        elif not stack:
            return
        elif first == ",":
            stack[-1].wants_key = True
        elif first == ":":
            stack[-1].wants_key = False
        elif first == '"':
            _take_string(stack, token[0], bisect_right(newlines, token.start()) + 1)


def _is_cell(outside: list[_Frame]) -> bool:
    """Whether an object directly inside these open frames is a cell: an item of `cells: [...]`."""
    return len(outside) >= 2 and not outside[-1].is_object and outside[-2].key == "cells"


def _take_string(stack: list[_Frame], token: str, row: int) -> None:
    frame = stack[-1]
    if frame.is_object and frame.wants_key:
        frame.key = _decoded(token)
        return
    if frame.is_object and _is_cell(stack[:-1][-2:]):
        if frame.key == "cell_type":
            frame.kind = _decoded(token)
        elif frame.key in _SOURCE_KEYS:
            frame.pieces.append((_decoded(token), row))
    elif not frame.is_object and len(stack) >= 4 and _is_cell(stack[-4:-2]):
        cell = stack[-2]
        if cell.is_object and cell.key in _SOURCE_KEYS:
            cell.pieces.append((_decoded(token), row))


def _decoded(token: str) -> str:
    try:
        value = json.loads(token, strict=False)
    except ValueError:
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")  # an escape may be half a character


def _lines(pieces: list[tuple[str, int]]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    lines: list[str] = []
    rows: list[int] = []
    open_line = False
    for text, row in pieces:
        parts = text.split("\n")
        if open_line:
            rows[-1] = row if lines[-1] == "" else rows[-1]
            lines[-1] += parts.pop(0)
        lines.extend(parts)
        rows.extend([row] * len(parts))
        open_line = True
    if len(lines) > 1 and lines[-1] == "":
        lines.pop()
        rows.pop()
    return tuple(lines), tuple(rows)
