"""Models of which one run makes one or another: loaders in a table, arms of a condition anywhere on the way to them."""

from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.names import excludes
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

DEEPEST, MOST_CALLERS = 4, 12
Body = tuple[str, str]
Ways = dict[Body, list[tuple[CallStep, str]]]


def chosen_apart(roster: Roster, one: Made, other: Made) -> bool:
    """Whether what makes two models stands in different arms of one decision, or one call enters this or that."""
    first, second = _ways(roster, one), _ways(roster, other)
    for body, steps in first.items():
        if body in second:
            return all(_apart(left, right) for left in steps for right in second[body])
    return False


def _apart(one: tuple[CallStep, str], other: tuple[CallStep, str]) -> bool:
    (step, entered), (second, into) = one, other
    same = step.node.id == second.node.id and "" not in (entered, into)  # a constructor makes parts of what is made
    return excludes(step.guards, second.guards) or (same and entered != into)


@once
def _ways(roster: Roster, made: Made) -> Ways:
    """The bodies on the only way to a model, inner ones first, each with the calls there and what they enter."""
    frame: Frame = made.frame
    found: Ways = {(frame.path, frame.symbol): [(made.step, "")]}
    for _ in range(DEEPEST):
        callers = roster.tracer.holders.callers(frame)[:MOST_CALLERS]
        bodies = {id(around): around for around, _step, _target in callers}
        if len(bodies) != 1:
            break
        entered = f"{frame.path}:{frame.symbol}"
        frame = next(iter(bodies.values()))
        found.setdefault((frame.path, frame.symbol), [(step, entered) for _around, step, _target in callers])
    return found
