"""State that models and agents carry themselves: buffers of model classes that methods change, memories of agents.

A buffer counts when a method other than the constructor sets it, an entry of it, or calls a method on it that changes
it in place. A memory counts by the library that it comes from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.units import Unit, call_name, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.facts import Call

_MEMORY = re.compile(
    r"^(?:langchain\w*|langgraph|llama_index|autogen\w*|haystack|crewai)\..*"
    r"(?:\w*Memory|\w*ChatMessageHistory|\w*Saver|\w*ChatHistory|ChatMemoryBuffer)$"
)
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Buffers:
    """The buffers of one model class that change, the methods that change them, and the lines."""

    path: str
    name: str
    buffers: tuple[str, ...]
    methods: tuple[str, ...]
    places: tuple[Place, ...]


def changing_buffers(codebase: Codebase) -> Iterator[Buffers]:
    """Model classes of the main programs with buffers that they change, by file."""
    reach = reach_of(codebase)
    for unit in units(codebase, r"\.register_buffer\("):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in ast.walk(unit.tree):
            if not isinstance(node, ast.ClassDef) or (found := _changed(unit, node)) is None:
                continue
            if any(reach.runs((unit.path, f"{unit.symbol_of(node)}.{method}")) for method in found.methods):
                yield found


def _changed(unit: Unit, node: ast.ClassDef) -> Buffers | None:
    registered = {
        call.args[0].value: unit.row(call.lineno)
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and call_name(call) == "register_buffer"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }
    changed: dict[str, int] = {}
    methods: dict[str, None] = {}
    for method in (m for m in node.body if isinstance(m, ast.FunctionDef) and m.name != "__init__"):
        for inner in (n for n in ast.walk(method) if isinstance(n, ast.stmt | ast.expr)):
            for name in _sets(inner):
                if name in registered:
                    changed.setdefault(name, unit.row(inner.lineno))
                    methods[method.name] = None
    if not changed:
        return None
    places = [(unit.path, registered[name]) for name in changed] + [(unit.path, line) for line in changed.values()]
    return Buffers(unit.path, node.name, tuple(changed), tuple(methods), tuple(places))


def _sets(node: ast.AST) -> Iterator[str]:
    """The attributes of `self` that a node changes: `self.x = …`, `self.x[i] = …`, `self.x.copy_(…)`."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            while isinstance(target, ast.Subscript):
                target = target.value
            text = written(target)
            if text.startswith("self."):
                yield text[5:]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
        text = written(node.func.value)
        if text.startswith("self.") and not node.func.attr.startswith("_"):
            yield text[5:]


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory of an agent library, where it is made, and the functions of its file that use it."""

    path: str
    call: Call
    users: tuple[str, ...]
    lines: tuple[int, ...]


def agent_memories(codebase: Codebase) -> Iterator[Memory]:
    """The memories that source code makes of agent libraries, with who reads or changes `….memory`."""
    for path, call in codebase.all_calls():
        if not _MEMORY.match(call.name) or codebase.snapshot.by_path[path].role != "source":
            continue
        users: dict[str, int] = {}
        for unit in units(codebase, r"\.memory\b", path=path):
            for function, symbol in unit.functions():
                uses = (n.lineno for n in ast.walk(function) if isinstance(n, ast.Attribute) and n.attr == "memory")
                line = min(uses, default=0)
                if line:
                    users.setdefault(symbol, unit.row(line))
        yield Memory(path, call, tuple(users), tuple(users.values()))
