"""Kind `cleanups`: `finally` blocks, with what they do after an error too."""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 4


@kind(
    "cleanups",
    summary="`finally` blocks with what they call, set or delete after an error too",
    example="cleanups",
    reads="python",
)
def cleanups(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per `finally`; patterns match the function it stands in."""
    for unit in units(codebase, r"\bfinally\b"):
        for node in unit.nodes:
            if not isinstance(node, ast.Try | ast.TryStar) or not node.finalbody:
                continue
            symbol = unit.symbols.get(node, "")
            if not query.matches(symbol):
                continue
            lines = (unit.row(node.finalbody[0].lineno), unit.row(node.finalbody[-1].end_lineno or node.lineno))
            place = f"`{symbol}()`" if symbol else unit.path
            text = f"{place} {_does(node.finalbody)}"
            yield hit_at(codebase, unit.path, lines, symbol=symbol, name=symbol, text=text)


def _does(body: list[ast.stmt]) -> str:
    """What a block does, in words: the calls it makes, what it sets and deletes, or that it goes on."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    calls = dict.fromkeys(
        f"`{written(n.func)}()`" for n in nodes if isinstance(n, ast.Call) and len(written(n.func)) < 60
    )
    sets = dict.fromkeys(f"`{written(n.targets[0])}`" for n in nodes if isinstance(n, ast.Assign))
    gone = dict.fromkeys(f"`{written(n)[4:60]}`" for n in nodes if isinstance(n, ast.Delete))
    said = [
        f"{verb} {listed(list(names), SHOWN)}"
        for verb, names in (("calls", calls), ("sets", sets), ("deletes", gone))
        if names
    ]
    return ", ".join(said) or "goes on"
