"""The objects of models that a program makes, each with what holds it, and on which conditions it is there."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.census.flow.starts import LIBRARY, Start
from retrieval.census.flow.ways_in import Bound, Way, bodies, bound_on, ways_in
from retrieval.census.meaning.body import CallStep, Guard
from retrieval.census.meaning.callgraph import entered, reached
from retrieval.census.meaning.feasible import certain, constant
from retrieval.census.meaning.presence import conditions, is_first_use
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.memory.exclusive import behind, exclude, standing
from retrieval.census.memory.lifetimes import ends_with_call
from retrieval.census.models.config_targets import names_class
from retrieval.census.models.instances import deciding, makes
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    from retrieval.census.meaning.callgraph import Site
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

Condition = tuple["Frame", Guard]
Unit = tuple[str, str]
_ASKED = re.compile(r"([A-Za-z_]\w*) is None\b|^not ([A-Za-z_]\w*)$")
MOST_CHOICES, MOST_BODIES = 4, 12
_UNKNOWN = re.compile(r"\[(?![\"'\]])[^\]]*\]")  # a key that is computed


@dataclass(frozen=True)
class Object:
    """One object, or one of several of which the program makes one: all are bound to the same name.

    `stays` says whether something that outlives the call keeps it, None where that is not known.
    """

    made: tuple[Made, ...]
    ways: tuple[Way, ...]  # for each of `made`, the calls that lead to it
    bound: Bound | None
    conditions: tuple[Condition, ...]
    stays: bool | None
    late: bool
    named: bool = False  # there only where a configuration or registry names its class

    @property
    def names(self) -> tuple[str, ...]:
        """The classes or library models that it may be."""
        return tuple(dict.fromkeys(item.name for item in self.made))


def objects_of(roster: Roster, start: Start, models: Iterable[Made], units: frozenset[Unit]) -> list[Object]:
    """The objects of these models that a program makes, in the order in which its calls come to them."""
    groups: dict[object, list[Object]] = {}
    whole = _whole_run(roster, start)
    for made in models:
        if len(roster.at(made.key)) > MOST_CHOICES:  # the configuration names which: what is there is not told by ways
            groups[made.key, made.name] = [Object((made,), ((),), None, (), None, False, True)]
            continue
        for way in ways_in(roster, made, units):
            if _is_of(roster, start, bodies(made, way)[0], _first(made, way)) and makes(roster, made, way):
                item = _object(roster, start, made, way, whole)
                groups.setdefault(item.bound.key if item.bound else made.key, []).append(item)
    return _told(_parted([one for members in _rooted(groups) for one in _joined(members)]))


def _rooted(groups: dict[object, list[Object]]) -> Iterator[list[Object]]:
    """The groups, without those that a variable holds inside the one of several objects that it may be: `net.model`
    beside `net`."""
    whole = {item.bound.key: members for members in groups.values() if (item := members[0]).bound is not None}
    for members in groups.values():
        path, symbol, said = members[0].bound.key if members[0].bound is not None else ("", "", "")
        outer = whole.get((path, symbol, said.partition(".")[0])) if "." in said else None
        outer = outer or (whole.get((path, symbol, said.rpartition(".")[0])) if "." in said else None)
        if outer is not None and outer is not members and all(_exclude(a, b) for a in outer for b in members):
            outer += members
            members.clear()
    yield from (members for members in groups.values() if members)


def _exclude(one: Object, other: Object) -> bool:
    return exclude(standing(one.made[0], one.ways[0]), standing(other.made[0], other.ways[0]))


def _parted(objects: list[Object]) -> list[Object]:
    """With the conditions of early returns: what stands behind one is not there where another model was made before."""
    ways = [[standing(made, way) for made, way in zip(item.made, item.ways, strict=True)] for item in objects]
    told = []
    for index, item in enumerate(objects):
        others = [way for place, found in enumerate(ways) if place != index for way in found]
        asked = [tuple(behind(way, others)) for way in ways[index]]
        more = asked[0] if asked and all(pair == asked[0] for pair in asked) else ()
        told.append(replace(item, conditions=(*item.conditions, *more)) if more else item)
    return told


def _told(objects: list[Object]) -> list[Object]:
    """Without what stands under a key that is not known, where others of its class stand under known ones, and without
    the variable of a function that no call of its own way holds, where another way holds what it makes."""
    held = {made.key for item in objects if item.stays for made in item.made}
    objects = [
        item
        for item in objects
        if item.stays is not None or item.bound is None or any(made.key not in held for made in item.made)
    ]
    known = {(item.names, _container(item)) for item in objects if item.bound and not _UNKNOWN.search(item.bound.said)}
    return [
        item
        for item in objects
        if not (item.bound and _UNKNOWN.search(item.bound.said) and (item.names, _container(item)) in known)
    ]


def _container(item: Object) -> str:
    return item.bound.said.partition("[")[0] if item.bound is not None and "[" in item.bound.said else ""


def _first(made: Made, way: Way) -> int:
    return way[0][1].start if way else made.step.start


def _is_of(roster: Roster, start: Start, outer: "Frame", line: int) -> bool:
    """Whether a way begins in what a program runs: not in the `__main__` block of a file that it imports."""
    guard = roster.program.main_guard(outer.path) if outer.definition is None else None
    inside = guard is not None and guard[0] <= line <= guard[1]
    return not inside or (start.guarded and start.path == outer.path) or (outer.path, "") in start.units


def _object(roster: Roster, start: Start, made: Made, way: Way, whole: frozenset[Unit]) -> Object:
    bound = _keyed(made, way, bound_on(made, way))
    asked = tuple(_conditions(made, way))
    late = any(_is_lazy(frame, guard) for frame, guards in standing(made, way) for guard in guards)
    outer = bodies(made, way)[0]
    owner, _, method = outer.symbol.rpartition(".")
    offered = (outer.path, outer.symbol) in start.units or (outer.path, owner) in start.units
    named = method == "__init__" and not offered and names_class(roster.codebase, owner.rpartition(".")[2])
    named = named or any(_is_open(roster, around, step) for around, step, _target in way)
    return Object((made,), (way,), bound, asked, _stays(roster, start, made, bound, whole), late, named)


def _keyed(made: Made, way: Way, bound: Bound | None) -> Bound | None:
    """A place in a container under a computed key, told by the constant that decides in the body: `models['text']`."""
    place = _UNKNOWN.search(bound.said) if bound is not None else None
    if bound is None or place is None:
        return bound
    told = [constant(made.frame, name, way) for name in deciding(made.frame)]
    key = next((value for value in told if isinstance(value, str)), "")
    return replace(bound, said=bound.said.replace(place[0], f"[{key!r}]")) if key else bound


def _is_open(roster: Roster, around: "Frame", step: CallStep) -> bool:
    """Whether a call may make one of many things, of which a configuration or a registry names one."""
    sites = (site for site in roster.program.sites(around) if site.step.node.id == step.node.id)
    return any(len(site.targets) > MOST_CHOICES for site in sites)


def _stays(roster: Roster, start: Start, made: Made, bound: Bound | None, whole: frozenset[Unit]) -> bool | None:
    if start.name.startswith(LIBRARY):
        return None  # what its functions make is held by those who call them
    if bound is not None and (bound.lasting or (bound.frame.path, bound.frame.symbol) in whole):
        return True
    return False if ends_with_call(roster, made) else None


def _whole_run(roster: Roster, start: Start) -> frozenset[Unit]:
    """The bodies that run as long as a program does: where it starts, and the function to which each of them hands all
    its work with models as the last thing it does."""
    program = roster.program
    making = {(made.frame.path, made.frame.symbol) for made in roster.made}
    found = list(start.units)
    for path, symbol in found if not start.name.startswith(LIBRARY) else ():
        definition = program.definition(path, symbol) if symbol else None
        frame = program.frame(path, definition) if definition is not None or not symbol else None
        if frame is None or (definition is not None and definition.kind == "class") or len(found) > MOST_BODIES:
            continue
        sites = program.sites(frame)
        leading = [site for site in sites if _leads(program, site, making)]
        if len(leading) == 1 and leading[0] is sites[-1] and _hands_on(leading[0]):
            unit = (leading[0].target.path, leading[0].target.definition.symbol)
            found += [unit] if unit not in found else []
    return frozenset(found)


def _leads(program: "Program", site: "Site", making: set[Unit]) -> bool:
    """Whether a call leads to where a model is made."""
    target = site.target
    if isinstance(target, ClassRef):
        inner = [frame for owner in program.line(target) for frame in program.methods(owner, target)]
    else:
        inner = [frame for frame in [entered(program, target)] if frame is not None]
    return any((frame.path, frame.symbol) in making for frame, _ in reached(program, inner))


def _hands_on(site: "Site") -> bool:
    """Whether a call runs one known function of this process, once."""
    looped = any(guard.kind in ("for", "while", "comprehension") for guard in site.step.guards)
    function = isinstance(site.target, FunctionRef) and site.target.receiver is None
    return function and not (looped or site.others or site.handed or site.how)


def _conditions(made: Made, way: Way) -> Iterator[Condition]:
    """What must hold on a way beside what its calls decide by constants, outermost first."""
    for index, (frame, guards) in enumerate(standing(made, way)):
        beside = [guard for guard in guards if is_first_use(guard) and not _is_lazy(frame, guard)]
        for guard in (*conditions(guards), *beside):
            if not certain(frame, guard, way[:index]):
                yield frame, guard


def _is_lazy(frame: "Frame", guard: Guard) -> bool:
    """Whether a condition asks whether the very thing is not there yet that is made under it: no other local name."""
    names = [name for pair in _ASKED.findall(guard.text) for name in pair if name]
    if not is_first_use(guard) or not names:
        return is_first_use(guard)
    local = [n for n in names if n in frame.parameters or (frame.bound(n) and n not in frame.body.not_local)]
    filled = (item.guards for name in local for item in frame.bound(name))
    under = any(other.key == guard.key and other.arm == guard.arm for guards in filled for other in guards)
    return len(local) < len(names) or under or frame.definition is None


def _joined(members: list[Object]) -> Iterator[Object]:
    """What one name holds, once: a container may hold all of them, a variable holds one."""
    members = [item for item in members if not any(_is_given(item, other) for other in members)] or members
    first = members[0]
    if first.bound is None or first.bound.said.endswith("]"):
        once = {item.names: item for item in reversed(members)}
        yield from reversed(once.values())
        return
    made = tuple(made for item in members for made in item.made)
    ways = tuple(way for item in members for way in item.ways)
    asked = first.conditions
    for item in members[1:]:  # a variable that several calls fill has one of them: only what all ask for is asked
        asked = tuple(condition for condition in asked if _place(condition) in map(_place, item.conditions))
    if not asked and all(item.conditions for item in members) and not _are_arms(members):  # the latest call tells
        asked = next((item for item in reversed(members) if item.late), first).conditions
    stays = True if any(item.stays for item in members) else first.stays
    yield Object(made, ways, first.bound, asked, stays, all(item.late for item in members), first.named)


def _is_given(item: Object, other: Object) -> bool:
    """Whether an object is an argument of the call that makes another one, which then holds it."""
    inner, outer = item.made[0].step.node, other.made[0].step.node
    same = item.made[0].frame is other.made[0].frame and inner.id != outer.id
    given = outer.child_by_field_name("arguments")
    return same and given is not None and given.start_byte <= inner.start_byte and inner.end_byte <= given.end_byte


def _are_arms(members: list[Object]) -> bool:
    """Whether objects are made in different arms of one decision, one of which is taken."""
    keys = [{(frame.path, guard.key) for frame, guard in item.conditions} for item in members]
    return bool(set.intersection(*keys))


def _place(condition: Condition) -> tuple[str, int, int]:
    frame, guard = condition
    return frame.path, guard.key, guard.arm
