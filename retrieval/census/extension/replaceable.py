"""Kind `replaceable`: how each model of the program is chosen, and what of that can be changed without editing code."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.extension_points import extension_points
from retrieval.census.extension.plug_ins import Arms, PlugIn, SearchPath, arms, plug_ins, search_paths
from retrieval.census.extension.plugin_contracts import plugin_contracts
from retrieval.census.extension.registries import registry_lookups
from retrieval.census.extension.replacement_verdict import Replacing, names, verdict
from retrieval.census.extension.swap_points import Point
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.swaps import swapped
from retrieval.census.models.closed_choices import Choice, choices
from retrieval.census.models.made_models import Made
from retrieval.census.models.model_entries import CLASSICAL, Entry, entries_of, plain
from retrieval.census.models.model_formats import main_entries
from retrieval.census.models.model_sources import sources_of
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit
from retrieval.roles import is_left

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, MOST_CITED, MOST_CHOICES = 8, 12, 6
_MODEL = re.compile(r"(?i)model|net(?:work)?s?(?:$|_)|arch|backbone|encoder|decoder|tower|detector|recogni[sz]er")
_LAYER = re.compile(
    r"(?:Projection|Proj|Embed(?:ding)?s?|Block|Layer|Norm|Att(?:entio)?n|Conv|M[Ll][Pp]|Pool\w*|Processor)\d*[dD]?$"
)
HOW = ("registered", "tabled", "hosted", "injected", "pooled", "fixed")
SEEN = {"configuration": "named", "registering": "entered", "argument": "given"}
Place = PlugIn | SearchPath | Arms


@kind(
    "replaceable",
    summary="how each model is chosen - configuration, registry, table, parameter, closed condition, fixed class",
    example="replaceable",
    reads="python",
    options=("what",),
    ordered=True,
)
def replaceable(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """The verdict, then the ways without an edit, then what needs one; patterns match the names of models.

    `what=points` leaves the verdict out where there are extension points.
    """
    roster = roster_of(codebase)
    entries = [e for e in entries_of(codebase) if e.does != CLASSICAL and query.matches(e.name)]
    places, (points, aside) = _places(codebase), _standing(codebase)
    closed = _choices(codebase, roster, entries)
    groups: dict[str, list[Entry]] = {}
    for entry in main_entries(entries) if entries else ():
        groups.setdefault(_dispatched(entry, places) or _how(roster, entry, points, closed), []).append(entry)
    if not groups and not points:
        points, aside = aside, []
    if not groups and not points:
        return
    places = _telling(places, groups)
    if query.options.get("what") != "points" or not points:
        loaded = _loaded(codebase, places, points)
        told = Replacing(groups, points, loaded, _builders(closed), aside, _around(groups.get("within", [])))
        everything = [entry for found in groups.values() for entry in found]
        yield _hit(codebase, verdict(told), everything, [(point.path, *point.lines) for point in points])
    yield from (_point_hit(codebase, point) for point in points if point.sort != "subclassing")
    yield from (_place_hit(codebase, place) for place in places)
    yield from (_point_hit(codebase, point) for point in points if point.sort == "subclassing")
    for choice in closed:
        yield _choice_hit(codebase, choice)
    yield from (_point_hit(codebase, point) for point in aside)
    for how in HOW:
        if how in groups and (text := _said(codebase, roster, how, groups[how])):
            yield _hit(codebase, text, groups[how])
    yield from swapped(roster, [entry for found in groups.values() for entry in found])


def _standing(codebase: "Codebase") -> tuple[list[Point], list[Point]]:
    """The points that main programs may run, outside of code that was left behind, and the others."""
    every, reach = extension_points(codebase), reach_of(codebase)

    def stands(point: Point) -> bool:
        return not is_left(point.path) and reach.has(CensusHit(point.path, *point.lines, point.symbol, "", ""))

    main = [point for point in every if stands(point)]
    return main, [point for point in every if point not in main]


def _builders(closed: list[Choice]) -> str:
    """A clause on the functions that choose among a closed list: a new class needs a branch there and nothing else."""
    told = [
        f"`{choice.frame.symbol}()` ({listed([f'`{name}`' for name in choice.names], 3)})"
        for choice in closed
        if choice.frame.symbol and not is_left(choice.frame.path) and len(choice.names) > 1
    ]
    told = list(dict.fromkeys(told))
    return f"one more branch in {listed(told, 3)}" if told else ""


def _places(codebase: "Codebase") -> list[Place]:
    """Where the main programs import what the user names, put his directories on the path, or choose among modules."""
    reach = reach_of(codebase)
    found: list[Place] = [*plug_ins(codebase), *search_paths(codebase), *arms(codebase)]
    return [p for p in found if reach.has(CensusHit(p.path, p.line, p.line, p.symbol, "", ""))]


def _choices(codebase: "Codebase", roster: Roster, entries: list[Entry]) -> list[Choice]:
    """The closed choices that main programs may run, those of whole models first."""
    reach = reach_of(codebase)
    found = [c for c in choices(roster) if reach.has(plain(codebase, c.frame, c.arms[0].made.step.start))]
    whole = {entry.name for entry in entries if not entry.part}
    outside = [c for c in found if not all(map(_LAYER.search, c.names))]
    outside.sort(key=lambda c: (is_left(c.frame.path), not whole & {*c.names}, len({*c.names}) < 2))
    return outside[:MOST_CHOICES]


def _dispatched(entry: Entry, places: list[Place]) -> str:
    """ "plugged" for a model out of a module that is imported by name, "listed" for one out of a choice of modules."""
    return next((how for place in places for made in entry.made if (how := _reaches(place, made))), "")


def _reaches(place: Place, made: Made) -> str:
    if isinstance(place, PlugIn):
        return "plugged" if (made.frame.path, made.step.start) in {(place.path, line) for line in place.uses} else ""
    if isinstance(place, Arms) and made.frame.symbol in place.names:
        module = made.frame.path.removesuffix(".py").replace("/", ".")
        return "listed" if any(f".{module}".endswith(f".{m.lstrip('.')}") for m in place.modules) else ""
    return ""


def _telling(places: list[Place], groups: dict[str, list[Entry]]) -> list[Place]:
    """The places that models come through; directories on the path only beside an import by name."""
    entries = [entry for found in groups.values() for entry in found]
    plugs = [
        p for p in places if isinstance(p, PlugIn) and (
            any(_reaches(p, made) for entry in entries for made in entry.made)
            or any(map(_MODEL.search, (p.symbol, p.named, *p.takes))))
    ]  # fmt: skip
    directories = [p for p in places if isinstance(p, SearchPath)] if plugs else []
    lists = [p for p in places if isinstance(p, Arms) and any(_reaches(p, m) for e in entries for m in e.made)]
    return [*plugs[:3], *directories[:2], *lists[:3]]


def _loaded(codebase: "Codebase", places: list[Place], points: list[Point]) -> list[str]:
    """Clauses on modules that are loaded by name: their contracts, what is taken out of them, registries of others."""
    contracts = list(plugin_contracts(codebase, parse_query("plugin_contracts")))[:2]
    told = [f"modules with the functions of `{hit.name}` are loaded by name" for hit in contracts]
    told += [
        f"`{place.symbol}()` takes {listed([f'`{name}`' for name in place.takes], 4)} out of a module that is imported "
        f"by the name in `{place.named}`" for place in places if isinstance(place, PlugIn)
    ]  # fmt: skip
    known = " ".join(point.said for point in points)
    named = [
        f"`{name}()` ({counted(count, 'place')})"
        for name, count in registry_lookups(codebase)
        if f"`{name.rpartition('.')[0]}`" not in known
    ]
    return [*told, f"classes are looked up by a computed name with {listed(named, 3)}"] if named else told


def _how(roster: Roster, entry: Entry, points: list[Point], closed: list[Choice]) -> str:
    if entry.hosted:
        return "hosted"
    by = next((point.sort for point in points if {entry.name, entry.made[0].frame.symbol} & {*point.models}), "")
    if by and not (by == "registering" and _constructed(entry)):
        return SEEN.get(by, "selected")
    if any(point.sort in SEEN and _inside(roster, entry, point) for point in points):
        return "within"
    if any(_inside(roster, entry, point) for point in points):
        return "selected"
    if _marks(entry) and not _constructed(entry):
        return "registered"
    function = entry.made[0].step.node.child_by_field_name("function")
    if function is not None and function.type == "subscript":
        return "tabled"
    if entry.only:
        return "pooled"
    if any(entry.name in choice.names for choice in closed):
        return "chosen"
    uses = entry.uses(roster)
    given = bool(uses) and all(sighting.injected for use in uses for sighting in use.seen)
    given = given and not {use.frame.path for use in uses} & {made.frame.path for made in entry.made}
    return "injected" if given else "fixed"


def _inside(roster: Roster, entry: Entry, point: Point) -> bool:
    """Whether only classes make a model in whose place, or below whose base, an extension point puts another."""
    owners = [made.frame.owner for made in entry.made]
    return bool(point.holds) and all(
        owner is not None
        and any((cls.path, cls.definition.symbol) in point.holds for cls in roster.program.line(owner))
        for owner in owners
    )


def _around(entries: list[Entry]) -> list[str]:
    """The classes around models that can be replaced whole: "`EasyEngine` (which makes `Reader`)"."""
    made: dict[str, dict[str, None]] = {}
    for entry in entries:
        for owner in (item.frame.owner for item in entry.made):
            if owner is not None:
                made.setdefault(owner.definition.name, {})[f"`{entry.name}`"] = None
    return [f"`{name}` (which makes {listed(list(found), 3)})" for name, found in made.items()]


def _said(codebase: "Codebase", roster: Roster, how: str, entries: list[Entry]) -> str:
    told, are = names(entries), "is" if len(entries) == 1 else "are"
    match how:
        case "registered":
            marks = [mark for entry in entries for mark in _marks(entry)]
            return f"{told} {are} registered with `@{marks[0]}(…)` and looked up by that name"
        case "tabled":
            made = entries[0].made[0]
            by_key = "[" in made.step.written
            where = f"{caller(made.frame)} ({made.frame.path})"
            return f"{told} {are} taken by `{made.step.written}` in {where}" if by_key else ""
        case "hosted":
            return f"{told} {are} called over the network: the model that answers is a name and an address in settings"
        case "injected":
            return f"{told} {are} made in {_makers(entries)} and handed to the code that runs them through parameters"
        case "pooled":
            return f"{told} {are} files run by an inference runtime: another file needs the same inputs and outputs"
    weights = [entry for entry in entries if any(source.said for source in sources_of(codebase, roster, entry))]
    text = f"The class of {told} is fixed in {_makers(entries)}"
    return text + (f"; other weights of the same class can be given for {names(weights)}" if weights else "")


def _marks(entry: Entry) -> list[str]:
    cls = entry.made[0].cls
    return [mark for mark in cls.definition.decorators if "regist" in mark.lower()] if cls is not None else []


def _constructed(entry: Entry) -> bool:
    """Whether a place that makes a class writes its name, also as `REGISTRY.get("Net")`."""
    return any(made.cls is not None and _writes(made, made.cls.definition.name) for made in entry.made)


def _writes(made: Made, name: str) -> bool:
    function = made.step.node.child_by_field_name("function")
    text = made.frame.body.tree.text(function) if function is not None else made.step.written
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text))


def _makers(entries: list[Entry]) -> str:
    return listed(list(dict.fromkeys(f"{caller(e.made[0].frame)} ({e.made[0].frame.path})" for e in entries)), 4)


def _point_hit(codebase: "Codebase", point: Point) -> CensusHit:
    return hit_at(codebase, point.path, point.lines, symbol=point.symbol, name="replaceable", text=point.said,
                  related=point.related)  # fmt: skip


def _place_hit(codebase: "Codebase", place: Place) -> CensusHit:
    lines = (place.line, place.line)
    return hit_at(codebase, place.path, lines, symbol=place.symbol, name="replaceable", text=place.said)


def _choice_hit(codebase: "Codebase", choice: Choice) -> CensusHit:
    lines = [(arm.line, arm.line) for arm in choice.arms]
    related = tuple(("chosen", choice.frame.path, *line) for line in dict.fromkeys(lines[1:]))
    text = f"A closed choice in the code: {choice.said}"
    return hit_at(codebase, choice.frame.path, lines[0], symbol=choice.frame.symbol, name="replaceable", text=text,
                  related=related)  # fmt: skip


def _hit(
    codebase: "Codebase", text: str, entries: list[Entry], others: "list[tuple[str, int, int]] | None" = None
) -> CensusHit:
    made = [(e.made[0].frame.path, e.made[0].step.start, e.made[0].step.end) for e in entries[:MOST_CITED]]
    places: list[tuple[str, int, int]] = list(dict.fromkeys([*(others or []), *made]))
    first, *rest = places
    related = tuple(("made", *place) for place in rest[:MOST_CITED])
    return hit_at(codebase, first[0], first[1:], symbol="", name="replaceable", text=text, related=related)
