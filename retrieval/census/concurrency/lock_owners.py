"""Whose lock an expression names: that of its own object, of an object it holds, or one put there from outside.

`self.llm.lock = Lock()` puts a lock where the methods of the class of `self.llm` find it as `self.lock`.
"""

from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.concurrency.lock_makers import Lock
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef, Instance, alternatives
from retrieval.census.models.roster import roster_of
from retrieval.census.models.shelves import shelves_of
from retrieval.parse import descendants

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Place = tuple[str, str]
Named = tuple[Lock, tuple[str, ...]]


def nearest(codebase: "Codebase", place: Place, text: str, found: list[Named]) -> list[Named]:
    """Of the locks that a name may stand for in its file those that are written alike, and of these those of the own
    class, where there are such."""
    alike = [item for item in found if item[0].path != place[0] or item[0].name == text]
    alike = alike if any(lock.path == place[0] for lock, _when in alike) else found
    own = {(cls.path, cls.definition.symbol) for cls in (*_line(codebase, place), *_inheriting(codebase, place))}
    mine = [item for item in alike if (item[0].path, item[0].symbol.rpartition(".")[0]) in own]
    return mine if mine and text.startswith("self.") else alike


def is_of_object(codebase: "Codebase", place: Place, text: str, lock: Lock, others: list[Lock]) -> bool:
    """Whether a lock of another file or class is the one that a method reaches by its own object or one it holds."""
    holder, _, name = text.rpartition(".")
    if holder == "self":
        return put_from_outside(lock) and _is_only_from_outside(codebase, place, name, others)
    owner = _class(codebase, (lock.path, lock.symbol))
    return owner is not None and lock.name == f"self.{name}" and owner in _held_line(codebase, place, holder)


def put_from_outside(lock: Lock) -> bool:
    """Whether a lock is set on an object that another one holds: `self.llm.lock`."""
    return lock.name.count(".") > 1 and "[" not in lock.name and "(" not in lock.name


def models_beside(codebase: "Codebase", lock: Lock) -> frozenset[str]:
    """The attributes with models that are put from outside onto the object that gets the lock: "vllm"."""
    return _models_on(codebase, lock.path, lock.name.rpartition(".")[0]) if put_from_outside(lock) else frozenset()


@once
def _models_on(codebase: "Codebase", path: str, holder: str) -> frozenset[str]:
    roster, found = roster_of(codebase), set[str]()
    for frame in (frame for frame, _depth in roster.frames if frame.path == path):
        for binding in frame.body.bindings:
            owner, _, name = binding.name.rpartition(".")
            if owner == holder and binding.value is not None and shelves_of(roster).carried(frame, binding.value):
                found.add(name)
    return frozenset(found)


def _is_only_from_outside(codebase: "Codebase", place: Place, name: str, others: list[Lock]) -> bool:
    """Whether no class of the method sets the attribute itself, and a single place puts a lock there."""
    line = _line(codebase, place)
    program = program_of(codebase)
    own = {binding.name for cls in line for frame in program.methods(cls) for binding in frame.body.bindings}
    given = [lock for lock in others if put_from_outside(lock)]
    return bool(line) and f"self.{name}" not in own and len(given) == 1


def _class(codebase: "Codebase", place: Place) -> ClassRef | None:
    path, symbol = place
    while symbol:
        definition = program_of(codebase).definition(path, symbol)
        if definition is not None and definition.kind == "class":
            return ClassRef(path, definition)
        symbol = symbol.rpartition(".")[0]
    return None


def _inheriting(codebase: "Codebase", place: Place) -> list[ClassRef]:
    """The classes that derive from that of a method and run it as it stands."""
    program, cls, name = program_of(codebase), _class(codebase, place), place[1].rpartition(".")[2]
    derived = program.descendants(cls) if cls is not None else ()
    return [item for item in derived if (found := program.method(item, name)) is not None and found[0] == cls]


def _line(codebase: "Codebase", place: Place) -> tuple[ClassRef, ...]:
    cls = _class(codebase, place)
    return program_of(codebase).line(cls) if cls is not None else ()


def _held_line(codebase: "Codebase", place: Place, holder: str) -> tuple[ClassRef, ...]:
    """The classes, with those they derive from, of an expression such as `self.engine` in a body."""
    program = program_of(codebase)
    definition = program.definition(*place) if place[1] else None
    frame = program.frame(place[0], definition) if definition is not None and definition.kind != "class" else None
    root = program.node(place[0], definition) if definition is not None else None
    if frame is None or root is None:
        return ()
    for node in descendants(root):
        if node.type in ("attribute", "identifier") and frame.body.tree.text(node) == holder:
            held = alternatives(frame.value(node))
            return tuple(cls for one in held if isinstance(one, Instance) for cls in program.line(one.cls))
    return ()
