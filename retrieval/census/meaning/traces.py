"""What every function of the main programs does with the names it holds: entries by key, attributes, items put in.

One reading of the syntax trees, kept per codebase. Names are parameters, local variables and `self.x`; a variable that
a loop or an assignment takes out of another counts for that one. Which names mean the same thing is said elsewhere.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.units import Function, Unit, own_nodes, units

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

ADDING = frozenset({"append", "extend", "insert", "appendleft"})
CHANGING = ADDING | {"update", "add", "setdefault", "pop", "popleft", "clear", "remove"}
FRAMED = frozenset({"iloc", "loc", "iterrows", "itertuples", "groupby", "read_csv", "read_excel", "read_parquet"})
_TAKING = frozenset({"get", "pop"})
Place = tuple[str, str]  # path and symbol of a function
_KNOWN: Beside[Codebase, Traces] = Beside()


@dataclass(slots=True)
class Trace:
    """One name in one function, with the first line of each use; `built` are keys of a literal bound to the name."""

    path: str
    symbol: str
    name: str
    line: int
    annotation: str = ""
    parameter: bool = False
    read: dict[str, int] = field(default_factory=dict)
    put: dict[str, int] = field(default_factory=dict)
    built: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)  # attributes and items that are set, methods that change
    sets: dict[str, int] = field(default_factory=dict)  # entries and attributes set, of what it holds too
    inside: dict[str, int] = field(default_factory=dict)  # entries read of what a loop takes out of it
    added: list[int] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """The function."""
        return self.path, self.symbol

    @property
    def keys(self) -> dict[str, int]:
        """Every key that the function uses of the name."""
        return {**self.built, **self.put, **self.read}

    @property
    def lines(self) -> list[int]:
        """The lines that prove the trace, the writing ones first."""
        found = [*self.changed.values(), *self.put.values(), *self.built.values(), *self.added, *self.read.values()]
        return list(dict.fromkeys(found)) or [self.line]


@dataclass(frozen=True, slots=True)
class Given:
    """A dictionary literal that a function gives to a call (`to` is the last name called) or returns (`to` is "")."""

    path: str
    symbol: str
    to: str
    keys: dict[str, int]
    line: int


@dataclass(slots=True)
class Traces:
    """The traces of a codebase, and the dictionaries that its functions build where they pass them on."""

    traces: list[Trace] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)


def traces_of(codebase: Codebase) -> Traces:
    """The traces of what the main programs run, of all source code where no program is known; worked out once."""
    if codebase not in _KNOWN:
        found, reach = Traces(), reach_of(codebase)
        for unit in units(codebase):
            if codebase.snapshot.by_path[unit.path].role != "source":
                continue
            for function, symbol in unit.functions():
                if reach.runs((unit.path, symbol)):
                    _read(unit, function, symbol, found)
        _KNOWN[codebase] = found
    return _KNOWN[codebase]


def _read(unit: Unit, function: Function, symbol: str, found: Traces) -> None:
    reader = _Reader(unit, symbol, unit.row(function.lineno))
    given = function.args
    for item in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        if item.arg not in ("self", "cls"):
            trace = reader.trace(item.arg)
            trace.parameter = True
            trace.annotation = ast.unparse(item.annotation) if item.annotation else ""
    for node in own_nodes(function):
        reader.see(node)
    reader.settle()
    found.traces += reader.traces.values()
    found.given += reader.given


class _Reader:
    """Reads one function."""

    def __init__(self, unit: Unit, symbol: str, line: int) -> None:
        self.unit, self.symbol, self.line = unit, symbol, line
        self.traces: dict[str, Trace] = {}
        self.given: list[Given] = []
        self.roots: dict[str, str] = {}  # a name taken out of another one → that one
        self.indexed: set[tuple[str, str]] = set()  # `x[k]` by two names
        self.compared: list[tuple[str, list[str], int]] = []  # names compared with texts

    def trace(self, name: str, line: int = 0) -> Trace:
        """The trace of a name."""
        if name not in self.traces:
            self.traces[name] = Trace(self.unit.path, self.symbol, name, line or self.line)
        return self.traces[name]

    def see(self, node: ast.AST) -> None:
        """Note what one node does."""
        match node:
            case ast.For() | ast.AsyncFor():
                self._taken(node.target, node.iter)
            case ast.Assign():
                for target in node.targets:
                    self._bound(target, node.value)
            case ast.AnnAssign() if node.value is not None:
                self._bound(node.target, node.value)
            case ast.Attribute():
                self._attribute(node)
            case ast.Subscript():
                self._entry(node)
            case ast.Compare():
                self._membership(node)
            case ast.Call():
                self._call(node)
            case ast.Return() if node.value is not None:
                self._passed("", node.value)

    def _taken(self, target: ast.AST, source: ast.expr) -> None:
        """A loop variable belongs to what the loop runs over."""
        self._framed(target, source)
        root = _root(source, calls=True)
        for item in ast.walk(target):
            if root and isinstance(item, ast.Name) and item.id != root:
                self.roots[item.id] = root

    def _bound(self, target: ast.expr, value: ast.expr) -> None:
        self._framed(target, value)
        keys, name = self._literal(value), base_of(target)
        if isinstance(value, ast.Dict) and name:
            self.trace(name, self.unit.row(target.lineno)).attributes.setdefault(
                "setdefault", self.unit.row(value.lineno)
            )
        if keys and name:
            self.trace(name, self.unit.row(target.lineno)).built.update(keys)
        elif isinstance(value, ast.Attribute | ast.Subscript) and isinstance(target, ast.Name):
            root = _root(value)
            if root and root != target.id:
                self.roots[target.id] = root

    def _framed(self, target: ast.AST, source: ast.expr) -> None:
        """What is taken out of the rows or columns of a table is a part of it: `line = data.iloc[i]`."""
        found = next((n.attr for n in ast.walk(source) if isinstance(n, ast.Attribute) and n.attr in FRAMED), "")
        for item in ast.walk(target) if found else ():
            if isinstance(item, ast.Name):
                self.trace(item.id, self.unit.row(item.lineno)).attributes.setdefault(found, self.unit.row(item.lineno))

    def _literal(self, value: ast.expr) -> dict[str, int]:
        """The keys of a dictionary display or of `dict(k=…)`."""
        if isinstance(value, ast.Dict):
            return {
                key.value: self.unit.row(key.lineno)
                for key in value.keys
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
            return {item.arg: self.unit.row(item.value.lineno) for item in value.keywords if item.arg}
        return {}

    def _attribute(self, node: ast.Attribute) -> None:
        line = self.unit.row(node.lineno)
        if isinstance(node.value, ast.Name) and node.value.id != "self":
            held = self.trace(node.value.id, line)
            held.attributes.setdefault(node.attr, line)
        if isinstance(node.ctx, ast.Store) and (name := _root(node.value)) and name != "self":
            held = self.trace(self.roots.get(name, name), line)
            held.changed.setdefault(node.attr, line)
            held.sets.setdefault(node.attr, line)

    def _entry(self, node: ast.Subscript) -> None:
        line, name = self.unit.row(node.lineno), base_of(node.value)
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        stored = isinstance(node.ctx, ast.Store | ast.Del)
        if name and isinstance(node.slice, ast.Name):
            self.indexed.add((name, node.slice.id))
        if name and isinstance(key, str):
            held = self.trace(name, line)
            (held.put if stored else held.read).setdefault(key, line)
            if not stored and name in self.roots:
                self.trace(self.roots[name], line).inside.setdefault(key, line)
        if stored and (root := _root(node.value)) and root != "self":
            trace = self.trace(self.roots.get(root, root), line)
            trace.changed.setdefault("its items", line)
            trace.sets |= {entry: line} if (entry := _entry_of(node)) and entry not in trace.sets else {}

    def settle(self) -> None:
        """Texts that a loop variable is compared with are keys of what it runs over, where it is used as a key of it:
        `for k in c: if k == "vector": c[k] = …`."""
        for name, keys, line in self.compared:
            root = self.roots.get(name, "")
            if (root, name) in self.indexed:
                held = self.trace(root, line)
                for key in keys:
                    held.read.setdefault(key, line)

    def _membership(self, node: ast.Compare) -> None:
        if isinstance(node.left, ast.Name):
            texts = [n.value for n in ast.walk(node.comparators[0]) if isinstance(n, ast.Constant)]
            keys = [text for text in texts if isinstance(text, str)]
            self.compared += [(node.left.id, keys, self.unit.row(node.lineno))] if keys else []
        key, held = node.left, base_of(node.comparators[0])
        known = held in self.traces and self.traces[held].keys  # a text may be looked into as well
        if known and isinstance(key, ast.Constant) and isinstance(node.ops[0], ast.In | ast.NotIn):
            self.traces[held].read.setdefault(str(key.value), self.unit.row(node.lineno))

    def _call(self, node: ast.Call) -> None:
        callee, line = node.func, self.unit.row(node.lineno)
        if isinstance(callee, ast.Attribute):
            self._method(callee, node, line)
        last = callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""
        for value in (*node.args, *(item.value for item in node.keywords)):
            self._passed(last, value)

    def _method(self, callee: ast.Attribute, node: ast.Call, line: int) -> None:
        name, first = base_of(callee.value), node.args[0] if node.args else None
        if name and callee.attr in _TAKING and isinstance(first, ast.Constant) and isinstance(first.value, str):
            self.trace(name, line).read.setdefault(first.value, line)
        if name and callee.attr == "setdefault" and isinstance(first, ast.Constant) and isinstance(first.value, str):
            self.trace(name, line).put.setdefault(first.value, line)
        if name and callee.attr == "update" and first is not None:
            self.trace(name, line).put.update(self._literal(first))
        if callee.attr in ADDING and isinstance(callee.value, ast.Name):
            self.trace(name, line).added.append(line)
        root = _root(callee.value)
        if callee.attr in CHANGING and root and root != "self":
            trace = self.trace(self.roots.get(root, root), line)
            trace.changed.setdefault(f"{callee.attr}()", line)
            trace.sets |= {entry: line} if (entry := _entry_of(callee.value)) and entry not in trace.sets else {}

    def _passed(self, to: str, value: ast.expr) -> None:
        keys = self._literal(value) if isinstance(value, ast.Dict) else {}
        if len(keys) > 1:
            self.given.append(Given(self.unit.path, self.symbol, to, keys, self.unit.row(value.lineno)))


def base_of(node: ast.AST) -> str:
    """`x` or `self.x`, "" for other expressions."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return ""


def _entry_of(node: ast.expr) -> str:
    """The key of the entry that is set in `x["masks"][i]`: the first one after the name, where it is a text."""
    entry: ast.expr | None = None
    while isinstance(node, ast.Subscript | ast.Attribute):
        entry, node = (node.slice if isinstance(node, ast.Subscript) else None), node.value
    return entry.value if isinstance(entry, ast.Constant) and isinstance(entry.value, str) else ""


def _root(node: ast.AST | None, calls: bool = False) -> str:
    """The first name of a chain of attributes and items, of calls too where what they give belongs to the object."""
    while node is not None and not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and calls:
            called = node.func
            whole = isinstance(called, ast.Name) and called.id in ("enumerate", "reversed", "list", "zip") and node.args
            node = node.args[0] if whole else called if isinstance(called, ast.Attribute) else None
        else:
            return ""
    return node.id if isinstance(node, ast.Name) else ""
