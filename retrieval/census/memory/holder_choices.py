"""What is no model more in memory: holders between which a factory chooses, and wrappers of models that are there.

Of classes that one function makes in different arms of a decision, a run makes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.concurrency.workers import step_of
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef
from retrieval.census.memory.exclusive import exclude
from retrieval.census.memory.kept_models import kept

if TYPE_CHECKING:
    from retrieval.census.memory.exclusive import Standing
    from retrieval.census.models.held_objects import Object
    from retrieval.census.models.made_models import Made
    from retrieval.census.models.roster import Roster

Unit = tuple[str, str]


def one_of(roster: Roster, objects: Sequence[Object], units: frozenset[Unit]) -> list[list[Object]]:
    """The objects in groups: those together of which a run has one only, each other in a group of its own."""
    by_owner: dict[ClassRef | None, list[Object]] = {}
    for item in objects:
        places = [at.owner for made in item.made for at in kept(roster, made)]
        by_owner.setdefault(places[0] if places else None, []).append(item)
    rest, chosen = list(by_owner.pop(None, [])), list[list[ClassRef]]()
    made = {owner: _made(roster, owner, units) for owner in by_owner if owner is not None}
    for owner in made:
        group = next((g for g in chosen if all(_apart(made[owner], made[other]) for other in g)), None)
        group.append(owner) if group is not None else chosen.append([owner])
    several = [[item for owner in group for item in by_owner[owner]] for group in chosen if len(group) > 1]
    several += [same for group in chosen if len(group) == 1 for same in _same(roster, group[0], by_owner[group[0]])]
    kept_alone = [item for item in objects if item in rest or not any(item in items for items in several)]
    return [*([item] for item in kept_alone), *several]


def _same(roster: Roster, owner: ClassRef, items: list[Object]) -> Iterator[list[Object]]:
    """Objects that one attribute may be: those told by its class alone, with the one object whose attribute it is."""
    name = owner.definition.name
    found: dict[str, list[Object]] = {}
    for item in items:
        attribute = next(at.name for made in item.made for at in kept(roster, made) if at.owner == owner)
        found.setdefault(attribute, []).append(item)
    for alike in found.values():
        known = [item for item in alike if item.bound is not None and not item.bound.said.startswith(f"{name}.")]
        if len(alike) > 1 and len(known) <= 1:
            yield alike


def held_by_others(roster: Roster, item: Object, units: frozenset[Unit]) -> bool:
    """Whether an object is only ever kept by objects of classes that the program does not make."""
    owners = {at.owner for made in item.made for at in kept(roster, made)}
    named = item.bound is None or item.bound.said.partition(".")[0] in {owner.definition.name for owner in owners}
    starts = [roster.program.method(owner, "__init__") for owner in owners]
    made = [start is None or (start[0].path, start[1].symbol) in units for start in starts]
    return bool(owners) and named and not any(made)


def wraps(roster: Roster, made: Made) -> bool:
    """Whether what is made is a model that is there already: an adapter, a predictor or pipeline of a library around
    one."""
    if made.known is not None and made.known.wraps:
        return True
    text = made.frame.body.tree.text
    for child in arguments(made.step.node, keywords=True) if made.cls is None else ():
        named = child.type == "keyword_argument"
        value = child.child_by_field_name("value") if named else child
        if named and text(child.child_by_field_name("name")) not in ("model", "net", "network"):
            continue
        if value is not None and value.type in ("identifier", "attribute"):
            found = roster.of(Spot(made.frame, value, made.step.order, made.step.guards))
            if any(other.key != made.key for other in found):
                return True
    return False


def _made(roster: Roster, owner: ClassRef, units: frozenset[Unit]) -> list[Standing]:
    """Where the program makes objects of a class: the body around and the conditions."""
    codebase, name = roster.program.codebase, owner.definition.name
    calls = [(path, call) for path, call in codebase.all_calls() if call.written.rpartition(".")[2] == name]
    found = [step_of(codebase, path, call) for path, call in calls if (path, call.symbol) in units]
    return [(at[0], at[1].guards) for at in found if at is not None]


def _apart(ones: list[Standing], others: list[Standing]) -> bool:
    """Whether no run makes both: each place of one excludes each of the other."""
    return bool(ones) and bool(others) and all(exclude([one], [other]) for one in ones for other in others)
