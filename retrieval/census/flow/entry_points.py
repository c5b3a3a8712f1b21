"""Kind `entry_points`: every place where a program of the repository starts, most important first."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.flow.entries import Entry, code_entries, ranked
from retrieval.census.flow.launchers import outside_entries
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef
from retrieval.census.project.exports import exports, top_packages
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

NAMED = 12


@kind(
    "entry_points",
    summary="console scripts, __main__ files, scripts, web apps, launch commands, notebooks, public API",
    example="entry_points",
    reads="text",
    ordered=True,
)
def entry_points(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Where programs start. Patterns match the entry's kind, its name or its path."""
    program = program_of(codebase)
    found = [*code_entries(program), *outside_entries(program), *_packages(program)]
    for rank, entry in enumerate(ranked(program, found), 1):
        if query.matches(entry.kind, entry.name, entry.path):
            yield _hit(codebase, entry, rank)


def _hit(codebase: "Codebase", entry: Entry, rank: int) -> CensusHit:
    related: tuple[tuple[str, str, int, int], ...] = ()
    if entry.target is not None:
        definition = entry.target.definition
        related = (("definition", entry.target.path, definition.head_start, definition.head_end),)
    text = entry.text[0].upper() + entry.text[1:] if not entry.text.startswith("`") else entry.text
    if entry.text.startswith(entry.path):
        text = entry.text
    return hit_at(
        codebase,
        entry.path,
        entry.lines,
        symbol="",
        name=entry.name,
        text=text,
        related=related,
        detail={"type": entry.kind, "rank": str(rank)},
    )


def _packages(program: "Program") -> Iterator[Entry]:
    """One entry per package with a public API."""
    for path in top_packages(program):
        offered = exports(program, path)
        if not offered:
            continue
        functions = [f"`{e.name}()`" for e in offered if not isinstance(e.value, ClassRef)]
        classes = [f"`{e.name}`" for e in offered if isinstance(e.value, ClassRef)]
        package = program.facts[path].module or str(PurePosixPath(path).parent)
        parts = [
            f"{len(names)} {one if len(names) == 1 else more} ({_some(names)})"
            for names, one, more in (
                (functions, "function", "functions"),
                (classes, "class", "classes"),
            )
            if names
        ]
        lines = (min(e.line for e in offered), max(e.line for e in offered))
        text = f"as a library, `{package}` exports {' and '.join(parts)}"
        yield Entry("api", path, lines, package, text, weight=len(offered))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
