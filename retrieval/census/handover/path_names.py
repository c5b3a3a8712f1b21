"""The names of one body that stand for the same path: `Path(f.name)`, `str(path)`, an item of a list, a command's word.

Told without regard to order, except that a name which is bound anew before it is used means another path then.
"""

from __future__ import annotations

import ast

from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes
from retrieval.languages import words
from retrieval.pyast import dotted

SAME = words("Path PurePath str fspath abspath realpath resolve absolute as_posix expanduser quote")
_TEMPORARY = words("NamedTemporaryFile mkstemp TemporaryDirectory mkdtemp mktemp")
_ADDING = words("append extend insert")


class PathNames:
    """What the names of a body hold: `made` are the roots of temporary files, `handles` the names of open ones."""

    def __init__(self, unit: Unit, body: Function | ast.Module) -> None:
        self.unit, self.nodes = unit, own_nodes(body)
        self.handles: set[str] = set()
        self.made: set[str] = set()
        self._same: dict[str, str] = {}
        self._holding: dict[str, set[str]] = {}
        self._anew: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            self._add(node)
            for target, value in _pairs(node):
                self._bind(target, value)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        made = call_name(value) in _TEMPORARY
        pair = isinstance(target, ast.Tuple) and len(target.elts) == 2
        name, other = (
            dotted(target.elts[1] if made and pair and isinstance(target, ast.Tuple) else target),
            self.plain(value),
        )
        if not name:
            return
        if not other.replace(".", "").isidentifier():
            self._anew.setdefault(name, []).append(value)
        if call_name(value) == "open":
            self.handles.add(name)
        if made:
            self.made.add(self.root(name))
            self.handles |= set() if pair else {name}
        elif other:
            root, above = self.root(name), self.root(other)
            self.made |= {above} if root in self.made else set()
            self._same[root] = above
        elif isinstance(value, ast.List | ast.Tuple | ast.JoinedStr):
            self._holding.setdefault(name, set()).update(self.held(value))

    def _add(self, node: ast.AST) -> None:
        """A path that is put into a list."""
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _ADDING
            and node.args
        ):
            self._holding.setdefault(dotted(node.func.value), set()).update(self.held(node.args[-1]))

    def root(self, name: str) -> str:
        """One name for all that stand for a path."""
        seen = {name}
        while (above := self._same.get(name, name)) not in seen:
            seen.add(name := above)
        return name

    def plain(self, node: ast.expr) -> str:
        """The name that an expression is but for its form: `Path(f.name)` is `f`; a path that is put together is its
        text, anything else ""."""
        if isinstance(node, ast.Call) and call_name(node) in SAME:
            held = node.func.value if isinstance(node.func, ast.Attribute) else None
            inner = node.args[0] if node.args else held
            return self.plain(inner) if inner is not None else ""
        if isinstance(node, ast.Attribute) and node.attr == "name" and isinstance(node.value, ast.Name):
            return node.value.id
        if isinstance(node, ast.Name | ast.Attribute):
            return dotted(node)
        joined = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add)
        joined = joined or isinstance(node, ast.JoinedStr) or call_name(node) in ("join", "joinpath")
        return ast.unparse(node) if joined and any(isinstance(n, ast.Name) for n in ast.walk(node)) else ""

    def held(self, node: ast.expr) -> set[str]:
        """The roots of the paths in a value: itself, the items of a list, the holes of an f-string."""
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return {root for item in node.elts for root in self.held(item)}
        if isinstance(node, ast.Starred):
            return self.held(node.value)
        name = self.plain(node)
        found = {self.root(name)} if name else set()
        if isinstance(node, ast.JoinedStr):
            found |= {r for v in node.values if isinstance(v, ast.FormattedValue) for r in self.held(v.value)}
        return found | self._holding.get(name, set())

    def named(self, where: str) -> str:
        """The name or text that an expression as written stands for, "" when it is none."""
        try:
            return self.plain(ast.parse(where.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""

    def changed(self, name: str, since: int, at: ast.expr) -> bool:
        """Whether a name is surely bound to another path between a line and an expression."""
        line = self.unit.lines(at)[0]
        between = (v for v in self._anew.get(name, ()) if since < self.unit.lines(v)[0] <= line)
        return any(all(self._in_arm(arm, line) for arm in self._arms(value)) for value in between)

    def apart(self, node: ast.expr, line: int) -> bool:
        """Whether a node and a line stand in two arms of one `if`, of which one runs."""
        return any(self._in_arm(other, line) for arm in self._arms(node) for other in _others(arm))

    def _arms(self, node: ast.AST) -> list[tuple[ast.If, str]]:
        """The arms of `if` statements around a node."""
        found = []
        while (above := self.unit.parents.get(node)) is not None:
            if isinstance(above, ast.If) and node is not above.test:
                found.append((above, "body" if node in above.body else "orelse"))
            node = above
        return found

    def _in_arm(self, arm: tuple[ast.If, str], line: int) -> bool:
        statements = getattr(*arm)
        return any(first <= line <= last for first, last in map(self.unit.lines, statements))


def _pairs(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """What a node binds, and to what."""
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return [(node.target, node.value)]
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [(node.optional_vars, node.context_expr)]
    return []


def _others(arm: tuple[ast.If, str]) -> list[tuple[ast.If, str]]:
    return [(arm[0], "orelse" if arm[1] == "body" else "body")]
