"""What becomes of a temporary file or folder: which statement removes it, followed through names and attributes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Unit, call_name, units
from retrieval.facts import Call
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

REMOVES = frozenset(["rmtree", "unlink", "remove", "rmdir", "removedirs", "cleanup", "remove_file", "delete"])
_LATER = frozenset(["callback", "push", "register", "finalize", "addCleanup", "enter_context"])
_NAMING = frozenset(["Path", "PurePath", "str", "join", "joinpath", "resolve", "absolute", "abspath", "fspath"])
_LOOKING = frozenset(["exists", "isfile", "print", "getsize", "stat", "info", "debug"])
_AGAIN = "its path is written again after the `with` block, so that the file stays"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Fate:
    """The names that hold a temporary file or its path, what becomes of it in words, and the places that show it."""

    names: frozenset[str] = frozenset()
    ending: str = "no removal of it was traced"
    places: tuple[Place, ...] = ()


def fate_of(codebase: Codebase, path: str, call: Call) -> Fate:
    """What becomes of what a call of `tempfile` makes; a path that is returned is followed into the callers."""
    for unit in units(codebase, path=path):
        node = next((n for n in unit.nodes if isinstance(n, ast.Call) and _is_call(unit, n, call)), None)
        if node is not None:
            names = _names_of(unit, _scope(unit, node), node)
            again = _is_used_again(unit, node, names)
            if not again and not _is_lasting(call):
                return Fate(names, _closed(call))
            ending, places = _followed(codebase, unit, node, steps=1)
            if again and not places:
                ending = ", and ".join(filter(None, [_AGAIN, ending]))
            return Fate(names, ending or Fate().ending, places)
    return Fate()


def _is_lasting(call: Call) -> bool:
    named = call.name.rpartition(".")[2] in ("mkstemp", "mkdtemp", "mktemp")
    return named or dict(call.keywords).get("delete") == "False"


def _closed(call: Call) -> str:
    starred = re.search(r"\*\*\w+", call.text)
    if starred:
        return f"kept or removed at the end as `{starred[0]}` says"
    return "removed when the `with` block ends" if call.in_with else "removed when it is closed"


def _is_used_again(unit: Unit, made: ast.Call, names: frozenset[str]) -> bool:
    """Whether the path of a file that a `with` makes is given to calls after the block, which write the file anew."""
    item = unit.parents.get(made)
    block = unit.parents.get(item) if isinstance(item, ast.withitem) else None
    if not isinstance(block, ast.With | ast.AsyncWith) or "Directory" in call_name(made):
        return False
    later = [
        node
        for node in ast.walk(_scope(unit, made))
        if isinstance(node, ast.Call) and node.lineno > (block.end_lineno or 0) and call_name(node) not in _LOOKING
    ]
    given = [value for node in later for value in [*node.args, *(keyword.value for keyword in node.keywords)]]
    return any(_mentions(value, names) for value in given)


def _scope(unit: Unit, node: ast.AST) -> ast.AST:
    return next((n for n in unit.enclosing(node) if isinstance(n, _FUNCTIONS)), unit.tree)


def _is_call(unit: Unit, node: ast.Call, call: Call) -> bool:
    return unit.row(node.lineno) == call.start and dotted(node.func) == call.written


def _followed(codebase: Codebase, unit: Unit, made: ast.Call, steps: int) -> tuple[str, tuple[Place, ...]]:
    scope = _scope(unit, made)
    names = _names_of(unit, scope, made)
    found = _removal(unit, scope, names)
    if found is None and any("." in name for name in names):
        found = _removal(unit, unit.tree, frozenset(name for name in names if "." in name))
    if found is not None:
        return _said(unit, found)
    if steps and isinstance(scope, _FUNCTIONS) and _returns(scope, names, made):
        for other, caller in _callers(codebase, scope.name):
            words, places = _followed(codebase, other, caller, steps - 1)
            if words:
                return f"its path is returned, and it is {words}", places
        return "its path is returned to the caller, and no removal of it was traced", ()
    return "", ()


def _names_of(unit: Unit, scope: ast.AST, made: ast.Call) -> frozenset[str]:
    """The names and attributes that hold the file, its path, or what is made of either."""
    names = set(_bound_by(unit, made))
    for _round in range(3):
        before = len(names)
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                if _mentions(node.value, names) and not _is_content(node.value):
                    names |= _targets(node)
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                held = _mentions(node.context_expr, names) and not _is_content(node.context_expr)
                names |= {dotted(node.optional_vars)} if held else set()
        if len(names) == before:
            break
    return frozenset(filter(None, names))


def _is_content(value: ast.expr) -> bool:
    """Whether an expression reads a file: what it gives is no name of the file."""
    call = value.value if isinstance(value, ast.Await) else value
    return isinstance(call, ast.Call) and call_name(call) not in _NAMING


def _bound_by(unit: Unit, made: ast.AST) -> Iterator[str]:
    """What the statement around a call binds: `x = f()`, `a, b = f()`, `with f() as x`."""
    node = made
    while (parent := unit.parents.get(node)) is not None and not isinstance(parent, ast.stmt | ast.withitem):
        node = parent
    if isinstance(parent, ast.Assign | ast.AnnAssign):
        yield from _targets(parent)
    elif isinstance(parent, ast.withitem) and parent.optional_vars is not None:
        yield dotted(parent.optional_vars)


def _targets(node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    inner = [e for t in targets for e in (t.elts if isinstance(t, ast.Tuple | ast.List) else [t])]
    return {dotted(target) for target in inner}


def _mentions(value: ast.AST, names: frozenset[str] | set[str]) -> bool:
    return any(isinstance(n, ast.Name | ast.Attribute) and dotted(n) in names for n in ast.walk(value))


def _removal(unit: Unit, scope: ast.AST, names: frozenset[str]) -> ast.Call | None:
    """The first call that removes one of the names, at once or registered for later."""
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call) or not _mentions(node, names):
            continue
        name = call_name(node)
        if name in REMOVES and (not isinstance(node.func, ast.Attribute) or _takes(node, names)):
            return node
        given = [dotted(value).rpartition(".")[2] for value in node.args if isinstance(value, ast.Name | ast.Attribute)]
        if name in _LATER and REMOVES.intersection(given):
            return node
    return None


def _takes(node: ast.Call, names: frozenset[str]) -> bool:
    """Whether a removal takes the file: as its argument, or as what the method belongs to."""
    owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return any(_mentions(value, names) for value in given) or _mentions(owner, names)


def _said(unit: Unit, removal: ast.Call) -> tuple[str, tuple[Place, ...]]:
    inside = next((n for n in unit.enclosing(removal) if isinstance(n, _FUNCTIONS)), None)
    where = f"`{unit.symbol_of(inside)}()`" if inside is not None else f"the top level of {unit.path}"
    text = "removed in a `finally` of" if _in_finally(unit, removal) else "removed by"
    return f"{text} {where}", ((unit.path, *unit.lines(removal)),)


def _in_finally(unit: Unit, node: ast.AST) -> bool:
    current = node
    while (parent := unit.parents.get(current)) is not None and not isinstance(parent, _FUNCTIONS):
        if isinstance(parent, ast.Try) and current in parent.finalbody:
            return True
        current = parent
    return False


def _returns(scope: ast.AST, names: frozenset[str], made: ast.Call) -> bool:
    given = [n.value for n in ast.walk(scope) if isinstance(n, ast.Return | ast.Yield) and n.value is not None]
    return any(_mentions(value, names) or made in ast.walk(value) for value in given)


def _callers(codebase: Codebase, name: str) -> Iterator[tuple[Unit, ast.Call]]:
    for unit in units(codebase, rf"\b{name}\("):
        for node in unit.nodes:
            if isinstance(node, ast.Call) and call_name(node) == name:
                yield unit, node
