"""Environment variables whose names a pattern finds, as settings: default, the constant they fill, and what uses it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.settings.accessors import accessor_reads
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
    for read in accessor_reads(codebase):
        if wanted.search(read.name):
            default = f" (default `{read.default}`)" if read.default else " (unset by default)"
            users = _users(codebase, read.symbol.rpartition(".")[2]) if read.symbol else []
            users = [name for name in users if name != read.symbol] or [read.symbol]
            text = f"environment variable `{read.name}`{default} is read"
            text += f" for {listed([f'`{name}()`' for name in users if name], MOST_NAMED)}" if any(users) else ""
            lines = (read.line, read.line)
            yield hit_at(codebase, read.path, lines, symbol=read.symbol, name="switch", text=text)


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
