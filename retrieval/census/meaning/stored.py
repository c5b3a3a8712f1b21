"""What is put into a container that has a name, `models[key] = model`, `found.append(x)`, with the key asked for.

A key that a parameter decides is worked out for every call, so that `models["text"]` is what `load("text")` put there.
"""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.conditions import UNKNOWN
from retrieval.census.meaning.feasible import constant, refuted
from retrieval.census.meaning.holders import Holders
from retrieval.census.meaning.spots import Called, Spot, key_depth, key_node, key_of
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

MOST_CONTEXTS, DEEPEST = 12, 5
_LITERALS = words("string integer")


def stored(holders: Holders, spot: Spot, frame: "Frame", name: str) -> list[Spot]:
    """What is put into the container `name` of `frame` under the key that `spot` takes, all of it without one."""
    wanted = spot.take[-1] if spot.take else "[]"
    found: list[Spot] = []
    for store in holders.stores(frame, name):
        value = store.value
        for stack in _entered(holders, spot, frame, store, wanted) if value is not None else ():
            keys, take = spot.take[-key_depth(store) :], spot.take[: -key_depth(store)]
            if not refuted(frame, store.guards, stack) and not any(key.startswith(".") for key in keys):
                found.append(Spot(frame, value, store.order, store.guards, take, stack))  # type: ignore[arg-type]
    return found


def _entered(holders: Holders, spot: Spot, frame: "Frame", store: Binding, wanted: str) -> list[tuple[Called, ...]]:
    """The ways into the body in which the store may be under the wanted key."""
    key = key_node(store)
    if key_depth(store) > 1:
        outer = _outer_key(key)
        told = outer is not None and outer.type in _LITERALS and wanted != "[]"
        other = told and outer is not None and key_of(frame.body.tree.text(outer)) != wanted
        return [] if other else [spot.stack]
    if wanted == "[]" or key is None:
        return [spot.stack]
    if key.type in _LITERALS and "{" not in frame.body.tree.text(key):
        return [spot.stack] if key_of(frame.body.tree.text(key)) == wanted else []
    ways = [spot.stack] if spot.stack else [(call,) for call in holders.callers(frame)[:MOST_CONTEXTS]]
    told = [(way, key_text(frame, key, way)) for way in ways]
    fitting = [way for way, text in told if isinstance(text, str) and f"'{text}'" == wanted]
    unsure = any(text is UNKNOWN for _, text in told) or not told
    return fitting or ([spot.stack] if unsure else [])


def _outer_key(key: Node | None) -> Node | None:
    """The key of the container itself in a store that goes deeper: `"a"` of `pool["a"][1:] = x`."""
    at = key.parent if key is not None else None
    while at is not None and at.type == "subscript":
        inner = at.child_by_field_name("value")
        if inner is None or inner.type != "subscript":
            return at.child_by_field_name("subscript")
        at = inner
    return None


def key_text(frame: "Frame", node: Node, stack: tuple[Called, ...], depth: int = DEEPEST) -> object:
    """The text that a key is in one call: a literal, a formatted text or a parameter; UNKNOWN for anything else."""
    text = frame.body.tree.text
    if depth <= 0:
        return UNKNOWN
    match node.type:
        case "string":
            return _formatted(frame, node, stack, depth)
        case "identifier":
            bound = [b for b in frame.bound(text(node)) if not refuted(frame, b.guards, stack)]
            if not bound:
                return constant(frame, text(node), stack)
            values = {key_text(frame, b.value, stack, depth - 1) if b.value is not None else UNKNOWN for b in bound}
            return values.pop() if len(values) == 1 and all(b.taken == "whole" for b in bound) else UNKNOWN
    return UNKNOWN


def _formatted(frame: "Frame", node: Node, stack: tuple[Called, ...], depth: int) -> object:
    pieces = []
    for child in node.named_children:
        if child.type == "interpolation":
            inner = child.child_by_field_name("expression") or child.named_children[0]
            piece = key_text(frame, inner, stack, depth - 1)
            if piece is UNKNOWN:
                return UNKNOWN
            pieces.append(str(piece))
        elif child.type == "string_content":
            pieces.append(frame.body.tree.text(child))
    return "".join(pieces)
