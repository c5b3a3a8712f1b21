"""Objects of models in words: each with what holds it, which of several it is by default, and what it shares."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.conditions import left_under
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments
from retrieval.census.memory.exclusive import standing
from retrieval.census.memory.kept_models import Kept, kept
from retrieval.census.memory.lifetimes import global_names
from retrieval.census.models.held_objects import Object
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster
from retrieval.census.models.shelves import shelves_of
from retrieval.census.settings.presets import is_off, is_preset

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_NAMED, MOST_KINDS, MOST_HOLDERS = 12, 4, 8


def residents(codebase: "Codebase", roster: Roster, objects: Sequence[Object]) -> str:
    """ "3 `Net` (`a.net`, `b.net`, `c.net`), one of `Clip`, `CoCa` (`model`)": each with what holds it."""
    groups: dict[tuple[str, ...], list[Object]] = {}
    for item in objects:
        groups.setdefault(item.names, []).append(item)
    return listed([_group(codebase, roster, members, objects) for members in groups.values()], MOST_NAMED)


def _group(codebase: "Codebase", roster: Roster, members: list[Object], every: Sequence[Object]) -> str:
    names = members[0].names
    shown = [f"`{name}`" for name in dict.fromkeys(holder(roster, item) for item in members) if name]
    which = _either(codebase, members) if len(names) > 1 else f"`{', '.join(names)}`"
    which = f"{len(shown)} {which}" if len(shown) > 1 and len(names) == 1 else which
    which = f"{len(shown)} times {which}" if len(shown) > 1 and len(names) > 1 else which
    return (
        which
        + (f" ({listed(shown, MOST_HOLDERS)})" if shown else "")
        + "".join(_shared(item, every) for item in members)
    )


def _either(codebase: "Codebase", members: list[Object]) -> str:
    """ "one of `A`, `B`", or "`A` by default, else `B`" where defaults rule out all others."""
    ways = [pair for item in members for pair in zip(item.made, item.ways, strict=True)]
    on = [
        made.name
        for made, way in ways
        if not any(is_off(codebase, *at) or _is_left(codebase, *at) for at in standing(made, way))
    ]
    rest = [f"`{name}`" for name in members[0].names if name not in on]
    if rest and len(set(on)) == 1:
        return f"`{on[0]}` by default, else {listed(rest, MOST_KINDS)}"
    return f"one of {listed([f'`{name}`' for name in members[0].names], MOST_KINDS)}"


def _is_left(codebase: "Codebase", frame: "Frame", guards: tuple[Guard, ...]) -> bool:
    """Whether by default a body has returned before it comes here."""
    pasts = (left_under(frame.body, guard) for guard in guards if guard.kind == "past")
    return any(is_preset(codebase, frame, around) for around in pasts)


def _shared(item: Object, every: Sequence[Object]) -> str:
    """ "`b` shares `vae` with `a`": parts of other objects that the maker of an object is given."""
    holders = {other.bound.said: other.bound.frame for other in every if other.bound is not None and other is not item}
    found: dict[str, list[str]] = {}
    for made in item.made if item.bound is not None else ():
        text = made.frame.body.tree.text
        for child in arguments(made.step.node, keywords=True):
            node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
            owner, dot, part = text(node).partition(".") if node is not None and node.type == "attribute" else ("",) * 3
            if dot and owner in holders and holders[owner] is made.frame:
                found.setdefault(owner, []).append(f"`{part}`")
    told = [f"{listed(list(dict.fromkeys(parts)), MOST_KINDS)} with `{at}`" for at, parts in found.items()]
    return f", `{item.bound.said}` shares {', '.join(told)}" if told and item.bound is not None else ""


def all_names(objects: Iterable[Object]) -> list[str]:
    """The names of all that objects may be, each once."""
    return list(dict.fromkeys(name for item in objects for name in item.names))


def names_said(objects: Iterable[Object]) -> str:
    """The same in words."""
    return listed([f"`{name}`" for name in all_names(objects)], MOST_NAMED)


def holder(roster: Roster, item: Object) -> str:
    """The attribute, variable or container that keeps an object; "" when none is known."""
    if item.bound is not None:
        return item.bound.said
    places = [place for made in item.made for place in kept(roster, made)]
    at = next((place for place in places if not place.inside), places[0] if places else None)
    variables = [name for made in item.made for name in global_names(made.frame, made)]
    return _attribute(at) if at is not None else next(iter(variables), "") or shelf(roster, item.made[0])


def shelf(roster: Roster, made: Made) -> str:
    """The container of a module or class that keeps a model."""
    shelves = shelves_of(roster).by_root.values()
    return next((item.written for item in shelves if made in item.models), "")


def _attribute(at: Kept) -> str:
    return f"{at.owner.definition.symbol}.{at.name}"
