"""Kinds `import_graph`, `fan_in` and `coupling`: which modules use which, and which are tied to models."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.program import Program, program_of
from retrieval.census.meaning.typed_only import typing_only
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.families import library
from retrieval.census.models.models import Family, family_of
from retrieval.facts import CensusHit, Import

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 12
Lines = dict[str, list[int]]  # what is used → the lines on which it is


def edges(codebase: "Codebase", *, typed: bool = False) -> dict[str, Lines]:
    """path → imported repository path → lines of the import; `typed` for those that only type checkers read.

    What a file imports in both ways is an import that runs.
    """
    running: dict[str, Lines] = {}
    checked: dict[str, Lines] = {}
    for path, facts in codebase.facts.items():
        for item in facts.imports:
            target = imported_file(codebase, path, item)
            if target is not None and target != path:
                graph = checked if typing_only(codebase, path, item) else running
                graph.setdefault(path, {}).setdefault(target, []).append(item.start)
    if not typed:
        return running
    kept = {path: {t: n for t, n in found.items() if t not in running.get(path, {})} for path, found in checked.items()}
    return {path: found for path, found in kept.items() if found}


def imported_file(codebase: "Codebase", path: str, item: Import) -> str | None:
    """The file of the repository that an import of the file `path` loads."""
    inner = codebase.locate(f"{item.module}.{item.name}", path) if item.name else None
    return inner or codebase.locate(item.module, path)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _counted(count: int, one: str) -> str:
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


@kind(
    "import_graph",
    summary="which modules of the repository each module imports",
    example="import_graph",
    reads="python",
)
def import_graph(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per importing module; patterns match its path. Imports for type checking only are named last."""
    running, typed = edges(codebase), edges(codebase, typed=True)
    for path in dict.fromkeys([*running, *typed]):
        targets, checked = running.get(path, {}), typed.get(path, {})
        if query.matches(path):
            lines = sorted({line for found in (*targets.values(), *checked.values()) for line in found})
            told = [_listed(list(targets))] if targets else []
            told += [f"{_listed(list(checked))} for type checking only"] if checked else []
            yield hit_at(
                codebase,
                path,
                (lines[0], lines[0]),
                symbol="",
                name=path,
                text=f"{path} imports {'; and '.join(told)}",
                related=tuple(("import", path, line, line) for line in lines[1:]),
                detail={"imports": str(len(targets)), "typing": str(len(checked))},
            )


@kind(
    "fan_in",
    summary="modules by how many modules of the repository import them",
    example="fan_in",
    reads="python",
    ordered=True,
)
def fan_in(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """The most imported modules first; tests and imports for type checking only do not count. Patterns match the path.

    Modules that are imported for type checking only come last.
    """
    users, typed = _importers(codebase), _importers(codebase, typed=True)
    for target in sorted({*users, *typed}, key=lambda path: (-len(users.get(path, {})), path)):
        if query.matches(target):
            importers, checkers = users.get(target, {}), typed.get(target, {})
            told = []
            if importers:
                told.append(f"{_counted(len(importers), 'module')}: {_listed(list(importers))}")
            if checkers:
                noun = "more module" if importers else "module"
                counted = _counted(len(checkers), noun)
                told.append(f"{counted} for type checking only: {_listed(list(checkers))}")
            places = [*importers.items(), *checkers.items()]
            yield hit_at(
                codebase,
                target,
                (1, max(1, min(codebase.facts[target].lines, 1))),
                symbol="",
                name=target,
                text=f"{target} is imported by {'; and by '.join(told)}",
                related=tuple(("import", p, lines[0], lines[0]) for p, lines in places),
                detail={"importers": str(len(importers)), "typing": str(len(checkers))},
            )


def _importers(codebase: "Codebase", *, typed: bool = False) -> dict[str, Lines]:
    """path → files other than tests that import it → lines of the import."""
    users: dict[str, Lines] = {}
    for path, targets in edges(codebase, typed=typed).items():
        if codebase.snapshot.by_path[path].role == "test":
            continue
        for target, lines in targets.items():
            users.setdefault(target, {})[path] = lines
    return users


@dataclass(slots=True)
class _Ties:
    """What ties one file to models: libraries imported, repository model classes used, classes tested for."""

    libraries: Lines = field(default_factory=dict)
    classes: Lines = field(default_factory=dict)
    tests: Lines = field(default_factory=dict)

    def weight(self) -> int:
        return len(self.libraries) + len(self.classes) + 2 * len(self.tests)


@kind(
    "coupling",
    summary="modules tied to model libraries or to concrete model classes of the repository",
    example="coupling",
    reads="python",
    ordered=True,
)
def coupling(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per module, most ties first; patterns match its path.

    A tie is an imported model library, an imported model class of another module, or an
    `isinstance` test for a model class. Imports for type checking only tie nothing at run time and do not count.
    """
    program = program_of(codebase)
    family = family_of(codebase, Query("coupling", "coupling", (), {}))
    ties = {path: _ties(program, family, path) for path in codebase.facts}

    def importance(path: str) -> tuple[bool, int, str]:
        role = codebase.snapshot.by_path[path].role
        return role != "source", -ties[path].weight(), path

    for path in sorted(ties, key=importance):
        if ties[path].weight() and query.matches(path):
            yield _tied(codebase, path, ties[path])


def _ties(program: Program, family: Family, path: str) -> _Ties:
    found = _Ties()
    for item in program.facts[path].imports:
        if typing_only(program.codebase, path, item):
            continue
        outside = f"{item.module}.{item.name}" if item.name else item.module
        local = program.codebase.locate(item.module, path) is not None
        name = "" if local else library(outside)
        if name:
            found.libraries.setdefault(name, []).append(item.start)
        value = program.imported(path, item.symbol, item.alias)[1]
        if isinstance(value, ClassRef) and family.is_model(value) and value.path != path:
            found.classes.setdefault(value.definition.symbol, []).append(item.start)
    for call in program.facts[path].calls:
        if call.name in ("isinstance", "issubclass") and len(call.arguments) == 2:
            for name in _names(call.arguments[1]):
                cls = program.named_class(path, name)
                if cls is not None and family.is_model(cls):
                    words = one_line(f"{call.name}({', '.join(call.arguments)})", 70)
                    found.tests.setdefault(words, []).append(call.start)
                    break
    return found


def _names(written: str) -> list[str]:
    return [part.strip() for part in written.strip("()").replace("|", ",").split(",") if part.strip()]


def _tied(codebase: "Codebase", path: str, ties: _Ties) -> CensusHit:
    parts = []
    if ties.libraries:
        names = [f"`{name}`" for name in ties.libraries]
        parts.append(f"imports the model librar{'y' if len(names) == 1 else 'ies'} {_listed(names)}")
    if ties.classes:
        word = "class" if len(ties.classes) == 1 else "classes"
        parts.append(f"imports the model {word} {_listed([f'`{name}`' for name in ties.classes])}")
    if ties.tests:
        parts.append(f"tests {_listed([f'`{words}`' for words in ties.tests])}")
    lines = [line for table in (ties.libraries, ties.classes, ties.tests) for found in table.values() for line in found]
    first = min(lines)
    return hit_at(
        codebase,
        path,
        (first, first),
        symbol="",
        name=path,
        text=f"{path} {'; '.join(parts)}",
        related=tuple(("tie", path, line, line) for line in sorted(set(lines)) if line != first),
        detail={"ties": str(ties.weight())},
    )
