"""Interfaces by use: classes whose methods the same calls run, and library classes that own classes derive from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.project.exports import all_frames
from retrieval.facts import Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.callgraph import Site
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

LEAST, MOST_CLASSES, SUBCLASSES = 2, 8, 3
# What every layer, error and container derives from says nothing of how parts are exchanged.
_PLAIN = words(
    "Module Exception ValueError RuntimeError Enum IntEnum StrEnum ABC Protocol NamedTuple TypedDict BaseModel object "
    "dict list str int float tuple set Thread Process Action Namespace Formatter Handler Logger Function Generic Flag "
    "BaseSettings UserDict OrderedDict KeyError TypeError OSError IOError Warning UserWarning"
)
Place = tuple[str, str, int]


@dataclass(slots=True)
class Called:
    """Classes that the same calls may mean, with the methods called and where."""

    classes: tuple[ClassRef, ...]
    methods: dict[str, None] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)

    @property
    def key(self) -> frozenset[tuple[str, str]]:
        """The classes by place."""
        return frozenset((cls.path, cls.definition.symbol) for cls in self.classes)


def called_stand_ins(codebase: Codebase) -> list[Called]:
    """Sets of classes without one base in common whose methods the same calls run, those of most methods first."""
    program, reach = program_of(codebase), reach_of(codebase)
    found: dict[frozenset[ClassRef], Called] = {}
    for frame, _ in all_frames(program):
        main = codebase.snapshot.by_path[frame.path].role == "source" and reach.runs((frame.path, frame.symbol))
        for site in program.sites(frame) if main else ():
            owners = _owners(site)
            layers = any(base.startswith("torch.nn.") for cls in owners for base in _outside(codebase, cls))
            if LEAST <= len(owners) <= MOST_CLASSES and not layers and not _related(program, owners):
                item = found.setdefault(frozenset(owners), Called(tuple(owners)))
                item.methods[site.target.definition.name] = None
                item.places.append((frame.path, frame.symbol, site.step.start))
    kept = [i for i in _widest(list(found.values())) if len(i.methods) >= LEAST or len(i.places) > LEAST]
    called = Counter(c.name.rpartition(".")[2] for _, c in codebase.all_calls() if "." in c.written)
    for item in kept:
        shared = set.intersection(
            *({f.definition.name for f in _methods(program, cls) if f.definition} for cls in item.classes)
        )
        wanted = sorted((n for n in shared if called[n] and not n.startswith("_")), key=lambda name: -called[name])
        item.methods.update(dict.fromkeys(wanted))
    return sorted(kept, key=lambda item: (-len(item.methods), -len(item.places)))


def _methods(program: Program, cls: ClassRef) -> list[Frame]:
    return [frame for frame in program.methods(cls, cls) if frame.definition is not None]


def _owners(site: Site) -> list[ClassRef]:
    """The classes of the methods that a call may run."""
    if site.handed or not all(isinstance(target, FunctionRef) for target in site.targets):
        return []
    owners = [t.receiver or t.owner for t in site.targets if isinstance(t, FunctionRef)]
    return list(dict.fromkeys(owner for owner in owners if owner is not None)) if None not in owners else []


def _outside(codebase: Codebase, cls: ClassRef) -> list[str]:
    """The classes of libraries that a class derives from itself, plain modules left out."""
    found = [codebase.canonical(name, cls.path) for name in cls.definition.bases]
    return [name for name in found if name != "torch.nn.Module" and name.rpartition(".")[2] != "Module"]


def _related(program: Program, owners: list[ClassRef]) -> bool:
    """Whether the classes have a base of the repository in common: that is then their interface."""
    return bool(set.intersection(*({(c.path, c.definition.symbol) for c in program.line(cls)} for cls in owners)))


def _widest(items: list[Called]) -> list[Called]:
    """Of sets of classes that lie in each other the largest, with the methods of all."""
    kept: list[Called] = []
    for item in sorted(items, key=lambda item: -len(item.classes)):
        around = next((other for other in kept if item.key < other.key), None)
        if around is None:
            kept.append(item)
        else:
            around.methods.update(item.methods)
    return kept


def library_bases(codebase: Codebase) -> Iterator[tuple[str, list[tuple[str, Definition]]]]:
    """Outside classes that classes of the main programs derive from directly, with these."""
    reach = reach_of(codebase)
    found: dict[str, list[tuple[str, Definition]]] = {}
    for path, item in codebase.all_definitions():
        main = item.kind == "class" and codebase.snapshot.by_path[path].role == "source"
        if main and reach.runs((path, item.symbol)):
            for base in (codebase.canonical(name, path) for name in item.bases):
                outside = (
                    "." in base and not base.startswith("torch.nn.") and codebase.resolve_local(path, base) is None
                )
                if outside and base.rpartition(".")[2] not in _PLAIN:
                    found.setdefault(base, []).append((path, item))
    yield from sorted(found.items(), key=lambda row: (-len(row[1]), row[0]))


def common_methods(codebase: Codebase) -> Iterator[tuple[ClassRef, tuple[ClassRef, ...], list[str]]]:
    """Base classes of the main programs with at least three subclasses, and the public methods that each of these
    defines and the base does not."""
    program, reach = program_of(codebase), reach_of(codebase)
    found = []
    for base in program.classes:
        main = codebase.snapshot.by_path[base.path].role == "source" and reach.runs((base.path, base.definition.symbol))
        below = [c for c in program.descendants(base) if c != base and base in program.bases(c)] if main else []
        if len(below) >= SUBCLASSES:
            own = {frame.definition.name for frame in _methods(program, base) if frame.definition}
            shared = set.intersection(*({_named(f) for f in _methods(program, cls)} for cls in below)) - own
            names = sorted(n for n in shared if not n.startswith("_") or n == "__call__")
            if names:
                found.append((base, tuple(below), names))
    yield from sorted(found, key=lambda row: (-len(row[1]), row[0].path))


def _named(frame: Frame) -> str:
    return frame.definition.name if frame.definition is not None else ""
