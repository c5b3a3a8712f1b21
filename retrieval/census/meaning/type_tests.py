"""What an object is under the tests of its class that stand around a place: `if isinstance(x, Offline): x.load()`."""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.conditions import left_under, parsed
from retrieval.census.meaning.settling import object_of
from retrieval.census.meaning.values import ClassRef, Instance, OneOf, Value

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

_TEST = "isinstance("
Test = tuple[tuple[ClassRef, ...], bool]


def passing(frame: "Frame", name: str, value: Value, guards: tuple[Guard, ...]) -> Value:
    """The value of a name without the classes that the tests around a place exclude; where these leave none, or name
    classes that are not of the repository, the value as it is."""
    if not isinstance(value, Instance | OneOf):
        return value
    for guard in guards:
        for classes, holds in _tests(frame, name, guard):
            value = _narrowed(frame.program, value, classes, holds)
    return value


def _tests(frame: "Frame", name: str, guard: Guard) -> Iterator[Test]:
    """The classes of which an object of that name is, or is not, under a guard."""
    stated: list[tuple[str, bool]] = []
    if guard.kind == "past":
        around = left_under(frame.body, guard)
        stated = [(around[0].text, False)] if len(around) == 1 and around[0].kind == "if" else []
    elif guard.kind in ("if", "else"):
        stated = [(part, guard.kind == "if") for part in guard.text.split("` and `")]
    for text, holds in stated:
        if _TEST in text:
            yield from _stated(frame, name, parsed(text), holds)


def _stated(frame: "Frame", name: str, tree: ast.expr | None, holds: bool) -> Iterator[Test]:
    match tree:
        case ast.BoolOp() if isinstance(tree.op, ast.And) == holds:
            for value in tree.values:
                yield from _stated(frame, name, value, holds)
        case ast.UnaryOp(op=ast.Not()):
            yield from _stated(frame, name, tree.operand, not holds)
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=asked), kinds]) if asked == name:
            named = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
            classes = [frame.program.named_class(frame.path, ast.unparse(item)) for item in named]
            found = tuple(cls for cls in classes if cls is not None)
            if len(found) == len(classes):
                yield found, holds


def _narrowed(program: "Program", value: Value, classes: tuple[ClassRef, ...], holds: bool) -> Value:
    members = value.members if isinstance(value, OneOf) else (value,)
    kept = [found for member in members for found in _left(program, member, classes, holds)]
    if not kept:
        return value
    open_ones = isinstance(value, OneOf) and value.open
    found = program.settle([*kept, *([None] if open_ones else [])])
    return value if found is None else found


def _left(program: "Program", value: Value, classes: tuple[ClassRef, ...], holds: bool) -> Iterator[Value]:
    """What a test leaves of one alternative."""
    if not isinstance(value, Instance):
        yield value
        return
    if value.classes:
        fitting = tuple(cls for cls in value.classes if bool(set(program.line(cls)) & set(classes)) == holds)
        found = object_of(program, fitting) if fitting else None
        yield from [found] if found is not None else []
        return
    below = [cls for cls in classes if value.cls in program.line(cls)] if holds else []
    derived = bool(set(program.line(value.cls)) & set(classes))
    if holds and not derived and below:
        yield from (Instance(cls, exact=False) for cls in below)
    elif holds or not derived:
        yield value
