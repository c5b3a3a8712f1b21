"""One value for several: what a name is when it may have been given any of them."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.values import Instance, Nothing, Parts, Value, agreed, alternatives, one_of

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
    objects = [value.cls for value in told if isinstance(value, Instance)]
    for base in program.line(objects[0]) if len(objects) == len(told) else ():
        if all(base in program.line(cls) for cls in objects):
            return Instance(base, exact=False)
    rows = [value.members for value in told if isinstance(value, Parts)]
    if len(rows) == len(told) and len({len(row) for row in rows}) == 1:
        return Parts(tuple(settle(program, list(column)) for column in zip(*rows, strict=True)))
    return one_of(values)
