"""Census kind `debt`: admitted debt, disabled code and pitfalls of the main code, one hit for each place.

Extends `quality`, which counts and measures; nothing that it reports is repeated. Tests, examples, vendored and
generated files are not judged.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Function, Unit, units
from retrieval.census.quality.admissions import admissions
from retrieval.census.quality.arity import arities
from retrieval.census.quality.patches import patches
from retrieval.census.quality.pitfalls import pitfalls
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ORDER = (
    "admission",
    "todo",
    "version compared as text",
    "unpacking fails",
    "string raised",
    "loop variable unused",
    "returned error",
    "file never closed",
    "patched source",
    "monkeypatch",
    "global switch",
    "cached method",
    "cached tensor",
    "unreachable code",
    "assert false",
    "commented-out code",
    "mutable class attribute",
    "broad except",
    "error printed",
    "eval or exec",
    "work at import",
    "limitation",
    "note",
)


@kind(
    "debt",
    summary="admitted debt (comments), disabled code, and pitfalls such as unclosed files and returned errors",
    example="debt, or debt: todo, admission, file never closed",
    reads="python",
    ordered=True,
)
def debt(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per place, by finding, then by path and line. Patterns match the finding's name (`_ORDER`)."""
    hits = [*_comments(codebase), *_code(codebase), *arities(codebase)]
    hits.sort(key=lambda hit: (_ORDER.index(hit.name), hit.path, hit.start))
    yield from (hit for hit in hits if query.matches(hit.name))


def _comments(codebase: Codebase) -> Iterator[CensusHit]:
    for file in codebase.snapshot.files:
        if file.language != "python" or file.role != "source":
            continue
        for name, start, end, symbol, text in admissions(file):
            where = symbol or codebase.symbol_at(file.path, start)
            place = "" if symbol else f" ({_place(file.path, where)})"
            yield hit_at(codebase, file.path, (start, end), symbol=where, name=name, text=f"{text}{place}")


def _code(codebase: Codebase) -> Iterator[CensusHit]:
    for unit in units(codebase):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for name, node, text in (*pitfalls(unit), *patches(codebase, unit)):
            symbol = unit.symbols.get(node, "")
            if isinstance(node, Function):
                symbol = unit.symbol_of(node)
            told = text if name.startswith(("cached", "mutable", "work")) else f"{text} ({_place(unit.path, symbol)})"
            yield hit_at(codebase, unit.path, _lines(unit, node), symbol=symbol, name=name, text=told)


def _lines(unit: Unit, node: ast.AST) -> tuple[int, int]:
    """The lines of a finding; of a function only its decorators and head."""
    if isinstance(node, Function):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return unit.row(first), unit.row(max(node.lineno, node.body[0].lineno - 1))
    return unit.lines(node)


def _place(path: str, symbol: str) -> str:
    return f"in `{symbol}`, {path}" if symbol else f"in {path}"
