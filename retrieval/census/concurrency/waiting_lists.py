"""Kind `waiting_lists`: lists of an object in which work waits until a round of model work takes it out.

By use: one method puts in, another takes the first one out and uses it, and that method, or a function that calls a
method of the class, leads to a model. What drops its oldest entry waits for nothing and is none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 4
_PUTS = frozenset({"append", "appendleft", "extend", "insert"})
Lists = dict[str, tuple[dict[str, int], dict[str, int]]]


@kind(
    "waiting_lists",
    summary="lists of an object that one method fills and another empties for a round of model work",
    example="waiting_lists",
    reads="python",
)
def waiting_lists(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per class that main programs may run; patterns match the class."""
    for unit in units(codebase, r"\.popleft\(|\.pop\(0\)"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in (item for item in ast.walk(unit.tree) if isinstance(item, ast.ClassDef)):
            lists, symbol = _lists(node), unit.symbol_of(node)
            if lists and query.matches(symbol) and reach_of(codebase).runs((unit.path, symbol)):
                runs = _runs_models(codebase, unit, symbol, _taking(node, lists))
                if runs:
                    yield _hit(codebase, unit, symbol, lists, runs)


def _lists(node: ast.ClassDef) -> Lists:
    """Attribute → the methods that put into it and those that take the first out, each with a line."""
    found: Lists = {}
    for method in (item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)):
        dropped = {id(part.value) for part in ast.walk(method) if isinstance(part, ast.Expr)}
        for call in (part for part in ast.walk(method) if isinstance(part, ast.Call)):
            name, _, verb = written(call.func).rpartition(".")
            puts, takes = found.setdefault(name, ({}, {})) if name.startswith("self.") else ({}, {})
            first = verb == "popleft" or (verb == "pop" and len(call.args) == 1 and written(call.args[0]) == "0")
            if verb in _PUTS:
                puts.setdefault(method.name, call.lineno)
            elif first and id(call) not in dropped:
                takes.setdefault(method.name, call.lineno)
    return {name: (puts, takes) for name, (puts, takes) in found.items() if takes and set(puts) - set(takes)}


def _taking(node: ast.ClassDef, lists: Lists) -> set[str]:
    """The methods that take work out, themselves or by another method of the object."""
    found = {method for _, takes in lists.values() for method in takes}
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    called = {m.name: {written(c.func) for c in ast.walk(m) if isinstance(c, ast.Call)} for m in methods}
    for _ in methods:
        more = {name for name, calls in called.items() if any(f"self.{other}" in calls for other in found)}
        if more <= found:
            break
        found |= more
    return found


def _runs_models(codebase: Codebase, unit: Unit, symbol: str, taking: set[str]) -> list[str]:
    """The methods that take work out and lead to models; without any the functions that call one of them and do."""
    focus = focus_of(codebase)
    program = focus.program
    known = [item for item in codebase.facts[unit.path].definitions if item.symbol.rpartition(".")[0] == symbol]
    frames = [program.frame(unit.path, item) for item in known if item.name in taking]
    own = [frame.symbol for frame in frames if frame is not None and focus.leads(frame)]
    if own:
        return own
    found = dict[str, None]()
    for path, call in codebase.all_calls():
        target = codebase.resolve_call(path, call) if call.symbol and call.name.rpartition(".")[2] in taking else None
        if target is None or target[0] != unit.path or target[1].symbol.rpartition(".")[0] != symbol:
            continue
        around = program.definition(path, call.symbol)
        frame = program.frame(path, around) if around is not None and path != unit.path else None
        if frame is not None and focus.leads(frame):
            found[call.symbol] = None
    return list(found)


def _hit(codebase: Codebase, unit: Unit, symbol: str, lists: Lists, runs: list[str]) -> CensusHit:
    told = []
    for name, (puts, takes) in lists.items():
        filled, emptied = (listed([f"`{method}()`" for method in methods], SHOWN) for methods in (puts, takes))
        told.append(f"`{name}`, filled by {filled} and taken out first in, first out by {emptied}")
    by = listed([f"`{name}()`" for name in runs], SHOWN)
    text = f"`{symbol}` keeps waiting work in {'; '.join(told)}; what is taken out goes to the model work of {by}"
    lines = [line for puts, takes in lists.values() for line in (*takes.values(), *puts.values())]
    related = tuple(("waiting", unit.path, line, line) for line in lines[1:])
    return hit_at(codebase, unit.path, (lines[0], lines[0]), symbol=symbol, name=symbol, text=text, related=related)
