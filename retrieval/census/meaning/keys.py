"""Entries of dictionaries that are passed on: which keys a function puts in and takes out, and who takes them next.

Follows a dictionary by its name in a body and through the parameters that receive it; a copy under another name
inside a body is followed when it is a plain `x = y`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.arguments import bound_arguments
from retrieval.census.meaning.callgraph import possible
from retrieval.parse import Node, descendants, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

DEEPEST = 6
_TAKING = {"get": False, "pop": False, "setdefault": True}


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One entry in the body of `frame`, on `line`; `puts` when the entry is set there."""

    frame: "Frame"
    key: str
    line: int
    puts: bool


def key_uses(program: "Program", frame: "Frame", name: str, depth: int = DEEPEST) -> Iterator[KeyUse]:
    """Every entry of the dictionary called `name` in a body and in what the body passes it to."""
    yield from _followed(program, frame, name, depth, set())


def _followed(
    program: "Program", frame: "Frame", name: str, depth: int, seen: set[tuple[str, str, str]]
) -> Iterator[KeyUse]:
    if depth <= 0 or (frame.path, frame.symbol, name) in seen:
        return
    seen.add((frame.path, frame.symbol, name))
    names = aliases(frame, name)
    yield from _own(program, frame, names)
    for site in program.sites(frame):
        for target in () if site.handed else possible(program, site):
            for (path, definition, parameter), node in bound_arguments(program, frame, site, target):
                inner = program.frame(path, definition) if frame.body.tree.text(node) in names else None
                if inner is not None:
                    yield from _followed(program, inner, parameter, depth - 1, seen)


def aliases(frame: "Frame", name: str) -> frozenset[str]:
    """The name and the names that it is plainly bound to in the body."""
    found = {name}
    for binding in frame.body.bindings:
        if binding.taken == "whole" and binding.value is not None and frame.body.tree.text(binding.value) in found:
            found.add(binding.name)
    return frozenset(found)


def _own(program: "Program", frame: "Frame", names: frozenset[str]) -> Iterator[KeyUse]:
    node = program.node(frame.path, frame.definition) if frame.definition else None
    for inner in descendants(node) if node is not None else ():
        told = _entry(frame, inner, names)
        if told is not None:
            yield KeyUse(frame, told[0], first_line(inner), told[1])


def _entry(frame: "Frame", node: Node, names: frozenset[str]) -> tuple[str, bool] | None:
    """The key that a node uses of one of `names`, and whether it sets it."""
    text = frame.body.tree.text
    if node.type == "subscript" and text(node.child_by_field_name("value")) in names:
        key = node.child_by_field_name("subscript")
        holder = node.parent
        puts = holder is not None and holder.type == "assignment" and holder.child_by_field_name("left") == node
        return (string_of(text(key)), puts) if key is not None and key.type == "string" else None
    if node.type == "call":
        function = node.child_by_field_name("function")
        given = node.child_by_field_name("arguments")
        first = given.named_children[0] if given and given.named_children else None
        if function is None or first is None or function.type != "attribute" or first.type != "string":
            return None
        method = text(function.child_by_field_name("attribute"))
        held = text(function.child_by_field_name("object"))
        return (string_of(text(first)), _TAKING[method]) if held in names and method in _TAKING else None
    return None


def string_of(text: str) -> str:
    """The content of a plain string literal."""
    return text.strip("rRbBuUfF").strip("\"'")


def built_keys(frame: "Frame", value: Node | None) -> list[str]:
    """The keys of the dictionary that an expression is: a literal, `dict(k=…)`, or a name bound to one in the body."""
    text = frame.body.tree.text
    if value is None:
        return []
    if value.type == "dictionary":
        pairs = [pair.child_by_field_name("key") for pair in value.named_children if pair.type == "pair"]
        return [string_of(text(key)) for key in pairs if key is not None and key.type == "string"]
    if value.type == "call" and text(value.child_by_field_name("function")) == "dict":
        given = value.child_by_field_name("arguments")
        named = [child for child in given.named_children if child.type == "keyword_argument"] if given else []
        return [text(child.child_by_field_name("name")) for child in named]
    if value.type == "identifier":
        return _bound_keys(frame, text(value))
    return []


def _bound_keys(frame: "Frame", name: str) -> list[str]:
    bound = [b.value for b in frame.bound(name) if b.taken == "whole" and b.value is not None]
    made = [value for value in bound if value.type in ("dictionary", "call")]
    first = [key for value in made for key in built_keys(frame, value)]
    empty = any(value.type == "dictionary" for value in bound)
    later = [use.key for use in _own(frame.program, frame, frozenset({name})) if use.puts] if first or empty else []
    return list(dict.fromkeys([*first, *later]))
