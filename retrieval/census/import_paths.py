"""Functions that take any class by its import path: `getattr(import_module(module), name)` with both computed."""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.prose import listed
from retrieval.census.swap_points import Point
from retrieval.census.units import call_name, own_nodes, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 6
_IMPORTS = ("import_module", "__import__")


def import_paths(codebase: "Codebase") -> Iterator[Point]:
    """One point per function; those that no other code calls are left out."""
    for unit in units(codebase, "import_module|__import__"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for body, symbol in unit.functions():
            line = _taken(list(own_nodes(body)))
            users = _users(codebase, unit.path, symbol) if line else []
            if users:
                at = unit.row(line)
                yield _point(unit.path, at, symbol, users)


def _taken(nodes: list[ast.AST]) -> int:
    """The line on which an attribute of a module that is imported by a computed name is taken, 0 for none.

    The body has to take an import path apart.
    """
    if not any(call_name(node) in ("rsplit", "split", "rpartition") for node in nodes):
        return 0
    computed = [
        node for node in nodes
        if isinstance(node, ast.Call) and call_name(node) in _IMPORTS and node.args
        and not isinstance(node.args[0], ast.Constant)
    ]  # fmt: skip
    held = {
        written(target) for node in nodes if isinstance(node, ast.Assign) and node.value in computed
        for target in node.targets
    }  # fmt: skip
    for node in nodes:
        if isinstance(node, ast.Call) and call_name(node) == "getattr" and len(node.args) > 1:
            module, name = node.args[0], node.args[1]
            if not isinstance(name, ast.Constant) and (module in computed or written(module) in held):
                return node.lineno
    return 0


def _users(codebase: "Codebase", path: str, symbol: str) -> list[tuple[str, str, int]]:
    name = symbol.rpartition(".")[2]
    found = []
    for where, call in codebase.all_calls():
        if call.name.rpartition(".")[2] == name and codebase.snapshot.by_path[where].role == "source":
            target = codebase.resolve_call(where, call)
            if target is not None and target[0] == path and target[1].symbol == symbol and call.symbol != symbol:
                found.append((where, call.symbol, call.start))
    return found


def _point(path: str, line: int, symbol: str, users: list[tuple[str, str, int]]) -> Point:
    places = list(dict.fromkeys(f"`{own}()` ({where})" if own else where for where, own, _ in users))
    said = (
        f"By name: `{symbol}()` ({path}) imports the class that an import path names, so that a class from elsewhere "
    )
    said += f"can be named; used in {listed(places, SHOWN)}"
    short = f"an import path names any class where `{symbol}()` is used"
    related = tuple(("used", where, at, at) for where, _, at in users[:SHOWN])
    return Point("table", short, said, path, (line, line), symbol, related)
