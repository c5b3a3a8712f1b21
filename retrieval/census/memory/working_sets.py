"""The models that one function holds in variables of its own: they are in memory together while it runs.

A function that makes two models or more, or objects that hold some, does the work of a program with them. What is put
into attributes of its own object or into variables of the module outlives it and is none of these.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.wording import caller
from retrieval.census.models.held_objects import Object

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

LEAST = 2


def at_work(objects: Sequence[Object]) -> list[Object]:
    """The objects that the function with most of them holds; [] where no function holds two that are always there.

    A wrapper around others of them is left out.
    """
    groups: dict[tuple[str, str], list[Object]] = {}
    for item in objects:
        if _is_own(item) and item.bound is not None:
            groups.setdefault((item.bound.frame.path, item.bound.frame.symbol), []).append(item)
    found = max(groups.values(), key=len, default=[])
    found = [item for item in found if not made_of(item, found)]
    return found if sum(not item.conditions for item in found) >= LEAST else []


def frame_of(objects: Sequence[Object]) -> "Frame":
    """The function that holds them."""
    bound = objects[0].bound
    assert bound is not None
    return bound.frame


def ending(objects: Sequence[Object]) -> str:
    """How long they are there: while the function runs, or longer, where it hands them to its caller."""
    frame = frame_of(objects)
    heads = {re.split(r"[.\[]", item.bound.said)[0] for item in objects if item.bound is not None}
    values = [e.value for e in frame.body.exits if e.kind == "return" and e.value is not None]
    parts = [p for v in values for p in (v.named_children if v.type in ("tuple", "expression_list") else [v])]
    if heads & {frame.body.tree.text(part) for part in parts}:
        return f", made by {caller(frame)}, which hands them on"
    return f", while {caller(frame)} runs"


def _is_own(item: Object) -> bool:
    """Whether a variable of a function holds an object, or what a variable of it holds does."""
    bound = item.bound
    if bound is None or item.named or bound.frame.definition is None or bound.frame.symbol == "main":
        return False
    head = bound.said.partition(".")[0].partition("[")[0]
    owner = bound.frame.owner
    return head != "_" and head not in bound.frame.body.not_local and (owner is None or head != owner.definition.symbol)


def made_of(item: Object, others: Sequence[Object]) -> bool:
    """Whether an object is made of others: one of them, or a part of one, is an argument of the call that makes it."""
    names = {o.bound.said.partition(".")[0] for o in others if o is not item and o.bound is not None}
    for made in item.made:
        text = made.frame.body.tree.text
        for child in arguments(made.step.node, keywords=True):
            node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
            if node is not None and node.type in ("identifier", "attribute") and text(node).partition(".")[0] in names:
                return True
    return False
