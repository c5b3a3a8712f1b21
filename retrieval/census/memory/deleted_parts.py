"""Parts of models that are deleted while the rest stays: `del self.flow.decoder.estimator`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import one_line
from retrieval.census.models.shelves import Shelves
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_OF_MODULES = words("load_state_dict eval named_parameters requires_grad_ parameters")  # methods of models alone


def model_of_part(shelves: Shelves, frame: "Frame", target: Node) -> str:
    """The model, as written, that a deleted attribute is a part of: "self.flow"; "" where no model is known there."""
    if target.type != "attribute":
        return ""
    own = next(iter(frame.parameters), "") if frame.owner is not None else ""
    chain, node = [target], target.child_by_field_name("object")
    while node is not None and node.type == "attribute":
        chain.append(node)
        node = node.child_by_field_name("object")
    if node is None or node.type != "identifier":
        return ""
    mine = frame.body.tree.text(node) == own
    if mine and len(chain) < 2:
        return ""
    root = chain[-1] if mine else node
    name = one_line(frame.body.tree.text(root), 70)
    return name if shelves.carried(frame, root) or _used_as_model(shelves, frame, name, mine) else ""


def is_made_here(frame: "Frame", root: str) -> bool:
    """Whether the model is only being built: in its constructor, or in the function that has just made it."""
    return frame.symbol.endswith("__init__") or ("." not in root and bool(frame.bound(root)))


def put_in_place(frame: "Frame", part: str) -> str:
    """What the same body puts where the part was, in words; "" for nothing."""
    for binding in frame.body.bindings:
        value = binding.value
        if binding.name == part and value is not None and value.type == "call":
            function = value.child_by_field_name("function")
            return f" and puts what `{one_line(frame.body.tree.text(function), 50)}(…)` gives in its place"
    return ""


def _used_as_model(shelves: Shelves, frame: "Frame", name: str, mine: bool) -> bool:
    methods = {f"{name}.{method}" for method in _OF_MODULES}
    return any(step.written in methods for around in _around(shelves, frame, mine) for step in around.body.calls)


def _around(shelves: Shelves, frame: "Frame", mine: bool) -> "Iterator[Frame]":
    """The bodies in which the same name means the same object: a function, or the methods of a class."""
    program = shelves.roster.program
    if not mine or frame.owner is None:
        yield frame
        return
    for cls in program.line(frame.owner):
        yield from program.methods(cls)
