"""The models that objects of a class hold, directly and through the objects they hold."""

from retrieval.beside import Beside
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.values import ClassRef
from retrieval.census.memory.kept_models import kept
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

MOST_DEEP = 3
_HELD: "Beside[Roster, dict[ClassRef, list[Made]]]" = Beside()


def held_by(roster: Roster, cls: ClassRef) -> list[Made]:
    """The models that objects of a class hold, each once."""
    if roster not in _HELD:
        table: dict[ClassRef, list[Made]] = {}
        for made in roster.made:
            for at in kept(roster, made):
                table.setdefault(at.owner, []).append(made)
        _HELD[roster] = table
    return list(dict.fromkeys(_held(roster, cls, MOST_DEEP)))


def _held(roster: Roster, cls: ClassRef, depth: int) -> list[Made]:
    found = [made for owner in roster.program.line(cls) for made in _HELD[roster].get(owner, ())]
    for frame in roster.program.methods(cls) if depth else ():
        own = f"{next(iter(frame.parameters))}."
        for binding in frame.body.bindings:
            if binding.name.startswith(own) and binding.value is not None and binding.value.type == "call":
                spot = Spot(frame, binding.value, binding.order, binding.guards)
                inner = roster.tracer.constructed(spot)
                found += _held(roster, inner, depth - 1) if inner is not None and inner != cls else []
    return found
