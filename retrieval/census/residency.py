"""Kinds `residency` and `model_deletes`: which models each program has in memory together, and where one is let go."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from retrieval.census.callgraph import reached
from retrieval.census.kept_models import Kept, kept
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.lifetimes import ends_with_call, global_names
from retrieval.census.made_models import Made
from retrieval.census.names import excludes
from retrieval.census.reach import reach_of
from retrieval.census.roster import Roster, roster_of, wrapped
from retrieval.census.spots import Spot
from retrieval.census.starts import Start
from retrieval.census.values import ClassRef, External
from retrieval.census.wording import caller
from retrieval.facts import CensusHit, Fact

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

MOST_NAMED, MOST_HELD = 12, 6
_HELD: "WeakKeyDictionary[Roster, dict[ClassRef, list[Made]]]" = WeakKeyDictionary()


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
        f"`del {hit.name}` ({hit.path}:{hit.start})"
        for hit in model_deletes(codebase, parse_query("model_deletes"))
        if (hit.path, hit.symbol) in run and any(name in hit.text for name in names)
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


@kind(
    "model_deletes",
    summary="`del` statements on models and on objects that hold models, with what they hold",
    example="model_deletes",
    reads="python",
)
def model_deletes(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per deleted name; patterns match the name as written."""
    roster = roster_of(codebase)
    for path, fact in codebase.all_facts("delete"):
        if not query.matches(fact.name):
            continue
        what = _deleted(roster, path, fact)
        if what:
            text = f"`del {fact.name}` deletes {what}"
            yield hit_at(codebase, path, (fact.start, fact.end), symbol=fact.symbol, name=fact.name, text=text)


def _deleted(roster: Roster, path: str, fact: Fact) -> str:
    """What the deleted name holds, in words; "" when that is no model."""
    program, holders = roster.program, roster.tracer.holders
    frame = program.frame(path, program.definition(path, fact.symbol) if fact.symbol else None)
    if frame is None or "[" in fact.name:
        return ""
    own, dot, name = fact.name.partition(".")
    members = holders.attribute(frame.owner, name) if dot and frame.owner is not None and own == "self" else []
    bound = members or [(frame, binding) for binding in holders.bindings(frame, fact.name)]
    for around, binding in bound:
        if binding.value is None:
            continue
        spot = Spot(around, binding.value, binding.order, binding.guards)
        if made := roster.of(spot):
            return f"the model {_names(made)}"
        for cls in roster.tracer.classes(spot):
            if held := held_by(roster, cls):
                return f"a `{cls.definition.symbol}` object, which holds {_names(held)}"
    return ""


def held_by(roster: Roster, cls: ClassRef) -> list[Made]:
    """The models that objects of a class hold, directly and through the objects they hold."""
    if roster not in _HELD:
        table: dict[ClassRef, list[Made]] = {}
        for made in roster.made:
            for at in kept(roster, made):
                table.setdefault(at.owner, []).append(made)
        _HELD[roster] = table
    return list(dict.fromkeys(_held(roster, cls, 3)))


def _held(roster: Roster, cls: ClassRef, depth: int) -> list[Made]:
    found = list(_HELD[roster].get(cls, ()))
    for frame in roster.program.methods(cls) if depth else ():
        own = f"{next(iter(frame.parameters))}."
        for binding in frame.body.bindings:
            if binding.name.startswith(own) and binding.value is not None and binding.value.type == "call":
                spot = Spot(frame, binding.value, binding.order, binding.guards)
                inner = roster.tracer.constructed(spot)
                found += _held(roster, inner, depth - 1) if inner is not None and inner != cls else []
    return found
