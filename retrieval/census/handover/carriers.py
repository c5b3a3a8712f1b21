"""Kind `carriers`: how the main programs pass context on, in sentences, the widest carriers first.

What is told by itself elsewhere (`travelling`, `stores`, `shared_modules`) is told here in the same words, but only
the first of each.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from retrieval.census.concurrency.queues import queues
from retrieval.census.flow.feedback import feedback
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import is_screen
from retrieval.census.flow.spine import spine_of
from retrieval.census.flow.steps import steps_of
from retrieval.census.handover.agreements import agreements
from retrieval.census.handover.dict_flow import dict_flow
from retrieval.census.handover.handed_fields import handed_fields
from retrieval.census.handover.handed_files import handed_files
from retrieval.census.handover.held_data import held_data
from retrieval.census.handover.kept import attributes_of, used_classes
from retrieval.census.handover.model_bodies import model_bodies
from retrieval.census.handover.model_state import agent_memories, changing_buffers
from retrieval.census.handover.passed_on import SHOWN, bodies_that_pass, places_that_pass, sentence, some
from retrieval.census.handover.relay import relay
from retrieval.census.handover.saved_state import saved_state
from retrieval.census.handover.session_entries import session_entries
from retrieval.census.handover.session_stores import session_stores
from retrieval.census.handover.set_into_parts import set_into_parts
from retrieval.census.handover.shared_files import shared_files
from retrieval.census.handover.shared_modules import shared_modules
from retrieval.census.handover.stores import stores
from retrieval.census.handover.travelling import Traveller, told, travellers
from retrieval.census.language import Query, kind
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.units import own_nodes, units
from retrieval.census.meaning.values import Instance, alternatives
from retrieval.census.meaning.wording import label
from retrieval.census.settings.options_carried import carried_options
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

BODIES, MOST_BODIES, CHAIN, LOOKED, WIDE = 2, 3, 6, 12, 10
EVERYTHING = (
    "entries|fields|arguments|parts|held|queues|state|sessions|loops|modules|travelling|options|stores|dictionaries|files|objects|"
    "globals"
)
Place = tuple[str, int, int]


def _passed_files(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Of what the main programs run: state that is saved and read back, files handed on in one body, files by the
    pattern of their path, then those whose path is returned."""
    reach = reach_of(codebase)
    for search in (saved_state, handed_files, shared_files, relay):
        yield from (hit for hit in search(codebase, query) if hit.role == "source" and reach.has(hit))


