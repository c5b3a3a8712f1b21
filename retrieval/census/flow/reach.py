"""What the main programs of a repository may run: definitions named, in steps, from where programs start.

An over-approximation on purpose: a definition counts as reached when code that is reached names it, or names
a method of a class that is reached. So "not reached" is a statement with weight, "reached" is only likely.
What is loaded by a computed name is found where a text constant names its package.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.ruled_out import ruled_out
from retrieval.census.flow.starts import Start, Unit, main_starts
from retrieval.census.meaning.naming import naming_of
from retrieval.census.meaning.program import program_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_RUN_BY_LIBRARIES = re.compile(
    r"\w*forward\w*|run|emit|predict|setup|configure_\w+|(?:training|validation|test|predict)_\w+"
    r"|on_\w+|\w+Event|do_[A-Z]+|visit_\w+"
)
Never = dict[Unit, frozenset[Unit]]  # by unit what it names but, by the constants of its callers, never comes to
MAIN_ROLES = frozenset(["source", "config", "docs"])
_INSTANCES: "Beside[Codebase, Reach]" = Beside()


@dataclass
class Reach:
    """The main programs of a codebase by name, and the units that they may run."""

    programs: tuple[str, ...]
    starts: tuple[Start, ...]
    units: frozenset[Unit]
    guarded: frozenset[str]
    codebase: "Codebase" = field(repr=False)

    @property
    def tells(self) -> bool:
        """Whether main programs are known, so that being reached says something."""
        return bool(self.programs)

    def has(self, hit: CensusHit) -> bool:
        """Whether the main programs may run the lines of a hit. What is no Python code counts as reached, and so does
        what is said of the whole repository, or by its setup.py, and what is told of a module or folder of which any
        part is run; a notebook only when it is a main program. Everything counts where no main program is known."""
        if not self.tells:
            return True
        facts = self.codebase.facts.get(hit.path)
        if hit.path.endswith(".ipynb"):
            return any(start.path == hit.path for start in self.starts)
        whole = "repository" in (hit.detail.get("about"), hit.detail.get("scope"))
        if facts is None or facts.language != "python" or whole or PurePosixPath(hit.path).name == "setup.py":
            return True
        if hit.detail.get("about") == "module":
            return hit.path in self.paths
        if hit.detail.get("about") == "folder":
            return any(str(PurePosixPath(path).parent) == hit.name for path in self.paths)
        return self.runs_line(hit.path, hit.start)

    def runs_line(self, path: str, line: int) -> bool:
        """Whether the main programs may run a line; of a `__main__` block only where the file is run as a program."""
        if not self.tells or naming_of(self.codebase).unit_at(path, line) not in self.units:
            return not self.tells
        return not self.tests_itself(path, line)

    def tests_itself(self, path: str, line: int) -> bool:
        """Whether a line stands in the `__main__` block of a file that the programs import and nothing runs."""
        guard = program_of(self.codebase).main_guard(path) if path in self.paths and path not in self.guarded else None
        return self.tells and guard is not None and guard[0] <= line <= guard[1]

    @cached_property
    def paths(self) -> frozenset[str]:
        """The files of which the main programs may run something, their top level included."""
        return frozenset(path for path, _symbol in self.units)

    def runs(self, unit: Unit) -> bool:
        """Whether the main programs may run a unit, for a function inside another the one around it; any where no main
        program is known."""
        return not self.tells or unit in self.units or naming_of(self.codebase).outer(unit) in self.units

    def parted(self, hits: Iterable[CensusHit], *, aside: bool = False) -> tuple[list[CensusHit], list[CensusHit]]:
        """The hits of the main code that the main programs may run, and its other hits; with `aside` also those of
        demos and examples, which have programs of their own."""
        run: list[CensusHit] = []
        rest: list[CensusHit] = []
        for hit in hits:
            if hit.role in MAIN_ROLES:
                (run if self.has(hit) else rest).append(hit)
            elif aside and hit.role == "example":
                rest.append(hit)
        return run, rest


def reach_of(codebase: "Codebase") -> Reach:
    """What the main programs of a codebase may run; worked out once."""
    found = _INSTANCES.get(codebase)
    if found is None:
        starts = main_starts(program_of(codebase))
        names = tuple(dict.fromkeys(start.name for start in starts))
        search = _searched(codebase, starts)
        units, guarded = frozenset(search.found), frozenset(search.guarded)
        found = _INSTANCES[codebase] = Reach(names, tuple(starts), units, guarded, codebase)
        first = frozenset(unit for start in starts for unit in start.units)
        if starts and (never := ruled_out(search.naming, units, first)):  # what it asks for may ask for the first reach
            search = _searched(codebase, starts, never)
            units, guarded = frozenset(search.found), frozenset(search.guarded)
            found = _INSTANCES[codebase] = Reach(names, tuple(starts), units, guarded, codebase)
    return found


def reached_from(codebase: "Codebase", starts: Iterable[Start]) -> frozenset[Unit]:
    """The units that programs may run."""
    return frozenset(_searched(codebase, starts).found)


def _searched(codebase: "Codebase", starts: Iterable[Start], never: "Never | None" = None) -> "_Search":
    search = _Search(codebase, never or {})
    for start in starts:
        search.begin(start)
    search.run()
    return search


class _Search:
    """A worklist over units. Classes and method names meet in any order."""

    def __init__(self, codebase: "Codebase", never: "Never") -> None:
        self.never = never
        self.naming = naming_of(codebase)
        self.found: set[Unit] = set()
        self.guarded: set[str] = set()
        self.waiting: list[Unit] = []
        self.methods: dict[str, set[Unit]] = {}
        self.named: set[str] = set()
        self.open = False

    def begin(self, start: Start) -> None:
        if start.guarded:
            self.guarded.update(path for path, _ in start.units)
        for unit in start.units:
            self.add(unit)

    def run(self) -> None:
        """Follow everything; where a module of any name may be loaded, also classes that derive from reached ones."""
        while self.waiting:
            self._follow(self.waiting.pop())
            if not self.waiting and self.open:
                for unit in self._deriving():
                    self.add(unit)

    def _follow(self, unit: Unit) -> None:
        told = self.naming.of(unit, guarded=unit[0] in self.guarded)
        self.open |= told.open
        never = self.never.get(unit, ())
        for other in told.units:
            if other not in never:
                self.add(other)
        for method in told.methods:
            self._method(method)
        for name in told.names:
            self._attribute(name)
        for path in told.scripts:
            if path not in self.guarded:
                self.guarded.add(path)
                self.found.add((path, ""))
                self.waiting.append((path, ""))

    def _deriving(self) -> list[Unit]:
        program = self.naming.program
        reached = [cls for cls in program.classes if (cls.path, cls.definition.symbol) in self.found]
        derived = [found for cls in reached for found in program.descendants(cls)]
        return [(cls.path, cls.definition.symbol) for cls in derived if self._is_own(cls.path)]

    def _is_own(self, path: str) -> bool:
        return self.naming.program.snapshot.by_path[path].role == "source"

    def add(self, unit: Unit) -> None:
        if unit not in self.found and self.naming.knows(unit[0]):
            self.found.add(unit)
            self.waiting.append(unit)
            if "." in unit[1]:  # a method runs only where its class was made
                self.add((unit[0], unit[1].rpartition(".")[0]))

    def _method(self, unit: Unit) -> None:
        name = unit[1].rpartition(".")[2]
        special = name.startswith("__") and name.endswith("__")
        if special or name in self.named or self.naming.hands_on(unit) or _RUN_BY_LIBRARIES.fullmatch(name):
            self.add(unit)
        else:
            self.methods.setdefault(name, set()).add(unit)

    def _attribute(self, name: str) -> None:
        if name not in self.named:
            self.named.add(name)
            for unit in self.methods.pop(name, ()):
                self.add(unit)
