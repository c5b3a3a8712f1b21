"""Kind `residency`: which models each program has in memory together, and how long."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.callgraph import reached
from retrieval.census.inner_models import beside_said, parts_said
from retrieval.census.kept_models import Kept, inside, kept
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.lifetimes import ends_with_call, global_names
from retrieval.census.made_models import Made
from retrieval.census.names import excludes
from retrieval.census.presence import Way, conditions, is_first_use, is_met, ways_of
from retrieval.census.reach import reach_of
from retrieval.census.roster import Roster, roster_of
from retrieval.census.shelves import shelves_of
from retrieval.census.starts import Start
from retrieval.census.switches import switches_of
from retrieval.census.unloading import acts_of
from retrieval.census.values import ClassRef
from retrieval.census.wording import caller
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

MOST_NAMED, MOST_CONDITIONS, MOST_PROGRAMS = 12, 4, 5


@kind(
    "residency",
    summary="for each main program the models it has in memory together, on which condition, and until when",
    example="residency",
    reads="python",
    ordered=True,
)
def residency(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per main program that makes a model; patterns match the program's name."""
    roster = roster_of(codebase)
    stories: dict[str, list[tuple[Start, list[Made]]]] = {}
    starts = reach_of(codebase).starts
    whole = {path for start in starts for path, symbol in start.units if not symbol}
    for start in starts:
        if start.path in whole and all(symbol for _, symbol in start.units):
            continue  # what a served program runs for one request
        every = made_by(roster, start)
        made = [item for item in every if not _is_part(roster, item)]
        made = [item for item in made if not _belongs(roster, item, every)] or made
        if made and query.matches(start.name):
            made = [item for item in made if not _wraps(item)] or made
            stories.setdefault(_story(codebase, roster, start, made), []).append((start, made))
    for story, programs in sorted(stories.items(), key=lambda row: -len({made.name for made in row[1][0][1]})):
        yield _program(codebase, story, programs)
    shown = {made.name: made for rows in stories.values() for _, models in rows for made in models}
    for name, made in shown.items():
        if said := parts_said(roster, made):
            lines = (made.step.start, made.step.end)
            yield hit_at(codebase, made.frame.path, lines, symbol=made.frame.symbol, name=name, text=said)


def _is_part(roster: Roster, made: Made) -> bool:
    """Whether a model is only a part of another one, made without weights of its own."""
    loaded = "from_pretrained" in made.step.written or "load" in made.step.written
    return made.cls is not None and not loaded and inside(roster, made)


def _belongs(roster: Roster, made: Made, every: list[Made]) -> bool:
    """Whether a model is only kept by others that the program makes, and told with them."""
    classes = {
        cls for item in every if item.cls is not None and item is not made for cls in roster.program.line(item.cls)
    }
    return inside(roster, made) and any(at.owner in classes for at in kept(roster, made))


def made_by(roster: Roster, start: Start, *, hosted: bool = False) -> list[Made]:
    """The models that a program makes, in the order in which its calls come to them; `hosted` ones when asked for."""
    by_frame: dict[tuple[str, str], list[Made]] = {}
    for made in roster.made:
        if hosted or made.known is None or not (made.known.hosted or made.known.immediate):
            by_frame.setdefault((made.frame.path, made.frame.symbol), []).append(made)
    found: list[Made] = []
    for frame, _depth in reached(roster.program, _frames(roster, start)):
        for made in by_frame.get((frame.path, frame.symbol), ()):
            guarded = roster.program.main_guard(frame.path) if frame.definition is None else None
            inside = guarded is not None and guarded[0] <= made.step.start <= guarded[1]
            if not inside or start.guarded:
                found.append(made)
    return list({(made.name, made.key): made for made in found}.values())


def _frames(roster: Roster, start: Start) -> "list[Frame]":
    program, found = roster.program, []
    for path, symbol in start.units:
        definition = program.definition(path, symbol) if symbol else None
        if definition is not None and definition.kind == "class":
            cls = ClassRef(path, definition)
            found += program.methods(cls, cls)
            continue
        frame = program.frame(path, definition) if definition is not None or not symbol else None
        found += [frame] if frame is not None else []
    return found


