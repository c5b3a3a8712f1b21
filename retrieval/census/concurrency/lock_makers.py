"""Where locks and semaphores are made, and the name that each is kept under; where they are held is for `locks.py`."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Unit, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MAKERS = re.compile(
    r"^(?:threading|multiprocessing|torch\.multiprocessing|asyncio|anyio|trio|_thread|mp|filelock|fasteners|portalocker)\."
    r"(?:\w+\.)*(?P<type>R?Lock|allocate_lock|(?:Bounded)?Semaphore|CapacityLimiter|Condition|Barrier|FileLock|SoftFileLock"
    r"|InterProcessLock)$"
)

GUARDING = re.compile(r"(?i)(?:^|[_.])(?:infer\w*|models?|gpu|cuda|generat\w*|predict\w*)(?:_|$)")
"""Names of locks that are there for a model or the GPU, as far as names tell."""


@dataclass(frozen=True)
class Held:
    """One place that holds a lock: the function, its lines, the calls inside, and the conditions around it."""

    path: str
    symbol: str
    lines: tuple[int, int]
    calls: tuple[str, ...]
    when: tuple[str, ...]
    model: bool


@dataclass
class Lock:
    """One lock: where it is made, by which call, the name it goes by, and where it is held."""

    path: str
    lines: tuple[int, int]
    symbol: str
    name: str
    made: str
    type: str
    uses: list[Held] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The part of the name that it goes by elsewhere."""
        return self.name.rpartition(".")[2]


def made_locks(codebase: "Codebase", unit: Unit) -> Iterator[Lock]:
    """The locks that a file makes: calls of a maker, and fields whose default factory is one."""
    for call in codebase.facts[unit.path].calls:
        match = MAKERS.match(call.name)
        if match is None:
            continue
        node = _call_at(unit, call.start, call.written)
        name = _target(unit, node) if node is not None else ""
        if node is not None and name:
            made = written(node).replace("`", "'")[:80]
            yield Lock(unit.path, (call.start, call.end), call.symbol, name, made, match["type"])


def _call_at(unit: Unit, line: int, name: str) -> ast.Call | None:
    for node in unit.nodes:
        if isinstance(node, ast.Call) and unit.row(node.lineno) == line and written(node.func) == name:
            return node
    return None


def _target(unit: Unit, node: ast.AST) -> str:
    """The name that the result of a call is bound to: a variable, `self.x`, a dictionary's entry."""
    around = unit.parents.get(node)
    while around is not None and not isinstance(around, ast.stmt):
        if isinstance(around, ast.keyword) and around.arg:
            return around.arg
        if isinstance(around, ast.Dict) and node in around.values:
            key = around.keys[around.values.index(node)] if isinstance(node, ast.expr) else None
            return str(key.value) if isinstance(key, ast.Constant) else ""
        node, around = around, unit.parents.get(around)
    if isinstance(around, ast.Assign):
        return written(around.targets[0])[:60]
    if isinstance(around, ast.AnnAssign):
        return written(around.target)
    return ""
