"""Kind `residency`: which models each program has in memory together, and how long."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.callgraph import reached
from retrieval.census.kept_models import Kept, kept
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.lifetimes import ends_with_call, global_names
from retrieval.census.made_models import Made
from retrieval.census.names import excludes
from retrieval.census.reach import reach_of
from retrieval.census.roster import Roster, roster_of, wrapped
from retrieval.census.spots import Spot
from retrieval.census.starts import Start
from retrieval.census.unloading import acts_of
from retrieval.census.values import ClassRef, External
from retrieval.census.wording import caller
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

MOST_NAMED = 12


@kind(
    "residency",
    summary="for each main program the models it makes, in order, and how long each stays in memory",
    example="residency",
    reads="python",
    ordered=True,
)
def residency(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per main program that makes a model; patterns match the program's name."""
    roster, told = roster_of(codebase), set[tuple[str, ...]]()
    for start in reach_of(codebase).starts:
        made = made_by(roster, start)
        names = tuple(dict.fromkeys(item.name for item in made))
        if names and query.matches(start.name):
            same = names in told
            told.add(names)
            yield _program(codebase, roster, start, made, same)


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


def _program(codebase: "Codebase", roster: Roster, start: Start, made: list[Made], same: bool) -> CensusHit:
    made = [item for item in made if not _wraps(item)] or made
    lasting = [item for item in made if kept(roster, item) or global_names(item.frame, item)]
    handed = [item for item in made if item not in lasting and _is_returned(roster, item)]
    passing = [item for item in made if item not in lasting and _ends(roster, start, item)]
    text = f"{_called(start)} makes {_count(made, whole=not _loads_by_name(roster))}"
    if same:
        text += ", the same as above"
    elif lasting:
        text += f"; objects keep {_listed(roster, lasting)}"
        text += ", which are in memory together" if len({m.name for m in lasting}) > 1 else ""
        dropped = _dropped(codebase, roster, start, lasting)
        text += f" until {', '.join(dropped)}" if dropped else ""
    if handed and not same:
        text += f"; {_names(handed)} {_be(handed)} handed to the caller of {_callers(handed)}"
    if passing and not same:
        text += f"; {_names(passing)} {'lives' if len({m.name for m in passing}) == 1 else 'live'} only while"
        text += f" {_callers(passing)} runs"
    spans = [("made", item.frame.path, item.step.start, item.step.end) for item in made[:MOST_NAMED]]
    return hit_at(
        codebase, start.path, start.lines, symbol="", name=start.name, text=text, related=tuple(dict.fromkeys(spans)),
        detail={"models": str(len({item.name for item in made}))},
    )  # fmt: skip


def _wraps(made: Made) -> bool:
    """Whether what is made is a model that is there already, wrapped: adapters."""
    return made.known is not None and made.known.wraps


def _be(made: list[Made]) -> str:
    return "is" if len({item.name for item in made}) == 1 else "are"


def _ends(roster: Roster, start: Start, made: Made) -> bool:
    """Whether a model certainly ends with what makes it: the call of a function, or the program's own script."""
    return made.frame.path == start.path if made.frame.definition is None else ends_with_call(roster, made)


def _loads_by_name(roster: Roster) -> bool:
    """Whether modules are imported by names that are known only when the program runs."""
    for frame, _depth in roster.frames:
        for step in frame.body.calls:
            if step.written.endswith("import_module"):
                value = frame.callee(step)
                if isinstance(value, External) and value.name == "importlib.import_module":
                    return True
    return False


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


def _count(made: list[Made], *, whole: bool) -> str:
    number = len({item.name for item in made})
    bound = "at least " if not whole else "up to " if _choices(made) else ""
    return f"{bound}{number} model{'s' if number > 1 else ''}"


def _choices(made: list[Made]) -> bool:
    """Whether a condition chooses among the models."""
    return any(_excludes(one, other) for one in made for other in made)


def _excludes(one: Made, other: Made) -> bool:
    """Whether only one of two models is made: in different arms, or by one call that makes one of several classes."""
    same = one.key == other.key and one.name != other.name
    return same or (one.frame is other.frame and excludes(one.step.guards, other.step.guards))


def _names(made: Iterable[Made]) -> str:
    names = list(dict.fromkeys(f"`{item.name}`" for item in made))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _callers(made: Iterable[Made]) -> str:
    return ", ".join(list(dict.fromkeys(caller(item.frame) for item in made))[:3])


def _listed(roster: Roster, made: list[Made]) -> str:
    """ "`FAN` (`KeypointExtractor.detector`)", each model once with the attribute that keeps it; those that stand in
    different arms of one decision as alternatives."""
    groups: dict[object, list[Made]] = {}
    for item in made:
        others = [other for other in made if _excludes(item, other)]
        key = ("one of", item.frame.path, item.frame.symbol) if others else item.name
        groups.setdefault(key, []).append(item)
    shown = [_group(roster, members) for members in groups.values()]
    more = f" and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return ", ".join(shown[:MOST_NAMED]) + more


def _group(roster: Roster, members: list[Made]) -> str:
    places = [place for item in members for place in kept(roster, item)]
    at = next((place for place in places if not place.inside), places[0] if places else None)
    variables = [name for item in members for name in global_names(item.frame, item)]
    held = _attribute(at) if at is not None else next(iter(variables), "")
    where = f" (`{held}`)" if held else ""
    several = len({item.name for item in members}) > 1
    return f"{'one of ' if several else ''}{_names(members)}{where}"


def _attribute(at: Kept) -> str:
    return f"{at.owner.definition.symbol}.{at.name}"


def _is_returned(roster: Roster, made: Made) -> bool:
    """Whether the body that makes a model hands it to its caller."""
    frame = made.frame
    exits = [item for item in frame.body.exits if item.kind in ("return", "yield") and item.value is not None]
    spots = [Spot(frame, item.value, item.order, item.guards, ()) for item in exits if item.value is not None]
    given = [found for spot in spots for found in roster.of(spot)]
    return made in given or any(made in wrapped(roster, found) for found in given)
