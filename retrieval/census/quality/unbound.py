"""Local names that one arm of a condition binds and code behind the condition reads in any case.

Only the plainest form counts: every binding of the name stands in arms of one `if` whose other way goes on without
binding it, and the name is read behind that `if`, in the same block or around it, under no further condition.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.units import Function, Unit, own_nodes, quoted, units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_LOOPS = ast.For | ast.While | ast.AsyncFor
_LEAVING = ("exit", "_exit", "abort", "fail", "fatal", "error", "usage", "skip", "quit", "die")


def unbound_names(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per function and name."""
    for unit in units(codebase, r"(?m)^\s+if "):
        file = codebase.snapshot.by_path[unit.path]
        if file.role == "source" and file.language == "python":
            for body, symbol in unit.functions():
                yield from _of_body(codebase, unit, body, symbol)


def _of_body(codebase: "Codebase", unit: Unit, body: Function, symbol: str) -> Iterator[CensusHit]:
    outer = {n for node in own_nodes(body) if isinstance(node, ast.Global | ast.Nonlocal) for n in node.names}
    given = {arg.arg for arg in ast.walk(body.args) if isinstance(arg, ast.arg)}
    stores: dict[str, list[ast.AST]] = {}
    for node in own_nodes(body):
        for name in _bound(node):
            stores.setdefault(name, []).append(node)
    again = {inner for node in own_nodes(body) if isinstance(node, _LOOPS) for inner in ast.walk(node)}
    for block in _blocks(body.body):
        for place, statement in enumerate(block):
            if not isinstance(statement, ast.If) or isinstance(statement.test, ast.Constant) or statement in again:
                continue  # in a loop an earlier round may have bound it
            inside = set(ast.walk(statement))
            for name in _half_bound(statement):
                if name in outer | given or not all(node in inside for node in stores.get(name, ())):
                    continue
                read = _read(block[place + 1 :], name)
                if read is not None:
                    line = unit.lines(read)[0]
                    text = f"`{name}` is bound only under {quoted(statement.test, 70)} in `{symbol}`, and read on line "
                    text += f"{line} in any case ({unit.path})"
                    yield hit_at(codebase, unit.path, (line, line), symbol=symbol, name="unbound name", text=text)


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
        yield node.name


def _blocks(block: Sequence[ast.stmt]) -> Iterator[Sequence[ast.stmt]]:
    """The block and those inside its statements, nested definitions left out."""
    yield block
    for statement in block:
        if isinstance(statement, Function | ast.ClassDef):
            continue
        inner = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        inner += [handler.body for handler in getattr(statement, "handlers", [])]
        inner += [case.body for case in getattr(statement, "cases", [])]
        for found in inner:
            if found:
                yield from _blocks(found)


def _half_bound(node: ast.If) -> Iterator[str]:
    """The names that an `if` without `elif` binds in one way alone, the other of which goes on."""
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return
    first, second = _certain(node.body), _certain(node.orelse)
    if first is None or second is None:
        return
    yield from sorted((first - second) | (second - first if node.orelse else set()))


def _certain(block: Sequence[ast.stmt]) -> set[str] | None:
    """The names that a block may bind, None for one that leaves."""
    for statement in block:
        if isinstance(statement, ast.Return | ast.Raise | ast.Continue | ast.Break) or _ends(statement):
            return None
    return {name for statement in block for node in ast.walk(statement) for name in _bound(node)}


def _ends(statement: ast.stmt) -> bool:
    """Whether a statement calls what ends the program, or leaves inside."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Return | ast.Raise):
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name.lower() in _LEAVING:
                return True
    return False


def _read(block: Sequence[ast.stmt], name: str) -> ast.AST | None:
    """The place that reads the name in the next statements, outside of further conditions, loops and handlers."""
    for statement in block:
        if isinstance(statement, ast.If | ast.Try | ast.Match | ast.While | ast.For | Function | ast.ClassDef):
            if any(name in _bound(node) for node in ast.walk(statement)) or _ends(statement):
                return None  # bound or left there
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.IfExp | ast.BoolOp | ast.Lambda):
                return None
            if isinstance(node, ast.Name) and node.id == name:
                return node if isinstance(node.ctx, ast.Load) else None
        if isinstance(statement, ast.Return | ast.Raise):
            return None
    return None
