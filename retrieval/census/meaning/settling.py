"""One value for several: what a name is when it may have been given any of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.values import ClassRef, Instance, Nothing, Parts, Value, agreed, alternatives, one_of

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program


def settle(program: "Program", values: list[Value | None]) -> Value | None:
    """The one value that all of `values` are; objects of several classes are of their common base.

    What is none of these is one of several alternatives, open when some of `values` are not known.
    """
    values = [member for value in values for member in alternatives(value)]
    found = agreed(values)
    told = [value for value in values if not isinstance(value, Nothing)]
    if found is not None or not told:
        return found
    objects = [value for value in told if isinstance(value, Instance)]
    base = _shared_base(program, [value.cls for value in objects]) if len(objects) == len(told) else None
    if base is not None:
        held = [value.classes or (value.cls, *extending(program, value.cls)) for value in objects]
        open_ones = any(not value.classes and value.cls == base for value in objects)
        return Instance(base, False, () if open_ones else tuple(dict.fromkeys(cls for part in held for cls in part)))
    rows = [value.members for value in told if isinstance(value, Parts)]
    if len(rows) == len(told) and len({len(row) for row in rows}) == 1:
        return Parts(tuple(settle(program, list(column)) for column in zip(*rows, strict=True)))
    return one_of(values)


def object_of(program: "Program", classes: tuple[ClassRef, ...]) -> Instance | None:
    """An object that is of one of several classes; None where they have no base in common."""
    if len(classes) == 1:
        return Instance(classes[0])
    base = _shared_base(program, list(classes))
    return Instance(base, False, classes) if base is not None else None


def _shared_base(program: "Program", classes: list[ClassRef]) -> ClassRef | None:
    """The nearest class of the repository that all of several classes are or derive from."""
    lines = [program.line(cls) for cls in classes]
    return next((base for base in lines[0] if all(base in line for line in lines)), None) if lines else None


def extending(program: "Program", receiver: ClassRef) -> Iterator[ClassRef]:
    """The classes that derive from one; those of examples and tests only for classes that are such themselves."""
    role = program.snapshot.by_path
    own = role[receiver.path].role
    for cls in program.descendants(receiver):
        if role[cls.path].role in ("source", own):
            yield cls
