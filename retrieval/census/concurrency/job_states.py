"""States that jobs go through: texts or members of an enumeration that code sets and compares, at least three."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, units, written
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

STATES = words(
    """queued pending waiting drafted scheduled submitted running processing started in_progress active completed
    complete done finished succeeded success failed error cancelled canceled aborted"""
)
_BEGUN = words("queued pending waiting drafted scheduled submitted")
_ENDED = words("completed complete done finished succeeded success failed error cancelled canceled aborted")
_ABOUT = re.compile(r"(?i)job|task(?!_type)")
LEAST, SHOWN = 3, 6


def job_states(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per file that uses three states or more of jobs or tasks, one of them before the work."""
    for unit in units(codebase, rf"\b(?:{'|'.join(sorted(_BEGUN))})\b"):
        role = codebase.snapshot.by_path[unit.path].role
        found: dict[str, list[ast.AST]] = {}
        for node in unit.nodes:
            if (state := _state(unit, node)) and _ABOUT.search(f"{unit.symbols.get(node, '')} {_near(unit, node)}"):
                found.setdefault(state, []).append(node)
        if len(found) >= LEAST and _BEGUN & found.keys() and _ENDED & found.keys() and role in ("source", "config"):
            yield _hit(codebase, unit, found)


def _near(unit: Unit, node: ast.AST) -> str:
    """The path, and the name that a text is bound to."""
    parent = unit.parents.get(node)
    return f"{unit.path} {written(parent.targets[0])}" if isinstance(parent, ast.Assign) else unit.path


def _state(unit: Unit, node: ast.AST) -> str:
    """The state that a node names: a text that is compared, handed over, set or listed; a member of a class."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in STATES:
        parent = unit.parents.get(node)
        return "" if isinstance(parent, ast.Expr | ast.JoinedStr) else node.value.lower()
    if isinstance(node, ast.Attribute) and node.attr.isupper() and node.attr.lower() in STATES:
        return node.attr.lower()
    return ""


def _hit(codebase: Codebase, unit: Unit, found: dict[str, list[ast.AST]]) -> CensusHit:
    users = {unit.symbols.get(node, "") for nodes in found.values() for node in nodes} - {""}
    functions = [f"`{symbol}()`" for _, symbol in unit.functions() if symbol in users]
    classes = [f"`{symbol}`" for symbol in sorted(users) if f"`{symbol}()`" not in functions]
    rows = [unit.row(node.lineno) for nodes in found.values() for node in nodes]  # type: ignore[attr-defined]
    told = listed(functions or classes, SHOWN)
    text = f"jobs go through the states {listed([f'`{state}`' for state in found], 8)}"
    text += f": set and tested by {told}" if functions else f": declared in {told or unit.path}"
    return hit_at(
        codebase,
        unit.path,
        (min(rows), min(rows)),
        symbol="",
        name="states",
        text=text,
        related=tuple(("state", unit.path, row, row) for row in sorted(set(rows))[1:6]),
        detail={"what": "states"},
    )
