"""Where a caller uses without a test the `None` that a function gives after an error: the failure comes out there."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Function, Unit, call_name, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


def used_unchecked(codebase: Codebase, function: str) -> tuple[str, CensusHit] | None:
    """The first caller of `function` that takes an attribute or item of its result, untested: words, place."""
    name = function.rpartition(".")[2]
    if sum(item.name == name for facts in codebase.facts.values() for item in facts.definitions) != 1:
        return None  # a call of that name may be of another function
    for unit in units(codebase, rf"\b{name}\("):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in unit.nodes:
            if isinstance(node, ast.Assign) and call_name(node.value) == name:
                scope = next((n for n in unit.enclosing(node) if isinstance(n, Function)), None)
                if scope is not None and (use := _use(scope, node)) is not None:
                    symbol = unit.symbol_of(scope)
                    return f"`{source_of(use, 60)}` in `{symbol}()`", _hit(unit, use, symbol)
    return None


def _use(scope: ast.AST, made: ast.Assign) -> ast.AST | None:
    """The first use of what a call gave that fails on `None`, unless the function tests it anywhere."""
    target = made.targets[0]
    name = dotted(target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target)
    tests = [n.test for n in ast.walk(scope) if isinstance(n, ast.If | ast.IfExp | ast.While | ast.Assert)]
    if not name or any(dotted(inner) == name for test in tests for inner in ast.walk(test)):
        return None
    for node in ast.walk(scope):
        if isinstance(node, ast.Attribute | ast.Subscript) and dotted(node.value) == name and node.lineno > made.lineno:
            return node
    return None


def _hit(unit: Unit, node: ast.AST, symbol: str) -> CensusHit:
    return CensusHit(unit.path, *unit.lines(node), symbol, "unchecked", "")
