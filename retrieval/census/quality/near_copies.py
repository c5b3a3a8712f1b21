"""Kind `near_copies`: functions that are nearly the same as another, by the lines that they share.

Equal bodies are told by `quality`. Lines are compared as Python writes them, docstrings left out; only functions that
share most of their lines count, whatever their names.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHORTEST, SHARE, COMMON = 10, 0.7, 12  # lines, share of lines that are equal, functions that a telling line stands in


@dataclass(frozen=True, slots=True)
class Body:
    """One function as a bag of lines."""

    path: str
    symbol: str
    start: int
    end: int
    lines: tuple[str, ...]


@kind(
    "near_copies",
    summary="functions that share at least 70 % of their lines with another one, the longest first",
    example="near_copies",
    reads="python",
    ordered=True,
)
def near_copies(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per group; patterns match the symbol of one of its functions."""
    for group, share in _groups(codebase):
        if query.matches(*(body.symbol for body in group)):
            first = group[0]
            names = listed([f"`{body.symbol}` ({body.path})" for body in group], 5)
            text = f"{names} share {share} % of {len(first.lines)} lines"
            yield hit_at(
                codebase,
                first.path,
                (first.start, first.end),
                symbol=first.symbol,
                name="near copy",
                text=text,
                related=tuple(("copy", body.path, body.start, body.end) for body in group[1:6]),
                detail={"lines": str(len(first.lines) * (len(group) - 1))},
            )


@once
def _groups(codebase: "Codebase") -> tuple[tuple[tuple[Body, ...], int], ...]:
    bodies = list(_bodies(codebase))
    places: dict[str, list[int]] = defaultdict(list)
    for number, body in enumerate(bodies):
        for line in dict.fromkeys(body.lines):
            places[line].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for numbers in places.values():
        if 1 < len(numbers) <= COMMON:
            shared.update(combinations(numbers, 2))
    root = list(range(len(bodies)))
    shares: dict[int, float] = {}
    for (one, other), count in shared.items():
        longer = max(len(bodies[one].lines), len(bodies[other].lines))
        if _is_inside(bodies[one], bodies[other]):
            continue  # a function holds the lines of those inside it
        if count >= longer * SHARE / 2 and SHARE <= (share := _share(bodies[one], bodies[other])) < 1:
            low, high = sorted((_find(root, one), _find(root, other)))
            root[high] = low
            shares[low] = min(share, shares.get(low, 1.0), shares.get(high, 1.0))
    groups: dict[int, list[Body]] = defaultdict(list)
    for number, body in enumerate(bodies):
        groups[_find(root, number)].append(body)
    found = [(sorted(g, key=lambda b: -len(b.lines)), round(100 * shares[n])) for n, g in groups.items() if n in shares]
    found.sort(key=lambda item: (-len(item[0][0].lines) * (len(item[0]) - 1), item[0][0].path))
    return tuple((tuple(group), share) for group, share in found)


def _is_inside(one: Body, other: Body) -> bool:
    inner, outer = sorted((one.symbol, other.symbol), key=len, reverse=True)
    return one.path == other.path and inner.startswith(f"{outer}.")


def _find(root: list[int], number: int) -> int:
    while root[number] != number:
        root[number] = root[root[number]]
        number = root[number]
    return number


def _share(one: Body, other: Body) -> float:
    """The share of lines that two functions have in common, of the longer one."""
    equal = (Counter(one.lines) & Counter(other.lines)).total()
    return equal / max(len(one.lines), len(other.lines))


def _bodies(codebase: "Codebase") -> Iterator[Body]:
    for unit in units(codebase, r"\bdef\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node, symbol in unit.functions():
            first, last = unit.lines(node)
            lines = _lines(node) if last - first >= SHORTEST else ()
            if len(lines) >= SHORTEST:
                yield Body(unit.path, symbol, first, last, lines)


def _lines(node: Function) -> tuple[str, ...]:
    """The statements of a function, heads of blocks included, as Python writes them; its docstring is left out."""
    found: list[str] = []
    stack: list[ast.stmt] = list(reversed(node.body))
    while stack:
        statement = stack.pop()
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        blocks += [handler.body for handler in getattr(statement, "handlers", [])]
        inner = [part for block in blocks for part in block if isinstance(part, ast.stmt)]
        text = written(statement)
        found.append(text.split(":")[0][:200] if inner else text[:400])
        stack.extend(reversed(inner))
    return tuple(found)
