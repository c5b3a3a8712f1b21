"""Kind `failure_checks`: results that code tests for failure, and what happens when they did fail.

A check is an `if` on a value that a call of the same body gave (`is None`, `not`, an empty length, a return code),
or on a missing file or folder, whose branch leaves: it returns, raises, ends the program or goes on with the next
item. What exception handlers do is told by `catches`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Unit, call_name, own_nodes, quoted, subject_of, units
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHORT = 8
_CODES = words(
    """error_code errorcode return_code err_code returncode status_code exit_code retcode ret rc status ok success
    succeeded"""
)
_PRESENCE = words("exists isfile isdir is_file is_dir")
_EXHAUSTED = words("read read1 readline readlines readinto recv next fetchone fetchmany grab retrieve get_nowait poll")
_EXITS = words("exit _exit quit abort")
_PLAIN = words("input float int str bool dict list set tuple len getattr sorted zip enumerate range pop split")
_ENDS = {
    "return": "returns",
    "raise": "raises",
    "continue": "skips this one",
    "break": "leaves the loop",
    "exit": "ends",
}
_EXHAUSTED_BY = re.compile(rf"(?:^|[.`])(?:{'|'.join(sorted(_EXHAUSTED))})\(\)`")
_NEEDS = r"\bif\b"


@kind(
    "failure_checks",
    summary="results tested for failure (None, empty, return code, missing file) and what the branch does",
    example="failure_checks: return, raise",
    reads="python",
)
def failure_checks(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per check; patterns match what the branch does: return, raise, continue, break or exit."""
    for unit in units(codebase, _NEEDS):
        bodies: list[tuple[ast.AST, str]] = [(unit.tree, ""), *unit.functions()]
        for body, symbol in bodies:
            for check, tested, origin in _checks(body):
                how = _leaves(check.body)
                if how == "break" and origin and _EXHAUSTED_BY.search(origin):
                    continue  # the end of a file or stream is no failure
                if how and query.matches(how):
                    yield _hit(codebase, unit, check, symbol, (tested, origin, how))


def _checks(body: ast.AST) -> Iterator[tuple[ast.If, ast.expr, str]]:
    """Each test of a result, the tested expression, and the call that gave the result in words."""
    made: dict[str, str] = {}
    for node in own_nodes(body):
        if isinstance(node, ast.Assign) and (call := _call_in(node.value)) is not None and _can_fail(call):
            given = f"`{dotted(call.func)}()`, called on line {call.lineno}"
            made |= {name: given for target in node.targets for name in _bound(target)}
        elif isinstance(node, ast.If):
            yield from _tests(node, made)


def _tests(node: ast.If, made: dict[str, str]) -> Iterator[tuple[ast.If, ast.expr, str]]:
    joined = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And)
    parts = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
    for part in parts:
        name = _failed_name(part)
        if name in made:
            yield node, node.test, f"the result of {made[name]}"
            return
        if _is_missing(part) and (not joined or isinstance(node.body[-1], ast.Raise)):
            yield node, node.test, ""
            return


def _call_in(value: ast.expr) -> ast.Call | None:
    value = value.value if isinstance(value, ast.Await) else value
    return value if isinstance(value, ast.Call) and dotted(value.func) else None


def _can_fail(call: ast.Call) -> bool:
    """Whether the result of a call tells of success: conversions, look-ups and what a person types do not."""
    keyed = bool(call.args) and isinstance(call.args[0], ast.Constant)
    return call_name(call) not in _PLAIN and not (call_name(call) == "get" and keyed)


def _bound(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _failed_name(test: ast.expr) -> str:
    """The name that a test finds failed: `x is None`, `not x`, `len(x) == 0`, `x.returncode != 0`; else ""."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _root(operand) if isinstance(operand, ast.Name | ast.Attribute) else ""
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None | False)]):
            return _root(left)
        case ast.Compare(left=ast.Call(func=ast.Name(id="len"), args=[inner]), ops=[ast.Eq()], comparators=[right]):
            return _root(inner) if isinstance(right, ast.Constant) and right.value == 0 else ""
        case ast.Compare(left=left, ops=[ast.NotEq() | ast.Gt()], comparators=[ast.Constant(value=0 | 200)]):
            last = left.attr if isinstance(left, ast.Attribute) else _root(left)
            return _root(left) if last in _CODES else ""
    return ""


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_missing(test: ast.expr) -> bool:
    """`not os.path.exists(x)`, `not path.is_file()`."""
    operand = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else None
    return operand is not None and call_name(operand) in _PRESENCE


def _leaves(body: list[ast.stmt]) -> str:
    """How a short branch ends: "return", "raise", "continue", "break" or "exit"; "" when it goes on."""
    last = body[-1]
    if len(body) > SHORT:
        return ""
    for kind_, name in ((ast.Return, "return"), (ast.Raise, "raise"), (ast.Continue, "continue"), (ast.Break, "break")):
        if isinstance(last, kind_):
            return name
    return "exit" if isinstance(last, ast.Expr) and call_name(last.value) in _EXITS else ""


def _hit(codebase: Codebase, unit: Unit, check: ast.If, symbol: str, found: tuple[ast.expr, str, str]) -> CensusHit:
    tested, origin, how = found
    first, last = unit.row(check.lineno), unit.row(check.body[-1].end_lineno or check.lineno)
    said = f"{subject_of(codebase, unit.path, symbol)} tests {quoted(tested, 90)}"
    said += f" ({origin})" if origin else ""
    return hit_at(
        codebase,
        unit.path,
        (first, last),
        symbol=symbol,
        name=how,
        text=f"{said}: {_done(check.body, how)}",
        detail={"what": how},
    )


def _done(body: list[ast.stmt], how: str) -> str:
    """What the branch does, in words: "prints, then returns `None`"."""
    told = [call_name(s.value) for s in body[:-1] if isinstance(s, ast.Expr) and call_name(s.value)]
    before = "prints" if "print" in told else f"calls `{told[0]}()`" if told else ""
    last = body[-1]
    value = last.value if isinstance(last, ast.Return) else last.exc if isinstance(last, ast.Raise) else None
    shown = source_of(value, 80).replace("`", "'") if value is not None else ""
    end = f"{_ENDS[how]} `{shown}`" if shown else "ends the program" if how == "exit" else _ENDS[how]
    end = "returns without a result" if how == "return" and not shown else end
    return f"{before}, then {end}" if before else end
