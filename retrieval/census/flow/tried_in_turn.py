"""Kind `tried_in_turn`: engines and readers of which a body takes the first that this machine has.

`if sys.platform == "darwin": try: import a; self.engine = A() except ImportError: ...`, then the same with the next.
Told where one body sets one name, or returns, at least two classes or models that way and these have to do with models.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.flow.default_targets import chosen_by
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, quoted, subject_of, units, written
from retrieval.census.memory.stage_sets import holds_models
from retrieval.census.models.model_concerns import concerns_of
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, MOST, TEST, MODULES = 2, 8, 80, 3
_ABSENCE = frozenset({"ImportError", "ModuleNotFoundError"})
_MACHINE = re.compile(
    r"sys\.platform|platform\.(?:system|machine|processor)\(|find_spec\(|\bis_\w+_available\(|\.is_available\(|os\.name\b"
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way: what is called, the conditions in words, what only this machine tells, and the lines."""

    called: str
    when: tuple[str, ...]
    asks: bool
    lines: tuple[int, int]


@kind(
    "tried_in_turn",
    summary="engines of which a body takes the first that the machine has: by platform, by what can be imported",
    example="tried_in_turn",
    reads="python",
    ordered=True,
)
def tried_in_turn(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per body and name, those of main programs and of defaults first. Patterns match the body."""
    reach, rows = reach_of(codebase), list[tuple[tuple[bool, int, int], CensusHit]]()
    for unit in units(
        codebase, r"ImportError|ModuleNotFoundError|sys\.platform|platform\.\w+\(|find_spec|_available\("
    ):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            for name, ways in _ways(unit, function).items() if query.matches(symbol) else ():
                if _tells(ways) and _of_models(codebase, unit, symbol, ways):
                    chosen = chosen_by(codebase, symbol.rpartition(".")[0].rpartition(".")[2])
                    rank = (not reach.runs((unit.path, symbol)), -chosen.rank, -len(ways))
                    rows.append((rank, _hit(codebase, unit, symbol, (name, ways))))
    yield from (hit for _, hit in sorted(rows, key=lambda row: row[0]))


def _ways(unit: Unit, function: Function) -> dict[str, list[Way]]:
    """By what is set ("" for what is returned) the calls that make it, in order, each with its conditions."""
    found: dict[str, list[Way]] = {}
    for node in own_nodes(function):
        made = node.value if isinstance(node, ast.Assign | ast.Return) else None
        if isinstance(made, ast.Call) and written(made.func).rpartition(".")[2][:1].isupper():
            name = written(node.targets[0]) if isinstance(node, ast.Assign) else ""
            when, asks = _when(unit, node, name)
            found.setdefault(name, []).append(Way(written(made.func), tuple(when), asks, unit.lines(node)))
    return {name: sorted(ways, key=lambda way: way.lines) for name, ways in found.items()}


def _when(unit: Unit, node: ast.AST, name: str) -> tuple[list[str], bool]:
    """The conditions around a statement of a body, the outermost first, and whether one is about the machine."""
    told: list[str] = []
    asks, child, current = False, node, unit.parents.get(node)
    while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
        if isinstance(current, ast.Try) and child in current.body and (modules := _imported(current)):
            told.append(f"{listed([f'`{module}`' for module in modules], MODULES)} can be imported")
            asks = True
        elif isinstance(current, ast.If) and child in current.body:
            asks = asks or _MACHINE.search(written(current.test)) is not None
            unset = name and written(current.test) in (f"{name} is None", f"not {name}")
            told.append("none was made before" if unset else quoted(current.test, TEST))
        child, current = current, unit.parents.get(current)
    return told[::-1], asks


def _imported(node: ast.Try) -> list[str]:
    """The modules that the body of a `try` imports, where a handler stands for their absence."""
    caught = {name for handler in node.handlers for name in _caught(handler)}
    if not caught & _ABSENCE:
        return []
    found: dict[str, None] = {}
    for part in node.body:
        if isinstance(part, ast.Import):
            found |= dict.fromkeys(alias.name.partition(".")[0] for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module and not part.level:
            found[part.module.partition(".")[0]] = None
    return list(found)


def _caught(handler: ast.ExceptHandler) -> list[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type] if handler.type else []
    return [written(kind).rpartition(".")[2] for kind in kinds]


def _tells(ways: list[Way]) -> bool:
    """Whether at least two different things are made, and the machine decides about more than one."""
    return len({way.called for way in ways}) >= LEAST and sum(way.asks for way in ways) >= LEAST


def _of_models(codebase: Codebase, unit: Unit, symbol: str, ways: list[Way]) -> bool:
    """Whether one of the classes holds a model, or the body has to do with models."""
    program, roster = program_of(codebase), roster_of(codebase)
    classes = [program.named_class(unit.path, way.called) for way in ways]
    held = any(cls is not None and holds_models(roster, cls) for cls in classes)
    return held or (concerns_of(codebase).itself(unit.path, symbol) and any(cls is None for cls in classes))


def _hit(codebase: Codebase, unit: Unit, symbol: str, told: tuple[str, list[Way]]) -> CensusHit:
    name, ways = told
    subject = subject_of(codebase, unit.path, symbol)
    what = f"takes as `{name}`" if name else "returns"
    rows = [f"({at}) `{way.called}` if {' and '.join(way.when)}" if way.when else f"({at}) `{way.called}`"
            for at, way in enumerate(ways[:MOST], 1)]  # fmt: skip
    more = f" and {len(ways) - MOST} more" if len(ways) > MOST else ""
    text = (
        f"{subject[0].upper()}{subject[1:]} {what} what the machine has, tried in this order: {'; '.join(rows)}{more}"
    )
    related = tuple(("way", unit.path, *way.lines) for way in ways[1:MOST])
    called = ",".join(dict.fromkeys(way.called.rpartition(".")[2] for way in ways))
    return hit_at(
        codebase, unit.path, ways[0].lines, symbol=symbol, name=symbol, text=text, related=related,
        detail={"ways": called},
    )  # fmt: skip
