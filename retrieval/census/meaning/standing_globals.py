"""Of the bindings of a global name those that hold while a function runs that the top level of its file calls."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.names import reaching

if TYPE_CHECKING:
    from retrieval.census.meaning.holders import Holders, Kept
    from retrieval.census.meaning.spots import Spot


def standing(holders: "Holders", spot: "Spot", path: str, bound: "Kept") -> "Kept":
    """Those of `bound` that reach the calls of the body of `spot`; all where other code calls it or binds the name."""
    if len(bound) < 2 or spot.frame.definition is None or spot.frame.path != path:
        return bound
    callers, top = holders.callers(spot.frame), bound[0][0]
    if not callers or any(around is not top for around, _, _ in callers) or any(f is not top for f, _ in bound):
        return bound
    listed = [binding for _, binding in bound]
    holding = {id(b) for _, s, _ in callers for b in reaching(listed, s.order, s.guards, looped=True).bindings}
    return [(frame, binding) for frame, binding in bound if id(binding) in holding] or bound
