"""Which definitions of a file lead: those that other files ask for and that use most of the rest of the file.

A short function in front of an engine, such as `decode()` before `DecodingTask`, leads by what it runs.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, HALF = 4, 50


def leading(codebase: "Codebase", path: str, items: Iterable[Definition], asked: Mapping[str, int]) -> list[Definition]:
    """The definitions, leading ones first: public ones by the lines they run times the files that import them."""

    def weight(item: Definition) -> tuple[bool, int, int]:
        return item.name.startswith("_"), -_lines(codebase, path, item.name) * (1 + asked.get(item.name, 0)), item.start

    return sorted(items, key=weight)


def used_inside(codebase: "Codebase", path: str, item: Definition) -> list[Definition]:
    """The other top-level definitions of the file that one calls itself, the longest first."""
    named = _named(codebase, path)
    found = [named[name] for name in _calls(codebase, path).get(item.name, ()) if name != item.name]
    return sorted(found, key=lambda other: -(other.end - other.start))


def leads_most(codebase: "Codebase", path: str, item: Definition) -> bool:
    """Whether a definition runs at least half of the lines that the file defines, most of them not its own."""
    named = _named(codebase, path)
    total = sum(other.end - other.start + 1 for other in named.values())
    own = item.end - item.start + 1
    return len(named) >= LEAST and _lines(codebase, path, item.name) * 100 >= HALF * total and own * 2 < total


@once
def _lines(codebase: "Codebase", path: str, name: str) -> int:
    """The lines of a definition and of all that it runs in its file."""
    named, calls = _named(codebase, path), _calls(codebase, path)
    waiting, seen = [name], set[str]()
    while waiting:
        current = waiting.pop()
        if current in named and current not in seen:
            seen.add(current)
            waiting.extend(calls.get(current, ()))
    return sum(named[each].end - named[each].start + 1 for each in seen)


@once
def _named(codebase: "Codebase", path: str) -> dict[str, Definition]:
    """Name → top-level class or function."""
    found = (item for item in codebase.facts[path].definitions if "." not in item.symbol)
    return {item.name: item for item in found if item.kind in ("class", "function")}


@once
def _calls(codebase: "Codebase", path: str) -> dict[str, list[str]]:
    """Top-level definition → names of the file that its body calls."""
    named = _named(codebase, path)
    found: dict[str, list[str]] = {}
    for call in codebase.facts[path].calls:
        owner = call.symbol.partition(".")[0]
        name = call.written.partition("(")[0].partition(".")[0]
        if owner in named and name in named and name not in found.setdefault(owner, []):
            found[owner].append(name)
    return found
