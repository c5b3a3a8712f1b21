"""What a join puts together: the members of a list, of lists that were built before, and segments of one input."""

import re

from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import Tracer
from retrieval.parse import Node

_PUTTING = re.compile(r"(?:^|\.)(?:cat|concat|concatenate|hstack)$")
DEEPEST, FAR, NEAR = 3, 60, 14


def members(tracer: Tracer, spot: Spot, depth: int = 0) -> list[Spot]:
    """The members of a list that is joined: written out, put into it before, or drawn from several lists."""
    node = spot.node
    match node.type:
        case "list" | "tuple":
            inner = [child for child in node.named_children if child.type not in ("comment", "line_continuation")]
            return [s for child in inner for s in _member(tracer, spot, child, depth)]
        case "binary_operator":
            sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
            return [s for side in sides for at in spot.inner(side, take=()) for s in members(tracer, at, depth + 1)]
        case "list_comprehension":
            zipped = _zipped(spot)
            return [s for child in zipped for s in spot.inner(child, take=("[]",))] or spot.inner(
                node.child_by_field_name("body"), take=()
            )
        case "identifier" | "attribute":
            return _kept(tracer, spot, depth)
    return []


def _member(tracer: Tracer, spot: Spot, child: Node, depth: int) -> list[Spot]:
    if child.type == "list_splat":
        return [s for at in spot.inner(child.named_children[0], take=()) for s in members(tracer, at, depth + 1)]
    return spot.inner(child)


def _zipped(spot: Spot) -> list[Node]:
    """The lists that a comprehension draws its elements from in turn: `for pair in zip(a, b) for x in pair`."""
    text = spot.frame.body.tree.text
    for clause in spot.node.named_children:
        value = clause.child_by_field_name("right") if clause.type == "for_in_clause" else None
        if value is not None and value.type == "call" and text(value.child_by_field_name("function")) == "zip":
            return arguments(value)
    return []


def _kept(tracer: Tracer, spot: Spot, depth: int) -> list[Spot]:
    """What a name holds: the members of the list it is bound to, and what was put into it."""
    wanted = Spot(spot.frame, spot.node, spot.order, spot.guards, ("[]",), spot.stack)
    found = []
    for source, _ in tracer.sources(wanted):
        whole = source.take == ("[]",) and source.node.type in ("list", "binary_operator", "list_comprehension")
        found += members(tracer, source, depth + 1) if whole and depth < DEEPEST else [source]
    return found


def segments(tracer: Tracer, sides: list[Spot]) -> list[list[Spot]]:
    """What an input may be put together from, segments of which are embedded and added: `f(x[:, :n]) + f(x[:, n:])`."""
    parts = [part for side in sides if (part := _sliced(side)) is not None]
    if len(parts) != 2 or parts[0][0] != parts[1][0] or parts[0][1].text() != parts[1][1].text():
        return []
    found = []
    for at in tracer.walk(parts[0][1], computed=True, most=FAR):
        function = at.node.child_by_field_name("function") if at.node.type == "call" else None
        if function is not None and _PUTTING.search(at.frame.body.tree.text(function)) and arguments(at.node):
            found.append(members(tracer, at.inner(arguments(at.node)[0], take=())[0]))
    return [several for several in found if len(several) > 1]


def halves(tracer: Tracer, spots: list[tuple[Spot, str]]) -> bool:
    """Whether values that are told to be of different kinds are slices of one tensor: it is not joined anew."""
    bases = [(_bases(tracer, spot), group) for spot, group in spots]
    pairs = [(one, other) for i, one in enumerate(bases) for other in bases[:i]]
    return any(one[1] != other[1] and one[0] & other[0] for one, other in pairs)


def _bases(tracer: Tracer, spot: Spot) -> set[str]:
    """The names in the body whose slices lead to a value."""
    found, text = set(), spot.frame.body.tree.text
    for at in tracer.walk(spot, computed=True, most=NEAR):
        key = at.node.child_by_field_name("subscript") if at.node.type == "subscript" else None
        if at.frame is spot.frame and key is not None and ":" in text(at.node).partition("[")[2]:
            found.add(text(at.node.child_by_field_name("value")))
    return found


def _sliced(side: Spot) -> tuple[str, Spot] | None:
    """The function that is called with a slice, and what is sliced."""
    text = side.frame.body.tree.text
    given = arguments(side.node) if side.node.type == "call" else []
    if len(given) != 1 or given[0].type != "subscript" or ":" not in text(given[0]):
        return None
    whole = side.inner(given[0].child_by_field_name("value"), take=())
    return (text(side.node.child_by_field_name("function")), whole[0]) if whole else None
