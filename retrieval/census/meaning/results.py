"""What calls give: the result of a function, the object of a class, and what an annotation promises."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.narrowing import Given
from retrieval.census.meaning.settling import extending
from retrieval.census.meaning.type_arguments import is_type_variable, type_argument
from retrieval.census.meaning.values import (
    ClassRef,
    External,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Loaded,
    OneOf,
    Parts,
    Value,
    Written,
    alternatives,
    read_annotation,
)

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

DEEPEST_LOOKUP = 12
# Annotations from here (`Any`, `Callable`) do not say what an object is.
_ABSTRACT = frozenset({"typing", "typing_extensions", "collections", "abc", "types"})
_UNFINISHED = frozenset({"abstractmethod", "abstractproperty"})
_GENERATED = frozenset({"contextmanager", "asynccontextmanager"})


def called(program: "Program", value: Value | None, given: Given = ()) -> Value | None:
    """What calling `value` gives; `given` are the constants that the call gives to a function."""
    match value:
        case ClassRef():
            return Instance(value)
        case FunctionRef():
            return returned(program, value, given)
        case External(name):
            return ExternalObject(name)
        case OneOf():
            return program.settle([called(program, member) for member in alternatives(value)])
        case Instance():
            target = call_target(program, value)
            return returned(program, target) if isinstance(target, FunctionRef) else None
    return None


def call_target(program: "Program", value: Value | None) -> Value | None:
    """The definition that runs when `value` is called: `forward` for a called torch module."""
    if not isinstance(value, Instance):
        return value
    for name in ("__call__", "forward", "call"):
        if (found := program.method(value.cls, name)) is not None:
            return FunctionRef(found[0].path, found[1], found[0], value.cls, value.exact, among=value.among)
    return None


def returned(program: "Program", function: FunctionRef, given: Given = ()) -> Value | None:
    """What a function returns where it is given these constants: inferred from its `return`s, else its annotation."""
    key = (function, given)
    if key not in program.returns:
        busy = ("returned", function)
        if busy in program.busy or len(program.busy) > DEEPEST_LOOKUP:
            return _annotated(program, function)
        program.busy.add(busy)
        try:
            inferred = _inferred(program, function, given)
            sure = None if isinstance(inferred, OneOf) and inferred.open else inferred
            program.returns[key] = sure or _annotated(program, function) or inferred
        finally:
            program.busy.discard(busy)
    return program.returns[key]


def _annotated(program: "Program", function: FunctionRef) -> Value | None:
    written = read_annotation(function.definition.returns)
    name = written.name if written is not None and written.shape == "name" else ""
    if name and function.receiver is not None and is_type_variable(program, function.path, name):
        cls = type_argument(program, function.receiver, name)
        return Instance(cls, exact=False) if cls is not None else None
    return annotation(program, function.path, written)


def _inferred(program: "Program", function: FunctionRef, given: Given) -> Value | None:
    decorators = {name.rpartition(".")[2] for name in function.definition.decorators}
    if decorators & _UNFINISHED and function.receiver is not None and not function.exact:
        return _overridden(program, function, function.among or program.descendants(function.receiver))
    frame = program.frame(function.path, function.definition, function.receiver, given, function.among or None)
    if frame is None or decorators & _GENERATED:
        return None
    exits = frame.body.exits
    if any(item.kind == "yield" for item in exits):
        return None
    values = [
        frame.value(item.value, item.order, item.guards)
        for item in exits
        if item.kind == "return" and item.value is not None
    ]
    found = program.settle(values) if values else None
    return found if isinstance(found, Instance | Items | Parts | ClassRef | OneOf | Loaded | FunctionRef) else None


def _overridden(program: "Program", function: FunctionRef, classes: tuple[ClassRef, ...]) -> Value | None:
    """What the classes that fill in an abstract method give by it."""
    values: list[Value | None] = []
    for cls in classes:
        found = program.method(cls, function.definition.name)
        if found is not None and found[1] is not function.definition:
            values.append(returned(program, FunctionRef(found[0].path, found[1], found[0], cls, False)))
    return program.settle([value for value in values if value is not None])


def annotation(program: "Program", path: str, written: Written | None) -> Value | None:
    """The value that an annotation in the file at `path` promises."""
    if written is None:
        return None
    if written.shape == "name":
        head, *rest = written.name.split(".")
        value = program.member(path, head)
        for name in rest:
            value = program.attribute(value, name)
        if isinstance(value, ClassRef):
            return Instance(value, exact=False)
        if isinstance(value, External) and value.name.partition(".")[0] not in _ABSTRACT:
            return ExternalObject(value.name)
        return None
    inner = [annotation(program, path, part) for part in written.inner]
    if written.shape == "parts":
        return Parts(tuple(inner))
    first = inner[0] if inner else None
    if first is None:
        return None
    if written.shape == "class":
        return _derived(program, first.cls) if isinstance(first, Instance) else None
    return Items(first)


def _derived(program: "Program", cls: ClassRef) -> Value:
    """What `type[Base]` promises: the class or one that derives from it."""
    return program.settle([cls, *extending(program, cls)]) or cls
