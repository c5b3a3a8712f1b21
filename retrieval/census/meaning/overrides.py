"""Which methods run on an object that may be of several classes: those that the classes define anew.

Of an object that a registry gives only the classes of the registry count, else every class that derives from its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.meaning.settling import extending, object_of
from retrieval.census.meaning.values import ClassRef, FunctionRef

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

Target = FunctionRef | ClassRef


def each_once(program: "Program", targets: Sequence[Target]) -> list[Target]:
    """Each function once: one that objects of several classes run, on any of these."""
    held: dict[tuple[str, int], list[Target]] = {}
    for target in dict.fromkeys(targets):
        held.setdefault((target.path, target.definition.head_start), []).append(target)
    return [target for same in held.values() for target in _united(program, same)]


def _united(program: "Program", same: list[Target]) -> list[Target]:
    functions = [t for t in same if isinstance(t, FunctionRef) and t.receiver is not None and t.exact and not t.bound]
    classes = dict.fromkeys(c for t in functions for c in (t.among or ((t.receiver,) if t.receiver else ())))
    of = object_of(program, tuple(classes)) if len(functions) == len(same) > 1 else None
    return [replace(functions[0], receiver=of.cls, among=of.among)] if of is not None else same


def overrides(program: "Program", target: Target) -> Iterator[FunctionRef]:
    """The methods that subclasses define anew, as `overriding` names them."""
    if isinstance(target, ClassRef) or target.receiver is None or target.exact:
        return
    if target.among:
        yield from (found for found in _chosen(program, target) if found.definition != target.definition)
        return
    for cls in extending(program, target.receiver):
        found = program.definition(cls.path, f"{cls.definition.symbol}.{target.definition.name}")
        if found is not None:
            yield FunctionRef(cls.path, found, cls, cls, exact=not program.descendants(cls))


def runnable(program: "Program", target: Target, abstract: bool) -> list[Target]:
    """The methods that a call may run: the target, only where it is not `abstract`, and those that define it anew."""
    if isinstance(target, FunctionRef) and target.among and not target.exact:
        return list(_chosen(program, target))
    others = list(overrides(program, target))
    return [*others] if abstract and others else [target, *others]


def _chosen(program: "Program", target: FunctionRef) -> list[FunctionRef]:
    """What runs on an object that is of one of several classes: each method once, with the classes that have it."""
    held: dict[tuple[ClassRef, int], list[ClassRef]] = {}
    for cls in target.among:
        found = program.method(cls, target.definition.name)
        if found is not None:
            held.setdefault((found[0], found[1].head_start), []).append(cls)
    functions = []
    for (owner, _), classes in held.items():
        found, of = program.method(owner, target.definition.name), object_of(program, tuple(classes))
        if found is not None and of is not None:
            functions.append(FunctionRef(owner.path, found[1], owner, of.cls, exact=True, among=of.among))
    return functions


def never_runs(program: "Program", target: FunctionRef) -> bool:
    """Whether every class that the object may be of has a method of its own."""
    own = all(item.definition != target.definition for item in _chosen(program, target)) if target.among else False
    return own or is_unwritten(program, target)


def is_unwritten(program: "Program", target: FunctionRef) -> bool:
    """Whether the method only says that subclasses must define it."""
    if any(name.endswith("abstractmethod") for name in target.definition.decorators):
        return True
    body = program.body(target.path, target.definition)
    first = body.exits[0] if body and len(body.exits) == 1 else None
    return bool(
        body
        and first
        and first.kind == "raise"
        and not first.guards
        and first.value is not None
        and body.tree.text(first.value).startswith("NotImplementedError")
    )


def overriding(program: "Program", target: FunctionRef) -> tuple[str, ...]:
    """The classes that define the method anew, when the object may be of one of them."""
    named = (item.owner for item in overrides(program, target) if item.owner is not None)
    return tuple(dict.fromkeys(cls.definition.symbol for cls in named))
