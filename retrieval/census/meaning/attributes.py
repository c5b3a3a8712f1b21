"""What the attributes of a repository class hold: its methods, `self.encoder = AudioEncoder(...)`, class-level names.

An object that is of one of several classes runs the methods of these alone.
"""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.results import returned
from retrieval.census.meaning.values import (
    ClassRef,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Loaded,
    OneOf,
    Super,
    Table,
    Value,
)

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program


def of_class(program: "Program", cls: ClassRef, name: str, of: Instance | None = None) -> Value | None:
    """What `name` is in a class, for the object `of` where one is asked."""
    found = program.method(cls, name)
    if found is None:
        return program.stored(cls, name, of.cls if of else None)
    owner, definition = found
    if definition.kind == "class":
        return ClassRef(owner.path, definition)
    exact, among = (of.exact, of.among) if of else (True, ())
    reference = FunctionRef(owner.path, definition, owner, of.cls if of else cls, exact, among=among)
    if any(d.rpartition(".")[2] in ("property", "cached_property") for d in definition.decorators):
        return returned(program, reference) if of else None
    return reference


def of_object(program: "Program", value: Instance, name: str) -> Value | None:
    """What `name` is on an object: of one of several classes the one method that all of them have, or the one of their
    base, of which each may have its own."""
    found = of_class(program, value.cls, name, value)
    if not value.among:
        return found
    methods = dict.fromkeys(program.method(cls, name) for cls in value.among)
    if len(methods) == 1 and (method := next(iter(methods))) is not None and isinstance(found, FunctionRef):
        return FunctionRef(method[0].path, method[1], method[0], value.cls, exact=True, among=value.among)
    if found is not None and program.method(value.cls, name) is not None:
        return found
    each = program.settle([of_class(program, cls, name, Instance(cls)) for cls in value.among])
    return found if each is None else each


def of_bases(program: "Program", value: Super, name: str) -> Value | None:
    """What `super().name` is."""
    above = program.line(value.receiver)[1:] if value.owner == value.receiver else program.bases(value.owner)
    of = Instance(value.receiver, exact=True, among=value.among)
    given = (of_class(program, base, name, of) for base in above)
    return next((found for found in given if found is not None), None)


def stored_value(program: "Program", cls: ClassRef, name: str) -> Value | None:
    """What `name` holds on objects of `cls`; None when two assignments disagree or one is not known."""
    assigned: list[Value | None] = []
    declared: list[Value | None] = []
    overridden = False  # what a class body says hides what those of its bases say
    for owner in program.line(cls):
        assigned.extend(_assigned(program, owner, name, cls))
        for binding, value in _in_class_body(program, owner, name):
            if binding.value is None:
                declared.append(value)
            elif not overridden:
                assigned.append(value)
        overridden = overridden or any(b.value is not None for b, _ in _in_class_body(program, owner, name))
    found = program.settle(assigned) if assigned else None
    if not isinstance(found, Instance | FunctionRef | Items | ClassRef | OneOf | Loaded) and declared:
        found = program.settle(declared)
    return _put_in(program, cls, name) if found is None else _filled(program, cls, name, found)


def _put_in(program: "Program", cls: ClassRef, name: str) -> Value | None:
    """A table of an object that starts empty, with what the methods of its class put in: `self.made[key] = make()`."""
    stored: list[Value | None] = []
    for owner in program.line(cls):
        for frame in program.methods(owner, cls):
            own = f"{next(iter(frame.parameters))}.{name}"
            stored += [frame.value(s.value, s.order, s.guards) for s in frame.body.stores if s.name == own]
    found = program.settle(stored) if stored else None
    return Table(found) if isinstance(found, Instance | FunctionRef | ClassRef | OneOf) else None


def _assigned(program: "Program", owner: ClassRef, name: str, cls: ClassRef) -> list[Value | None]:
    found: list[Value | None] = []
    for frame in program.methods(owner, cls):
        own = next(iter(frame.parameters))
        found.extend(frame.binding_value(binding) for binding in frame.bound(f"{own}.{name}"))
    return found


def _in_class_body(program: "Program", owner: ClassRef, name: str) -> list[tuple[Binding, Value | None]]:
    frame = program.frame(owner.path, owner.definition)
    bound = frame.bound(name) if frame else []
    return [(binding, frame.binding_value(binding)) for binding in bound] if frame else []


def _filled(program: "Program", cls: ClassRef, name: str, value: Value | None) -> Value | None:
    """An empty `ModuleList` takes the type of what is appended to it."""
    if not (isinstance(value, ExternalObject) and value.maker == "torch.nn.ModuleList"):
        return value
    appended: list[Value | None] = []
    for owner in program.line(cls):
        for frame in program.methods(owner, cls):
            own = next(iter(frame.parameters))
            for step in frame.body.calls:
                if step.written != f"{own}.{name}.append":
                    continue
                arguments = step.node.child_by_field_name("arguments")
                given = arguments.named_children if arguments else []
                appended.append(frame.value(given[0], step.order, step.guards) if given else None)
    found = program.settle(appended) if appended else None
    return Items(found) if isinstance(found, Instance | FunctionRef | OneOf) else value
