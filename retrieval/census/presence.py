"""On which conditions a program comes to a body: the least conditional way from its start.

Tests that only make something at its first use ("if it is None") are no conditions of presence.
"""

import re
from collections import deque
from typing import TYPE_CHECKING

from retrieval.census.body import Guard
from retrieval.census.callgraph import entered, imported_sites, possible
from retrieval.census.roster import Roster
from retrieval.census.spots import argument

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.census.program import Program

DEEPEST = 40
_FIRST_USE = re.compile(
    r"\bis None\b|\bnot in\b|^not [\w.\[\]\"']+$|\bnot hasattr\(|^not \w[\w.]*\.get\("
    r"|is_?file\(|\bexists\("
)
Way = tuple[tuple["Frame", Guard], ...]  # the conditions on the way, outermost first


def is_first_use(guard: Guard) -> bool:
    """Whether a condition asks whether something is not there yet."""
    if guard.kind == "else":
        return re.fullmatch(r"[A-Za-z_]\w*", guard.text) is not None  # `model = model or load()`
    return guard.kind == "if" and _FIRST_USE.search(guard.text) is not None


def conditions(guards: tuple[Guard, ...]) -> list[Guard]:
    """The guards that make something depend on a choice."""
    return [
        guard
        for guard in guards
        if guard.kind in ("if", "else", "case") and "__name__" not in guard.text and not is_first_use(guard)
    ]


def is_met(roster: Roster, frame: "Frame", guard: Guard) -> bool:
    """Whether a caller gives a parameter the very value that the condition asks for: `kind == "a"`, called with "a"."""
    asked = re.fullmatch(r"(\w+) == ([\"'][^\"']*[\"']|\d+)", guard.text)
    if guard.kind != "if" or asked is None or asked[1] not in frame.parameters:
        return False
    for called in roster.tracer.holders.callers(frame):
        given = argument(called, frame, asked[1])
        written = called[0].body.tree.text(given)
        if given is not None and written.strip("\"'") == asked[2].strip("\"'"):
            return True
    return False


def ways_of(program: "Program", roots: "list[Frame]") -> "dict[tuple[str, str], Way]":
    """Path and symbol of every body that runs from `roots` → the conditions on the way there."""
    waiting: deque[tuple[Frame, Way, bool, int]] = deque((frame, (), True, 0) for frame in roots)
    found: dict[tuple[str, str], Way] = {}
    while waiting:
        frame, way, whole, depth = waiting.popleft()
        key = (frame.path, frame.symbol)
        if key in found:
            continue
        found[key] = way
        for site in (program.sites(frame) if whole else imported_sites(program, frame)) if depth < DEEPEST else ():
            around = conditions(site.step.guards)
            then = (*way, *((frame, guard) for guard in around))
            for target in possible(program, site):
                inner = entered(program, target)
                if inner is not None:
                    row = (inner, then, target.definition.kind != "module", depth + 1)
                    waiting.append(row) if around else waiting.appendleft(row)
    return found
