"""Models that functions make and hand to their callers: one for each call, told function by function, in words.

What one call gives is one of several where several classes may be made at its place, or in arms that exclude one
another; that such models are in memory together is for the caller to decide, and is never said.
"""

from collections.abc import Sequence

from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.kept_models import kept
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

MOST_FUNCTIONS, MOST_KINDS = 6, 6


def given_out(roster: Roster, models: Sequence[Made]) -> str:
    """ "what a call makes, its caller holds: `create()` makes one of `A`, `B`; each `Reader` object holds `C`"."""
    makers: dict[tuple[str, str], list[Made]] = {}
    for made in models:
        owner = _keeper(roster, made)
        makers.setdefault((made.frame.path, f"{owner}:" if owner else made.frame.symbol), []).append(made)
    rows = [
        _held(roster, symbol[:-1], members)
        if symbol.endswith(":")
        else f"{caller(members[0].frame)} makes {_which(members)}"
        for (_, symbol), members in makers.items()
    ]
    more = f" and {len(rows) - MOST_FUNCTIONS} more" if len(rows) > MOST_FUNCTIONS else ""
    lead = "" if all(symbol.endswith(":") for _, symbol in makers) else "what a call makes, its caller holds: "
    return f"{lead}{'; '.join(rows[:MOST_FUNCTIONS])}{more}"


def _keeper(roster: Roster, made: Made) -> str:
    """The class of which an object keeps a model that one of its methods makes; "" for what a method gives out."""
    owner = made.frame.owner
    if owner is None:
        return ""
    line = roster.program.line(owner)
    keeps = made.frame.symbol.endswith(".__init__") or any(at.owner in line for at in kept(roster, made))
    return owner.definition.symbol if keeps else ""


def _held(roster: Roster, name: str, members: list[Made]) -> str:
    """ "each `Chat` object holds 3 models in memory together: `Vocos` (`vocos`), 2 `DVAE` (`dvae`, `decoder`)"."""
    places = {made.key: [at.name for at in kept(roster, made) if at.frame is made.frame][:1] for made in members}
    several = len(members) > 1 and all(places.values())
    if not several or any(_exclude(one, other) for one in members for other in members if one is not other):
        return f"a `{name}` object holds {_which(members)}"
    kinds: dict[str, list[str]] = {}
    for made in members:
        kinds.setdefault(made.name, []).append(f"`{places[made.key][0]}`")
    count = len({at for found in kinds.values() for at in found})
    told = [f"{f'{len(at)} ' if len(at) > 1 else ''}`{kind}` ({listed(at, MOST_KINDS)})" for kind, at in kinds.items()]
    return f"each `{name}` object holds {count} models in memory together: {listed(told, MOST_KINDS)}"


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
