"""Standard output of the commands: data for people as lines, data for programs as JSON."""

import json
import sys
from collections.abc import Iterable, Sequence

from agent.report.markup import one_line, visible


def write(line: str) -> None:
    """One line, inert in a terminal."""
    sys.stdout.write(visible(line.replace("\n", " ")) + "\n")


def write_json(value: object, *, indent: int | None = 1) -> None:
    """One JSON value in ASCII; `indent=None` gives one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, indent=indent) + "\n")


def write_columns(rows: Iterable[Sequence[str]]) -> None:
    """Rows of text with every column but the last padded to its widest cell."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")
