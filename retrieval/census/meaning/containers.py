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
_LISTS = frozenset({"[]", "list()", "set()"})
_EMPTY = _LISTS | {"{}", "dict()", "OrderedDict()"}
Held = Instance | ExternalObject | OneOf | FunctionRef | ClassRef | Loaded | ModuleRef


def items(frame: "Frame", nodes: Sequence[Node | None], order: int, guards: tuple[Guard, ...]) -> Value | None:
    """What a list of expressions is, when something is known of its elements."""
    found = frame.program.settle([frame.value(n, order, guards) for n in nodes]) if nodes else None
    return Items(found) if isinstance(found, Held) else None


def table(frame: "Frame", node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
    """What a dictionary is, when its values are names, calls or such dictionaries that it takes in with `**`."""
    parts = [part for part in node.named_children if part.type != "comment"]
    rows = [row for part in parts for row in _rows(frame, part, order, guards)]
    if not parts or not all(known for _, _, known in rows):
        return None
    found = frame.program.settle([value for _, value, _ in rows])
    plain = all(key for key, _, _ in rows)
    return found and Table(found, tuple((key, value) for key, value, _ in rows) if plain else ())


def _rows(frame: "Frame", part: Node, order: int, guards: tuple[Guard, ...]) -> list[tuple[str, Value | None, bool]]:
    """Key, value, and whether anything is told of it, for a pair of a dictionary or a dictionary that it takes in. Keys
    are texts, and members of an enumeration as they are written; "" for others."""
    if part.type == "dictionary_splat":
        inner = frame.value(next(iter(part.named_children), None), order, guards)
        if not isinstance(inner, Table):
            return [("", None, True)]
        return [(key, value, True) for key, value in inner.held] or [("", inner.element, True)]
    key, value = part.child_by_field_name("key"), part.child_by_field_name("value")
    told = value is not None and value.type in _TABLED
    text = frame.body.tree.text(key)
    name = text.strip("\"'") if key is not None and key.type == "string" else ""
    name = text if key is not None and key.type == "attribute" and text[:1].isupper() else name
    return [(name, frame.value(value, order, guards) if told else None, told)]


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
    empty = frame.body.tree.text(binding.value) in _EMPTY if value is None else False
    if not isinstance(value, Table) and not empty:
        return value
    name = binding.name
    bodies = [frame, *(_around(frame, name) if frame.definition is None else ())]
    stored = [body.value(s.value, s.order, s.guards) for body in bodies for s in body.body.stores if s.name == name]
    listed = empty and frame.body.tree.text(binding.value) in _LISTS
    if listed:
        found = frame.program.settle(stored) if stored else None
        return Items(found) if isinstance(found, Held) else None
    if empty and any(_is_named(s) for body in bodies for s in body.body.stores if s.name == name):
        return None  # what stands under one text says nothing of what stands under others
    top = frame.definition is None
    unseen = [None] if top and frame.program.fillings(frame.path, name) > len(stored) else []
    held = [value.element] if isinstance(value, Table) else []
    found = frame.program.settle([*held, *stored, *unseen]) if held or stored else None
    kept = value.held if isinstance(value, Table) and not stored and not unseen else ()
    return Table(found, kept) if isinstance(found, Held | Items | Table) else None


def _is_named(store: Binding) -> bool:
    """Whether something is put into a table under a text that is written there."""
    around = store.value.parent if store.value is not None else None
    left = around.child_by_field_name("left") if around is not None else None
    key = left.child_by_field_name("subscript") if left is not None and left.type == "subscript" else None
    return key is not None and key.type == "string"


def _around(top: "Frame", name: str) -> "list[Frame]":
    """The functions and methods of a file in which a name of its top level means that."""
    listed = top.program.facts[top.path].definitions
    inner = [top.program.frame(top.path, item) for item in listed if item.kind in ("function", "method")]
    return [f for f in inner if f and not (f.bound(name) and name not in f.body.not_local) and name not in f.parameters]


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
