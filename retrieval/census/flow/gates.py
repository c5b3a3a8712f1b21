"""Kind `gates`: conditions on the round of a loop that switch what models are given, or gate what follows.

`if step <= merge_step: embeds = text_only` compares the round with a threshold; `if epoch % every: return` lets what
stands behind it run every so often. Told only of functions that lead to a model.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.periodic import acts, calls_of, is_periodic, loops_around
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, quoted, subject_of, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

CALLS = 5
_QUIET = re.compile(
    r"(?:^|\.)`?(?:update|set_description|set_postfix|print|info|debug|log|write|callback|getattr|tqdm)\("
)


@kind(
    "gates",
    summary="conditions on the round of a loop or an n-th epoch that switch or gate model runs",
    example="gates",
    reads="python",
    ordered=True,
)
def gates(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per condition, those in what the main programs run first. Patterns match the condition or function."""
    reach = reach_of(codebase)
    own = {item.name for _, item in codebase.all_definitions()}
    found: list[tuple[bool, CensusHit]] = []
    for unit in units(codebase, r"%|\b(?:for|while)\b"):
        for node in unit.nodes:
            symbol = unit.symbols.get(node, "")
            if not isinstance(node, ast.If) or not query.matches(written(node.test), symbol):
                continue
            said = _threshold(unit, node) or _gate(unit, node, own)
            if said and _leads(codebase, unit.path, symbol):
                text = f"{subject_of(codebase, unit.path, symbol)} {said}"
                hit = hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=written(node.test), text=text)
                found.append((not reach.runs((unit.path, symbol)), hit))
    yield from (hit for _, hit in sorted(found, key=lambda item: item[0]))


def _leads(codebase: Codebase, path: str, symbol: str) -> bool:
    focus = focus_of(codebase)
    definition = focus.program.definition(path, symbol) if symbol else None
    frame = focus.program.frame(path, definition) if definition is not None or not symbol else None
    builds = definition is not None and definition.name == "__init__"
    return frame is not None and not builds and focus.leads(frame) and not focus.is_layer(frame)


def _threshold(unit: Unit, node: ast.If) -> str:
    """A comparison of the round with a threshold that is no constant and no length."""
    loop = next(iter(loops_around(unit, node)), None)
    if not isinstance(loop, ast.For) or not _compares(node.test, _counters(loop)):
        return ""
    names = list(dict.fromkeys(_set(node.body)))
    tested, each = quoted(node.test, 120), quoted(loop.target, 40)
    if names:
        rest = ", otherwise in another" if set(names) & set(_set(node.orelse)) else ""
        return f"sets {listed([f'`{name}`' for name in names], CALLS)} in one way if {tested}{rest}, for each {each}"
    called = [name for part in node.body for name in calls_of(part)]
    return f"{acts(node.body)} if {tested}, for each {each}" if any(map(_tells, called)) else ""


def _tells(name: str) -> bool:
    """Whether a call is more than a sign of progress."""
    return _QUIET.search(name) is None


def _set(body: list[ast.stmt]) -> list[str]:
    """The names that statements set."""
    targets = [t for s in body if isinstance(s, ast.Assign) for t in s.targets]
    parts = [p for t in targets for p in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _counters(loop: ast.For) -> set[str]:
    """The names that count the rounds of a loop: those of `range`, and the first of `enumerate`."""
    call = loop.iter
    while isinstance(call, ast.Call) and written(call.func).rpartition(".")[2] not in ("range", "enumerate"):
        if not call.args:
            return set()
        call = call.args[0]
    if not isinstance(call, ast.Call):
        return set()
    first = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) else loop.target
    return {first.id} if isinstance(first, ast.Name) else set()


def _compares(test: ast.expr, names: set[str]) -> bool:
    for part in ast.walk(test):
        if isinstance(part, ast.Compare) and len(part.ops) == 1 and _orders(part.ops[0]):
            left, right = _named(part.left), _named(part.comparators[0])
            counted = any(isinstance(p, ast.Call) and written(p.func) == "len" for p in ast.walk(part))
            if not counted and len(left | right) > 1 and bool(left & names) != bool(right & names):
                return True
    return False


def _orders(sign: ast.cmpop) -> bool:
    return isinstance(sign, ast.Lt | ast.LtE | ast.Gt | ast.GtE)


def _named(node: ast.expr) -> set[str]:
    """The names and attributes that an expression reads."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - {"self", "int", "len", "float"}


def _gate(unit: Unit, node: ast.If, own: set[str]) -> str:
    """A return on every n-th step, with the repository's functions that follow it in the block."""
    if not isinstance(node.body[-1], ast.Return) or not any(is_periodic(part) for part in ast.walk(node.test)):
        return ""
    parent = unit.parents.get(node)
    block = next((b for b in (getattr(parent, "body", []), getattr(parent, "orelse", [])) if node in b), [])
    behind = [item for item in block[block.index(node) + 1 :]] if block else []
    called = [name for statement in behind for part in _statements(statement) for name in part]
    names = list(dict.fromkeys(name for name in called if name.strip("`()").rpartition(".")[2] in own))
    if not names:
        return ""
    more = f" and {len(names) - CALLS} more" if len(names) > CALLS else ""
    return f"returns early if {quoted(node.test, 160)}; only otherwise it calls {', '.join(names[:CALLS])}{more}"


def _statements(statement: ast.stmt) -> Iterator[list[str]]:
    for part in ast.walk(statement):
        if isinstance(part, ast.stmt):
            yield list(calls_of(part))
