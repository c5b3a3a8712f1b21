"""Kind `programs`: the main programs of a repository, and how much of its code each may run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.reach import Start, reach_of, reached_from
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


HANDLES, NAMED, SMALL = " handles HTTP requests (", 6, 10


@kind(
    "programs",
    summary="the main programs: what people are meant to run, and how many functions and classes each may run",
    example="programs",
    reads="python",
    ordered=True,
)
def programs(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit a program, those that run little after the others; patterns match its name."""
    shown: dict[str, Start] = {}
    handlers: list[Start] = []
    for start in reach_of(codebase).starts:
        if HANDLES in start.text:
            handlers.append(start)
        else:
            shown.setdefault(start.name, start)
    rated = [(*_size(codebase, name), name, start) for name, start in shown.items()]
    largest = max((named for named, *_ in rated), default=0)
    order = {root.frame.path: at for at, root in reversed(list(enumerate(main_roots(focus_of(codebase)))))}

    def key(item: tuple[int, int, str, Start]) -> tuple[bool, int]:
        named, _, name, start = item
        paths = [order[path] for path, _ in start.units if path in order]
        return named * SMALL < largest and not name.startswith("the public API"), min(paths, default=len(order))

    rated.sort(key=key)
    for named, files, name, start in rated:
        if query.matches(name):
            text = start.text
            if named:
                text += f"; it may run {named} functions, methods and classes in {counted(files, 'file')}"
            yield hit_at(codebase, start.path, start.lines, symbol="", name=name, text=text)
    if handlers and query.matches("handlers"):
        yield _handlers(codebase, handlers)


def _size(codebase: "Codebase", name: str) -> tuple[int, int]:
    """How many functions, methods and classes a program may run, and in how many files."""
    units = reached_from(codebase, [start for start in reach_of(codebase).starts if start.name == name])
    return sum(bool(symbol) for _, symbol in units), len({path for path, _ in units})


def _handlers(codebase: "Codebase", handlers: list[Start]) -> CensusHit:
    """The functions that serve requests, which a server calls, as one line."""
    names = listed([f"`{start.units[0][1]}()`" for start in handlers], NAMED)
    files = listed(list(dict.fromkeys(start.path for start in handlers)), NAMED)
    text = f"{counted(len(handlers), 'function')} serve HTTP requests, called by the server: {names}, in {files}"
    first = handlers[0]
    return hit_at(codebase, first.path, first.lines, symbol="", name="handlers", text=text)
