"""What becomes of an item that a handler marks as failed: which functions test the mark, and what they then do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_MARKS, MOST_NAMED = 2, 4
_MARK = re.compile(r"sets `[A-Za-z_][\w.]*\.(\w*(?:fail|error|broken|skip|invalid)\w*) = (?:True|\w+)`", re.I)


def followed(codebase: Codebase, hits: Iterable[CensusHit]) -> str:
    """ "; the mark `is_failed` is tested by `next_stage()` and `collect()`"; "" where no mark is tested anywhere."""
    marks = dict.fromkeys(name for hit in hits for name in _MARK.findall(hit.text))
    told = [f"`{name}` is tested by {listed(where, MOST_NAMED)}" for name in marks if (where := _tests(codebase, name))]
    return f"; the mark {', and '.join(told[:MOST_MARKS])}" if told else ""


def _tests(codebase: Codebase, name: str) -> list[str]:
    """The functions that decide by an attribute of that name."""
    found: dict[str, None] = {}
    for unit in units(codebase, rf"\.{re.escape(name)}\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in unit.nodes:
            test = node.test if isinstance(node, ast.If | ast.IfExp | ast.While) else None
            tests = [test] if test is not None else node.ifs if isinstance(node, ast.comprehension) else []
            if any(isinstance(part, ast.Attribute) and part.attr == name for item in tests for part in ast.walk(item)):
                symbol = unit.symbols.get(node, "")
                found |= {f"`{symbol}()`": None} if symbol else {}
    return list(found)
