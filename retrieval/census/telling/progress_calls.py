"""Calls by which code tells its progress to an object or function that it is given: `progress(0.5, desc="Reading")`."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_GIVEN = re.compile(
    r"(?i)^\**((?:\w*_)?progress(?:_?(?:callback|cb|fn|func|hook|bar|tracker))?|(?:\w*_)?(?:step|status)_callback)\b"
)
_TYPED = re.compile(r"^\**(\w+)\s*[:=].*\bProgress\b")
_TELLING = ("", ".update", ".advance", ".set_description", ".set_postfix", ".tqdm", ".emit", ".report")


def progress_calls(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per call of a parameter that is named or typed for progress, in Python code."""
    for path, facts in codebase.facts.items():
        told = {item.symbol: names for item in facts.definitions if (names := _names(item))}
        for call in facts.calls if told and facts.language == "python" else ():
            names = told.get(call.symbol) or told.get(call.symbol.rpartition(".")[0], frozenset())
            holder = max((name for name in names if call.written.startswith(name)), key=len, default="")
            if holder and call.written.removeprefix(holder) in _TELLING:
                lines = (call.start, call.end)
                yield hit_at(codebase, path, lines, symbol=call.symbol, name=call.written, text=f"`{call.text}`")


def _names(item: Definition) -> frozenset[str]:
    """The parameters of a function that are named for progress, or typed as such."""
    found = (_TYPED.match(parameter) or _GIVEN.match(parameter) for parameter in item.parameters)
    return frozenset(match[1] for match in found if match is not None)
