"""Lists of a module into which a function enters classes or objects of classes, called for one class after another.

`register_adapter(VicunaAdapter)` appends to `adapters`; other code walks the list and takes the one that fits.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN = 2, 6


def listed_classes(codebase: "Codebase") -> Iterator[Point]:
    """One point per list about models that a function fills for two or more classes of the repository."""
    for unit in units(codebase, r"(?m)^\w+(?:\s*:[^=\n]+)?\s*=\s*\[\]"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        lists = {name for node in unit.tree.body if (name := _empty(node))}
        for body, symbol in unit.functions():
            table = _entered(body, lists)
            if table and "." not in symbol:
                entered = _classes(codebase, unit.path, symbol)
                if len(entered) >= LEAST and any(map(MODEL_WORD.search, (table, symbol, *entered))):
                    yield _point(unit, body, table, entered)


def _empty(node: ast.stmt) -> str:
    """The name of an empty list that a statement binds."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(value, ast.List) and not value.elts and isinstance(target, ast.Name) else ""


def _entered(body: Function, lists: set[str]) -> str:
    """The list to which a function appends its first parameter, or an object of it."""
    given = body.args.args[0].arg if body.args.args else ""
    for node in own_nodes(body):
        if isinstance(node, ast.Call) and call_name(node) in ("append", "insert") and node.args and given:
            owner = written(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            value = node.args[-1].func if isinstance(node.args[-1], ast.Call) else node.args[-1]
            if owner in lists and written(value) == given:
                return owner
    return ""


def _classes(codebase: "Codebase", path: str, symbol: str) -> list[str]:
    """The classes with which the function is called, or on which it stands as a decorator."""
    found: dict[str, None] = {}
    for where, call in codebase.all_calls():
        if call.name.rpartition(".")[2] == symbol and call.arguments:
            target = codebase.resolve_call(where, call)
            given = codebase.resolve_local(where, call.arguments[0]) if target is not None else None
            if target is not None and target[0] == path and given is not None and given[1].kind == "class":
                found[given[1].name] = None
    for where, fact in codebase.all_facts("decorator"):
        if fact.name.rpartition(".")[2] == symbol and (item := codebase.speller.decorated(where, fact)) is not None:
            found[item.name] = None
    return list(found)


def _point(unit: Unit, body: Function, table: str, entered: list[str]) -> Point:
    readers = [
        f"`{symbol}()`" for other, symbol in unit.functions()
        if other is not body and any(isinstance(n, ast.For) and written(n.iter) == table for n in own_nodes(other))
    ]  # fmt: skip
    said = (
        f"By registering: `{body.name}()` ({unit.path}) enters a class in `{table}`, today "
        f"{counted(len(entered), 'class')}: {listed([f'`{name}`' for name in entered], SHOWN)}"
    )
    said += f"; {listed(readers, 4)} goes through them and takes the one that fits" if readers else ""
    said += f"; an own class is given to `{body.name}()`"
    short = f"`{body.name}()` enters a class in `{table}` ({counted(len(entered), 'class')} today)"
    first = unit.lines(body)[0]
    return Point("registering", short, said, unit.path, (first, first), body.name, (), tuple(entered))
