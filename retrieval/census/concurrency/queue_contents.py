"""Whether what a function takes out of a queue goes into a model run: a queue of progress or of results does not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import call_name, units, written
from retrieval.census.models.model_concerns import concerns_of
from retrieval.census.models.touches import touches_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_GETS = frozenset(["get", "get_nowait"])
ROUNDS = 4


def feeds_model(codebase: Codebase, place: tuple[str, str], queue: str) -> bool:
    """Whether what comes out of the queue of that name reaches a model run in the function that empties it; true where
    the function takes it out in a way that is not seen."""
    path, symbol = place
    for unit in units(codebase, path=path):
        function = next((node for node, name in unit.functions() if name == symbol), None)
        if function is None:
            continue
        taken = [node for node in ast.walk(function) if _takes(node, queue)]
        held = _held(function, taken)
        lines = {touch.line for touch in touches_of(codebase).get(place, ()) if touch.does == "runs"}
        given = [node for node in ast.walk(function) if isinstance(node, ast.Call) and _given(node, taken, held)]
        concerns = concerns_of(codebase)
        return not taken or any(
            lines & set(range(call.lineno, (call.end_lineno or call.lineno) + 1)) or concerns.called(path, symbol, call)
            for call in given
        )
    return True


def _takes(node: ast.AST, queue: str) -> bool:
    """`queue.get()`, and `queue.get_nowait()`."""
    last = queue.rpartition(".")[2]
    callee = node.func if isinstance(node, ast.Call) else None
    return isinstance(callee, ast.Attribute) and callee.attr in _GETS and written(callee.value).endswith(last)


def _held(function: ast.AST, taken: list[ast.AST]) -> set[str]:
    """The names that hold what was taken out, or something made of it."""
    held: set[str] = set()
    for _ in range(ROUNDS):
        before = len(held)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and _from(node.value, taken, held):
                held |= {part.id for t in node.targets for part in ast.walk(t) if isinstance(part, ast.Name)}
            elif isinstance(node, ast.For) and _from(node.iter, taken, held):
                held |= {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
        if len(held) == before:
            break
    return held


def _from(node: ast.AST, taken: list[ast.AST], held: set[str]) -> bool:
    return any(part in taken or (isinstance(part, ast.Name) and part.id in held) for part in ast.walk(node))


def _given(call: ast.Call, taken: list[ast.AST], held: set[str]) -> bool:
    """Whether a call is given what was taken out, or is made on it."""
    parts = [*call.args, *(keyword.value for keyword in call.keywords), call.func]
    return call_name(call) not in _GETS and any(_from(part, taken, held) for part in parts)