def _program(codebase: "Codebase", story: str, programs: list[tuple[Start, list[Made]]]) -> CensusHit:
    start, made = programs[0]
    names = list(dict.fromkeys(_called(start) for start, _ in programs))
    more = f" and {len(names) - MOST_PROGRAMS} more" if len(names) > MOST_PROGRAMS else ""
    spans = [("made", item.frame.path, item.step.start, item.step.end) for item in made[:MOST_NAMED]]
    return hit_at(
        codebase, start.path, start.lines, symbol="", name=start.name, related=tuple(dict.fromkeys(spans)),
        text=f"{', '.join(names[:MOST_PROGRAMS])}{more}: {story}",
        detail={"models": str(len({item.name for item in made}))},
    )  # fmt: skip


def _story(codebase: "Codebase", roster: Roster, start: Start, made: list[Made]) -> str:
    """What stays in memory together, what only on a condition, and what ends with a call."""
    ways = ways_of(roster.program, _frames(roster, start))
    passing = [item for item in made if not _lasts(roster, item) and _ends(roster, item)]
    staying = [item for item in made if item not in passing and (_lasts(roster, item) or _is_script(start, item))]
    loose = [item for item in made if item not in passing and item not in staying]
    chosen_by = {id(item): _conditions(roster, ways, item) for item in staying}
    both = {
        name
        for name in {i.name for i in staying}
        if _in_both_arms([chosen_by[id(i)] for i in staying if i.name == name])
    }
    always = [item for item in staying if not chosen_by[id(item)] or item.name in both]
    chosen = [item for item in staying if item not in always]
    parts = []
    if always:
        together = " in memory together" if len({m.name for m in always}) > 1 else " in memory"
        parts.append(f"{_listed(roster, always)}{together}{_until(codebase, roster, start, always)}")
    for words, members in _by_condition(codebase, chosen_by, chosen):
        parts.append(f"{_listed(roster, members)} only if {words}")
    if loose:
        one = len({m.name for m in loose}) == 1
        parts.append(f"{_names(loose)} {'is' if one else 'are'} made by {_callers(loose)} and handed on")
    if passing:
        one = len({m.name for m in passing}) == 1
        parts.append(f"{_names(passing)} {'lives' if one else 'live'} only while {_callers(passing)} runs")
    frames = [frame for frame, _ in reached(roster.program, _frames(roster, start))]
    beside = beside_said(roster, frames, [item for item in made if item.cls is not None])
    return "; ".join(parts) + beside


def _until(codebase: "Codebase", roster: Roster, start: Start, made: list[Made]) -> str:
    dropped = _dropped(codebase, roster, start, made)
    late = [item for item in made if any(map(is_first_use, item.step.guards))]
    first = f", {_names(late)} from the first use on" if late and len(late) < len(made) else ""
    first = ", from the first use on" if late and len(late) == len(made) else first
    return first + (f", until {', '.join(dropped)}" if dropped else "")


def _lasts(roster: Roster, made: Made) -> bool:
    return bool(kept(roster, made) or global_names(made.frame, made) or _shelf(roster, made))


def _shelf(roster: Roster, made: Made) -> str:
    """The container of a module or class that keeps a model."""
    shelves = shelves_of(roster).by_root.values()
    return next((shelf.written for shelf in shelves if made in shelf.models), "")


def _in_both_arms(ways: list[Way]) -> bool:
    """Whether a model is made in the `if` and in the `else` of one decision, so that there is one either way."""
    last = [way[-1][1] for way in ways if way]
    return any(one.key == other.key and (one.kind, other.kind) == ("if", "else") for one in last for other in last)


def _conditions(roster: Roster, ways: dict[tuple[str, str], Way], made: Made) -> Way:
    """The conditions near a model: where it is made, where that is called, and in constructors on the way."""
    way = ways.get((made.frame.path, made.frame.symbol), ())
    callers = {id(called[0]) for called in roster.tracer.holders.callers(made.frame)}
    near = [row for row in way if id(row[0]) in callers or row[0].symbol.endswith("__init__")]
    own = [(made.frame, guard) for guard in conditions(made.step.guards)]
    return tuple((frame, guard) for frame, guard in (*near, *own) if not is_met(roster, frame, guard))


