"""The Python that code asks for by its grammar, where the declared range admits an older one."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from retrieval.census.meaning.units import Unit, units
from retrieval.manifests import read_manifests

if TYPE_CHECKING:
    from collections.abc import Callable

    from retrieval.codebase import Codebase

_MAY = r"(?m)^\s*match\s.+:\s*(?:#.*)?$|except\s*\*"
_GRAMMAR: tuple[tuple[type[ast.AST], str, str], ...] = (
    (ast.TryStar, "3.11", "`except*`"),
    (ast.Match, "3.10", "the statement `match`"),
)


@dataclass(frozen=True, slots=True)
class Grammar:
    """The first place that needs a release of Python, and what needs it."""

    since: str
    how: str
    path: str
    line: int
    symbol: str


def newest_grammar(codebase: Codebase, runs: Callable[[str, int, str], bool]) -> Grammar | None:
    """The newest Python that code asks for which `runs` (path, line, symbol) says to be run."""
    for kind, since, how in _GRAMMAR:
        for unit in units(codebase, _MAY):
            for node in unit.nodes:
                if isinstance(node, kind) and runs(unit.path, _line(unit, node), unit.symbols.get(node, "")):
                    found = Grammar(since, how, unit.path, _line(unit, node), unit.symbols.get(node, ""))
                    return found if _admits_older(codebase, since) else None
    return None


def _line(unit: Unit, node: ast.AST) -> int:
    return unit.row(node.lineno)  # type: ignore[attr-defined]


def _admits_older(codebase: Codebase, since: str) -> bool:
    items = [d for d in read_manifests(codebase.snapshot).declarations if d.is_interpreter and d.specifier]
    before = f"3.{int(since.partition('.')[2]) - 1}.9"
    return not items or any(SpecifierSet(d.specifier).contains(before) for d in items)
