"""What a page of Gradio keeps in dictionaries between events: each key with the handlers that set it and that read it.

`gr.State({...})` names the keys; a handler gets the dictionary at its place among `inputs`, and gives a new one back
where it is among `outputs`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.handover.session_stores import EVENTS, MAIN
from retrieval.census.language import hit_at
from retrieval.census.meaning.people import people
from retrieval.census.meaning.traces import Trace, traces_of
from retrieval.census.meaning.units import Unit, call_name, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN, NAMED, PLACES = 2, 8, 3, 24
Place = tuple[str, str]


@dataclass(slots=True)
class Entries:
    """One dictionary of a session: where it is made, and for each key who sets and who reads it, with lines."""

    name: str
    path: str
    line: int
    setters: dict[str, dict[Place, int]] = field(default_factory=dict)
    readers: dict[str, dict[Place, int]] = field(default_factory=dict)


def session_entries(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per dictionary with keys that one handler sets and another reads, the one with most keys first."""
    found = [item for unit in units(codebase, r"\bState\(") for item in _of(codebase, unit)]
    told = [(item, keys) for item in found if len(keys := _joining(item)) >= LEAST]
    for item, keys in sorted(told, key=lambda pair: -len(pair[1])):
        yield _hit(codebase, item, keys)


def _joining(item: Entries) -> list[str]:
    """The keys that one function sets and another one reads, those of most functions first."""
    joined = [key for key in item.setters if len({*item.setters[key], *item.readers.get(key, {})}) > 1]
    read = [key for key in joined if item.readers.get(key)]
    return sorted(read, key=lambda key: -len(item.readers[key]) - len(item.setters[key]))


def _of(codebase: Codebase, unit: Unit) -> Iterator[Entries]:
    if codebase.snapshot.by_path[unit.path].role not in MAIN:
        return
    events = [node for node in unit.nodes if isinstance(node, ast.Call) and call_name(node) in EVENTS]
    for node in unit.nodes:
        value = node.value if isinstance(node, ast.Assign) else None
        if not isinstance(node, ast.Assign) or not isinstance(value, ast.Call) or call_name(value) != "State":
            continue
        given = next(iter([*value.args, *(k.value for k in value.keywords if k.arg == "value")]), None)
        keys = [k.value for k in given.keys if isinstance(k, ast.Constant)] if isinstance(given, ast.Dict) else []
        name = dotted(node.targets[0])
        if len(keys) >= LEAST and name:
            item = Entries(name, unit.path, unit.row(node.lineno))
            for event in events:
                _note(codebase, unit, item, [str(key) for key in keys], event)
            yield item


def _note(codebase: Codebase, unit: Unit, item: Entries, keys: list[str], event: ast.Call) -> None:
    """What the handler of one event does with the dictionary."""
    given = {k.arg: k.value for k in event.keywords} | dict(zip(("fn", "inputs", "outputs"), event.args, strict=False))
    handler = dotted(given["fn"]) if "fn" in given else ""
    traces = _traces(codebase).get((unit.path, handler), [])
    place, inputs = (unit.path, handler), _names(given.get("inputs"))
    taken = [t for t in traces if t.parameter]
    if item.name in inputs and inputs.index(item.name) < len(taken):
        held = taken[inputs.index(item.name)]
        for key in keys:
            if key in held.sets:
                item.setters.setdefault(key, {}).setdefault(place, held.sets[key])
            if key in held.read:
                item.readers.setdefault(key, {}).setdefault(place, held.read[key])
    if item.name in _names(given.get("outputs")):
        for trace in traces:
            built = [key for key in keys if key in trace.built]
            for key in built if len(built) >= LEAST else ():
                item.setters.setdefault(key, {}).setdefault(place, trace.built[key])


@once
def _traces(codebase: Codebase) -> dict[Place, list[Trace]]:
    found: dict[Place, list[Trace]] = {}
    for trace in traces_of(codebase).traces:
        found.setdefault(trace.place, []).append(trace)
    return found


def _names(node: ast.AST | None) -> list[str]:
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else [node] if node is not None else []
    return [dotted(part) for part in parts]


def _hit(codebase: Codebase, item: Entries, keys: list[str]) -> CensusHit:
    told, spots = [], []
    for key in keys:
        setters, readers = item.setters[key], item.readers[key]
        told.append(
            f"`{key}`, set by {people(codebase, setters, NAMED)} and read by {people(codebase, readers, NAMED)}"
        )
        spots += [(path, n, n) for (path, _), n in (*setters.items(), *readers.items())]
    text = f"From action to action of a person the page keeps the dictionary `{item.name}` (`State` of Gradio, "
    text += f"{item.path}), which its handlers are given and give back: {'; '.join(told[:SHOWN])}"
    text += f"; {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    related = tuple(("place", *spot) for spot in list(dict.fromkeys(spots))[:PLACES])
    lines = (item.line, item.line)
    return hit_at(codebase, item.path, lines, symbol="", name=item.name, text=text, related=related)
