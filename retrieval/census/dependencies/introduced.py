"""Uses of names, arguments and methods that came with a release of their library, and what they stand under."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from retrieval.census.dependencies.imported import third_party
from retrieval.census.meaning.units import Unit, call_name, units, written
from retrieval.facts import Call

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[2] / "data" / "introduced.yaml"
LONGEST = 60


@cache
def _table() -> list[dict[str, Any]]:
    return yaml.safe_load(TABLE.read_text(encoding="utf-8"))["introduced"]


def introduced(name: str) -> str:
    """ "torch 2.0": the release that brought a dotted name, "" when the table does not know it."""
    known = next((entry for entry in _table() if _named(entry, name)), None)
    return f"{known['distribution']} {known['since']}" if known is not None else ""


@dataclass(frozen=True, slots=True)
class Use:
    """A use of something that came with the release `since`, and its place."""

    distribution: str
    name: str
    since: str
    source: str
    path: str
    line: int
    symbol: str


def uses(codebase: Codebase) -> Iterator[Use]:
    """Every use of what the table of releases knows, guarded or not."""
    users = {module: {path for path, _ in places} for module, places in third_party(codebase).items()}
    for path, call in codebase.all_calls():
        for entry in _table():
            for name in (*_called(entry, call), *_method(entry, call, path, users)):
                head = entry["distribution"], name, entry["since"], entry["source"]
                yield Use(*head, path, call.start, call.symbol)
    for path, facts in codebase.facts.items():
        for item in facts.imports if facts.language == "python" else ():
            whole = f"{item.module}.{item.name}" if item.name else item.module
            for entry in _table() if not item.guarded else ():
                known = _named(entry, whole)
                head = entry["distribution"], known, entry["since"], entry["source"]
                if known:
                    yield Use(*head, path, item.start, item.symbol)


def is_guarded(codebase: Codebase, use: Use) -> bool:
    """Whether the use stands in a `try` with handlers, or its function asks for it by `hasattr`: it is done without."""
    last = use.name.rstrip("()").rpartition(".")[2]
    for unit in units(codebase, r"\btry\b|\bhasattr\b", use.path):
        for node in unit.nodes:
            if isinstance(node, ast.Try) and node.handlers and _holds(unit, node.body, use.line):
                return True
            asked = node.args if isinstance(node, ast.Call) and call_name(node) == "hasattr" else []
            told = any(isinstance(part, ast.Constant) and part.value == last for part in asked)
            if told and unit.symbols.get(node, "") == use.symbol:
                return True
    return False


def _holds(unit: Unit, body: list[ast.stmt], line: int) -> bool:
    return unit.row(body[0].lineno) <= line <= unit.row(body[-1].end_lineno or 0)


def condition(codebase: Codebase, use: Use) -> str:
    """The condition of the innermost `if` that a use stands under, in words."""
    around = [
        (node.lineno, written(node.test))
        for unit in units(codebase, r"\bif\b", use.path)
        for node in unit.nodes
        if isinstance(node, ast.If) and _holds(unit, node.body, use.line) and "__name__" not in written(node.test)
    ]
    test = max(around)[1].replace("`", "'") if around else ""
    return f" only where `{test}`" if test and len(test) <= LONGEST and use.symbol else ""


def _named(entry: dict[str, Any], name: str) -> str:
    """The name of the entry that a dotted name is, or stands below; "" for none."""
    return next((one for one in entry.get("names", ()) if name == one or name.startswith(f"{one}.")), "")


def _called(entry: dict[str, Any], call: Call) -> Iterator[str]:
    """What an entry knows of a call: its name, or an argument that it is given."""
    if known := _named(entry, call.name):
        yield known
    last = call.name.rpartition(".")[2]
    for spec in entry.get("keywords", ()):
        callee, _, keyword = spec.partition(": ")
        if (fnmatchcase(call.name, callee) or last == callee) and any(key == keyword for key, _ in call.keywords):
            yield f"{last}({keyword}=)"


def _method(entry: dict[str, Any], call: Call, path: str, users: dict[str, set[str]]) -> Iterator[str]:
    """A method that objects of a library have since a release, called on an object in a file that imports it."""
    holder, _, last = call.written.rpartition(".")
    if holder and last in entry.get("methods", ()) and path in users.get(entry["distribution"], ()):
        yield f"{holder}.{last}()"
