"""What the attributes of a repository class hold: `self.encoder = AudioEncoder(...)` and class-level names."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.values import (
    ClassRef,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Loaded,
    OneOf,
    Table,
    Value,
)

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program


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
