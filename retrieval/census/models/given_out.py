"""Models that functions make and hand to their callers: one for each call, told function by function, in words.

What one call gives is one of several where several classes may be made at its place, or in arms that exclude one
another; that such models are in memory together is for the caller to decide, and is never said.
"""

from collections.abc import Sequence

from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.wording import caller
from retrieval.census.models.made_models import Made

MOST_FUNCTIONS, MOST_KINDS = 6, 6


def given_out(models: Sequence[Made]) -> str:
    """ "what these make is held by their callers: `create()` makes one of `A`, `B`; a `Reader` object holds `C`"."""
    makers: dict[tuple[str, str], list[Made]] = {}
    for made in models:
        owner = made.frame.owner
        keeps = owner is not None and made.frame.symbol.endswith(".__init__")
        makers.setdefault((made.frame.path, made.frame.symbol if not keeps else f"{_class(made)}:"), []).append(made)
    rows = [
        f"a `{symbol[:-1]}` object holds {_which(members)}"
        if symbol.endswith(":")
        else f"{caller(members[0].frame)} makes {_which(members)}"
        for (_, symbol), members in makers.items()
    ]
    more = f" and {len(rows) - MOST_FUNCTIONS} more" if len(rows) > MOST_FUNCTIONS else ""
    return f"what a call makes, its caller holds: {'; '.join(rows[:MOST_FUNCTIONS])}{more}"


def _class(made: Made) -> str:
    return made.frame.owner.definition.symbol if made.frame.owner is not None else ""


def _which(members: list[Made]) -> str:
    """ "`A`", "one of `A`, `B`", or "`A` and one of `B`, `C`" where a body makes several things."""
    groups: list[list[Made]] = []
    for made in members:
        group = next((g for g in groups if all(_exclude(made, other) for other in g)), None)
        if group is None:
            groups.append([made])
        else:
            group.append(made)
    told = []
    for group in groups:
        names = list(dict.fromkeys(f"`{made.name}`" for made in group))
        told.append(f"one of {listed(names, MOST_KINDS)}" if len(names) > 1 else names[0])
    told = list(dict.fromkeys(told))
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _exclude(one: Made, other: Made) -> bool:
    """Whether a run of the body makes one of the two only: at one place, or in different arms of one decision."""
    if one.key == other.key:
        return True
    arms = {guard.key: guard.arm for guard in one.step.guards if guard.kind in ("if", "else", "case")}
    return any(guard.key in arms and arms[guard.key] != guard.arm for guard in other.step.guards)
