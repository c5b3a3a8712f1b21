"""Environment variables that are read by an accessor: `_get_int("CACHE_SIZE", 1)`, where `_get_int` reads what it is
given."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.facts import Call, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_ROUNDS = 3  # an accessor of numbers that asks the one of texts


@dataclass(frozen=True, slots=True)
class Read:
    """One variable, its default as written, and the place that asks for it."""

    name: str
    default: str
    path: str
    line: int
    symbol: str


@once
def accessor_reads(codebase: "Codebase") -> tuple[Read, ...]:
    """Every variable that an accessor of the same file is asked for by name, in the order of the files."""
    homes: dict[str, set[str]] = {}
    for path, fact in codebase.all_facts("env_var"):
        around = _around(codebase, path, fact.symbol)
        if around is not None and fact.name in _names(around):
            homes.setdefault(path, set()).add(around.name)
    return tuple(read for path, names in homes.items() for read in _reads(codebase, path, names))


def _around(codebase: "Codebase", path: str, symbol: str) -> Definition | None:
    return next((d for d in codebase.facts[path].definitions if d.symbol == symbol and d.kind != "class"), None)


def _names(item: Definition) -> set[str]:
    return {parameter.partition("=")[0].partition(":")[0].strip("* ") for parameter in item.parameters}


def _reads(codebase: "Codebase", path: str, names: set[str]) -> Iterator[Read]:
    """What the accessors of a file are asked for; what only hands its own parameter on is an accessor too."""
    calls = codebase.facts[path].calls
    for _round in range(MOST_ROUNDS):
        for call in (call for call in calls if _last(call) in names and call.arguments):
            around = _around(codebase, path, call.symbol)
            if around is not None and call.arguments[0] in _names(around):
                names.add(around.name)
    for call in calls:
        asked = _literal(call.arguments[0]) if _last(call) in names and call.arguments else ""
        if asked:
            given = dict(call.keywords)
            default = call.arguments[1] if len(call.arguments) > 1 else next(iter(given.values()), "")
            yield Read(asked, default, path, call.start, call.symbol)


def _last(call: Call) -> str:
    return call.written.rpartition(".")[2]


def _literal(text: str) -> str:
    """The text that an argument is, "" for any other expression."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ""
    return value if isinstance(value, str) else ""
