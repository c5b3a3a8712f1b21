"""Arguments that carry no data: tensors of constants or noise, and values for parameters that no callee reads."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef, External
from retrieval.census.modalities.modality_names import named
from retrieval.census.models.roster import Roster, Use
from retrieval.languages import words
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_BLANK = re.compile(
    r"(?:^|\.)(?:zeros|ones|full|empty|randn?|randint|zeros_like|ones_like|full_like|empty_like|randn?_like)$"
)
_FILLING = words("fill_ zero_ normal_ uniform_ random_")
_KEEPING = words(
    "to cuda cpu float half long int bool double type view reshape expand repeat unsqueeze squeeze detach clone"
    " contiguous permute transpose requires_grad_"
)
_NUMBERS = ("integer", "float", "unary_operator", "true", "false", "none")
_EVERYTHING = ("locals", "vars", "eval", "exec")
_UNTOLD = ("", "latents")
DEEPEST = 4


def is_filler(spot: Spot, deepest: int = DEEPEST) -> bool:
    """Whether a value holds only constants or noise, however its body comes by it; what is not known is none."""
    frame, node = spot.frame, spot.node
    if deepest <= 0 or spot.take:
        return False
    if node.type == "call":
        return _is_blank_call(spot, deepest)
    if node.type == "subscript":
        return any(is_filler(s, deepest - 1) for s in spot.inner(node.child_by_field_name("value")))
    if node.type != "identifier":
        return False
    name = spot.text()
    bound = [b for b in frame.bound(name) if b.value is None or b.value.id != node.id]
    if not bound or name in frame.parameters or _is_filled(frame, name):
        return False
    whole = all(b.value is not None and b.index < 0 and b.taken == "whole" for b in bound)
    return whole and all(is_filler(s, deepest - 1) for b in bound for s in spot.inner(b.value))


def _is_blank_call(spot: Spot, deepest: int) -> bool:
    """`torch.zeros(…)`, `x.fill_(0)`, either moved or shaped, and what something makes of nothing but such
    that stand for data by their names: what is made of mere noise may be the result of a generator."""
    frame, given = spot.frame, arguments(spot.node)
    function = spot.node.child_by_field_name("function")
    written = frame.body.tree.text(function)
    if _BLANK.search(written):
        return True
    if function is not None and function.type == "attribute":
        method = frame.body.tree.text(function.child_by_field_name("attribute"))
        if method in _FILLING:
            return all(child.type in _NUMBERS for child in given)
        if method in _KEEPING:
            return any(is_filler(s, deepest - 1) for s in spot.inner(function.child_by_field_name("object")))
        owner = frame.value(function.child_by_field_name("object"), spot.order, spot.guards)
        if not isinstance(owner, External) and not written.startswith("self."):
            return False
    listed = [n for n in arguments(spot.node, keywords=True) if n.type not in _NUMBERS]
    return (
        bool(listed)
        and all(named(frame.body.tree.text(n)) not in _UNTOLD for n in listed)
        and all(is_filler(s, deepest - 1) for n in listed for s in spot.inner(n))
    )


def _is_filled(frame: "Frame", name: str) -> bool:
    """Whether a body puts values into what a name holds: by an index, or by a method that works in place."""
    if any(store.name.partition("[")[0] == name for store in frame.body.stores):
        return True
    for step in frame.body.calls:
        holder, _, method = step.written.rpartition(".")
        if holder.partition("[")[0] == name and method.endswith("_") and method not in (*_FILLING, *_KEEPING):
            return True
    return False


def is_unread(roster: Roster, use: Use, node: Node) -> bool:
    """Whether the argument `node` of a call goes to a parameter that none of the classes it may run ever reads."""
    return bool(use.made) and all(made.cls is not None and _drops(roster, made.cls, use, node) for made in use.made)


def _drops(roster: Roster, cls: ClassRef, use: Use, node: Node) -> bool:
    names = (use.method,) if use.method else ("forward", "__call__", "call")
    found = next((method for name in names if (method := roster.program.method(cls, name))), None)
    if found is None or "staticmethod" in " ".join(found[1].decorators):
        return False
    owner, definition = found
    frame = roster.program.frame(owner.path, definition)
    name = _parameter(use, node, list(frame.parameters)[1:]) if frame is not None else ""
    return bool(name) and frame is not None and not reads(frame, name)


def _parameter(use: Use, node: Node, listed: list[str]) -> str:
    """The parameter that an argument of a call goes to; "" when that is not plain."""
    position = 0
    for child in arguments(use.step.node, keywords=True):
        if child.type == "keyword_argument":
            name = use.frame.body.tree.text(child.child_by_field_name("name"))
            if child.child_by_field_name("value") == node:
                return name if name in listed else ""
        elif child.type in ("list_splat", "dictionary_splat"):
            return ""
        elif child == node:
            return listed[position] if position < len(listed) else ""
        else:
            position += 1
    return ""


def reads(frame: "Frame", name: str) -> bool:
    """Whether a function reads a parameter; one without any statement of its own is left to classes that derive."""
    return not frame.body.calls or reads_name(frame, name)


def reads_name(frame: "Frame", name: str) -> bool:
    """Whether a body reads a variable; attributes and what `locals()` may hand on count as read."""
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    body = node.child_by_field_name("body") if node is not None else None
    if body is None or "." in name or any(step.written in _EVERYTHING for step in frame.body.calls):
        return True
    text = frame.body.tree.text
    return any(item.type == "identifier" and text(item) == name and is_read(item) for item in descendants(body))


def is_read(node: Node) -> bool:
    """Whether an identifier reads a variable: it names no attribute or keyword, and is not bound or deleted there."""
    around, child = node.parent, node
    if around is None:
        return True
    if around.type == "attribute":
        return around.child_by_field_name("attribute") != node
    if around.type == "keyword_argument":
        return around.child_by_field_name("name") != node
    while around is not None and around.type in ("pattern_list", "tuple_pattern", "list_pattern", "expression_list"):
        child, around = around, around.parent
    if around is None or around.type == "delete_statement":
        return around is None
    return around.type not in ("assignment", "for_statement") or around.child_by_field_name("left") != child
