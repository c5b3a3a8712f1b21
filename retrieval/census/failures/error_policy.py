"""Kind `error_policy`: what decides whether a failure ends the run: switches, marks on failed items, early returns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.failures.raise_switches import first_functions, switches
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, guarded, only_if, own_nodes, subject_of, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_MARK = re.compile(r"(?i)^(?:is_|has_)?(?:failed|error|errors|status|state|exception|failure|success)(?:_\w+)?$")
_KEPT = re.compile(r"(?i)^(?:\w+_)?(?:errors|failures|failed|failed_\w+|exceptions)$")
_PARTIAL = re.compile(r"(?i)(?:^|[._'\"])partial(?:ly)?_?(?:success|failure|failed|complete)")
_TELLS = frozenset(["error", "critical", "exception", "fatal"])
_NEEDS = r"\bexcept\b|(?i:partial_?(?:success|fail))|(?i:on_error|_error\b|abort|halt|strict)|def main\b|^\s*return -1"
_SHOWN, _WIDEST, _WIDE = 3, 5, frozenset(["Exception", "BaseException", ""])
Found = Iterator[tuple[Unit, ast.AST, str, str, str]]  # file, place, symbol, kind, words


@kind(
    "error_policy",
    summary="what decides whether a failure ends the run: raise-or-record switches, marks on failed items, early ends",
    example="error_policy: switch",
    reads="python",
)
def error_policy(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Patterns match `detail["what"]`: switch, mark, partial, ends (a main function returns early), last (a handler
    that is a main function's last step)."""
    first = first_functions(codebase)
    for unit in units(codebase, _NEEDS):
        for function, symbol in unit.functions():
            found = [*switches(codebase, function), *_marks(function)]
            if (unit.path, symbol) in first:
                found += [*_early(function), *_last(function)]
            for node, what, words in found:
                if query.matches(what, symbol):
                    text = f"{subject_of(codebase, unit.path, symbol)} {words}"
                    lines = unit.lines(node)
                    yield hit_at(codebase, unit.path, lines, symbol=symbol, name=what, text=text, detail={"what": what})


# Marks: a failed item is marked, and the others go on


def _marks(function: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    for handler in [node for node in own_nodes(function) if isinstance(node, ast.ExceptHandler)]:
        marks = [text for node in ast.walk(handler) if (text := mark_of(node))]
        if marks and not any(isinstance(node, ast.Raise) for node in handler.body):
            caught = source_of(handler.type, 60) if handler.type is not None else "any exception"
            yield handler, "mark", f"marks what failed and goes on after `{caught}`: {_ticked(marks)}"
    if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _partial(function)


def _partial(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[ast.AST, str, str]]:
    """A function that says a run succeeded in part: which states it sets on which conditions, what it keeps of what
    failed."""
    body = list(guarded(function.body))
    assigned = [(s, around) for s, around in body if isinstance(s, ast.Assign) and len(s.targets) == 1]
    first = next((s for s, _ in assigned if _PARTIAL.search(ast.unparse(s.value))), None)
    if first is None:
        return
    target = ast.unparse(first.targets[0])
    states: dict[str, None] = {}
    for statement, around in assigned:
        if ast.unparse(statement.targets[0]) == target and isinstance(statement.value, ast.Attribute | ast.Constant):
            when = only_if(around[-1:]).removeprefix(" — only")
            when = " otherwise" if when.endswith(" is false") else when
            state = ast.unparse(statement.value).rpartition(".")[2][:60]
            states |= {f"`{state}`{when}": None} if not state.islower() else {}
    text = f"sets `{target}` to {listed(list(states), _WIDEST)}" if states else f"sets {_ticked([ast.unparse(first)])}"
    calls = [node for node in own_nodes(function) if isinstance(node, ast.Call)]
    kept = dict.fromkeys(f"`{dotted(c.func).rpartition('.')[0]}`" for c in calls if mark_of(c))
    text += f", puts what failed into {listed(list(kept), _SHOWN)}" if kept else ""
    for statement, _around in assigned:
        value = statement.value
        if isinstance(value, ast.ListComp) and value.generators[0].ifs and "." in ast.unparse(statement.targets[0]):
            whole, asked = ast.unparse(statement.targets[0]), ast.unparse(value.generators[0].ifs[0])
            text += f", and leaves in `{whole}` only that for which `{asked[:60]}`"
    yield first, "partial", text


def _ticked(texts: list[str]) -> str:
    return listed([f"`{text.replace('`', chr(39))[:90]}`" for text in dict.fromkeys(texts)], _SHOWN)


def mark_of(node: ast.AST) -> str:
    """A statement that notes a failure on an object, in a result or in a list of errors; "" for any other."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Attribute):
        empty = isinstance(node.value, ast.Constant) and node.value.value is None
        return ast.unparse(node) if _MARK.match(node.targets[0].attr) and not empty else ""
    if isinstance(node, ast.Call) and call_name(node) in ("append", "add", "extend"):
        owner = dotted(node.func).rpartition(".")[0].rpartition(".")[2]
        return ast.unparse(node) if _KEPT.match(owner) else ""
    return ""


# Early ends of the first function of a program


def _early(function: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    body = function.body if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else []
    found: list[tuple[ast.Return, str]] = []
    before: ast.stmt | None = None
    for statement, around in guarded(body):
        if isinstance(statement, ast.Return) and around and _is_failure(statement, before):
            found.append((statement, only_if(around[-1:])))
        before = statement
    for statement, when in found:
        value = source_of(statement.value, 40) if statement.value is not None else ""
        yield statement, "ends", f"ends early with `return{f' {value}' if value else ''}`{when}"


def _is_failure(statement: ast.Return, before: ast.stmt | None) -> bool:
    """Whether a return gives a code other than 0, or nothing after an error was told."""
    value = statement.value
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        return isinstance(value.operand, ast.Constant)
    if isinstance(value, ast.Constant) and value.value is not None:
        return isinstance(value.value, int) and not isinstance(value.value, bool) and value.value != 0
    told = isinstance(before, ast.Expr) and call_name(before.value) in _TELLS
    return told and (value is None or isinstance(value, ast.Constant))


def _last(function: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    body = function.body if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else []
    if not body or not isinstance(body[-1], ast.Try):
        return
    for handler in body[-1].handlers:
        caught = dotted(handler.type) if handler.type is not None else ""
        leaves = any(isinstance(n, ast.Raise) or call_name(n) in ("exit", "_exit") for n in ast.walk(handler))
        if caught in _WIDE and not leaves and not any(isinstance(n, ast.Return) for n in ast.walk(handler)):
            words = "catches every error of its last step and tells it: the run is over then, with exit status 0"
            yield handler, "last", words
