"""Kind `residency`: which models each program has in memory together, and how long."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.flow.loaded import loaded
from retrieval.census.flow.reach import reach_of, reached_from
from retrieval.census.flow.starts import LIBRARY, Start
from retrieval.census.flow.ways_in import ways_in
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import reached
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.holder_choices import held_by_others, one_of, wraps
from retrieval.census.memory.kept_models import inside, kept
from retrieval.census.memory.kept_sets import kept_together
from retrieval.census.memory.lifetimes import global_names
from retrieval.census.memory.object_devices import devices_said
from retrieval.census.memory.object_sets import is_named, is_told, object_sets, together
from retrieval.census.memory.one_by_one import times
from retrieval.census.memory.residents_said import all_names, names_said, residents, shelf
from retrieval.census.memory.server_memory import server_residents
from retrieval.census.memory.unloading import acts_of
from retrieval.census.memory.working_sets import at_work, ending, made_of
from retrieval.census.models.given_out import given_out
from retrieval.census.models.held_objects import Object, objects_of
from retrieval.census.models.inner_models import parts_said
from retrieval.census.models.made_models import Made, is_served
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.settings.presets import is_off
from retrieval.census.settings.switches import switches_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

LEAST, MOST_NAMED, MOST_CONDITIONS, MOST_PROGRAMS = 2, 12, 3, 5


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
    offered: dict[str, tuple[Start, dict[tuple[str, tuple[str, int]], Made]]] = {}
    for start, made in _programs(codebase, roster, query):
        if start.name.startswith(LIBRARY):
            offered.setdefault(start.name, (start, {}))[1].update({(item.name, item.key): item for item in made})
        else:
            story = _around_sets(codebase, roster, (start, made), _story(codebase, roster, start, made))
            stories.setdefault(story, []).append((start, made))
    for story, programs in sorted(stories.items(), key=lambda row: -len({made.name for made in row[1][0][1]})):
        yield _program(codebase, story, programs)
    yield from _staged(codebase, stories, query)
    for start, items in offered.values():
        made = list(items.values())
        yield _program(codebase, given_out(roster, made), [(start, made)])
    listed_ = [*(models for rows in stories.values() for _, models in rows), *(i.values() for _, i in offered.values())]
    shown = {made.name: made for models in listed_ for made in models}
    for name, made in shown.items():
        if said := parts_said(roster, made):
            lines = (made.step.start, made.step.end)
            yield hit_at(codebase, made.frame.path, lines, symbol=made.frame.symbol, name=name, text=said)


def _programs(codebase: "Codebase", roster: Roster, query: Query) -> Iterator[tuple[Start, list[Made]]]:
    """The main programs with the models that they make, parts of others and wrappers of the same left out."""
    starts = reach_of(codebase).starts
    whole = {path for start in starts for path, symbol in start.units if not symbol}
    for start in starts:
        if start.path in whole and all(symbol for _, symbol in start.units):
            continue  # what a served program runs for one request
        every = made_by(roster, start)
        made = [item for item in every if not _is_part(roster, item)]
        made = [item for item in made if not _belongs(roster, item, every)] or made
        if made and query.matches(start.name):
            yield start, [item for item in made if not wraps(roster, item)] or made


def _around_sets(codebase: "Codebase", roster: Roster, program: tuple[Start, list[Made]], story: str) -> str:
    """The story of a program that works with an object which holds more models than it tells of: the object first."""
    start, made = program
    sets = [hit for hit in object_sets(codebase) if not is_told(hit, story) and is_named(codebase, hit.path, hit.name)]
    run = reached_from(codebase, [start]) if sets else frozenset()
    sets = [hit for hit in sets if (hit.path, f"{hit.name}.__init__") in run]
    if not sets or (len(sets) == 1 and together(story) >= int(sets[0].detail["count"])):
        return story
    inside = {name for hit in sets for name in hit.detail["models"].split(",")}
    names = listed([f"`{hit.name}`" for hit in sets], MOST_NAMED)
    which = f"one of {names}, each" if len(sets) > 1 else f"{names},"
    rest = [item for item in made if item.name not in inside]
    beside = _story(codebase, roster, start, rest) if rest else ""
    stays = kept_together(codebase, sets) if len(sets) > 1 else ""
    told = f"what the object that it works with holds, {which} told below{f'; {stays}' if stays else ''}"
    return f"{told}{f'; beside that {beside}' if beside else ''}"


def _staged(codebase: "Codebase", stories: Iterable[str], query: Query) -> Iterator[CensusHit]:
    """What objects hold that build their stages, where no program's story tells it."""
    told = list(stories)
    for hit in object_sets(codebase):
        if query.matches(hit.name) and not any(is_told(hit, story) for story in told):
            made = is_named(codebase, hit.path, hit.name)
            said = f"`{hit.name}` object, which no program in the repository is seen to make,"
            yield hit if made else replace(hit, text=hit.text.replace(f"`{hit.name}` object", said, 1))


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
    for frame in run_by(roster, start):
        for made in by_frame.get((frame.path, frame.symbol), ()):
            guarded = roster.program.main_guard(frame.path) if frame.definition is None else None
            inside = guarded is not None and guarded[0] <= made.step.start <= guarded[1]
            if not inside or (start.guarded and (frame.path, "") in start.units):
                found.append(made)
    return list({(made.name, made.key): made for made in found}.values())


