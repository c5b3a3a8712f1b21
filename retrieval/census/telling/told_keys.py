"""Which keys the dictionaries of a body hold: written, added, unpacked, and those that called functions return."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.units import Unit, call_name, own_nodes, units
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.facts import Call

DEEPEST = 2
_GIVING = re.compile(r"(?:^|\.)(?!dict|defaultdict|vars|copy|deepcopy)[a-z_]\w*$")  # no constructor
Entry = str | ast.Call  # a key, or a call whose result brings its keys: looked into only where it is told


class Dictionaries:
    """The dictionaries that a body makes, by name."""

    def __init__(self, codebase: Codebase, unit: Unit, function: ast.AST, depth: int = 0) -> None:
        self.codebase, self.unit, self.depth = codebase, unit, depth
        self.made: dict[str, list[Entry]] = {}
        self.nodes = own_nodes(function)
        for node in sorted((n for n in self.nodes if isinstance(n, ast.stmt | ast.expr)), key=lambda n: n.lineno):
            self._read(node)

    def keys(self, value: ast.expr) -> list[str]:
        """The keys of what an expression holds, each once; "one for each of `x`" where a loop gives them."""
        found: dict[str, None] = {}
        entries = self._of(value)
        beside = any(isinstance(entry, str) for entry in entries)
        for entry in entries:
            told = self._returned(entry)
            if isinstance(entry, ast.Call) and beside and not told and _GIVING.search(dotted(entry.func)):
                told = [f"what `{dotted(entry.func)}()` returns"]
            found |= dict.fromkeys(told)
        return list(found)

    def _read(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Subscript) and (name := dotted(target.value)) in self.made:
                self.made[name] += self._key(target.slice, self._around(node))
            elif (name := dotted(target)) and isinstance(node.value, ast.Dict | ast.DictComp | ast.Call):
                self.made[name] = [*self.made.get(name, []), *self._of(node.value)]
        elif isinstance(node, ast.Call) and (name := dotted(node.func).removesuffix(".update")) in self.made:
            self.made[name] += [entry for value in node.args for entry in self._of(value)]
            self.made[name] += [keyword.arg for keyword in node.keywords if keyword.arg]

    def _of(self, value: ast.expr | None) -> list[Entry]:
        match value:
            case ast.Name() | ast.Attribute():
                return list(self.made.get(dotted(value), []))
            case ast.Dict(keys, values):
                pairs = zip(keys, values, strict=True)
                return [e for key, inner in pairs for e in (self._key(key, None) if key else self._of(inner))]
            case ast.DictComp(key, _, generators):
                return self._key(key, generators[0])
            case ast.Call() if dotted(value.func) == "dict":
                named = [keyword.arg for keyword in value.keywords if keyword.arg]
                return [*(entry for inner in value.args for entry in self._of(inner)), *named]
            case ast.Call():
                return [value]
        return []

    def _key(self, key: ast.expr, loop: ast.For | ast.comprehension | None) -> list[Entry]:
        """A key as written; one that a loop over the items of a dictionary gives is each of that."""
        if isinstance(key, ast.Constant):
            return [key.value] if isinstance(key.value, str) else []
        over = _gone_through(loop) if loop is not None else ""
        drawn = loop is not None and _draws(loop, key)
        hole = ast.unparse(key)[2:-1] if isinstance(key, ast.JoinedStr) else ""
        if drawn and self.made.get(over):
            known = [e for entry in self.made[over] for e in (self._returned(entry) or [entry])]
            return [_filled(hole, set(_names(key)), e) if hole and isinstance(e, str) else e for e in known]
        if hole:
            return [hole]
        return [f"one for each of `{over}`"] if drawn and over else []

    def around(self, call: ast.AST) -> list[str]:
        """The keys of the dictionary whose items the loop around a call goes through."""
        loop = self._around(call)
        given = loop.iter if loop is not None and call_name(loop.iter) == "items" else None
        return self.keys(given.func.value) if given is not None else []  # type: ignore[attr-defined]

    def _around(self, node: ast.AST) -> ast.For | None:
        current: ast.AST | None = node
        while (current := self.unit.parents.get(current)) is not None:  # type: ignore[arg-type]
            if isinstance(current, ast.For):
                return current
        return None

    def _returned(self, call: Entry) -> list[str]:
        """The keys of the dictionary that a function of the repository returns; a key stands for itself."""
        if isinstance(call, str):
            return [call]
        first, _ = self.unit.lines(call)
        known = _calls(self.codebase, self.unit.path).get((first, dotted(call.func)))
        found = self.codebase.resolve_call(self.unit.path, known) if known and self.depth < DEEPEST else None
        return list(returned_keys(self.codebase, found[0], found[1].symbol, self.depth + 1)) if found else []


@once
def returned_keys(codebase: Codebase, path: str, symbol: str, depth: int) -> tuple[str, ...]:
    """The keys of the dictionaries that a function returns."""
    for unit in units(codebase, path=path):
        for function, name in unit.functions():
            if name == symbol:
                made = Dictionaries(codebase, unit, function, depth)
                given = [n.value for n in made.nodes if isinstance(n, ast.Return) and n.value is not None]
                return tuple(dict.fromkeys(key for value in given for key in made.keys(value)))
    return ()


@once
def _calls(codebase: Codebase, path: str) -> dict[tuple[int, str], Call]:
    return {(call.start, call.written): call for call in codebase.facts[path].calls}


def _filled(hole: str, names: set[str], key: str) -> str:
    """An f-string of a key with its first hole filled by what the loop draws."""
    name = next((name for name in names if f"{{{name}}}" in hole), "")
    return hole.replace(f"{{{name}}}", key) if name else key


def _gone_through(loop: ast.For | ast.comprehension) -> str:
    """`x` of `for … in x.items()` and `for … in x`."""
    given = loop.iter
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) and given.func.attr in ("items", "keys"):
        given = given.func.value
    return dotted(given)


def _draws(loop: ast.For | ast.comprehension, key: ast.expr) -> bool:
    """Whether a key is made of the first name that a loop draws."""
    target = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) and loop.target.elts else loop.target
    return isinstance(target, ast.Name) and target.id in set(_names(key))


def _names(key: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(key) if isinstance(node, ast.Name))
