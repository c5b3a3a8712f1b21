"""Models of libraries that no table lists, known by what is done with them: `net = lib.Net(); net.eval()`."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.known_models import may_make
from retrieval.census.spots import Spot, arguments
from retrieval.census.tracing import Tracer
from retrieval.census.values import External

if TYPE_CHECKING:
    from retrieval.census.frame import Frame

MOST_SPOTS = 40


def shown_models(tracer: Tracer, frames: "Iterable[Frame]") -> dict[tuple[str, int], str]:
    """The outside makers of what is put into evaluation mode, by the path and node of the call."""
    found: dict[tuple[str, int], str] = {}
    for frame in frames:
        for step in frame.body.calls:
            function = step.node.child_by_field_name("function")
            told = step.written.endswith(".eval") and not arguments(step.node, keywords=True)
            owner = function.child_by_field_name("object") if told and function is not None else None
            for spot in _made(tracer, Spot(frame, owner, step.order, step.guards)) if owner is not None else ():
                found[spot.frame.path, spot.node.id] = _maker(spot)
    return found


def _made(tracer: Tracer, spot: Spot) -> Iterator[Spot]:
    walk = tracer.walk(spot, computed=False, stop=lambda at: bool(_maker(at)), most=MOST_SPOTS)
    return (at for at in walk if _maker(at) and not at.take)


def _maker(spot: Spot) -> str:
    """The outside function or class that a spot calls, when it may give a model."""
    if spot.node.type != "call":
        return ""
    value = spot.frame.value(spot.node.child_by_field_name("function"), spot.order, spot.guards)
    return value.name if isinstance(value, External) and may_make(value.name) else ""