def run_by(roster: Roster, start: Start) -> "list[Frame]":
    """The bodies that a program runs, the top levels of the modules that it loads and what these call included."""
    program = roster.program
    called = [frame for frame, _ in reached(program, _frames(roster, start))]
    if start.name.startswith(LIBRARY):
        return called
    tops = [program.frame(path, None) for path in loaded(program.codebase, called)]
    more = [frame for frame, _ in reached(program, [top for top in tops if top is not None], imported=True)]
    return list({(frame.path, frame.symbol): frame for frame in (*called, *more)}.values())


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
    frames, served = run_by(roster, start), server_residents(roster, made)
    made = [item for item in made if not is_served(item)]
    units = frozenset((frame.path, frame.symbol) for frame in frames)
    everything = objects = objects_of(roster, start, made, units)
    named = [item for item in objects if item.named]
    working = at_work(objects)
    objects = [item for item in objects if item not in working and not (working and made_of(item, working))]
    staying = [item for item in objects if item.stays or (item.stays is None and _lasts(roster, item))]
    staying = [item for item in staying if not item.named]
    staying = [item for item in staying if not held_by_others(roster, item, units)] or staying
    always = [item for item in staying if not item.conditions]
    chosen = [item for item in staying if item.conditions]
    loose = [item for item in objects if item.stays is not False and item not in staying and not item.named]
    passing = [item for item in objects if item.stays is False and not item.named]
    parts = [served] if served else []
    if always or working:
        chosen += [item for item in working if item.conditions]
        always += [item for item in working if not item.conditions]
        at = devices_said(codebase, always)
        until = ending(working) if working else _until(codebase, always, frames)
        some = "at least " if named or loose else ""
        told = _in_turn(codebase, roster, always)
        told = told or f"{some}{_together(codebase, roster, one_of(roster, always, units), until)}"
        parts.append(f"{told}{f', {at}' if at.startswith('on ') else f'; of these {at}' if at else ''}")
    for words, members in _by_condition(codebase, chosen):
        parts.append(f"{residents(codebase, roster, members)} only if {words}")
    if named:
        parts.append(f"{names_said(named)} only where the configuration names the class")
    if loose:
        parts.append(given_out(roster, list({m.name: m for item in loose for m in item.made}.values())))
    if passing:
        one = len(all_names(passing)) == 1
        parts.append(f"{names_said(passing)} {'lives' if one else 'live'} only while {_callers(passing)} runs")
    said = {name for item in everything for name in item.names}
    if never := [item for item in made if item.name not in said and not ways_in(roster, item, units)]:
        names = listed([f"`{name}`" for name in dict.fromkeys(item.name for item in never)], MOST_NAMED)
        parts.append(f"never {names}, which the constants that the calls give rule out")
    return "; ".join(parts)


