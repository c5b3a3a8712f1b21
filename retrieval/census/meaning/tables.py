"""Finds tables that are filled away from their definition: where they start, and who fills and reads them.

A table is a dictionary, list or set at module or class level. Uses are found by scope in its own file and
through the repository's imports in others; a table handed to a function under another name is a read here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from retrieval.census.meaning.units import Unit, bound_names, call_name, units
from retrieval.codebase import Codebase

MAKERS = frozenset(["dict", "list", "set", "OrderedDict", "defaultdict", "deque", "Counter", "WeakValueDictionary"])
FILLING = frozenset(["append", "extend", "add", "update", "insert", "setdefault", "appendleft", "__setitem__"])
INNER_FILLING = frozenset(["append", "extend", "insert", "setdefault", "appendleft"])
REMOVING = frozenset(["pop", "popitem", "popleft", "clear", "remove", "discard"])
HOPS = 6
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a table; `symbol` is the outermost function around it, "" outside of functions."""

    path: str
    line: int
    symbol: str
    how: str  # "fill", "read", "remove"
    inner: str = ""  # the innermost function around it
    value: str = ""  # what is put in, as written, when it is a plain name
    key: str = ""  # the first key, when it is a string and more keys or a method follow


@dataclass(slots=True)
class Table:
    """A dictionary, list or set that module or class level defines; `owner` is the class, "" for a module."""

    path: str
    owner: str
    name: str
    lines: tuple[int, int]
    size: int  # entries at the start, -1 when they are computed
    form: str
    held: list[str] = field(default_factory=list)  # plain names among the values at the start
    uses: list[Use] = field(default_factory=list)

    def of(self, how: str) -> list[Use]:
        """The uses of one sort, those of the table's own file first, by line."""
        fitting = [use for use in self.uses if use.how == how]
        return sorted(fitting, key=lambda use: (use.path != self.path, use.path, use.line))


