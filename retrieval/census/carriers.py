"""Kind `carriers`: how the main programs pass context on, in sentences: arguments, files, objects, globals."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from retrieval.census.contracts import steps_of, working_bodies
from retrieval.census.dict_flow import dict_flow
from retrieval.census.exports import all_frames
from retrieval.census.focus import Focus, focus_of
from retrieval.census.kept import attributes_of, used_classes
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.pipeline import main_roots
from retrieval.census.prose import counted
from retrieval.census.relay import relay
from retrieval.census.shared_modules import shared_modules
from retrieval.census.values import Instance, alternatives
from retrieval.census.wording import caller, label
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

ROOTS, SHOWN, BODIES, MODULES = 3, 8, 3, 2
Place = tuple[str, int, int]


@kind(
    "carriers",
    summary="sentences on how the main programs pass context: arguments, dictionaries, files, objects (what=…)",
    example="carriers, or carriers: what=objects|globals",
    reads="python",
    options=("what",),
    ordered=True,
)
def carriers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """At most two sentences on shared modules, then one each on arguments, dictionaries and so on."""
    tellers = {
        "arguments": _arguments,
        "dictionaries": _dictionaries,
        "files": _files,
        "objects": _objects,
        "models": _models,
        "globals": _globals,
    }
    wanted = query.options.get("what", "|".join(("modules", *tellers))).split("|")
    if "modules" in wanted:
        yield from islice(shared_modules(codebase, Query("", "shared_modules", (), {})), MODULES)
    for name, teller in tellers.items():
        told = teller(codebase, focus_of(codebase)) if name in wanted else None
        if told is not None:
            yield told


def _sentence(codebase: "Codebase", name: str, text: str, places: Sequence[Place]) -> CensusHit:
    path, first, last = places[0]
    related = tuple(("place", *place) for place in dict.fromkeys(places[1:]))
    return hit_at(codebase, path, (first, last), symbol="", name=name, text=text, related=related)


def _arguments(codebase: "Codebase", focus: Focus) -> CensusHit | None:
    """How many steps of the first working bodies take what earlier ones gave."""
    parts, places = [], []
    for frame in working_bodies(focus, main_roots(focus)[:1]):
        steps = steps_of(focus, frame)
        taking = [step for step in steps if step.taken]
        if len(taking) > 1 and len(parts) < BODIES:
            where = f" ({frame.path})" if frame.definition else ""
            parts.append(f"{len(taking)} of {len(steps)} in {caller(frame)}{where}")
            places += [(frame.path, step.site.step.start, step.site.step.end) for step in taking]
    if not parts:
        return None
    text = (
        "Context is passed by direct calls: results are bound to local variables and given to later calls as "
        f"arguments. Calls of repository code that take what an earlier call gave: {_listed(parts)}"
    )
    return _sentence(codebase, "arguments", text, places)


def _dictionaries(codebase: "Codebase", _focus: Focus) -> CensusHit | None:
    hits = [hit for hit in dict_flow(codebase, Query("", "dict_flow", (), {})) if hit.detail["readers"] != "0"]
    if not hits:
        return None
    names = dict.fromkeys(f"`{hit.name}` (made by `{hit.detail['maker']}`)" for hit in hits)
    text = f"Dictionaries with string keys carry several values at once: {_listed(list(names))}"
    return _sentence(codebase, "dictionaries", text, [(hit.path, hit.start, hit.end) for hit in hits])


def _files(codebase: "Codebase", _focus: Focus) -> CensusHit | None:
    hits = list(relay(codebase, Query("", "relay", (), {})))
    if not hits:
        return None
    pairs = dict.fromkeys(f"{' → '.join(f'`{name}`' for name in hit.name.split(' -> '))}" for hit in hits)
    text = f"A step returns the path of a file that it wrote, and a later step reads the file: {_listed(list(pairs))}"
    return _sentence(codebase, "files", text, [(hit.path, hit.start, hit.end) for hit in hits])


def _objects(codebase: "Codebase", focus: Focus) -> CensusHit | None:
    """Objects whose attributes change after they are made."""
    parts, places = [], []
    for cls in used_classes(focus):
        table = {name: value for name, value in attributes_of(focus, cls).items() if value.changes}
        if table and len(parts) < SHOWN:
            parts.append(f"`{cls.definition.symbol}` ({_listed([f'`{name}`' for name in table])})")
            places += [(cls.path, v[0], v[0]) for value in table.values() for v in value.set_in.values()]
    if not parts:
        return None
    text = f"Objects that keep changing state in attributes between method calls: {_listed(parts)}"
    return _sentence(codebase, "objects", text, places)


def _models(codebase: "Codebase", focus: Focus) -> CensusHit | None:
    """Model objects that several functions use, so that they share one object in memory."""
    found: dict[str, dict[str, None]] = {}
    places: list[Place] = []
    for frame in working_bodies(focus, main_roots(focus)[:ROOTS]):
        for step in steps_of(focus, frame):
            made = frame.value(step.site.step.node, step.site.step.order, step.site.step.guards)
            models = [m for m in alternatives(made) if isinstance(m, Instance) and m.cls in focus.anatomy.models]
            if models and step.takers:
                found.setdefault(label(step.site.target), {}).update(step.takers)
                places.append((frame.path, step.site.step.start, step.site.step.end))
    if not found:
        return None
    told = [f"what `{name}` gives to {_listed(list(takers), 4)}" for name, takers in found.items()]
    text = f"Model objects are shared in the memory of one process, passed on as arguments: {'; '.join(told[:SHOWN])}"
    return _sentence(codebase, "models", text, places)


def _globals(codebase: "Codebase", focus: Focus) -> CensusHit | None:
    """Module variables that functions set with `global`."""
    names: dict[str, None] = {}
    places: list[Place] = []
    for frame, _ in all_frames(focus.program):
        for binding in frame.body.bindings:
            held = frame.symbol and "." not in binding.name and binding.name in frame.body.not_local
            if held and not _is_around(frame, binding.name) and codebase.snapshot.by_path[frame.path].role == "source":
                names[f"`{binding.name}` of {frame.path}"] = None
                places.append((frame.path, binding.line, binding.line))
    if not names:
        return None
    text = f"Functions set {counted(len(names), 'variable')} of modules with `global`: {_listed(list(names))}"
    return _sentence(codebase, "globals", text, places)


def _is_around(frame: "Frame", name: str) -> bool:
    """Whether a function around this one binds the name, which `nonlocal` then means."""
    outer = frame.outer
    while outer is not None and outer.definition is not None:
        if outer.bound(name) or name in outer.parameters:
            return True
        outer = outer.outer
    return False


def _listed(names: list[str], most: int = SHOWN) -> str:
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
