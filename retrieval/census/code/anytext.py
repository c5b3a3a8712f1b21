"""Census kinds that need no parser: `text` over the lines of every file, `files` over paths, `env_vars`.

A notebook is read cell by cell (its outputs are not text that somebody wrote).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.foreign import foreign_hits
from retrieval.census.code.statements import fact_hit
from retrieval.census.code.syntax import call_hit
from retrieval.census.language import Query, hit_at, kind
from retrieval.facts import CensusHit
from retrieval.notebook import cells
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LONGEST_LINE = 4000
SETTINGS = frozenset(["dockerfile", "make", "yaml", "properties"])
_SET = re.compile(r"^\s*(?:ENV|ARG|export)\s+([A-Z_][A-Z0-9_]*)[ =]|^\s*([A-Z][A-Z0-9_]{2,})\s*[?:]?=")
_USED = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)")


@kind(
    "text",
    summary="lines of any text file that a regular expression finds; quote one that contains a comma",
    example=r"text: (?i)todo|fixme, '\bImageBind\b'",
    reads="text",
    regex=True,
)
def text(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every line that fits."""
    for file in codebase.snapshot.files:
        for number, line in _numbered(file):
            cut = line[:LONGEST_LINE]
            if _line_matches(query, cut):
                shown = line.strip()[:200]
                lines = (number, number)
                symbol = codebase.symbol_at(file.path, number)
                yield hit_at(codebase, file.path, lines, symbol=symbol, name=shown, text=shown)


def _line_matches(query: Query, line: str) -> bool:
    found = False
    for pattern in query.patterns:
        if pattern.matches(line):
            if pattern.excluding:
                return False
            found = True
    return found


def _numbered(file: SourceFile) -> Iterator[tuple[int, str]]:
    if file.language != "notebook":
        yield from enumerate(file.lines, start=1)
        return
    for cell in cells(file.text):
        yield from zip(cell.rows, cell.lines, strict=True)


@kind(
    "files",
    summary="files whose path (or name, for a pattern without `/`) fits a glob",
    example="files: *.yaml, configs/*, Dockerfile*",
    reads="text",
)
def files(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every file that fits, with its size; the hit covers the whole file."""
    for file in codebase.snapshot.files:
        base = file.path.rpartition("/")[2]
        if query.matches(file.path, base):
            size = len(file.lines)
            shown = f"{file.path} ({size} line{'' if size == 1 else 's'}, {file.language})"
            lines = (1, max(1, size))
            yield hit_at(codebase, file.path, lines, symbol="", name=file.path, text=shown)


@kind(
    "env_vars",
    summary="environment variables read, tested or set, also in shell, Docker, Make and CI files",
    example="env_vars: CUDA_*, HF_HOME",
    reads="text",
)
def env_vars(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every use of an environment variable whose name fits."""
    for path, fact in codebase.all_facts("env_var"):
        if query.matches(fact.name):
            yield fact_hit(codebase, path, fact)
    for path, call in codebase.all_calls():
        for key, value in call.keywords:
            if key == "envvar" and query.matches(name := value.strip("\"'")):
                yield call_hit(codebase, path, call, name=name)
    yield from foreign_hits(codebase, query, "env_vars")
    for file in codebase.snapshot.files:
        if file.language in SETTINGS:
            yield from _settings(codebase, query, file)


def _settings(codebase: Codebase, query: Query, file: SourceFile) -> Iterator[CensusHit]:
    for number, line in enumerate(file.lines, start=1):
        names = {name for found in _SET.finditer(line) for name in found.groups() if name}
        names |= set(_USED.findall(line))
        for name in sorted(names):
            if query.matches(name):
                lines = (number, number)
                shown = line.strip()[:200]
                detail = {"by": "text", "language": file.language}
                yield hit_at(codebase, file.path, lines, symbol="", name=name, text=shown, detail=detail)