def _by_condition(codebase: "Codebase", ways: dict[int, Way], made: list[Made]) -> Iterator[tuple[str, list[Made]]]:
    """Models by the innermost condition on which a program has them, most models first."""
    groups: dict[str, list[Made]] = {}
    for item in made:
        frame, guard = ways[id(item)][-1]
        told = switches_of(codebase).conditions(frame, [guard])
        words = told[0].said if told else f"`{guard.text}`" + (" is false" if guard.kind == "else" else "")
        groups.setdefault(f"{words} in {caller(frame)}", []).append(item)
    listed = sorted(groups.items(), key=lambda row: -len(row[1]))
    yield from listed[:MOST_CONDITIONS]
    if rest := [item for _, members in listed[MOST_CONDITIONS:] for item in members]:
        yield "other conditions hold", rest


def _wraps(made: Made) -> bool:
    """Whether what is made is a model that is there already, wrapped: adapters."""
    return made.known is not None and made.known.wraps


def _ends(roster: Roster, made: Made) -> bool:
    """Whether a model certainly ends with the call of the function that makes it."""
    return made.frame.definition is not None and ends_with_call(roster, made)


def _is_script(start: Start, made: Made) -> bool:
    """Whether the program's own script makes the model, which is there until the process ends."""
    return made.frame.definition is None and made.frame.path == start.path


def _called(start: Start) -> str:
    """How a program is called in a sentence."""
    return start.name[0].upper() + start.name[1:] if "`" in start.name else f"`{start.name}`"


def _dropped(codebase: "Codebase", roster: Roster, start: Start, made: list[Made]) -> list[str]:
    """The `del` statements of a program that let go of some of its models."""
    run = {(frame.path, frame.symbol) for frame, _ in reached(roster.program, _frames(roster, start))}
    names = {f"`{item.name}`" for item in made}
    return [
        f"{act.said.rpartition(': ')[2]} ({act.frame.path}:{act.lines[0]})"
        for act in acts_of(codebase)
        if act.sort in ("delete", "container", "none")
        and (act.frame.path, act.frame.symbol) in run
        and any(name in act.said for name in names)
    ]


def _excludes(roster: Roster, one: Made, other: Made) -> bool:
    """Whether only one of two models is made: in different arms, or by one call that makes one of several classes.

    A function that is called from several places may make another one each time.
    """
    if len(roster.tracer.holders.callers(one.frame)) > 1 or _shelf(roster, one):
        return False
    same = one.key == other.key and one.name != other.name
    return same or (one.frame is other.frame and excludes(one.step.guards, other.step.guards))


def _names(made: Iterable[Made]) -> str:
    names = list(dict.fromkeys(f"`{item.name}`" for item in made))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _callers(made: Iterable[Made]) -> str:
    return ", ".join(list(dict.fromkeys(caller(item.frame) for item in made))[:3])


def _listed(roster: Roster, made: list[Made]) -> str:
    """ "`FAN`, `Net` (`Extractor.nets`)", each model once with what keeps it; those that stand in different arms of one
    decision as alternatives."""
    groups: dict[object, list[Made]] = {}
    for item in made:
        others = [other for other in made if _excludes(roster, item, other)]
        key = ("one of", item.frame.path, item.frame.symbol) if others else item.name
        groups.setdefault(key, []).append(item)
    held: dict[str, list[str]] = {}
    for key, members in groups.items():
        names = f"{'one of ' if isinstance(key, tuple) and len({m.name for m in members}) > 1 else ''}{_names(members)}"
        held.setdefault(_holder(roster, members), []).append(names)
    shown = [", ".join(dict.fromkeys(names)) + (f" (`{at}`)" if at else "") for at, names in held.items()]
    more = f" and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return ", ".join(shown[:MOST_NAMED]) + more


def _holder(roster: Roster, members: list[Made]) -> str:
    """The attribute, variable or container that keeps models; "" when none is known."""
    places = [place for item in members for place in kept(roster, item)]
    at = next((place for place in places if not place.inside), places[0] if places else None)
    variables = [name for item in members for name in global_names(item.frame, item)]
    return _attribute(at) if at is not None else next(iter(variables), "") or _shelf(roster, members[0])


def _attribute(at: Kept) -> str:
    return f"{at.owner.definition.symbol}.{at.name}"
