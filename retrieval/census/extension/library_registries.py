"""Registries of libraries: a decorator of one enters classes, a function of it makes the one that options name; and
tables of libraries out of which a computed key takes what makes a model."""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Unit, units, written
from retrieval.census.settings.config_files import config_entries
from retrieval.census.settings.option_effects import acting_in
from retrieval.facts import Call, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, PLACES = 6, 4
_ENTERS = re.compile(r"\.(?:register|register_module)$")
_MAKES = re.compile(r"(?:^|\.)(?:build|create|make)_(\w+)$")
_KEY = re.compile(r"[\"'](\w+)[\"']")
Found = tuple[str, Definition]
Spot = tuple[str, int, int]


def library_registries(codebase: "Codebase") -> Iterator[Point]:
    """One point per function of a library that makes a model by name where classes are entered in that library."""
    entered = _entered(codebase)
    lookups: dict[str, list[tuple[str, Call]]] = {}
    for path, call in codebase.all_calls() if entered else ():
        made = _MAKES.search(call.name)
        asks = made is not None and MODEL_WORD.search(made[1]) and call.name.partition(".")[0] in entered
        if asks and call.arguments and _KEY.search(call.arguments[0]):
            lookups.setdefault(call.name, []).append((path, call))
    for name, places in lookups.items():
        yield _point(codebase, name, entered[name.partition(".")[0]], places)


def library_tables(codebase: "Codebase") -> Iterator[Point]:
    """One point per table of a library, `registry[kind](…)`, whose entry a computed key selects and the code calls."""
    found: dict[str, list[tuple[Unit, ast.Call, ast.Subscript]]] = {}
    for unit in units(codebase, r"\]\("):
        source = codebase.snapshot.by_path[unit.path].role == "source"
        for node in unit.nodes if source else ():
            taken = node.func if isinstance(node, ast.Call) else None
            if (
                isinstance(node, ast.Call)
                and isinstance(taken, ast.Subscript)
                and (name := _outside(codebase, unit, taken))
            ):
                found.setdefault(name, []).append((unit, node, taken))
    for name, places in found.items():
        yield _tabled(codebase, name, places)


def _outside(codebase: "Codebase", unit: Unit, taken: ast.Subscript) -> str:
    """The full name of an imported table that is about models and is asked with a computed key; "" for others."""
    written_name = written(taken.value)
    head, _, rest = written_name.partition(".")
    imports = codebase.facts[unit.path].imports
    item = next((i for i in imports if i.alias == head and codebase.locate(i.module, unit.path) is None), None)
    computed = isinstance(taken.slice, ast.Name | ast.Attribute | ast.Subscript)
    if item is None or not computed or not MODEL_WORD.search(written_name):
        return ""
    return ".".join(filter(None, (item.module, item.name, rest)))


def _tabled(codebase: "Codebase", name: str, places: list[tuple[Unit, ast.Call, ast.Subscript]]) -> Point:
    unit, node, taken = places[0]
    symbol, table, key = unit.symbols.get(node, ""), written(taken.value), written(taken.slice)
    flags = [f"`{flag}`" for flag in acting_in(codebase, unit.path, symbol, table)]
    by = f"`{key}`" + (f" (option {flags[0]})" if flags else "")
    library = name.partition(".")[0]
    short = f"{by} selects an entry of `{table}`, a table of the library `{library}`"
    where = f"`{symbol}()` ({unit.path})" if symbol else unit.path
    said = (
        f"By name: {where} makes the model with `{written(node.func)}(…)`: {by} selects an entry of this table of the "
    )
    said += f"library `{library}`; only models that the table lists, with the same methods, can be named"
    lines = unit.lines(node)
    related = tuple(("made", u.path, *u.lines(n)) for u, n, _ in places[1:PLACES])
    return Point("table", short, said, unit.path, lines, symbol, related)


def _entered(codebase: "Codebase") -> dict[str, dict[str, list[Found]]]:
    """library → decorator → the classes of source code that it stands on."""
    found: dict[str, dict[str, list[Found]]] = {}
    for path, item in codebase.all_definitions():
        for mark in item.decorators if item.kind == "class" else ():
            library = mark.partition(".")[0]
            if _ENTERS.search(mark) and MODEL_WORD.search(mark) and codebase.locate(library, path) is None:
                found.setdefault(library, {}).setdefault(mark, []).append((path, item))
    return found


def _point(codebase: "Codebase", name: str, entered: dict[str, list[Found]], places: list[tuple[str, Call]]) -> Point:
    named = _named(codebase, places)
    values = {value for _, value, _ in named}
    asked = {mark: found for mark, found in entered.items() if any(item.name in values for _, item in found)} or entered
    marks = listed([f"`@{'.'.join(mark.split('.')[-2:])}()`" for mark in asked], 3)
    classes = [item for found in asked.values() for item in found]
    names = dict.fromkeys(item.name for _, item in classes)
    library, maker = name.partition(".")[0], name.rpartition(".")[2]
    told = [f"`{call.text.strip()}` in `{call.symbol}()` ({path})" for path, call in places]
    chosen = {text: spot for text, value, spot in named if value in names}
    short = f"{marks} of `{library}` enters a class, and `{maker}()` makes the one that "
    short += f"`{places[0][1].arguments[0]}` names"
    said = (
        f"By registering: {marks} of the library `{library}` stands on {counted(len(classes), 'class')} here, "
        f"{listed([f'`{name}`' for name in names], SHOWN)}; the library's `{maker}()` makes the one that "
        f"options name: {listed(told, PLACES)}"
    )
    said += f", as {listed(list(chosen), PLACES)}" if chosen else ""
    said += "; another class is registered and named there"
    related = [("made", path, call.start, call.end) for path, call in places[1:PLACES]]
    related += [("named", *spot) for spot in list(chosen.values())[:PLACES]]
    related += [("entered", path, item.start, item.head_end) for path, item in classes[:SHOWN]]
    path, call = places[0]
    return Point("registering", short, said, path, (call.start, call.end), call.symbol, tuple(related), (maker,))


def _named(codebase: "Codebase", places: list[tuple[str, Call]]) -> list[tuple[str, str, Spot]]:
    """The entries of configuration files below the keys that the calls give: in words, the value, and the line."""
    keys = {_KEY.findall(call.arguments[0])[-1] for _, call in places}
    return [
        (f"`{entry.key}: {entry.value}` ({path})", entry.value, (path, entry.line, entry.line))
        for path, entries in config_entries(codebase).items()
        for entry in entries
        if keys & set(entry.key.split("."))
    ]