class Tables:
    """All tables of a codebase with their uses."""

    def __init__(self, codebase: Codebase) -> None:
        self.codebase = codebase
        self.tables: dict[Key, Table] = {}
        self._own: set[Key] = set()  # class attributes that methods set on the object itself
        for unit in units(codebase):
            self._define(unit)
        names = sorted({key[2] for key in self.tables})
        if names:
            for unit in units(codebase, rf"\b(?:{'|'.join(map(re.escape, names))})\b"):
                self._use(unit, frozenset(names))

    def found(self) -> list[Table]:
        """Tables that something fills and that a function or another file uses."""
        return [
            table
            for key, table in self.tables.items()
            if key not in self._own
            and table.of("fill")
            and any(use.symbol or use.path != table.path for use in table.uses)
        ]

    def _define(self, unit: Unit) -> None:
        for statement, owner in _outside_functions(unit):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            value = statement.value
            form = _form(value)
            for target in targets:
                if form and value is not None and isinstance(target, ast.Name) and target.id != "__all__":
                    key = (unit.path, owner, target.id)
                    size, held = _content(value)
                    found = Table(unit.path, owner, target.id, unit.lines(statement), size, form, held)
                    self.tables.setdefault(key, found)

    def _use(self, unit: Unit, names: frozenset[str]) -> None:
        shadows: dict[ast.AST, frozenset[str]] = {}
        renamed = {item.alias for item in self.codebase.facts[unit.path].imports if item.name in names}
        for node in unit.nodes:
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name not in names and name not in renamed:
                continue
            key = self._named(unit, node, shadows)
            if key is None or unit.lines(node)[0] in range(*_span(self.tables[key], unit.path)):
                continue
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _self_of(node) == "self":
                self._own.add(key)
            self.tables[key].uses.append(_use(unit, node, self.tables[key]))

    def _named(self, unit: Unit, node: ast.AST, shadows: dict[ast.AST, frozenset[str]]) -> Key | None:
        """The table that a name or attribute stands for."""
        if isinstance(node, ast.Attribute):
            return self._attribute(unit, node, shadows)
        if not isinstance(node, ast.Name) or _shadowed(unit, node, shadows):
            return None
        if (key := (unit.path, "", node.id)) in self.tables:
            return key
        around = next(unit.enclosing(node), None)
        if isinstance(around, ast.ClassDef):
            key = (unit.path, unit.symbol_of(around), node.id)
            return key if key in self.tables else None
        return self._imported(unit.path, node.id, HOPS)

    def _attribute(self, unit: Unit, node: ast.Attribute, shadows: dict[ast.AST, frozenset[str]]) -> Key | None:
        root = node.value
        if not isinstance(root, ast.Name):
            return None
        if root.id in ("self", "cls"):
            owner = next((item for item in unit.enclosing(node) if isinstance(item, ast.ClassDef)), None)
            return self._member(unit.path, unit.symbol_of(owner), node.attr) if owner else None
        if _shadowed(unit, root, shadows):
            return None
        found = self.codebase.resolve_local(unit.path, root.id)
        if found is not None and found[1].kind == "class":
            return self._member(found[0], found[1].symbol, node.attr)
        for item in self.codebase.facts[unit.path].imports:
            if item.alias == root.id:
                module = f"{item.module}.{item.name}" if item.name else item.module
                path = self.codebase.locate(module, unit.path)
                if path is not None:
                    return self._in_file(path, node.attr, HOPS)
        return None

    def _member(self, path: str, symbol: str, name: str) -> Key | None:
        """The class-level table `name` of a class or of its repository base classes."""
        waiting = [(path, symbol)]
        for where, owner in waiting:
            if (where, owner, name) in self.tables:
                return where, owner, name
            found = self.codebase.resolve_local(where, owner)
            for base in found[1].bases if found and len(waiting) < HOPS else ():
                parent = self.codebase.resolve_local(where, base)
                if parent is not None:
                    waiting.append((parent[0], parent[1].symbol))
        return None

    def _imported(self, path: str, name: str, hops: int) -> Key | None:
        for item in self.codebase.facts[path].imports:
            if item.alias == name and item.name:
                found = self.codebase.locate(item.module, path)
                return self._in_file(found, item.name, hops - 1) if found else None
        return None

    def _in_file(self, path: str, name: str, hops: int) -> Key | None:
        if (path, "", name) in self.tables:
            return path, "", name
        return self._imported(path, name, hops) if hops > 0 and path in self.codebase.facts else None


def _outside_functions(unit: Unit) -> Iterator[tuple[ast.Assign | ast.AnnAssign, str]]:
    """Assignments at module and class level, with the symbol of the class."""
    stack: list[tuple[ast.AST, str]] = [(unit.tree, "")]
    while stack:
        node, owner = stack.pop()
        if isinstance(node, ast.Assign | ast.AnnAssign):
            yield node, owner
        elif isinstance(node, ast.ClassDef):
            inner = f"{owner}.{node.name}" if owner else node.name
            stack.extend((child, inner) for child in reversed(node.body))
        elif isinstance(node, ast.Module | ast.If | ast.Try | ast.With):
            stack.extend((child, owner) for child in reversed(list(ast.iter_child_nodes(node))))
        elif isinstance(node, ast.ExceptHandler):
            stack.extend((child, owner) for child in reversed(node.body))


def _form(value: ast.AST | None) -> str:
    if isinstance(value, ast.Dict | ast.DictComp):
        return "dict"
    if isinstance(value, ast.List | ast.ListComp):
        return "list"
    if isinstance(value, ast.Set | ast.SetComp):
        return "set"
    name = call_name(value)
    return name if name in MAKERS else ""


def _content(value: ast.AST) -> tuple[int, list[str]]:
    """How many entries a table starts with (-1: computed) and the plain names among them."""
    entries: list[ast.expr] = []
    if isinstance(value, ast.Dict):
        entries = value.values
    elif isinstance(value, ast.List | ast.Set):
        entries = value.elts
    elif isinstance(value, ast.Call) and call_name(value) == "defaultdict":
        return (0 if len(value.args) < 2 and not value.keywords else -1), []
    elif not (isinstance(value, ast.Call) and not value.args):
        return -1, []
    elif isinstance(value, ast.Call):
        entries = [item.value for item in value.keywords if item.arg != "maxlen"]
    computed = isinstance(value, ast.Dict) and None in value.keys
    return (-1 if computed else len(entries)), [item.id for item in entries if isinstance(item, ast.Name)]


