"""The calls that enter a body which fills models, one by one, so that a class and a file of one call stay together.

Where a caller decides on both in one place (`if version == "1": arch, url = …`), each arm of its decision counts apart.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.conditions import UNKNOWN, refutes
from retrieval.census.meaning.feasible import constant, literal
from retrieval.census.meaning.spots import Called, argument
from retrieval.census.models.instances import deciding
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

MOST_CALLS, MOST_ARMS = 24, 12
_ARMS = ("if", "else", "case")
Context = tuple[tuple[Called, ...], tuple[Guard, ...], dict[str, object]]
"""The call, the arm of the caller's decision that it comes by, and what this gives to parameters that decide."""


def contexts(roster: Roster, frame: "Frame") -> Iterator[Context]:
    """The ways into a body; one that says nothing when no call is known."""
    callers = roster.tracer.holders.callers(frame)[:MOST_CALLS]
    asked = deciding(frame, compared=True) if callers else []
    for call in callers:
        arms = next((arms for name in asked if (arms := _arms(call, frame, name))), [])
        yield from (((call,), arm, known) for arm, known in arms) if arms else (((call,), (), {}),)
    if not callers:
        yield (), (), {}


def _arms(call: Called, frame: "Frame", name: str) -> list[tuple[tuple[Guard, ...], dict[str, object]]]:
    """The arms of the caller's decision that give a parameter its constants; none when it is given in another way."""
    around, step, _target = call
    node = argument(call, frame, name)
    if node is None or node.type != "identifier":
        return []
    bound = [b for b in around.bound(around.body.tree.text(node)) if b.order < step.order]
    found = []
    for binding in bound[:MOST_ARMS]:
        value = literal(around.body.tree.text(binding.value), binding.value) if binding.value is not None else UNKNOWN
        arm = tuple(guard for guard in binding.guards if guard.kind in _ARMS)
        if value is UNKNOWN or not arm or len(arm) < len(binding.guards):
            return []  # a loop may come by several arms
        found.append((arm, {name: value}))
    return found if len(found) > 1 else []


def excluded(frame: "Frame", made: Made, stack: tuple[Called, ...], known: dict[str, object]) -> bool:
    """Whether the body, entered so, does not come to the place in it that makes a model."""
    if made.frame is not frame or not stack:
        return False

    def given(name: str) -> object:
        return known[name] if name in known else constant(frame, name, stack)

    return refutes(frame.body, made.step.guards, given)
