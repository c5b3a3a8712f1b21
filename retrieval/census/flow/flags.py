"""Kind `flags`: variables that are set by comparisons and later decide: a retry, a skip, the end of a loop.

`needs_fallback` says nothing by itself; what sets it does: the results compared with thresholds, and their defaults.
Only variables of one function are followed, and only those that a comparison sets or stands above.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.units import Function, Unit, own_nodes, subject_of, units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST, TEXT, TESTS = 4, 150, 2
_LOOPS = ast.For | ast.AsyncFor | ast.While
_LEAVING = {ast.Break: "leaves the loop", ast.Continue: "goes on with the next round"}


@dataclass(slots=True)
class Flag:
    """One variable of a function with the assignments that set it and the tests that read it."""

    name: str
    sets: list[ast.Assign] = field(default_factory=list)
    tests: list[ast.If | ast.While] = field(default_factory=list)


@kind(
    "flags",
    summary="variables set by comparisons that later decide on a retry, a skip or the end of a loop, with thresholds",
    example="flags, or flags: model=yes",
    reads="python",
    options=("model",),
    ordered=True,
)
def flags(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per variable, those of functions that lead to a model first (`model=yes` for these alone); patterns match
    the variable or the function."""
    found = list(_every(codebase, query))
    wanted = query.options.get("model", "yes|no").split("|")
    for hit in sorted(found, key=lambda hit: (hit.detail["model"] != "yes", hit.path, hit.start)):
        if hit.detail["model"] in wanted:
            yield hit


