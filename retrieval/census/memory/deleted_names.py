"""Attributes with models that are deleted by name: `delattr(self, "net")`, also in a loop over written names."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.spots import arguments
from retrieval.census.memory.released import Act, named
from retrieval.census.models.made_models import Made
from retrieval.census.models.shelves import Shelves
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_LISTS = frozenset({"list", "tuple", "set"})


def deleted_names(shelves: Shelves, frame: "Frame") -> Iterator[Act]:
    """One act per call of `delattr` on the own object that takes models away."""
    for step in frame.body.calls:
        given = arguments(step.node) if step.written == "delattr" else []
        own = next(iter(frame.parameters), "")
        if len(given) != 2 or frame.owner is None or frame.body.tree.text(given[0]) != own:
            continue
        made = [item for name in _names(frame, step, given[1]) for item in _held(shelves, frame, name)]
        if made:
            what = f"the models {named(made)}" if len({item.name for item in made}) > 1 else f"the model {named(made)}"
            said = f"deletes {what}: `{one_line(frame.body.tree.text(step.node), 70)}`"
            yield Act("delete", frame, (step.start, step.end), step.guards, said, what)


def _held(shelves: Shelves, frame: "Frame", name: str) -> list[Made]:
    bound = shelves.holders.attribute(frame.owner, name) if frame.owner is not None else []
    return [item for around, binding in bound if binding.value is not None for item in shelves.held(around, binding)]


def _names(frame: "Frame", step: CallStep, node: Node) -> list[str]:
    """The names that an argument may have: a literal, or what a loop takes out of a written list."""
    text = frame.body.tree.text
    if node.type == "string":
        return [text(node).strip("\"'")]
    bound = [b for b in frame.bound(text(node)) if b.order < step.order] if node.type == "identifier" else []
    listed = bound[-1].value if bound and bound[-1].taken == "element" else None
    if listed is not None and listed.type == "identifier":
        whole = frame.bound(text(listed))
        listed = whole[0].value if len(whole) == 1 and whole[0].taken == "whole" else None
    if listed is None or listed.type not in _LISTS:
        return []
    return [text(child).strip("\"'") for child in listed.named_children if child.type == "string"]
