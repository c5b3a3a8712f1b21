"""How a function is begun beside the caller: as a thread, as a task of the event loop, or on a timer."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from retrieval.census.flow.periodic import ifs_around
from retrieval.census.meaning.units import Unit, call_name, quoted, subject_of, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_WAYS = {
    "Thread": "a thread",
    "Timer": "a timer",
    "Process": "a process",
    "create_task": "a task of the event loop",
    "ensure_future": "a task of the event loop",
    "add_task": "a background task",
    "start_soon": "a task of the event loop",
    "run_coroutine_threadsafe": "a task of the event loop",
    "to_thread": "a thread",
    "run_in_executor": "a thread",
}


def started_beside(codebase: Codebase, path: str, symbol: str) -> str:
    """ " (a thread that `f()` starts, only if `x`)"; "" when nothing starts the function so."""
    name = symbol.rpartition(".")[2]
    for unit in units(codebase, rf"\b{re.escape(name)}\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for call in (node for node in unit.nodes if isinstance(node, ast.Call) and call_name(node) in _WAYS):
            if _is_given(call, name):
                return f" ({_WAYS[call_name(call)]} that {_starter(codebase, unit, call)})"
    return ""


def _is_given(call: ast.Call, name: str) -> bool:
    """Whether a call is given a function by its name, or the coroutine that it makes."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    heads = [value.func if isinstance(value, ast.Call) else value for value in given]
    return any(written(head).rpartition(".")[2] == name for head in heads if isinstance(head, ast.Name | ast.Attribute))


def _starter(codebase: Codebase, unit: Unit, call: ast.Call) -> str:
    conditions = [quoted(item.test, 80) for item in ifs_around(unit, call)]
    said = f", only if {' and '.join(conditions)}" if conditions else ""
    return f"{subject_of(codebase, unit.path, unit.symbols.get(call, ''))} starts{said}"
