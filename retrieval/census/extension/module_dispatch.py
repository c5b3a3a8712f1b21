"""Functions that a name takes out of a module of the repository to make a model: `nets.__dict__[arch](…)`.

With each goes what the body lets through: a list of names that is tested, and classes of which a finished object may
be given under the same parameter.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMES, GATES, PLACES, HOPS = 12, 6, 6, 4
_COLLECTING = ("tuple", "list", "set", "frozenset")
Lines = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a test lets through, in words: `allowed` are the names or classes, `table` the list that holds them."""

    allowed: tuple[str, ...]
    table: str
    lines: Lines


@dataclass(frozen=True, slots=True)
class Taken:
    """A body that takes what `key` names out of `module` and calls it; `names` and `objects` close the choice."""

    path: str
    symbol: str
    module: str
    key: str
    lines: Lines
    names: Gate | None
    objects: Gate | None


def module_dispatch(codebase: "Codebase") -> Iterator[Point]:
    """One point for all such bodies."""
    found = taken_from_modules(codebase)
    if found:
        yield _point(found)


@once
def taken_from_modules(codebase: "Codebase") -> list[Taken]:
    """The bodies whose names say that they are about models, those that main programs run and that test first."""
    found = [
        taken
        for unit in units(codebase, r"\.__dict__\[|\bvars\(\w+\)\[|\bgetattr\(")
        if codebase.snapshot.by_path[unit.path].role == "source"
        for body, symbol in unit.functions()
        for taken in _taken(codebase, unit, body, symbol)
    ]
    reach = reach_of(codebase)

    def weight(taken: Taken) -> tuple[bool, int]:
        run = reach.has(CensusHit(taken.path, *taken.lines, taken.symbol, "", ""))
        return not run, -sum(len(gate.allowed) for gate in (taken.names, taken.objects) if gate is not None)

    return sorted(found, key=weight)


def _taken(codebase: "Codebase", unit: Unit, body: Function, symbol: str) -> Iterator[Taken]:
    called = {
        node.func.id for node in own_nodes(body) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for node in own_nodes(body):
        owner, key = _looked_up(node)
        around = unit.parents.get(node)
        held = around.targets[0] if isinstance(around, ast.Assign) and around.value is node else None
        runs = (isinstance(around, ast.Call) and around.func is node) or (
            isinstance(held, ast.Name) and held.id in called
        )
        module = _module(codebase, unit.path, owner) if owner and runs else ""
        if module and key and MODEL_WORD.search(f"{symbol} {module.replace('.', ' ')} {key}"):
            gates = _names(unit, body, key), _objects(unit, body, key)
            yield Taken(unit.path, symbol, module, key, unit.lines(node), *gates)
            return


def _looked_up(node: ast.AST) -> tuple[str, str]:
    """Owner and key of `owner.__dict__[key]`, `vars(owner)[key]` and `getattr(owner, key)`, "" where it is fixed."""
    owner: ast.AST | None = None
    key: ast.AST | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        table, key = node.value, node.slice
        if isinstance(table, ast.Attribute) and table.attr == "__dict__":
            owner = table.value
        elif isinstance(table, ast.Call) and call_name(table) == "vars" and len(table.args) == 1:
            owner = table.args[0]
    elif isinstance(node, ast.Call) and call_name(node) == "getattr" and len(node.args) == 2:
        owner, key = node.args
    plain = isinstance(owner, ast.Name | ast.Attribute) and isinstance(key, ast.Name | ast.Attribute)
    return (written(owner), written(key)) if plain and owner is not None and key is not None else ("", "")


def _module(codebase: "Codebase", path: str, name: str) -> str:
    """The module of the repository that a name of a file means, "" for anything else."""
    for item in codebase.facts[path].imports:
        whole = f"{item.module}.{item.name}" if item.name else item.module
        if name in (item.alias, item.name or item.module) and codebase.locate(whole, path) is not None:
            return whole
    return ""


def _names(unit: Unit, body: Function, key: str) -> Gate | None:
    """The list of names in which a body looks for the key before it takes what the key names."""
    for node in own_nodes(body):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn) and written(node.left) == key:
            texts = [n.value for n in _items(unit, body, node.comparators[0]) if isinstance(n, ast.Constant)]
            if texts:
                allowed = tuple(text for text in texts if isinstance(text, str))
                return Gate(allowed, _title(node.comparators[0]), unit.lines(node))
    return None


