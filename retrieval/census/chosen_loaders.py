"""Models of which one call makes one or another: loaders in a table, of which a name chooses one."""

from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.made_models import Made
from retrieval.census.roster import Roster

if TYPE_CHECKING:
    from retrieval.census.frame import Frame

DEEPEST, MOST_CALLERS = 4, 12
Place = tuple[str, int]


def chosen_apart(roster: Roster, one: Made, other: Made) -> bool:
    """Whether two models are made by different functions that one call enters, either this or that."""
    first, second = _entered(roster, one.frame), _entered(roster, other.frame)
    return any(second[place] != symbol for place, symbol in first.items() if place in second)


@once
def _entered(roster: Roster, frame: "Frame") -> dict[Place, str]:
    """The calls that lead to a body, with the function that each of them enters on the way."""
    found: dict[Place, str] = {}
    for _ in range(DEEPEST):
        callers = roster.tracer.holders.callers(frame)[:MOST_CALLERS]
        for around, step, _target in callers:
            found.setdefault((around.path, step.node.id), f"{frame.path}:{frame.symbol}")
        bodies = {id(around): around for around, _step, _target in callers}
        if len(bodies) != 1:
            break
        frame = next(iter(bodies.values()))
    return found
