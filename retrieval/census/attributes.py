"""What the attributes of a repository class hold: `self.encoder = AudioEncoder(...)` and class-level names."""

from typing import TYPE_CHECKING

from retrieval.census.frame import Frame
from retrieval.census.values import (
    ClassRef,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Value,
    agreed,
)

if TYPE_CHECKING:
    from retrieval.census.program import Program


def stored_value(program: "Program", cls: ClassRef, name: str) -> Value | None:
    """What `name` holds on objects of `cls`; None when two assignments disagree or one is not known."""
    values: list[Value | None] = []
    for owner in program.line(cls):
        values.extend(_assigned(program, owner, name, cls))
        values.extend(_in_class_body(program, owner, name))
    if not values:
        return None
    return _filled(program, cls, name, agreed(values))


def _assigned(program: "Program", owner: ClassRef, name: str, cls: ClassRef) -> list[Value | None]:
    found: list[Value | None] = []
    for frame, own in _methods(program, owner, cls):
        found.extend(frame.binding_value(binding) for binding in frame.bound(f"{own}.{name}"))
    return found


def _in_class_body(program: "Program", owner: ClassRef, name: str) -> list[Value | None]:
    frame = program.frame(owner.path, owner.definition)
    return [frame.binding_value(binding) for binding in frame.bound(name)] if frame else []


def _methods(program: "Program", owner: ClassRef, cls: ClassRef) -> list[tuple[Frame, str]]:
    prefix = f"{owner.definition.symbol}."
    frames = []
    for definition in program.facts[owner.path].definitions:
        inner = definition.symbol.removeprefix(prefix)
        if definition.kind == "class" or inner == definition.symbol or "." in inner:
            continue
        frame = program.frame(owner.path, definition, cls)
        if frame and frame.parameters:
            frames.append((frame, next(iter(frame.parameters))))
    return frames


def _filled(program: "Program", cls: ClassRef, name: str, value: Value | None) -> Value | None:
    """An empty `ModuleList` takes the type of what is appended to it."""
    if not (isinstance(value, ExternalObject) and value.maker == "torch.nn.ModuleList"):
        return value
    appended: list[Value | None] = []
    for owner in program.line(cls):
        for frame, own in _methods(program, owner, cls):
            for step in frame.body.calls:
                if step.written != f"{own}.{name}.append":
                    continue
                arguments = step.node.child_by_field_name("arguments")
                given = arguments.named_children if arguments else []
                appended.append(frame.value(given[0], step.order, step.guards) if given else None)
    found = agreed(appended) if appended else None
    return Items(found) if isinstance(found, Instance | FunctionRef) else value
