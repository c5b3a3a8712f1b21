"""Kind `programs`: the main programs of a repository, and how much of its code each may run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.reach import Start, reach_of, reached_from
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


@kind(
    "programs",
    summary="the main programs: what people are meant to run, and how many functions and classes each may run",
    example="programs",
    reads="python",
    ordered=True,
)
def programs(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit a program, the most important first; patterns match its name."""
    shown: dict[str, Start] = {}
    for start in reach_of(codebase).starts:
        shown.setdefault(start.name, start)
    for name, start in shown.items():
        if query.matches(name):
            units = reached_from(codebase, [s for s in reach_of(codebase).starts if s.name == name])
            files = len({path for path, _ in units})
            named = sum(bool(symbol) for _, symbol in units)
            text = f"{start.text}; it may run {named} functions, methods and classes in {files} files"
            yield hit_at(codebase, start.path, start.lines, symbol="", name=name, text=text)
