"""Environment variables whose names a pattern finds, as settings: default, the constant they fill, and what uses it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.settings.environment import asked_variables
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 4
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)\s*(?::[^=]+)?=(?!=)")


def environment_reads(codebase: "Codebase", wanted: re.Pattern[str]) -> Iterator[CensusHit]:
    """One hit per variable and place, named "switch"."""
    for path, fact in codebase.all_facts("env_var"):
        if fact.detail.get("mode") != "read" or not wanted.search(fact.name):
            continue
        default = fact.detail.get("default", "")
        text = f"environment variable `{fact.name}`" + (f" (default `{default}`)" if default else " (unset by default)")
        constant = _constant(codebase, path, fact.start)
        users = _users(codebase, constant) if constant else []
        if users:
            text += f" fills `{constant}`, which is read in {listed([f'`{name}()`' for name in users], MOST_NAMED)}"
        elif fact.symbol:
            text += f" is read in `{fact.symbol}()`"
        yield hit_at(codebase, path, (fact.start, fact.end), symbol="", name="switch", text=text)
    for place in asked_variables(codebase):
        if wanted.search(place.name):
            symbol = place.unit.symbols.get(place.node, "")
            default = f" (default `{place.given}`)" if place.given else " (unset by default)"
            users = [name for name in _users(codebase, symbol.rpartition(".")[2]) if name != symbol] if symbol else []
            told = [f"`{name}()`" for name in users or [symbol] if name]
            text = f"environment variable `{place.name}`{default} is read"
            text += f" for {listed(told, MOST_NAMED)}" if told else ""
            lines = place.unit.lines(place.node)
            yield hit_at(codebase, place.unit.path, lines, symbol=symbol, name="switch", text=text)


def _constant(codebase: "Codebase", path: str, line: int) -> str:
    """The name at the top level of a file that a line assigns."""
    file = codebase.snapshot.by_path[path]
    found = _ASSIGNED.match(file.lines[line - 1]) if line <= len(file.lines) else None
    return found[1] if found else ""


def _users(codebase: "Codebase", name: str) -> list[str]:
    """The functions that read a constant, in files that name it."""
    found: dict[str, None] = {}
    whole = re.compile(rf"\b{re.escape(name)}\b")
    for path in codebase.facts:
        file = codebase.snapshot.by_path[path]
        if name not in file.text:
            continue
        for number, line in enumerate(file.lines, start=1):
            if whole.search(line) and (symbol := codebase.symbol_at(path, number)):
                found[symbol] = None
    return list(found)
