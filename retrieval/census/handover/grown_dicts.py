"""Kind `grown_dicts`: dictionaries that code puts into lists, and entries that later code adds to dictionaries.

What a function returns as a dictionary is told by `returned_dicts`; here are the rows of lists, `{"id": i, **row}`, and
the functions that set entries in what they are given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import is_screen
from retrieval.census.handover.filled import filled_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.traces import traces_of
from retrieval.census.meaning.units import Unit, own_nodes, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, KEYS, LONG = 2, 12, 40


@dataclass(frozen=True, slots=True)
class Row:
    """A dictionary that `symbol` builds at a place: its keys, and what is done with it."""

    path: str
    symbol: str
    lines: tuple[int, int]
    keys: tuple[str, ...]
    said: str


@kind(
    "grown_dicts",
    summary="dictionaries put into lists, copied with more entries, or completed by functions that get them, with keys",
    example="grown_dicts",
    reads="python",
    ordered=True,
)
def grown_dicts(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per place, completed ones first. Patterns match the function and the keys."""
    rows = [*_filled(codebase), *_built(codebase)]
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for row in sorted(rows, key=lambda row: is_screen(codebase, row.path)):
        key = (row.path, row.symbol, row.keys)
        if key not in seen and query.matches(row.symbol, *row.keys):
            seen.add(key)
            yield hit_at(codebase, row.path, row.lines, symbol=row.symbol, name=row.symbol, text=row.said)


def _filled(codebase: Codebase) -> Iterator[Row]:
    """Functions that set entries in dictionaries that they are given."""
    table = filled_of(codebase)
    for trace in traces_of(codebase).traces:
        if trace.name not in table.get(trace.place, {}):
            continue
        keys = tuple(key for key in trace.sets if key not in trace.changed)
        if keys:
            said = f"`{trace.symbol}()` sets {_keys(keys)} in its argument `{trace.name}` or the dictionaries in it"
            lines = sorted(trace.sets[key] for key in keys)
            yield Row(trace.path, trace.symbol, (lines[0], lines[0]), keys, said)


def _built(codebase: Codebase) -> Iterator[Row]:
    """Dictionaries that functions put into lists, or make of others with more entries."""
    reach = reach_of(codebase)
    for unit in units(codebase, r"\*\*|\.(?:append|extend)\("):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            if reach.runs((unit.path, symbol)):
                for node in own_nodes(function):
                    yield from _row(unit, symbol, node)


def _row(unit: Unit, symbol: str, node: ast.AST) -> Iterator[Row]:
    if isinstance(node, ast.Dict) and None in node.keys:
        spread = [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
        keys = _written(node)
        if keys and len(spread) == 1 and isinstance(spread[0], ast.Name):
            said = f"`{symbol}()` adds {_keys(keys)} to the entries of `{spread[0].id}` in a new dictionary"
            yield Row(unit.path, symbol, unit.lines(node), keys, said)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append" and node.args:
        holder = written(node.func.value)
        keys = _written(node.args[0])
        if len(keys) >= LEAST and len(holder) <= LONG:
            said = f"`{symbol}()` puts dictionaries with {_keys(keys)} into the list `{holder}`"
            yield Row(unit.path, symbol, unit.lines(node), keys, said)


def _written(node: ast.expr) -> tuple[str, ...]:
    """The keys that a dictionary display or `dict(k=…)` writes out."""
    if isinstance(node, ast.Dict):
        return tuple(k.value for k in node.keys if isinstance(k, ast.Constant) and isinstance(k.value, str))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return tuple(item.arg for item in node.keywords if item.arg)
    return ()


def _keys(keys: tuple[str, ...]) -> str:
    return f"the {'key' if len(keys) == 1 else 'keys'} {listed([f'`{key}`' for key in keys], KEYS)}"
