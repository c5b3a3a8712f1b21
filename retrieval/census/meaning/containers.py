"""Containers inside one body: what lists, tables and tuples hold, and what a loop takes out of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, Guard
from retrieval.census.meaning.loading import entry
from retrieval.census.meaning.registered import put_into
from retrieval.census.meaning.selected import under
from retrieval.census.meaning.values import (
    ClassRef,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Loaded,
    ModuleRef,
    OneOf,
    Parts,
    Table,
    Value,
)
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_TABLED = frozenset({"identifier", "attribute", "call"})
_EMPTY = frozenset({"[]", "list()", "set()"})
Held = Instance | ExternalObject | OneOf | FunctionRef | ClassRef | Loaded | ModuleRef


def items(frame: "Frame", nodes: Sequence[Node | None], order: int, guards: tuple[Guard, ...]) -> Value | None:
    """What a list of expressions is, when something is known of its elements."""
    found = frame.program.settle([frame.value(n, order, guards) for n in nodes]) if nodes else None
    return Items(found) if isinstance(found, Held) else None


def table(frame: "Frame", node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
    """What a dictionary is, when its values are names or calls."""
    held = [pair.child_by_field_name("value") for pair in node.named_children if pair.type == "pair"]
    if not all(value is not None and value.type in _TABLED for value in held):
        return None
    values = [frame.value(value, order, guards) for value in held]
    found = frame.program.settle(values)
    keys = [pair.child_by_field_name("key") for pair in node.named_children if pair.type == "pair"]
    if not all(key is not None and key.type == "string" for key in keys):
        return found and Table(found)
    names = [frame.body.tree.text(key).strip("\"'") for key in keys]
    return found and Table(found, tuple(zip(names, values, strict=True)))


def subscripted(frame: "Frame", node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
    """What stands under a key."""
    root = node
    while root is not None and root.type == "subscript":
        root = root.child_by_field_name("value")
    registered = put_into(frame.program, frame, frame.body.tree.text(root)) if root is not None else None
    if registered is not None:
        return registered
    value = frame.value(node.child_by_field_name("value"), order, guards)
    key = node.child_by_field_name("subscript")
    text = frame.body.tree.text(key)
    if isinstance(value, Parts):
        return value.members[int(text)] if text.isdecimal() and int(text) < len(value.members) else None
    if isinstance(value, Table):
        return under(frame, value, key, guards)
    single = key is not None and key.type not in ("slice", "string", "tuple")
    return value.element if single and isinstance(value, Items) else entry(frame, node, (order, guards))


def filled(frame: "Frame", binding: Binding, value: Value | None) -> Value | None:
    """A table or a list with what is put into it later: in this body, and of a global one in its file."""
    if isinstance(value, Table):
        stored = [frame.value(s.value, s.order, s.guards) for s in frame.body.stores if s.name == binding.name]
        unseen = [None] if frame.definition is None and frame.program.fillings(binding.name) > len(stored) else []
        found = frame.program.settle([value.element, *stored, *unseen])
        return found and Table(found, () if stored or unseen else value.held)
    if value is not None or frame.body.tree.text(binding.value) not in _EMPTY:
        return value
    bodies = [frame] if frame.definition is not None else _around(frame)
    stored = [
        body.value(s.value, s.order, s.guards) for body in bodies for s in body.body.stores if s.name == binding.name
    ]
    found = frame.program.settle(stored) if stored else None
    return Items(found) if isinstance(found, Held) else None


def _around(top: "Frame") -> "list[Frame]":
    """The top level of a file and its functions."""
    inner = [
        top.program.frame(top.path, item) for item in top.program.facts[top.path].definitions if item.kind == "function"
    ]
    return [top, *(frame for frame in inner if frame is not None)]


def element(frame: "Frame", binding: Binding) -> Value | None:
    """What one round of a loop gives to its variable."""
    node, index = binding.value, binding.index
    if node is not None and node.type == "call" and index >= 0:
        function = frame.body.tree.text(node.child_by_field_name("function"))
        arguments = node.child_by_field_name("arguments")
        given = arguments.named_children if arguments else []
        if function.endswith(".items") and index == 1:
            return _table_element(frame, node, binding)
        source = {("enumerate", 1): 0}.get((function, index), index if function == "zip" else -1)
        node, index = (given[source], -1) if 0 <= source < len(given) else (None, -1)
    value = frame.value(node, binding.order, binding.guards)
    if isinstance(value, Parts) and value.members and None not in value.members:
        value = Items(found) if (found := frame.program.settle(list(value.members))) else None
    held = value.element if isinstance(value, Items) else None
    if index < 0:
        return held
    return held.members[index] if isinstance(held, Parts) and index < len(held.members) else None


def _table_element(frame: "Frame", node: Node, binding: Binding) -> Value | None:
    function = node.child_by_field_name("function")
    owner = function.child_by_field_name("object") if function is not None else None
    value = frame.value(owner, binding.order, binding.guards)
    return value.element if isinstance(value, Table) else None
