"""Tables of functions or classes out of which a computed key takes one to call: `LOADERS[name](path)`.

Tables whose values are known to be models are told by `model_tables`; here what the functions give is not known.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.meaning.meant import meant
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN, KEYS = 2, 8, 14
_PLUG = re.compile(r"(?i)extension|plug_?in|hook|backend|provider|loader|solver|agent|tool|sampler")
_PARTIAL = ("partial", "functools.partial")


@dataclass(frozen=True, slots=True)
class Called:
    """A dictionary of definitions, and the call that takes one out by `key`."""

    unit: Unit
    name: str
    symbol: str
    node: ast.Dict
    keys: tuple[str, ...]
    values: tuple[str, ...]
    by: str
    at: ast.AST


def called_tables(codebase: "Codebase", told: set[tuple[str, int]]) -> Iterator[Point]:
    """One point per table of the module or body that calls an entry, but those `told` by path and line."""
    found: list[Called] = []
    for unit in units(codebase, r"[\w}]\[[A-Za-z_]|\.get\([A-Za-z_]"):
        if codebase.snapshot.by_path[unit.path].role == "source":
            tables = _found(codebase, unit)
            found += [t for t in tables if (unit.path, unit.lines(t.node)[0]) not in told and _is_telling(t)]
    found.sort(key=lambda table: not any(map(MODEL_WORD.search, (table.name, table.symbol.rpartition(".")[2]))))
    yield from (_point(codebase, table) for table in found)


def _found(codebase: "Codebase", unit: Unit) -> Iterator[Called]:
    tables = {
        (unit.symbols.get(node, ""), written(node.targets[0])): node.value
        for node in unit.nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and len(node.targets) == 1
    }
    called = {(unit.symbols.get(n, ""), n.func.id) for n in unit.nodes if _calls_name(n)}  # type: ignore[attr-defined]
    seen: set[ast.Dict] = set()
    for node in unit.nodes:
        taken = _taken(unit, node, called)
        if taken is None:
            continue
        owner, key = taken
        symbol = unit.symbols.get(node, "")
        inline = owner if isinstance(owner, ast.Dict) else None
        table = inline or tables.get((symbol, written(owner))) or tables.get(("", written(owner)))
        if table is None or table in seen:
            continue
        seen.add(table)
        keys = tuple(str(k.value) for k in table.keys if isinstance(k, ast.Constant) and isinstance(k.value, str))
        values = tuple(_definition(codebase, unit.path, symbol, value) for value in table.values)
        if len(keys) == len(values) >= LEAST and all(values):
            yield Called(unit, "" if inline else written(owner), symbol, table, keys, values, written(key), node)


def _calls_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _taken(unit: Unit, node: ast.AST, called: set[tuple[str, str]]) -> tuple[ast.expr, ast.expr] | None:
    """Table and key of `table[key]` and `table.get(key)` that is called, where the key is no constant."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        owner, key = node.value, node.slice
    elif call_name(node) == "get" and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        owner, key = node.func.value, node.args[0]
    else:
        return None
    if not isinstance(owner, ast.Name | ast.Attribute | ast.Dict) or isinstance(
        key, ast.Constant | ast.Slice | ast.Tuple
    ):
        return None
    around = unit.parents.get(node)
    if isinstance(around, ast.Call) and around.func is node:
        return owner, key
    held = around.targets[0] if isinstance(around, ast.Assign) and around.value is node else None
    symbol = unit.symbols.get(node, "")
    return (owner, key) if isinstance(held, ast.Name) and (symbol, held.id) in called else None


def _definition(codebase: "Codebase", path: str, symbol: str, value: ast.expr) -> str:
    """The name of a function or class of the repository, also one that `partial` fills in; "" for anything else."""
    if isinstance(value, ast.Call) and written(value.func) in _PARTIAL and value.args:
        value = value.args[0]
    if not isinstance(value, ast.Name | ast.Attribute):
        return ""
    name = written(value)
    return name if meant(codebase, path, symbol, name) is not None else ""


def _is_telling(found: Called) -> bool:
    names = (found.name, found.symbol.rpartition(".")[2], *found.values)
    return any(MODEL_WORD.search(name) or _PLUG.search(name) for name in names)


def _point(codebase: "Codebase", found: Called) -> Point:
    unit, path = found.unit, found.unit.path
    values = listed([f"`{name}`" for name in dict.fromkeys(found.values)], SHOWN)
    keys = listed([f"`{key}`" for key in found.keys], KEYS)
    name, key = f"`{found.name}`" if found.name else f"a table in `{found.symbol}()`", found.by.replace("`", "'")
    where = f"`{found.symbol}()`" if found.symbol else "the top level"
    asked = [] if not found.symbol or found.by not in _parameters(codebase, found) else _asked(codebase, found)
    places = list(dict.fromkeys(f"`{symbol}()` ({p})" if symbol else p for p, symbol, _ in asked))
    said = (
        f"By name: {name} ({path}) has {len(found.keys)} entries, {keys}, for {values}; {where} calls the one that "
        f"`{key}` names{f', asked from {listed(places, 4)}' if places else ''}; another needs one more entry there"
    )
    shown = listed([f"`{k}`" for k in found.keys], 6)
    short = f"`{key}` selects one of the {len(found.keys)} {_sort(found)} of {name} ({shown})"
    related = [("called", path, *unit.lines(found.at)), *(("asked", p, line, line) for p, _, line in asked[:5])]
    return Point("table", short, said, path, unit.lines(found.node), found.symbol, tuple(related))


def _sort(found: Called) -> str:
    classes = all(value.rpartition(".")[2][:1].isupper() for value in found.values)
    return "classes" if classes else "functions"


def _parameters(codebase: "Codebase", found: Called) -> set[str]:
    item = next((d for d in codebase.facts[found.unit.path].definitions if d.symbol == found.symbol), None)
    return {p.partition("=")[0].partition(":")[0].strip() for p in item.parameters} if item is not None else set()


def _asked(codebase: "Codebase", found: Called) -> list[tuple[str, str, int]]:
    """Where other code calls the function that takes the key."""
    name = found.symbol.rpartition(".")[2]
    places = []
    for path, call in codebase.all_calls():
        if call.name.rpartition(".")[2] == name and codebase.snapshot.by_path[path].role == "source":
            target = codebase.resolve_call(path, call)
            if target is not None and (target[0], target[1].symbol) == (found.unit.path, found.symbol):
                places.append((path, call.symbol, call.start))
    return places