def _span(table: Table, path: str) -> tuple[int, int]:
    """The lines of the definition as a half-open range, empty in other files."""
    return (table.lines[0], table.lines[1] + 1) if table.path == path else (0, 0)


def _self_of(node: ast.Attribute) -> str:
    return node.value.id if isinstance(node.value, ast.Name) else ""


def _shadowed(unit: Unit, node: ast.Name, shadows: dict[ast.AST, frozenset[str]]) -> bool:
    """Whether a function around the use binds the name itself."""
    for scope in unit.enclosing(node):
        if isinstance(scope, ast.ClassDef):
            continue
        if scope not in shadows:
            shadows[scope] = bound_names(scope)
        if node.id in shadows[scope]:
            return not _imports(scope, node.id)
    return False


def _imports(scope: ast.AST, name: str) -> bool:
    """Whether a function binds the name by an import."""
    aliases = (item for item in ast.walk(scope) if isinstance(item, ast.alias))
    return any((item.asname or item.name) == name for item in aliases)


def _use(unit: Unit, node: ast.AST, table: Table) -> Use:
    around = [item for item in unit.enclosing(node) if not isinstance(item, ast.Lambda | ast.ClassDef)]
    symbol = unit.symbol_of(around[-1]) if around else ""
    how, value = _manner(unit, node, table)
    inner = unit.symbols.get(node, "") if around else ""
    return Use(unit.path, unit.lines(node)[0], symbol, how, inner, value, _key(unit, node))


def _key(unit: Unit, node: ast.AST) -> str:
    first = unit.parents.get(node)
    further = unit.parents.get(first) if isinstance(first, ast.Subscript) and first.value is node else None
    if not isinstance(first, ast.Subscript) or not isinstance(further, ast.Subscript | ast.Attribute):
        return ""
    key = first.slice
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


def _manner(unit: Unit, node: ast.AST, table: Table) -> tuple[str, str]:
    """Whether a use fills, empties or reads the table, and what it puts in when that is a plain name."""
    depth, current = 0, node
    parent = unit.parents.get(current)
    while isinstance(parent, ast.Subscript) and parent.value is current:
        depth, current, parent = depth + 1, parent, unit.parents.get(parent)
    context = getattr(current, "ctx", None)
    if isinstance(context, ast.Del):
        return "remove", ""
    if isinstance(context, ast.Store):
        value = getattr(parent, "value", None)
        emptied = depth == 0 and isinstance(parent, ast.Assign) and _is_empty(value)
        return ("remove" if emptied else "fill"), _plain(value)
    if isinstance(parent, ast.Assign) and depth and _filled_as(unit, parent):
        return "fill", ""
    outer = unit.parents.get(parent) if parent is not None else None
    if not (isinstance(parent, ast.Attribute) and isinstance(outer, ast.Call) and outer.func is parent):
        return "read", ""
    loose = depth == 0 or table.form == "defaultdict"
    if parent.attr in (FILLING if loose else INNER_FILLING):
        return "fill", _plain(outer.args[-1]) if outer.args else ""
    return ("remove" if parent.attr in REMOVING else "read"), ""


def _filled_as(unit: Unit, assignment: ast.Assign) -> bool:
    """Whether a part of a table gets a name of its own (`x = TABLE["k"]`) under which it is then filled."""
    target = assignment.targets[0]
    around = next(unit.enclosing(assignment), None)
    if not isinstance(target, ast.Name) or around is None:
        return False
    stored = (n for n in ast.walk(around) if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store))
    return any(isinstance(node.value, ast.Name) and node.value.id == target.id for node in stored)


def _is_empty(value: ast.AST | None) -> bool:
    return value is not None and bool(_form(value)) and not _content(value)[0]


def _plain(value: ast.AST | None) -> str:
    return value.id if isinstance(value, ast.Name) else ""
