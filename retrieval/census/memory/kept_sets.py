"""Containers that keep objects which hold models, by a key, and that nothing empties: these live together."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.census.language import run_query
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_HELD = re.compile(r"`([\w.]+)` keeps what is built, by")


def kept_together(codebase: "Codebase", sets: Sequence[CensusHit]) -> str:
    """That each object of those classes stays in a container once it is made, in a sentence; "" where none keeps them.

    `sets` are hits of classes whose objects hold models. The type that the container is declared with tells what it
    keeps.
    """
    bases = [_bases(codebase, hit) for hit in sets]
    for hit in run_query(codebase, "caching: built").hits if bases else ():
        held = _HELD.match(hit.text)
        text = codebase.snapshot.by_path[hit.path].text
        named = _declared(text, held[1]) if held is not None else set()
        if held is not None and all(named & base for base in bases) and not _is_emptied(text, held[1]):
            owner = hit.symbol.rpartition(".")[0]
            name = f"{owner}.{held[1].rpartition('.')[2]}" if owner and "." in held[1] else held[1]
            stays = f"each one that is made stays in `{name}`, which nothing empties"
            return f"{stays}: where a run makes several, the models of all of them are in memory together"
    return ""


def _bases(codebase: "Codebase", hit: CensusHit) -> set[str]:
    """The names of a class and of all its bases in the repository."""
    program = program_of(codebase)
    definition = program.definition(hit.path, hit.name)
    classes = program.line(ClassRef(hit.path, definition)) if definition is not None else ()
    return {cls.definition.name for cls in classes}


def _declared(text: str, held: str) -> set[str]:
    """The names in the type that a container is declared with."""
    found = re.search(rf"(?m)^\s*{re.escape(held)}\s*:([^=\n]+(?:\n[^=\n]+){{0,3}}?)=", text)
    return set(re.findall(r"\w+", found[1])) if found is not None else set()


def _is_emptied(text: str, held: str) -> bool:
    name = re.escape(held)
    return re.search(rf"\b{name}\.(?:pop|popitem|clear)\(|\bdel {name}\[", text) is not None
