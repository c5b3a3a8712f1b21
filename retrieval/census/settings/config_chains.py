"""How a name that holds a configuration is used: the paths of keys read from it, the methods of a class that share an
attribute, and the functions that are given it.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Function, Unit, own_nodes, units, written
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_METHODS = words("items keys values get update pop copy setdefault merge_with to_dict load_state_dict append format")
_PLAIN = words("print len str int float bool isinstance list dict tuple range info debug warning format Path join")
_WRAPS = re.compile(r"(?i)param|conf|cfg|dict|namespace|option|setting|munch|\bbox\b")
DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """One use: the keys, joined by dots, the line, and the call whose argument it is ("" for none)."""

    key: str
    path: str
    symbol: str
    line: int
    given: str


def chains(unit: Unit, body: ast.AST, symbol: str, name: str) -> list[Chain]:
    """Every entry that a body reads from a name, in source order, each whole path of keys once a call."""
    found: dict[tuple[str, str], Chain] = {}
    for node in own_nodes(body):
        parent = unit.parents.get(node)
        if isinstance(parent, ast.Attribute | ast.Subscript) and _step(parent, node):
            continue  # the outermost of `a.b.c` tells the whole path
        keys = _keys(node, name)
        if keys and not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            given = _given(unit, node)
            found.setdefault((keys, given), Chain(keys, unit.path, symbol, unit.lines(node)[0], given))
    return list(found.values())


def holds(value: ast.expr, names: set[str]) -> bool:
    """Whether an expression is what a name holds, by itself or in a wrapper such as `Params(**config)`."""
    if (
        isinstance(value, ast.Call)
        and len(value.args) + len(value.keywords) == 1
        and _WRAPS.search(written(value.func))
    ):
        given = [*value.args, *(keyword.value for keyword in value.keywords if keyword.arg is None)]
        return bool(given) and written(given[0]) in names
    return written(value) in names


def copies(body: ast.AST, names: set[str]) -> set[str]:
    """The names, and the further names and attributes that a body binds to what they hold."""
    found = set(names)
    for node in own_nodes(body):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name | ast.Attribute):
            continue
        if holds(node.value, found):
            found.add(written(node.targets[0]))
    return found


def _step(parent: ast.AST, node: ast.AST) -> str:
    """The key that a node takes from the one inside it, "" for none."""
    if isinstance(parent, ast.Attribute) and parent.value is node:
        return "" if parent.attr in _METHODS or parent.attr.startswith("__") else parent.attr
    if isinstance(parent, ast.Subscript) and parent.value is node and isinstance(parent.slice, ast.Constant):
        return str(parent.slice.value)
    return ""


def _keys(node: ast.AST, name: str) -> str:
    """ "data.rate" for `hps.data.rate`, `hps["data"]["rate"]` or `hps.data.get("rate")`."""
    found: list[str] = []
    current = node
    while True:
        if isinstance(current, ast.Call) and isinstance(current.func, ast.Attribute) and current.func.attr == "get":
            key = current.args[0] if current.args else None
            if not isinstance(key, ast.Constant):
                return ""
            found.append(str(key.value))
            current = current.func.value
        elif isinstance(current, ast.Attribute | ast.Subscript) and written(current) != name:
            key_ = _step(current, current.value)
            if not key_:
                return ""
            found.append(key_)
            current = current.value
        else:
            break
    if (
        not found
        or len(found) > DEEPEST
        or not isinstance(current, ast.Name | ast.Attribute)
        or written(current) != name
    ):
        return ""
    return ".".join(reversed(found))


def _given(unit: Unit, node: ast.AST) -> str:
    """The call that an expression is an argument of, unless it is a plain one."""
    current: ast.AST | None = node
    while current is not None and not isinstance(current, ast.stmt):
        parent = unit.parents.get(current)
        if isinstance(parent, ast.Call) and parent.func is not current:
            callee = written(parent.func)
            if callee.rpartition(".")[2] not in _PLAIN and len(callee) <= 60 and "`" not in callee:
                return callee
        current = parent
    return ""


def family(codebase: "Codebase", unit: Unit, owner: str, name: str) -> Iterator[tuple[Unit, Function, str]]:
    """The methods of a class and of those derived from it, by name, that use an attribute."""
    classes = {owner.rpartition(".")[2]}
    attribute = name.partition(".")[2]
    for other in [unit, *(u for u in units(codebase, rf"\bself\.{attribute}\b") if u is not unit)]:
        for node in other.nodes:
            bases = (
                {written(base).rpartition(".")[2] for base in node.bases} if isinstance(node, ast.ClassDef) else set()
            )
            if isinstance(node, ast.ClassDef) and (bases & classes or (other is unit and node.name in classes)):
                classes.add(node.name)
        for function, symbol in other.functions():
            if symbol.rpartition(".")[0].rpartition(".")[2] in classes:
                yield other, function, symbol


def handed_on(codebase: "Codebase", unit: Unit, body: ast.AST, name: str) -> Iterator[tuple[Unit, Function, str, str]]:
    """The functions that a body gives the name itself, with the parameter that then holds it."""
    for node in own_nodes(body):
        if not isinstance(node, ast.Call):
            continue
        places = [(place, "") for place, value in enumerate(node.args) if written(value) == name]
        places += [(-1, keyword.arg) for keyword in node.keywords if keyword.arg and written(keyword.value) == name]
        found = _function(codebase, unit, written(node.func)) if places else None
        if found is None:
            continue
        other, function, symbol = found
        plain = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
        plain = plain[1:] if plain[:1] in (["self"], ["cls"]) else plain
        for place, keyword in places:
            parameter = keyword or (plain[place] if 0 <= place < len(plain) else "")
            if parameter:
                yield other, function, symbol, parameter


def _function(codebase: "Codebase", unit: Unit, name: str) -> tuple[Unit, Function, str] | None:
    """The definition of a called function: of the repository, the `__init__` of a class, a method of the same file."""
    found = codebase.resolve_local(unit.path, name)
    path, symbol = (found[0], found[1].symbol) if found is not None else (unit.path, name)
    if found is not None and found[1].kind == "class":
        symbol = f"{symbol}.__init__"
    own = name.startswith(("self.", "cls."))
    for other in units(codebase, path=path):
        for function, known in other.functions():
            if known == symbol or (own and found is None and known.endswith(f".{name.partition('.')[2]}")):
                return other, function, known
    return None
