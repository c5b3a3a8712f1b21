"""Calls of libraries that start an outside program as a process: `pytesseract.image_to_string` starts `tesseract`.

Which libraries do is known from `data/program_libraries.yaml`; a package of the repository with such a name is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.facts import Call

TABLE = Path(__file__).parents[2] / "data" / "program_libraries.yaml"


@cache
def _table() -> dict[str, tuple[str, re.Pattern[str]]]:
    read = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {name: (row["program"], re.compile(rf"(?:{row['calls']})$")) for name, row in read.items()}


def library_starts(codebase: Codebase) -> Iterator[tuple[str, Call, str, str]]:
    """Every call that has a library start a program: its file, the call, the library and the program."""
    for path, call in codebase.all_calls():
        for name in (call.name, call.receiver):
            library = name.lstrip("().").partition(".")[0]
            if library in _table() and _fits(call, library) and codebase.locate(library, path) is None:
                yield path, call, library, _table()[library][0]
                break


def _fits(call: Call, library: str) -> bool:
    return _table()[library][1].match(call.name.rpartition(".")[2]) is not None
