"""Which modules of the repository are loaded when code runs: what it imports, and what that imports in turn.

Imports inside a function count where the function runs; those that only type checkers read never do.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.typed_only import typing_only
from retrieval.census.project.import_graph import imported_file

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase


def loaded(codebase: "Codebase", frames: Iterable["Frame"]) -> list[str]:
    """The files whose top level runs when these bodies run, each once, without the files of the bodies at their top."""
    bodies = {(frame.path, frame.symbol) for frame in frames}
    found: dict[str, None] = {}
    waiting = [(path, "") for path in {path for path, _ in bodies}] + [unit for unit in bodies if unit[1]]
    seen = set(waiting)
    while waiting:
        unit = waiting.pop()
        found |= {unit[0]: None} if not unit[1] else {}
        for path in _imports(codebase).get(unit, ()):
            if (path, "") not in seen:
                seen.add((path, ""))
                waiting.append((path, ""))
    return sorted(path for path in found if (path, "") not in bodies)


@once
def _imports(codebase: "Codebase") -> dict[tuple[str, str], tuple[str, ...]]:
    """Body → the files that its own imports load."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for path, facts in codebase.facts.items():
        for item in facts.imports:
            target = imported_file(codebase, path, item)
            if target is not None and target != path and not typing_only(codebase, path, item):
                found.setdefault((path, item.symbol), {}).update(dict.fromkeys((*_packages(codebase, target), target)))
    return {unit: tuple(paths) for unit, paths in found.items()}


def _packages(codebase: "Codebase", path: str) -> Iterator[str]:
    """The `__init__` files of the packages around a module, which are loaded before it."""
    folders = path.split("/")[:-1]
    inits = ("/".join((*folders[: index + 1], "__init__.py")) for index in range(len(folders)))
    yield from (init for init in inits if init in codebase.facts)