def _every(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    reach = reach_of(codebase)
    for unit in units(codebase, r"\bif\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            outer = _outermost(codebase, unit.path, symbol)
            for flag in _flags(unit, function) if reach.runs((unit.path, outer)) else ():
                if query.matches(flag.name) or query.matches(symbol):
                    yield _hit(codebase, unit, (function, symbol), flag)


def _leads(codebase: Codebase, path: str, symbol: str) -> bool:
    """Whether a function makes or runs a model, or calls what does."""
    focus = focus_of(codebase)
    frame = focus.program.frame(path, focus.program.definition(path, symbol))
    return frame is not None and focus.leads(frame)


def _outermost(codebase: Codebase, path: str, symbol: str) -> str:
    """The function or method around inner functions, which run where it runs."""
    kinds = {item.symbol: item.kind for item in codebase.facts[path].definitions}
    parts = symbol.split(".")
    outer = (".".join(parts[:size]) for size in range(1, len(parts) + 1))
    return next((name for name in outer if kinds.get(name, "class") != "class"), symbol)


def _flags(unit: Unit, function: Function) -> Iterator[Flag]:
    """The variables that some comparison decides and some test reads, in the order in which they are set."""
    found: dict[str, Flag] = {}
    nodes = list(own_nodes(function))
    for node in nodes:
        name = _target(node)
        if name and isinstance(node, ast.Assign) and (_is_truth(node.value)):
            found.setdefault(name, Flag(name)).sets.append(node)
    plain = {name for name, flag in found.items() if all(_is_truth(item.value) for item in _all_sets(nodes, flag.name))}
    for node in nodes:
        if isinstance(node, ast.If | ast.While):
            for name in plain & _read(node.test):
                found[name].tests.append(node)
    for name in found:
        flag = found[name]
        flag.tests = [test for test in flag.tests if isinstance(test, ast.While) or _leaving(test)]
        if name in plain and flag.tests and any(_is_decided(unit, function, item) for item in flag.sets):
            yield flag


def _all_sets(nodes: list[ast.AST], name: str) -> list[ast.Assign]:
    return [node for node in nodes if isinstance(node, ast.Assign) and _target(node) == name]


def _target(node: ast.AST) -> str:
    single = isinstance(node, ast.Assign) and len(node.targets) == 1
    target = node.targets[0] if single and isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else ""


def _is_truth(value: ast.expr) -> bool:
    """Whether an expression is true or false: a constant, a comparison, or several of them joined."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, bool)
    if isinstance(value, ast.BoolOp):
        return any(_is_truth(part) for part in value.values)
    return isinstance(value, ast.Compare) or (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not))


def _read(test: ast.expr) -> set[str]:
    """The names that a condition tests as they are."""
    if isinstance(test, ast.Name):
        return {test.id}
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _read(test.operand)
    if isinstance(test, ast.BoolOp):
        return {name for part in test.values for name in _read(part)}
    return set()


def _is_decided(unit: Unit, function: Function, node: ast.Assign) -> bool:
    """Whether a comparison of something computed sets the variable, or stands above the assignment."""
    tests = [] if isinstance(node.value, ast.Constant) else [node.value]
    tests += [test for test, _ in _above(unit, function, node)]
    parts = [part for test in tests for part in ast.walk(test) if isinstance(part, ast.Compare)]
    return any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for part in parts for op in part.ops)


def _above(unit: Unit, function: Function, node: ast.AST) -> list[tuple[ast.expr, bool]]:
    """The conditions around a statement inside its function, the nearest first, and whether each must hold."""
    found: list[tuple[ast.expr, bool]] = []
    inner, outer = node, unit.parents.get(node)
    while outer is not None and outer is not function:
        if isinstance(outer, ast.If):
            found.append((outer.test, inner not in outer.orelse))
        inner, outer = outer, unit.parents.get(outer)
    return found


def _hit(codebase: Codebase, unit: Unit, place: tuple[Function, str], flag: Flag) -> CensusHit:
    function, symbol = place
    where = subject_of(codebase, unit.path, symbol)
    effects = [_effect(unit, function, test) for test in flag.tests]
    ways = [_way(unit, function, item) for item in flag.sets]
    shown = ways[:MOST] + ([f"{len(ways) - MOST} more places"] if len(ways) > MOST else [])
    defaults = _defaults(unit, function, flag)
    text = f"In {where}, {'; '.join(dict.fromkeys(effects[:TESTS]))}. `{flag.name}` is set {'; '.join(shown)}"
    text += f" ({', '.join(defaults)})" if defaults else ""
    lines = [unit.lines(node) for node in (*flag.sets[1:], *flag.tests)]
    related = tuple(("flag", unit.path, a, min(b, a + 8)) for a, b in lines)
    first = unit.lines(flag.sets[0])
    detail = {"model": "yes" if _leads(codebase, unit.path, symbol) else "no"}
    return hit_at(codebase, unit.path, first, symbol=symbol, name=flag.name, text=text, related=related, detail=detail)


def _effect(unit: Unit, function: Function, test: ast.If | ast.While) -> str:
    condition = f"`{one_line(ast.unparse(test.test), TEXT)}`"
    if isinstance(test, ast.While):
        return f"the loop goes on while {condition}"
    leaving = _leaving(test)
    loop = next((node for node in _outer(unit, function, test) if isinstance(node, _LOOPS)), None)
    if loop is not None:
        over = (
            f"for `{ast.unparse(loop.target)} in {one_line(ast.unparse(loop.iter), 60)}`"
            if not isinstance(loop, ast.While)
            else f"while `{one_line(ast.unparse(loop.test), 60)}`"
        )
        return f"if {condition} it {leaving} {over}"
    return f"if {condition} it {leaving}"


def _leaving(test: ast.If) -> str:
    """How the arm of a condition leaves the round or the loop, "" when it does not."""
    return next((words for kind_, words in _LEAVING.items() if any(isinstance(s, kind_) for s in test.body)), "")


def _outer(unit: Unit, function: Function, node: ast.AST) -> Iterator[ast.AST]:
    current = unit.parents.get(node)
    while current is not None and current is not function:
        yield current
        current = unit.parents.get(current)


def _way(unit: Unit, function: Function, node: ast.Assign) -> str:
    value = node.value
    said = str(value.value) if isinstance(value, ast.Constant) else f"by `{one_line(ast.unparse(value), TEXT)}`"
    said = f"to {said}" if isinstance(value, ast.Constant) else said
    above = [(test, holds) for test, holds in _above(unit, function, node)][:2]
    told = [f"`{one_line(_bare(test), TEXT)}`" + ("" if holds else " is false") for test, holds in above]
    return f"{said} if {' and '.join(told)}" if told else said


def _bare(test: ast.expr) -> str:
    """A condition without the parts that only ask whether a threshold is given."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        kept = [part for part in test.values if not _asks_for_none(part)]
        if kept and len(kept) < len(test.values):
            return " and ".join(ast.unparse(part) for part in kept)
    return ast.unparse(test)


def _asks_for_none(part: ast.expr) -> bool:
    right = part.comparators[0] if isinstance(part, ast.Compare) and len(part.ops) == 1 else None
    return isinstance(right, ast.Constant) and right.value is None


def _defaults(unit: Unit, function: Function, flag: Flag) -> list[str]:
    """The defaults of the parameters, of this function and those around it, that the comparisons name."""
    tests = [test for item in flag.sets for test in (item.value, *(t for t, _ in _above(unit, function, item)))]
    names = {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}
    around = [node for node in unit.enclosing(function) if isinstance(node, Function)]
    found: dict[str, str] = {}
    for holder in (function, *around):
        for name, default in _literal_defaults(holder):
            if name in names:
                found.setdefault(name, f"`{name}` is {default} by default")
    return list(found.values())[:MOST]


def _literal_defaults(function: Function) -> Iterator[tuple[str, str]]:
    given = function.args
    listed = [*given.posonlyargs, *given.args]
    pairs = [*zip(listed[len(listed) - len(given.defaults) :], given.defaults, strict=True)]
    pairs += [(a, d) for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True) if d is not None]
    for argument, default in pairs:
        plain = isinstance(default, ast.Constant) or (
            isinstance(default, ast.UnaryOp) and isinstance(default.operand, ast.Constant)
        )
        if plain and not (isinstance(default, ast.Constant) and default.value is None):
            yield argument.arg, ast.unparse(default)
