"""What a precision or another measure depends on: a switch with its default, and who turns it on, in words."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import run_query
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.settings.set_defaults import default_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_FILES = 3
_WHEN = re.compile(r" — only if (.+)$")
_ASKED = re.compile(r"`([\w.]+)`(?! is false)")


def asked_for(codebase: "Codebase", hits: Iterable[CensusHit]) -> str:
    """ " (off by default: `load_4bit` is False; given as True in app.py)"; "" where a hit stands under no switch."""
    told: dict[str, None] = {}
    for hit in hits:
        when = _WHEN.search(hit.text)
        names = _ASKED.findall(when[1]) if when is not None else []
        off = [name for name in names if _default(codebase, hit, name.rpartition(".")[2]) == "False"]
        if not off:
            continue
        last = off[-1].rpartition(".")[2]
        files = _turned_on(codebase, last)
        on = f", given as True in {listed(files, MOST_FILES)}" if files else ""
        told[f"`{off[-1]}` is False by default{on}"] = None
    return f" ({'; '.join(told)})" if told else ""


def _default(codebase: "Codebase", hit: CensusHit, name: str) -> str:
    """The default of a parameter of the function, else of every option and field of that name."""
    definition = program_of(codebase).definition(hit.path, hit.symbol)
    for parameter in definition.parameters if definition is not None else ():
        head, equals, value = parameter.partition("=")
        if equals and head.partition(":")[0].strip() == name:
            return value.strip()
    return default_of(codebase, name)


def _turned_on(codebase: "Codebase", name: str) -> list[str]:
    """The files of main programs that give True under that name."""
    reach = reach_of(codebase)
    given = re.compile(rf"{re.escape(name)}\s*=\s*True\b")
    hits = [hit for hit in run_query(codebase, f"keywords: {name}").hits if given.match(hit.text)]
    return list(dict.fromkeys(hit.path for hit in hits if hit.role in ("source", "example") and reach.has(hit)))
