"""Kind `layers`: the parts of the code from the top down, by who imports whom, with what each part does.

Parts are folders and modules of the package that holds most of the code; one that holds much of it is divided further.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.code.metrics import python_files
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import first_sentence, listed
from retrieval.census.project.duties import work_of, work_of_folder
from retrieval.census.project.import_graph import edges
from retrieval.facts import CensusHit
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, MOST, LARGE, SMALL, USED = 3, 10, 0.4, 0.01, 3
_PARTS = re.compile(r"(?i)(?:^|/)(?:__init__|version|_version|setup|conftest)\.py$")


@dataclass(slots=True)
class Part:
    """A folder, as `a/b`, or a module, with its files and the parts that it imports from."""

    name: str
    files: list[SourceFile]
    uses: dict[str, tuple[str, int]]  # name of another part → the first import of it

    @property
    def size(self) -> int:
        return sum(len(file.lines) for file in self.files)

    @property
    def shown(self) -> str:
        return f"`{self.name}`" if self.name.endswith(".py") else f"`{self.name}/`"


@kind(
    "layers",
    summary="the parts of the code from the top down, by who imports whom, and what each does",
    example="layers",
    reads="python",
    ordered=True,
)
def layers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit in words; none where the code has fewer than `LEAST` parts. Patterns match nothing here."""
    parts = _parts(codebase)
    whole = sum(part.size for part in parts)
    large = [part for part in parts if part.size >= SMALL * whole]
    shown = sorted(large, key=lambda part: -part.size)[:MOST]
    if len(shown) < LEAST or not any(part.uses for part in shown):
        return
    names = {part.name: part.shown for part in shown}
    lines = [f"{part.shown}{_does(codebase, part)} {_uses(part, names)}" for part in _ordered(shown)]
    more = f"; {len(parts) - len(shown)} smaller parts beside these" if len(parts) > len(shown) + 1 else ""
    places = [place for part in shown for place in list(part.uses.values())[:1]]
    text = f"The layers from the top down, by who imports whom: {'; '.join(lines)}{more}"
    related = tuple(("import", path, line, line) for path, line in places[1:])
    yield hit_at(
        codebase, places[0][0], (places[0][1], places[0][1]), symbol="", name="layers", text=text, related=related
    )


def _parts(codebase: "Codebase") -> list[Part]:
    """The parts of the main code, each with what it imports of the others."""
    files = [file for file in python_files(codebase, "source") if file.lines]
    groups = _divided(files, "")
    while 0 < len(groups) < LEAST:
        name, largest = max(groups.items(), key=lambda item: _lines(item[1]))
        inner = _divided(largest, name) if not name.endswith(".py") else {}
        if len(inner) < 1 or inner.keys() == {name}:
            break
        groups = {key: group for key, group in groups.items() if key != name} | inner
    for name, group in list(groups.items()):
        inner = _divided(group, name) if _lines(group) >= LARGE * _lines(files) and not name.endswith(".py") else {}
        if len(inner) >= LEAST:
            del groups[name]
            groups |= inner
    owner = {file.path: name for name, group in groups.items() for file in group}
    parts = {name: Part(name, group, {}) for name, group in groups.items()}
    for path, targets in edges(codebase).items():
        for target, lines in targets.items():
            here = owner.get(path)
            for file in [target] if target in owner else _exported(codebase, path, lines):
                there = owner.get(file)
                if here is not None and there is not None and here != there:
                    parts[here].uses.setdefault(there, (path, lines[0]))
    return list(parts.values())


def _exported(codebase: "Codebase", path: str, lines: list[int]) -> list[str]:
    """The files that define what imports on these lines take out of a package, which only hands it on."""
    named = [f"{item.module}.{item.name}" for item in codebase.facts[path].imports if item.start in lines and item.name]
    return [found[0] for name in named if (found := codebase.find(name, path)) is not None]


def _divided(files: list[SourceFile], folder: str) -> dict[str, list[SourceFile]]:
    """The files below a folder by the child of it that holds them; those that only export belong to no part."""
    groups: dict[str, list[SourceFile]] = {}
    depth = len(PurePosixPath(folder).parts)
    for file in files:
        parts = PurePosixPath(file.path).parts
        if len(parts) > depth and not (len(parts) == depth + 1 and _PARTS.search(file.path)):
            groups.setdefault("/".join(parts[: depth + 1]), []).append(file)
    return groups


def _lines(files: list[SourceFile]) -> int:
    return sum(len(file.lines) for file in files)


def _ordered(parts: list[Part]) -> list[Part]:
    """Parts that nobody imports first; each next is one whose remaining importers are fewest."""
    left, found = {part.name: part for part in parts}, list[Part]()
    while left:
        users = {name: sum(name in other.uses for other in left.values()) for name in left}
        used = {name: sum(other in left for other in part.uses) for name, part in left.items()}
        name = min(left, key=lambda n: (users[n] - used[n] if users[n] else -len(parts), users[n], n))
        found.append(left.pop(name))
    return found


def _does(codebase: "Codebase", part: Part) -> str:
    """What a part does, in brackets: its own words first."""
    path = part.name if part.name.endswith(".py") else f"{part.name}/__init__.py"
    facts = codebase.facts.get(path)
    own = first_sentence(facts.docstring, 90).rstrip(".") if facts is not None else ""
    work = work_of(codebase, path) if part.name.endswith(".py") else work_of_folder(codebase, part.files)
    said = f"“{own}”" if own else work
    return f" ({said})" if said else ""


def _uses(part: Part, names: dict[str, str]) -> str:
    used = [names[name] for name in names if name in part.uses]
    return f"uses {listed(used, USED)}" if used else "uses none of the others"