def _fed(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Loops that feed back, of functions of one name only the first."""
    seen: set[tuple[str, str]] = set()
    for hit in feedback(codebase, query):
        key = (hit.name, hit.symbol.rpartition(".")[2])
        if key not in seen:
            seen.add(key)
            yield hit


def _parts(codebase: "Codebase", _query: Query) -> Iterator[CensusHit]:
    return set_into_parts(codebase)


_FIRST = {
    "parts": (_parts, 2),
    "modules": (shared_modules, 2),
    "stores": (stores, 2),
    "loops": (_fed, 2),
    "files": (_passed_files, 3),
}


@kind(
    "carriers",
    summary="sentences on how the main programs pass context: arguments, objects, dictionaries, files, state (what=…)",
    example="carriers, or carriers: what=objects|globals",
    reads="python",
    options=("what",),
    ordered=True,
)
def carriers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """The sentences asked for, in the order of `what`; all of them without it."""
    tellers = {
        "places": places_that_pass,
        "dictionaries": _dictionaries,
        "objects": _objects,
        "held": _held,
        "state": _state,
        "models": _models,
        "globals": _globals,
    }
    names = query.options.get("what", EVERYTHING).split("|")
    widest = _widest(codebase) if "travelling" in names else []
    filled = _filled(codebase) if "fields" in names else []
    widest = [item for item in widest if item.cls is None or item.cls[1].symbol not in {hit.name for hit in filled}]
    yield from islice(session_entries(codebase), BODIES) if "entries" in names else ()
    leads = [item for item in widest[:1] if item.sort != "list" and len(item.users) >= WIDE]
    yield from filled
    yield from (told(codebase, item) for item in leads)
    for name in names:
        if name == "sessions":
            yield from session_stores(codebase)
        elif name == "options":
            yield from islice(carried_options(codebase), 1)
        elif name == "arguments":
            yield from bodies_that_pass(codebase, focus_of(codebase))
        elif name == "contracts":
            yield from _contracts(codebase)
        elif name == "queues":
            yield from islice(_queues(codebase), MOST_BODIES)
        elif name == "travelling":
            yield from (told(codebase, item) for item in widest if item not in leads)
        elif name in _FIRST:
            search, most = _FIRST[name]
            yield from islice(search(codebase, Query("", name, (), {})), most)
        elif name in tellers and (hit := tellers[name](codebase, focus_of(codebase))) is not None:
            yield hit


def _filled(codebase: "Codebase") -> list[CensusHit]:
    """The objects whose fields join the most functions, where several functions set what others read."""
    hits = handed_fields(codebase, Query("", "handed_fields", (), {}))
    return list(islice((h for h in hits if int(h.detail["width"]) >= WIDE and int(h.detail["writers"]) > 1), BODIES))


def _contracts(codebase: "Codebase") -> Iterator[CensusHit]:
    """The base classes that most parts of the main programs keep, with the signature of what each part must do."""
    hits = agreements(codebase, Query("", "agreements", (), {"sort": "bases|lists"}))
    for hit in islice((hit for hit in hits if not is_screen(codebase, hit.path)), BODIES):
        yield replace(hit, text=f"One contract for several parts: {hit.text}")


def _queues(codebase: "Codebase") -> Iterator[CensusHit]:
    """Queues of what the main programs run, each with both ends."""
    reach = reach_of(codebase)
    for hit in queues(codebase, Query("", "queues", (), {})):
        if hit.role == "source" and reach.has(hit) and "filled by" in hit.text and "emptied by" in hit.text:
            yield replace(hit, text=f"Items pass from worker to worker through {hit.text}")


def _widest(codebase: "Codebase") -> list[Traveller]:
    """The first travellers: at most two of a sort, three in all, and the first that goes into a model."""
    found: list[Traveller] = []
    for item in travellers(codebase):
        if sum(other.sort == item.sort for other in found) < 2 and len(found) < 3:
            found.append(item)
    entering = next((item for item in travellers(codebase) if item.enters), None)
    return found if entering is None or entering in found else [*found, entering]


def _dictionaries(codebase: "Codebase", _focus: Focus) -> CensusHit | None:
    hits = [hit for hit in dict_flow(codebase, Query("", "dict_flow", (), {})) if hit.detail["readers"] != "0"]
    if not hits:
        return None
    names = dict.fromkeys(f"`{hit.name}` (made by `{hit.detail['maker']}`)" for hit in hits)
    text = f"Dictionaries with string keys that steps return carry several values at once: {some(list(names))}"
    return sentence(codebase, "dictionaries", text, [(hit.path, hit.start, hit.end) for hit in hits])


def _objects(codebase: "Codebase", focus: Focus) -> CensusHit | None:
    """Objects whose attributes change after they are made, those that run models first, screens left out."""
    leading = {frame.receiver or frame.owner for frame in spine_of(focus)[:LOOKED]}
    leading |= {body.frame.owner for body in model_bodies(codebase)}
    first, rest, places = [], [], []
    for cls in used_classes(focus):
        table = {name: value for name, value in attributes_of(focus, cls).items() if value.changes}
        kept = first if cls in leading else rest
        if table and len(kept) < (SHOWN if cls in leading else BODIES) and not is_screen(codebase, cls.path):
            kept.append(f"`{cls.definition.symbol}` ({some([f'`{name}`' for name in table])})")
            spots = [(*at[0], at[0][1]) for value in table.values() for at in value.set_in.values()]
            places = [*spots, *places] if cls in leading else [*places, *spots]
    if not first and not rest:
        return None
    text = f"Objects keep state in attributes from one method call to the next: {some([*first, *rest])}"
    return sentence(codebase, "objects", text, places)


def _held(codebase: "Codebase", _focus: Focus) -> CensusHit | None:
    """Objects that hold data between the calls of one body."""
    found = held_data(codebase)[:BODIES]
    if not found:
        return None
    said = [f"in {body.where} {item.said}" for body, item in found]
    text = f"Objects carry data from call to call within one function: {'; '.join(said)}"
    return sentence(
        codebase, "held", text, [(b.frame.path, n, n) for b, item in found for n in sorted(set(item.lines))]
    )


def _state(codebase: "Codebase", _focus: Focus) -> CensusHit | None:
    """Buffers that models change, and the memories of agents."""
    parts, places = [], []
    for found in islice(changing_buffers(codebase), CHAIN):
        names, methods = (some([f"`{n}`" for n in items]) for items in (found.buffers, found.methods))
        parts.append(f"`{found.name}` keeps {names} in buffers that `{methods[1:-1]}()` changes ({found.path})")
        places += [(path, line, line) for path, line in found.places]
    for memory in islice(agent_memories(codebase), BODIES):
        users = some([f"`{symbol}()`" for symbol in memory.users]) if memory.users else ""
        last = memory.call.name.rpartition(".")[2]
        parts.append(
            f"an agent keeps its conversation in `{last}` ({memory.path})" + (f", used in {users}" if users else "")
        )
        places += [(memory.path, memory.call.start, memory.call.end), *((memory.path, n, n) for n in memory.lines)]
    if not parts:
        return None
    text = "; ".join(parts)
    return sentence(codebase, "state", text[0].upper() + text[1:], places)


def _models(codebase: "Codebase", focus: Focus) -> CensusHit | None:
    """Model objects that several functions use, so that they share one object in memory."""
    found: dict[str, dict[str, None]] = {}
    places: list[Place] = []
    for frame in spine_of(focus)[:LOOKED]:
        for step in steps_of(focus, frame):
            made = frame.value(step.site.step.node, step.site.step.order, step.site.step.guards)
            models = [m for m in alternatives(made) if isinstance(m, Instance) and m.cls in focus.anatomy.models]
            if models and step.takers:
                found.setdefault(label(step.site.target), {}).update(step.takers)
                places.append((frame.path, step.site.step.start, step.site.step.end))
    if not found:
        return None
    shared = [f"what `{name}` gives to {some(list(takers), 4)}" for name, takers in found.items()]
    text = f"Model objects are shared in the memory of one process, passed on as arguments: {'; '.join(shared[:SHOWN])}"
    return sentence(codebase, "models", text, places)


def _globals(codebase: "Codebase", _focus: Focus) -> CensusHit | None:
    """Module variables that functions set with `global`, those of user interfaces last."""
    found: dict[Place, str] = {}
    for unit in units(codebase, r"\bglobal\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, _ in unit.functions():
            nodes = own_nodes(function)
            names = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
            for node in nodes:
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in names:
                    line = unit.row(node.lineno)
                    found.setdefault((unit.path, line, line), f"`{node.id}` of {unit.path}")
    ordered = sorted(found, key=lambda place: is_screen(codebase, place[0]))
    names = list(dict.fromkeys(found[place] for place in ordered))
    if not names:
        return None
    text = f"Functions set {counted(len(names), 'variable')} of modules with `global`: {some(names)}"
    return sentence(codebase, "globals", text, ordered)
