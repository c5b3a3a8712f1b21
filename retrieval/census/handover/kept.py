"""Kind `kept`: what objects keep between their methods: attributes set in one method and read in another.

Classes that the main programs use and that are no model code; an attribute that is set again outside of the
constructor is state that changes while the program runs, and is told first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import reached
from retrieval.census.meaning.hooks import outside_bases
from retrieval.census.meaning.values import ClassRef
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

ROOTS, NAMED, FIRST = 3, 12, "__init__"
_READ = re.compile(r"\bself\.([A-Za-z_]\w*)\b(?!\s*(?::[^=\n]+)?=[^=])")  # not where it is set


@dataclass(slots=True)
class Kept:
    """One attribute: the methods that set it, each with the places (path, line) where it does, and that read it."""

    set_in: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    read_in: dict[str, None] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether a method other than the constructor sets it."""
        return any(name != FIRST for name in self.set_in)


@kind(
    "kept",
    summary="attributes that objects of the main programs keep from one method to another, changing ones first",
    example="kept",
    reads="python",
    ordered=True,
)
def kept(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per class, those that change most first. Patterns match the class or an attribute."""
    focus = focus_of(codebase)
    found = [(rank, cls, attributes_of(focus, cls)) for cls, rank in used_classes(focus).items()]
    seen: set[frozenset[tuple[str, int]]] = set()
    told = []
    for rank, cls, table in found:  # of classes that have the same attributes of one base the first
        key = frozenset(place for value in table.values() for at in value.set_in.values() for place in at)
        told += [(rank, cls, table)] if table and key not in seen else []
        seen.add(key)
    for _, cls, table in sorted(told, key=lambda item: (item[0], not any(v.changes for v in item[2].values()))):
        if query.matches(cls.definition.name, *table):
            yield _hit(codebase, cls, table)


def used_classes(focus: Focus) -> dict[ClassRef, int]:
    """The classes without model code whose methods the main programs run, in order of execution, with the rank of
    the program."""
    found: dict[ClassRef, int] = {}
    for rank, root in enumerate(main_roots(focus)[:ROOTS]):
        for frame, _ in reached(focus.program, [root.frame]):
            owner = frame.receiver or frame.owner
            if owner is not None and owner not in focus.anatomy.models and not _is_layer(focus, owner):
                found.setdefault(owner, rank)
    return found


def _is_layer(focus: Focus, cls: ClassRef) -> bool:
    return any(name.startswith("torch.nn.") for name in outside_bases(focus.program, cls))


def attributes_of(focus: Focus, cls: ClassRef) -> dict[str, Kept]:
    """The attributes that one method of a class (or of its bases) sets and another one reads."""
    table: dict[str, Kept] = {}
    frames = list(_effective(focus, cls))
    for frame in frames:
        for binding in (*frame.body.bindings, *frame.body.stores):  # set, or something put into it
            if binding.name.startswith("self.") and binding.name.count(".") == 1:
                entry = table.setdefault(binding.name[5:], Kept())
                entry.set_in.setdefault(_short(frame), []).append((frame.path, binding.line))
    for frame in frames:
        for name in set(_READ.findall(_text(focus, frame))) & table.keys():
            table[name].read_in[_short(frame)] = None
    return {name: value for name, value in table.items() if value.read_in.keys() - {FIRST}}


def _effective(focus: Focus, cls: ClassRef) -> Iterator["Frame"]:
    """The methods that objects of a class have: those of bases only where no method nearer stands in their place."""
    nearer: dict[str, bool] = {}  # name → whether the method calls the one above it
    for owner in focus.program.line(cls):
        for frame in focus.program.methods(owner, cls):
            if nearer.get(_short(frame), True):
                nearer[_short(frame)] = "super(" in _text(focus, frame)
                yield frame


def _short(frame: "Frame") -> str:
    return frame.symbol.rpartition(".")[2]


def _text(focus: Focus, frame: "Frame") -> str:
    node = focus.program.node(frame.path, frame.definition) if frame.definition else None
    return frame.body.tree.text(node)


def _hit(codebase: "Codebase", cls: ClassRef, table: dict[str, Kept]) -> CensusHit:
    changing = [name for name, value in table.items() if value.changes]
    steady = [name for name in table if name not in changing]
    parts = [_changed(name, table[name]) for name in changing[:NAMED]]
    parts += [f"and {len(changing) - NAMED} more that change"] if len(changing) > NAMED else []
    if steady:
        readers = dict.fromkeys(reader for name in steady for reader in table[name].read_in)
        parts.append(f"set once by the constructor: {_listed(steady)}, read by {_called(list(readers))}")
    places = {place for value in table.values() for found in value.set_in.values() for place in found}
    return hit_at(
        codebase,
        cls.path,
        (cls.definition.head_start, cls.definition.head_end),
        symbol=cls.definition.symbol,
        name=cls.definition.symbol,
        text=f"`{cls.definition.symbol}` objects ({cls.path}) keep: {'; '.join(parts)}",
        related=tuple(("set", path, line, line) for path, line in sorted(places, key=lambda p: (p[0] != cls.path, p))),
        detail={"changing": str(len(changing)), "steady": str(len(steady))},
    )


def _changed(name: str, value: Kept) -> str:
    return f"`{name}`, set by {_called(list(value.set_in))} and read by {_called(list(value.read_in))}"


def _called(names: list[str]) -> str:
    return _listed([f"{name}()" for name in names])


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"
