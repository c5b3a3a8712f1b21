"""Duplicated functions: equal parameters and bodies, names and docstrings aside, formatting ignored.

Copies are reported per group of files, largest groups first, so that a copied file is one finding.
"""

from collections import defaultdict
from collections.abc import Iterator

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import counted, listed
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.shape import Shape, measure
from retrieval.snapshot import SourceFile

_MOST_PLACES = 10

Copies = list[tuple[str, Shape]]  # the places of one body


def duplicates(codebase: Codebase, files: list[SourceFile]) -> Iterator[CensusHit]:
    """One hit for each set of files that share functions."""
    bodies: dict[str, Copies] = defaultdict(list)
    for file in files:
        for shape in measure(file) or ():
            if shape.digest:
                bodies[shape.digest].append((file.path, shape))
    groups: dict[tuple[str, ...], list[Copies]] = defaultdict(list)
    for copies in bodies.values():
        if len(copies) > 1:
            groups[tuple(sorted({path for path, _shape in copies}))].append(copies)
    for paths, group in sorted(groups.items(), key=lambda item: (-_lines(item[1]), item[0])):
        yield _hit(codebase, paths, group)


def _lines(group: list[Copies]) -> int:
    return sum(copies[0][1].lines * (len(copies) - 1) for copies in group)


def _hit(codebase: Codebase, paths: tuple[str, ...], group: list[Copies]) -> CensusHit:
    group.sort(key=lambda copies: -copies[0][1].lines)
    places = [place for copies in group for place in copies]
    (path, first), rest = places[0], places[1 : 1 + _MOST_PLACES]
    return hit_at(
        codebase,
        path,
        (first.start, first.end),
        symbol="",
        name="duplicated code",
        text=f"duplicated code: {_text(paths, group)}",
        related=tuple(("copy", where, shape.start, shape.end) for where, shape in rest),
    )


def _text(paths: tuple[str, ...], group: list[Copies]) -> str:
    if len(paths) == 1:
        pairs = [" = ".join(f"`{shape.symbol}`" for _path, shape in copies) for copies in group]
        return f"within `{paths[0]}`, these have equal bodies: {listed(pairs)}"
    names = listed([copies[0][1].symbol for copies in group], 4, "`")
    total = sum(copies[0][1].lines for copies in group)
    verb = "is" if len(group) == 1 else "are"
    where = ", ".join(f"`{path}`" for path in paths)
    number = f"{counted(len(group), 'function')} ({total} lines)"
    return f"{number} {verb} the same in {where}: {names}"
