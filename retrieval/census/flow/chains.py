"""Kind `chains`: worker objects wired one behind the other, each running the model it was made with in a thread.

`layout = Stage(model=self.layout_model); layout.add_output(ocr.queue)`: the order of the steps stands in the wiring,
in no function that calls them. Told where one function makes at least two objects of such a class.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import Function, Unit, own_nodes, subject_of, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.held_models import HeldRun, runs_held_model
from retrieval.census.settings.set_defaults import default_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, MOST = 2, 16
_BATCH = re.compile(r"batch_size$")


@dataclass(frozen=True, slots=True)
class Worker:
    """A class whose objects run a held model in a thread: the names of it and of its subclasses, and that run."""

    name: str
    names: frozenset[str]
    held: HeldRun


@dataclass(frozen=True, slots=True)
class Link:
    """One object: the variable it is bound to and the call that makes it."""

    variable: str
    call: ast.Call


@kind(
    "chains",
    summary="worker objects wired one behind the other, each running its model in a thread of its own, in their order",
    example="chains",
    reads="python",
)
def chains(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function that makes and wires such objects. Patterns match the class."""
    for worker in _workers(codebase):
        if not query.matches(worker.name):
            continue
        for unit in units(codebase, "|".join(rf"\b{re.escape(name)}\(" for name in sorted(worker.names))):
            if codebase.snapshot.by_path[unit.path].role != "source":
                continue
            for function, symbol in unit.functions():
                links = _links(function, worker.names)
                if len(links) >= LEAST:
                    yield _hit(codebase, unit, symbol, (worker, function, links))


def _workers(codebase: Codebase) -> Iterator[Worker]:
    program = program_of(codebase)
    for unit in units(codebase, r"Thread\b"):
        for node in ast.walk(unit.tree):
            if not isinstance(node, ast.ClassDef):
                continue
            symbol = unit.symbol_of(node)
            runs = (runs_held_model(codebase, (unit.path, f"{symbol}.{name}")) for name in _started(node))
            held = next((run for run in runs if run is not None), None)
            definition = program.definition(unit.path, symbol)
            if held is not None and definition is not None:
                below = program.descendants(ClassRef(unit.path, definition))
                names = frozenset([node.name, *(cls.definition.name for cls in below)])
                yield Worker(symbol, names, held)


def _started(node: ast.ClassDef) -> Iterator[str]:
    """The methods of a class that run in a thread of their object."""
    if any(written(base).rpartition(".")[2] == "Thread" for base in node.bases):
        yield "run"
    for call in (found for found in ast.walk(node) if isinstance(found, ast.Call)):
        if written(call.func).rpartition(".")[2] == "Thread":
            for keyword in call.keywords:
                target = written(keyword.value) if keyword.arg == "target" else ""
                if target.startswith("self.") and target.count(".") == 1:
                    yield target[5:]


def _links(function: Function, names: frozenset[str]) -> list[Link]:
    found = []
    for node in own_nodes(function):
        made = node.value if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(made, ast.Call):
            named = written(made.func).rpartition(".")[2] in names
            found += [Link(written(node.targets[0]), made)] if named else []
    return found[:MOST]


def _hit(codebase: Codebase, unit: Unit, symbol: str, told: tuple[Worker, Function, list[Link]]) -> CensusHit:
    worker, function, links = told
    ordered, how = _ordered(function, links)
    steps = " → ".join(_said(codebase, link) for link in ordered)
    text = (
        f"{subject_of(codebase, unit.path, symbol)} makes {len(links)} objects of `{worker.name}`, each of which calls "
        f"`{worker.held.call}(…)` in a thread of its own; {how}: {steps}"
    )
    lines = [unit.lines(link.call) for link in ordered]
    related = (
        *(("step", unit.path, a, b) for a, b in lines[1:]),
        ("runs", worker.held.path, worker.held.line, worker.held.line),
    )
    return hit_at(codebase, unit.path, lines[0], symbol=symbol, name=worker.name, text=text, related=related)


def _ordered(function: Function, links: list[Link]) -> tuple[list[Link], str]:
    """The objects in the order in which they are wired, else in which a list has them, else in which they are made."""
    by_name = {link.variable: link for link in links}
    following: dict[str, str] = {}
    for node in own_nodes(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = [_root(argument) for argument in (*node.args, *(k.value for k in node.keywords))]
            source = _root(node.func.value)
            for name in given if source in by_name else ():
                if name in by_name and name != source:
                    following[source] = name
    if len(following) >= len(links) - 1:
        chain = [name for name in by_name if name not in following.values()][:1]
        while chain and chain[-1] in following and following[chain[-1]] not in chain:
            chain.append(following[chain[-1]])
        if len(chain) == len(links):
            return [by_name[name] for name in chain], "wired one behind the other, they work in this order"
    for node in own_nodes(function):
        names = [_root(item) for item in node.elts] if isinstance(node, ast.List | ast.Tuple) else []
        if len(names) == len(links) and set(names) == set(by_name):
            return [by_name[name] for name in names], "listed in this order"
    return links, "made in this order"


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _said(codebase: Codebase, link: Link) -> str:
    """`layout` (`self.layout_model`, batches of `opts.layout_batch_size`, default 4)."""
    given = {keyword.arg: keyword.value for keyword in link.call.keywords if keyword.arg}
    model = next((written(value) for name, value in given.items() if "model" in name), "")
    size = next((written(value) for name, value in given.items() if _BATCH.search(name)), "")
    preset = default_of(codebase, size.rpartition(".")[2]) if "." in size else ""
    notes = [f"`{model}`"] if model else []
    notes += [f"batches of {size}" if size.isdigit() else f"batches of `{size}`"] if size else []
    notes += [f"default {preset}"] if preset else []
    return f"`{link.variable}`" + (f" ({', '.join(notes)})" if notes else "")
