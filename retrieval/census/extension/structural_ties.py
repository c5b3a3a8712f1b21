"""Ties that stand in the structure of a program: stages wired into an object, records with a field for each kind of
result, conditions on labels, and, for less, models behind an interface."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.extension.bound_labels import members
from retrieval.census.extension.hierarchies import hierarchies
from retrieval.census.extension.result_slots import result_slots
from retrieval.census.extension.tied_file import Ties
from retrieval.census.language import parse_query, run_query
from retrieval.census.meaning.units import units, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.values import ClassRef
    from retrieval.census.models.roster import Roster
    from retrieval.codebase import Codebase
    from retrieval.facts import CensusHit

LEAST = 3


def structural_ties(codebase: Codebase, table: dict[str, Ties]) -> None:
    """Enter the stages, the records and the conditions on labels of files."""
    for hit in run_query(codebase, "stage_order").hits:
        stages = hit.detail["stages"].split(",")
        path, line = _wiring(hit)
        if len(stages) >= LEAST and codebase.snapshot.by_path[path].role == "source":
            table.setdefault(path, Ties()).wired |= {f"`{name}`": line for name in stages}
    for slots in result_slots(codebase):
        table.setdefault(slots.path, Ties()).slots |= {f"`{name}`": slots.lines[0] for name in slots.filled}
    _asked(codebase, table)


def _wiring(hit: CensusHit) -> tuple[str, int]:
    """The file and line where the stages are put in place: a class that inherits them all is not tied to them."""
    places = [(path, start) for label, path, start, _end in hit.related if label == "stage"]
    if not places or any(path == hit.path for path, _line in places):
        return hit.path, hit.start
    paths = [path for path, _line in places]
    most = max(paths, key=paths.count)
    return most, min(line for path, line in places if path == most)


def _asked(codebase: Codebase, table: Mapping[str, Ties]) -> None:
    """Comparisons with members of the enumeration by which a file keeps a table of labels."""
    for path, ties in table.items():
        enums = {name for text in ties.bound for name in members(text)}
        for unit in units(codebase, path=path) if enums else ():
            for node in unit.nodes:
                if isinstance(node, ast.Compare) and any(map(partial(_member_of, enums), node.comparators)):
                    ties.asked.append(unit.row(node.lineno))


def _member_of(enums: set[str], side: ast.expr) -> bool:
    """Whether a side of a comparison names a member of one of the enumerations."""
    return any(isinstance(part, ast.Attribute) and written(part.value) in enums for part in ast.walk(side))


def interface_of(roster: Roster, frame: Frame) -> ClassRef | None:
    """The interface that the class of a body implements beside others, None for none."""
    line = roster.program.line(frame.owner)[1:] if frame.owner is not None else ()
    known = _interfaces(roster.codebase)
    return next((cls for cls in line if (cls.path, cls.definition.symbol) in known), None)


@once
def _interfaces(codebase: Codebase) -> frozenset[tuple[str, str]]:
    hits = hierarchies(codebase, parse_query("hierarchies: what=interfaces"))
    return frozenset((hit.path, hit.symbol) for hit in hits if len(hit.detail["members"].split(", ")) > 1)
