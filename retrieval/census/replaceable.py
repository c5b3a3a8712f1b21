"""Kind `replaceable`: how each model of the program is chosen, and what of that can be changed without editing code."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.body import Guard
from retrieval.census.instances import deciding
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.made_models import Made
from retrieval.census.model_entries import CLASSICAL, Entry, entries_of
from retrieval.census.model_sources import sources_of
from retrieval.census.model_summary import main_entries
from retrieval.census.names import excludes
from retrieval.census.plug_ins import Arms, PlugIn, SearchPath, arms, plug_ins, search_paths
from retrieval.census.plugin_contracts import plugin_contracts
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.registries import imports_by_name, looked_up
from retrieval.census.roster import Roster, roster_of
from retrieval.census.wording import caller
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, MOST_CITED = 8, 12
_PATH = re.compile(r"(?i)path|ckpt|checkpoint|weights?|(?:^|_)(?:model|name)(?:_|$)")
_MODEL = re.compile(r"(?i)model|net(?:work)?s?(?:$|_)|arch|backbone|encoder|decoder|tower|detector|recogni[sz]er")
HOW = ("registered", "tabled", "hosted", "injected", "chosen", "pooled", "fixed")
Point = PlugIn | SearchPath | Arms


@kind(
    "replaceable",
    summary="how each model is chosen - registered name, hosted service, parameter, closed condition, fixed class",
    example="replaceable",
    reads="python",
    ordered=True,
)
def replaceable(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """The verdict, then one sentence per way in which models are chosen; patterns match the names of models."""
    roster = roster_of(codebase)
    entries = [e for e in entries_of(codebase) if e.does != CLASSICAL and query.matches(e.name)]
    groups: dict[str, list[Entry]] = {}
    points = _points(codebase)
    for entry in main_entries(entries) if entries else ():
        groups.setdefault(_dispatched(entry, points) or _how(roster, entry), []).append(entry)
    if not groups:
        return
    points = _telling(points, groups)
    contracts = list(plugin_contracts(codebase, parse_query("plugin_contracts")))
    everything = [entry for found in groups.values() for entry in found]
    found_by_name = _lookups(codebase, {(p.path, p.line) for p in points})
    yield _hit(codebase, _verdict(groups, [*_contracts(contracts), *_plugged(points), *found_by_name]), everything)
    for point in points:
        yield hit_at(codebase, point.path, (point.line, point.line), symbol=point.symbol, name="replaceable",
                     text=point.said)  # fmt: skip
    for how in HOW:
        if how in groups:
            yield _hit(codebase, _said(codebase, roster, how, groups[how]), groups[how])
    swaps = _swaps(roster, everything)
    if swaps:
        told = listed([f"{caller(made.frame)} ({made.frame.path})" for made in swaps], SHOWN)
        text = f"While the program runs, {told} can load another model in place of the one that is held"
        first, *rest = swaps
        related = tuple(("swap", made.frame.path, made.step.start, made.step.end) for made in rest[:MOST_CITED])
        yield hit_at(codebase, first.frame.path, (first.step.start, first.step.end), symbol=first.frame.symbol,
                     name="replaceable", text=text, related=related)  # fmt: skip


def _points(codebase: "Codebase") -> list[Point]:
    """Where the main programs import what the user names, put his directories on the path, or choose among modules."""
    reach = reach_of(codebase)
    found: list[Point] = [*plug_ins(codebase), *search_paths(codebase), *arms(codebase)]
    return [
        p for p in found if reach.has(CensusHit(p.path, p.line, p.line, p.symbol, "", ""))
    ]  # fmt: skip


def _dispatched(entry: Entry, points: list[Point]) -> str:
    """ "plugged" for a model out of a module that is imported by name, "listed" for one out of a choice of modules."""
    return next((how for point in points for made in entry.made if (how := _reaches(point, made))), "")


def _reaches(point: Point, made: "Made") -> str:
    if isinstance(point, PlugIn):
        return "plugged" if (made.frame.path, made.step.start) in {(point.path, line) for line in point.uses} else ""
    if isinstance(point, Arms) and made.frame.symbol in point.names:
        place = made.frame.path.removesuffix(".py").replace("/", ".")
        return "listed" if any(f".{place}".endswith(f".{m.lstrip('.')}") for m in point.modules) else ""
    return ""


def _telling(points: list[Point], groups: dict[str, list[Entry]]) -> list[Point]:
    """The points that models come through; directories on the path only beside an import by name."""
    entries = [entry for found in groups.values() for entry in found]
    plugs = [
        p for p in points if isinstance(p, PlugIn) and (
            any(_reaches(p, made) for entry in entries for made in entry.made)
            or any(map(_MODEL.search, (p.symbol, p.named, *p.takes))))
    ]  # fmt: skip
    directories = [p for p in points if isinstance(p, SearchPath)] if plugs else []
    lists = [p for p in points if isinstance(p, Arms) and any(_reaches(p, m) for e in entries for m in e.made)]
    return [*plugs[:3], *directories[:2], *lists[:3]]


def _plugged(points: list[Point]) -> list[str]:
    return [
        f"`{point.symbol}()` takes {listed([f'`{name}`' for name in point.takes], 4)} out of a module that is imported "
        f"by the name in `{point.named}`" for point in points if isinstance(point, PlugIn)
    ]  # fmt: skip


def _swaps(roster: Roster, entries: list[Entry]) -> "list[Made]":
    """The functions that put a model which they are given the path or name of into an attribute or a global."""
    found: dict[tuple[str, str], Made] = {}
    for made in (made for entry in entries for made in entry.made):
        frame, node = made.frame, made.step.node
        if (
            frame.definition is None
            or frame.definition.name == "__init__"
            or not any(map(_PATH.search, frame.parameters))
        ):
            continue
        kept = any(
            b.value is not None and b.value.start_byte <= node.start_byte and node.end_byte <= b.value.end_byte
            and (b.name.startswith("self.") or b.name in frame.body.not_local)
            for b in frame.body.bindings
        )  # fmt: skip
        if kept:
            found.setdefault((frame.path, frame.symbol), made)
    return list(found.values())


def _how(roster: Roster, entry: Entry) -> str:
    if entry.hosted:
        return "hosted"
    if _marks(entry):
        return "registered"
    function = entry.made[0].step.node.child_by_field_name("function")
    if function is not None and function.type == "subscript":
        return "tabled"
    if entry.only:
        return "pooled"
    if any(_closed(roster, made) for made in entry.made):
        return "chosen"
    uses = entry.uses(roster)
    given = bool(uses) and all(sighting.injected for use in uses for sighting in use.seen)
    return "injected" if given else "fixed"


def _closed(roster: Roster, made: "Made") -> bool:
    """Whether conditions over constants decide which class the place makes, one of several or one and an error."""
    if len({other.name for other in roster.at(made.key)}) > 1:
        return True
    guard = _condition(made.step.guards)
    if guard is None:
        return False
    others = (other for other in roster.made if other.frame is made.frame and other.name != made.name)
    apart = any(
        excludes(other.step.guards, made.step.guards)
        or (guard not in other.step.guards and any(g.kind == "past" for g in other.step.guards))
        for other in others
    )
    return apart or any(e.kind == "raise" and any(g.key == guard.key for g in e.guards) for e in made.frame.body.exits)


def _condition(guards: tuple[Guard, ...]) -> Guard | None:
    """The innermost comparison with a constant that an `if` or `match` around a place makes."""
    for guard in reversed(guards):
        compared = "==" in guard.text or " in " in guard.text or "startswith" in guard.text
        if guard.kind == "case" or (
            guard.kind in ("if", "else") and compared and any(mark in guard.text for mark in "\"'.")
        ):
            return guard
    return None


def _contracts(contracts: list[CensusHit]) -> list[str]:
    return [f"modules with the functions of `{hit.name}` are loaded by name" for hit in contracts[:2]]


def _lookups(codebase: "Codebase", told: set[tuple[str, int]]) -> list[str]:
    """What source code looks up by a computed name: modules that it imports, classes it asks a registry for."""
    counts = Counter(
        ".".join(call.name.split(".")[-2:])
        for path, call in codebase.all_calls()
        if codebase.snapshot.by_path[path].role == "source"
        and (path, call.start) not in told
        and (looked_up(call) or imports_by_name(call))
    )
    ranked = sorted(counts.items(), key=lambda item: ("model" not in item[0], -item[1]))
    named = listed([f"`{name}()` ({counted(count, 'place')})" for name, count in ranked], 3)
    return [f"modules or classes are looked up by a computed name with {named}"] if ranked else []


def _verdict(groups: dict[str, list[Entry]], found: list[str]) -> str:
    ways = {
        "registered": "a class registered under a name can be named instead of {}",
        "tabled": "{} come out of a table of classes, which another entry extends",
        "hosted": "the settings say which hosted model stands behind {}",
        "listed": "a name selects the module that {} comes from out of a closed list",
        "injected": "{} come in as parameters, so that what makes them can give others",
    }
    parts = list(found)
    parts += [said.format(_names(groups[how])) for how, said in ways.items() if how in groups]
    closed = [entry for how in ("chosen", "pooled", "fixed") for entry in groups.get(how, ())]
    if not parts:
        return (
            "No interface, registry or plug-in lets one put another class of model in without a change of code; what "
            "can be exchanged is said in the next sentences"
        )
    rest = f". For {_names(closed)} another class needs a change of code" if closed else ""
    return f"{'Partly' if closed else 'Yes'}: {'; '.join(parts)}{rest}"


def _names(entries: list[Entry]) -> str:
    return listed([f"`{entry.name}`" for entry in entries], SHOWN)


def _said(codebase: "Codebase", roster: Roster, how: str, entries: list[Entry]) -> str:
    names, are = _names(entries), "is" if len(entries) == 1 else "are"
    match how:
        case "registered":
            marks = [mark for entry in entries for mark in _marks(entry)]
            return f"{names} {are} registered with `@{marks[0]}(…)` and looked up by that name"
        case "tabled":
            made = entries[0].made[0]
            return f"{names} {are} taken by `{made.step.written}` in {caller(made.frame)} ({made.frame.path})"
        case "hosted":
            return f"{names} {are} called over the network: the model that answers is a name and an address in settings"
        case "injected":
            return f"{names} {are} made in {_makers(entries)} and handed to the code that runs them through parameters"
        case "chosen":
            return f"A closed list in the code: {'; '.join(_conditions(roster, entries))}"
        case "pooled":
            return f"{names} {are} files run by an inference runtime: another file needs the same inputs and outputs"
    weights = [entry for entry in entries if any(source.said for source in sources_of(codebase, roster, entry))]
    text = f"The class of {names} is fixed in {_makers(entries)}"
    return text + (f"; other weights of the same class can be given for {_names(weights)}" if weights else "")


def _marks(entry: Entry) -> list[str]:
    cls = entry.made[0].cls
    return [mark for mark in cls.definition.decorators if "regist" in mark.lower()] if cls is not None else []


def _makers(entries: list[Entry]) -> str:
    return listed(list(dict.fromkeys(f"{caller(e.made[0].frame)} ({e.made[0].frame.path})" for e in entries)), 4)


def _conditions(roster: Roster, entries: list[Entry]) -> list[str]:
    """The models by the body that chooses: "`load()` (a.py) makes `A` or `B` by `kind`, and raises for others"."""
    bodies: dict[tuple[str, str], list[tuple[Entry, Made]]] = {}
    for entry in entries:
        made = next(made for made in entry.made if _closed(roster, made))
        bodies.setdefault((made.frame.path, made.frame.symbol), []).append((entry, made))
    told = []
    for found in bodies.values():
        frame = found[0][1].frame
        guard = _condition(found[0][1].step.guards)
        by = deciding(frame) or ([re.split(r"\s*(?:==| in |\.startswith|` matches)", guard.text)[0]] if guard else [])
        raises = any(e.kind == "raise" and any(g.kind == "else" for g in e.guards) for e in frame.body.exits)
        text = f"{caller(frame)} ({frame.path}) makes {_names([entry for entry, _ in found])}"
        text += f" by `{by[0]}`" if by else ""
        told.append(text + (", and raises an error for anything else" if raises else ""))
    return told[:SHOWN]


def _hit(codebase: "Codebase", text: str, entries: list[Entry]) -> CensusHit:
    places = [("made", e.made[0].frame.path, e.made[0].step.start, e.made[0].step.end) for e in entries[:MOST_CITED]]
    return hit_at(
        codebase, places[0][1], places[0][2:], symbol="", name="replaceable", text=text,
        related=tuple(dict.fromkeys(places[1:])),
    )  # fmt: skip