def _objects(unit: Unit, body: Function, key: str) -> Gate | None:
    """The classes of which an object may be given where a name is expected, when the body refuses all others."""
    for test in (node.test for node in own_nodes(body) if isinstance(node, ast.If) and _refuses(node)):
        node = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else None
        if isinstance(node, ast.Call) and call_name(node) == "isinstance" and written(node.args[0]) == key:
            classes = tuple(written(item).rpartition(".")[2] for item in _items(unit, body, node.args[1]))
            if classes:
                return Gate(classes, _title(node.args[1]), unit.lines(node))
    return None


def _refuses(node: ast.If) -> bool:
    return any(isinstance(statement, ast.Raise) for statement in node.body)


def _items(unit: Unit, body: Function, node: ast.expr, hops: int = HOPS) -> list[ast.expr]:
    """What a list holds that is written there, or bound to a name in the body or the module, sums of lists included."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return list(node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and hops:
        return [*_items(unit, body, node.left, hops - 1), *_items(unit, body, node.right, hops - 1)]
    if isinstance(node, ast.Call) and call_name(node) in _COLLECTING and len(node.args) == 1 and hops:
        return _items(unit, body, node.args[0], hops - 1)
    name = node.id if isinstance(node, ast.Name) and hops else ""
    for bound in (*own_nodes(body), *unit.tree.body) if name else ():
        value = bound.value if isinstance(bound, ast.Assign | ast.AnnAssign) else None
        target = bound.targets[0] if isinstance(bound, ast.Assign) else getattr(bound, "target", None)
        if value is not None and isinstance(target, ast.Name) and target.id == name and value is not node:
            return _items(unit, body, value, hops - 1)
    return []


def _title(node: ast.expr) -> str:
    """The name of the list in a test, "" where it is written out there."""
    inner = node.args[0] if isinstance(node, ast.Call) and len(node.args) == 1 else node
    return inner.id if isinstance(inner, ast.Name) else ""


def _point(found: list[Taken]) -> Point:
    first, shown = found[0], found[:PLACES]
    gates = [(taken.path, gate) for taken in shown for gate in (taken.names, taken.objects) if gate is not None]
    modules = listed([f"`{name}`" for name in dict.fromkeys(taken.module for taken in found)], PLACES)
    tables = list(dict.fromkeys(f"`{taken.names.table}`" for taken in shown if taken.names and taken.names.table))
    short = f"`{first.key}` names the function of {modules} that makes the model"
    short += f", out of the names in {listed(tables, 3)}" if tables else ""
    short += ", or is a finished model of an allowed class" if any(taken.objects for taken in shown) else ""
    said = f"By name, out of a module: {'; '.join(told_of(taken) for taken in shown)}"
    said += f"; likewise {counted(len(found) - PLACES, 'more function')}" if len(found) > PLACES else ""
    said += "; a new model needs a function in the module"
    said += " and its name or class in the list that is tested" if gates else ""
    related = [("taken", taken.path, *taken.lines) for taken in shown[1:]]
    related += [("tested", path, *gate.lines) for path, gate in gates]
    return Point("table", short, said, first.path, first.lines, first.symbol, tuple(related))


def told_of(taken: Taken) -> str:
    """A clause on one body: what it calls, by which names, and of which classes it takes a finished object."""
    text = f"`{taken.symbol}()` ({taken.path}) calls what `{taken.key}` names in `{taken.module}`"
    if taken.names is not None:
        table = f"`{taken.names.table}` allows" if taken.names.table else "allowed are"
        text += f" ({table} {listed([f'`{name}`' for name in taken.names.allowed], NAMES)})"
    if taken.objects is not None:
        table = f" by `{taken.objects.table}`" if taken.objects.table else ""
        told = listed([f"`{name}`" for name in taken.objects.allowed], GATES)
        text += f", or takes a finished object of {told} and refuses all others{table}"
    return text
