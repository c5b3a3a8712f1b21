"""Kind `stores`: variables of a module that its own functions fill and give out, so that the module holds state.

`STATE = {}` with `set_item()` and `get_item()` beside it is process-wide context, whoever calls these. Variables that
other modules set as attributes are told by `shared_modules`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import is_screen
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.traces import CHANGING
from retrieval.census.meaning.units import Unit, bound_names, own_nodes, units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST_CALLERS, SEVERAL, NAMED, KEYS, PLACES = 2, 3, 5, 8, 30
Place = tuple[str, str]
_HOLDERS = (ast.Dict, ast.List, ast.Set, ast.Constant, ast.Call)
_KNOWN: Beside[Codebase, list[Store]] = Beside()


@dataclass(slots=True)
class Store:
    """One variable of a module: the functions of the module that change and read it, and who calls these."""

    path: str
    name: str
    line: int
    writers: dict[str, int] = field(default_factory=dict)  # symbol → line
    readers: dict[str, int] = field(default_factory=dict)
    callers: dict[Place, int] = field(default_factory=dict)
    keys: Counter[str] = field(default_factory=Counter)
    setters: set[Place] = field(default_factory=set)  # functions that call what sets it

    @property
    def accessors(self) -> dict[str, int]:
        """The functions of the module that set it or give it out."""
        return {**self.writers, **self.readers}


@kind(
    "stores",
    summary="module variables that functions of their module set and give out, with who calls these from elsewhere",
    example="stores, or stores: *state*",
    reads="python",
    ordered=True,
)
def stores(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One sentence per variable, those that most functions of other modules work with first. Patterns match it."""
    for store in stores_of(codebase):
        if query.matches(store.name, f"{codebase.facts[store.path].module}.{store.name}"):
            yield _hit(codebase, store)


def stores_of(codebase: Codebase) -> list[Store]:
    """The stores of the source code, the most used first; screens' own widgets and what nobody calls left out."""
    if codebase not in _KNOWN:
        found = [store for unit in units(codebase, r"\bdef ") for store in _of_module(codebase, unit)]
        _called(codebase, found)
        kept = [store for store in found if len(store.callers) >= LEAST_CALLERS and store.setters]
        _KNOWN[codebase] = sorted(kept, key=lambda s: (len(s.setters) < SEVERAL, -len(s.callers), s.path, s.line))
    return _KNOWN[codebase]


def _of_module(codebase: Codebase, unit: Unit) -> Iterator[Store]:
    if codebase.snapshot.by_path[unit.path].role != "source" or is_screen(codebase, unit.path):
        return
    held: dict[str, Store] = {}
    for node in unit.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, _HOLDERS) and not target.id.startswith("__"):
                held.setdefault(target.id, Store(unit.path, target.id, unit.row(node.lineno)))
    for function, symbol in unit.functions() if held else ():
        own = bound_names(function)
        for node in own_nodes(function):
            _note(unit, node, symbol, {name: s for name, s in held.items() if name not in own})
    for store in held.values():
        _through(unit, store)
        if store.writers and not any("regist" in symbol.lower() for symbol in store.writers):
            yield store


def _through(unit: Unit, store: Store) -> None:
    """Functions that work on the variable only by calling those that do, one level of them."""
    writers, readers = set(store.writers), set(store.readers)
    for function, symbol in unit.functions():
        for node in own_nodes(function):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if called in writers | readers and symbol not in store.accessors:
                held = store.writers if called in writers else store.readers
                held[symbol] = unit.lines(node)[0]


def _note(unit: Unit, node: ast.AST, symbol: str, held: dict[str, Store]) -> None:
    name, writes = "", False
    if isinstance(node, ast.Name):
        name, writes = node.id, isinstance(node.ctx, ast.Store)
    elif isinstance(node, ast.Subscript):
        name, writes = _root(node), isinstance(node.ctx, ast.Store | ast.Del)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name, writes = _root(node.func.value), node.func.attr in CHANGING
    if (store := held.get(name)) is not None:
        (store.writers if writes else store.readers).setdefault(symbol, unit.lines(node)[0])


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _called(codebase: Codebase, found: list[Store]) -> None:
    """Fill in the functions of other modules that call what works on a store, with the constant keys they give."""
    reach = reach_of(codebase)
    by_function: dict[Place, list[Store]] = {}
    for store in found:
        for symbol in store.accessors:
            by_function.setdefault((store.path, symbol), []).append(store)
    names = {symbol.rpartition(".")[2] for _, symbol in by_function}
    for path, call in codebase.all_calls():
        if call.name.rpartition(".")[2] not in names or codebase.snapshot.by_path[path].role != "source":
            continue
        target = codebase.resolve_call(path, call)
        if target is None or not reach.runs((path, call.symbol)):
            continue
        for store in by_function.get((target[0], target[1].symbol), ()):
            if call.symbol and target[1].symbol in store.writers:
                store.setters.add((path, call.symbol))
            if target[0] == path:
                continue
            store.callers.setdefault((path, call.symbol), call.start)
            first = call.arguments[0] if call.arguments else ""
            if first[:1] in "\"'" and first[1:-1].isidentifier():
                store.keys[first[1:-1]] += 1


def _hit(codebase: Codebase, store: Store) -> CensusHit:
    files = {path for path, _ in store.callers}
    writers = [(store.path, symbol) for symbol in store.writers]
    readers = [(store.path, symbol) for symbol in store.readers if symbol not in store.writers]
    text = f"`{store.name}` of {store.path} holds state for the whole process: set by {_named(writers)}"
    text += f", given out by {_named(readers)}" if readers else ""
    text += f"; {counted(len(store.callers), 'function')} of {counted(len(files), 'other file')} call these"
    keys = [f"`{key}`" for key, _ in store.keys.most_common()]
    named = f", with keys such as {listed(keys, KEYS)}" if len(keys) > 1 else ""
    text += named or f": {people(codebase, store.callers, NAMED)}"
    lines = [*store.writers.values(), *store.readers.values()]
    places = [(store.path, line) for line in lines[:8]] + [(path, line) for (path, _), line in store.callers.items()]
    return hit_at(
        codebase,
        store.path,
        (store.line, store.line),
        symbol="",
        name=store.name,
        text=text,
        related=tuple(("use", path, line, line) for path, line in dict.fromkeys(places[:PLACES])),
        detail={"callers": str(len(store.callers))},
    )


def _named(places: list[Place]) -> str:
    return listed([f"`{symbol}()`" for _, symbol in places], NAMED)
