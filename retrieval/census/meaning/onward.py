"""What is done with a value in the body that makes it: the call it is given to, or that it is returned."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.spots import arguments
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_ASKING = re.compile(r"^(?:len|print|isinstance|type|range|sorted|list|tuple)$|(?:^|\.)(?:info|debug|warning|shape)$")
CALL = 70


def onward(frame: "Frame", node: Node) -> str:
    """ ", which it returns" or ", which goes into `f(…)`"; "" when neither is seen."""
    for event in frame.body.exits:
        if event.kind == "return" and event.value is not None and inside(node, event.value):
            return ", which it returns"
    holding = [b for b in frame.body.bindings if b.value is not None and inside(node, b.value)]
    if not holding:
        return ""
    name, order = holding[0].name, holding[0].order
    text = frame.body.tree.text
    for step in frame.body.calls:
        told = step.order > order and not _ASKING.search(step.written)
        for child in arguments(step.node, keywords=True) if told else ():
            value = child.child_by_field_name("value") if child.type == "keyword_argument" else child
            if value is not None and text(value) == name:
                return f", which goes into `{one_line(text(step.node.child_by_field_name('function')), CALL)}(…)`"
    returned = [e for e in frame.body.exits if e.kind == "return" and e.value is not None and name in text(e.value)]
    return ", which it returns" if returned else ""


def inside(node: Node, value: Node) -> bool:
    """Whether a node lies within another of the same file."""
    return value.start_byte <= node.start_byte and node.end_byte <= value.end_byte
