"""Errors that a function returns instead of raising them: its caller gets an exception where it expects a value."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.units import own_nodes, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_NAMED = re.compile(r"Error|Exception")
_ERRORS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)
)


def returned_errors(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per `return SomeError(…)` of a function that gives other values too, and says that it gives no error."""
    for unit in units(codebase, r"\breturn\s+\w+(?:Error|Exception)\("):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            returns = [n for n in own_nodes(function) if isinstance(n, ast.Return) and n.value is not None]
            errors = [node for node in returns if _is_error(node.value)]
            if len(errors) == len(returns) or (
                function.returns is not None and _NAMED.search(written(function.returns))
            ):
                continue
            for node in errors:
                text = f"`{symbol}()` returns a `{written(node.value.func)}` instead of raising it"  # type: ignore[union-attr]
                yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name="returned", text=text)


def _is_error(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _ERRORS