def _in_turn(codebase: "Codebase", roster: Roster, objects: list[Object]) -> str:
    """What is in memory at each time where models are deleted before others are made; "" where all are together."""
    found = times(codebase, objects)
    if len(found) < LEAST:
        return ""
    rows = [
        f"{residents(codebase, roster, time.objects)}{f' until {time.until}' if time.until else ''}" for time in found
    ]
    most = max(len(time.objects) for time in found)
    lead = (
        "one model in memory at a time" if most == 1 else f"at most {most} of {len(objects)} models in memory together"
    )
    return f"{lead}, as models are deleted before others are made: first {', then '.join(rows)}"


def _together(codebase: "Codebase", roster: Roster, groups: list[list[Object]], until: str) -> str:
    """How many models there are at a time and which: of a group of several, one."""
    single = [item for group in groups if len(group) == 1 for item in group]
    several = [group for group in groups if len(group) > 1]
    number = len(several) + len({(item.names, item.bound.said if item.bound else "") for item in single})
    told = [residents(codebase, roster, single)] if single else []
    told += [f"one of {residents(codebase, roster, g).replace('one of ', '')}, whichever is made" for g in several]
    most = "at most " if "until `del" in until and number > 1 else ""
    count = "one model in memory" if number == 1 else f"{most}{number} models in memory together"
    return f"{count}: {', and '.join(told)}{until}"


def _until(codebase: "Codebase", objects: list[Object], frames: "list[Frame]") -> str:
    dropped = _dropped(codebase, objects, frames)
    late = [item for item in objects if item.late]
    first = f", {names_said(late)} from the first use on" if late and len(late) < len(objects) else ""
    first = ", from the first use on" if late and len(late) == len(objects) else first
    return first + (f", until {', '.join(dropped)}" if dropped else "")


def _lasts(roster: Roster, item: Object) -> bool:
    return any(kept(roster, made) or global_names(made.frame, made) or shelf(roster, made) for made in item.made)


def _by_condition(codebase: "Codebase", objects: list[Object]) -> Iterator[tuple[str, list[Object]]]:
    """Objects by the innermost condition on which a program has them, most objects first."""
    groups: dict[str, list[Object]] = {}
    for item in objects:
        frame, guard = item.conditions[-1]
        told = switches_of(codebase).conditions(frame, [guard])
        words = told[0].said if told else f"`{guard.text}`" + (" is false" if guard.kind == "else" else "")
        off = ", off by default" if is_off(codebase, frame, (guard,)) else ""
        groups.setdefault(f"{words} in {caller(frame)}{off}", []).append(item)
    listed_ = sorted(groups.items(), key=lambda row: -len(row[1]))
    yield from listed_[:MOST_CONDITIONS]
    if rest := [item for _, members in listed_[MOST_CONDITIONS:] for item in members]:
        yield "other conditions hold", rest


def _called(start: Start) -> str:
    """How a program is called in a sentence."""
    return start.name[0].upper() + start.name[1:] if "`" in start.name else f"`{start.name}`"


def _dropped(codebase: "Codebase", objects: list[Object], frames: "list[Frame]") -> list[str]:
    """The `del` statements of a program that let go of some of its models."""
    run = {(frame.path, frame.symbol) for frame in frames}
    names = {f"`{name}`" for name in all_names(objects)}
    found = [
        f"{act.said.rpartition(': ')[2]} ({act.frame.path}:{act.lines[0]})"
        for act in acts_of(codebase)
        if act.sort in ("delete", "container", "none")
        and (act.frame.path, act.frame.symbol) in run
        and any(name in act.said for name in names)
    ]
    return list(dict.fromkeys(found))


def _callers(objects: Iterable[Object]) -> str:
    return ", ".join(list(dict.fromkeys(caller(made.frame) for item in objects for made in item.made))[:3])
