"""Kind `modularity`: how far the steps of the main programs can be used on their own, in sentences with their figures.

Every step is a function or class. What ties one to its surroundings: it takes a whole options
object, it reads a dictionary by keys that another step sets, it reads variables of a module that other modules set,
it makes the models that it runs, or it sets globals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.extension.used_interfaces import used_interfaces
from retrieval.census.extension.wiring import kept_interfaces
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.spine import APART, nearness_of, spine_of
from retrieval.census.flow.steps import steps_of
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.handover.shared_modules import shared_of
from retrieval.census.handover.stores import stores_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import Target, entered, reached
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.traces import traces_of
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import label
from retrieval.census.models.attribute_chains import attribute_chains
from retrieval.census.models.outside import does
from retrieval.census.models.roster import roster_of
from retrieval.census.quality.import_cycles import import_cycles
from retrieval.census.quality.same_functions import copied_functions
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

BODIES, SHOWN, PLACES, LONG, LARGELY, PARTLY, COPIES, FEW, PROGRAMS = 12, 5, 20, 150, 0.25, 0.6, 3, 4, 3
_STARTING = re.compile(r"(?:^|\.)(?:parse_args|parse_known_args|from_pretrained|launch|from_config)$")
_PLAIN = re.compile(r"(?:typing\.|t\.)?(?:[Ll]ist|[Tt]uple|Sequence|Iterable|str|int|float|bool|bytes)\b")
WORDS = {
    "options": ("takes a whole options object", "take a whole options object"),
    "keys": ("reads a dictionary by keys that other code sets", "read dictionaries by keys that other code sets"),
    "stores": ("works on state that a module keeps", "work on state that a module keeps"),
    "nested": (
        "is nested in another function and cannot be imported",
        "are nested in others and cannot be imported",
    ),
    "script": ("stands in a file that starts work when imported", "stand in files that start work when imported"),
    "shared": ("reads variables of a module that other code sets", "read variables of a module that other code sets"),
    "reaches": ("reaches into the parts of a concrete model", "reach into the parts of a concrete model"),
    "made": ("uses a model that its module makes at import", "use models that their modules make at import"),
    "models": ("makes or loads a model itself", "make or load models themselves"),
    "globals": ("sets variables of its module", "set variables of their modules"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One step with what ties it to its surroundings (keys of `WORDS`), and how it is described."""

    target: Target
    ties: tuple[str, ...]
    typed: bool
    documented: bool


@kind(
    "modularity",
    summary="a sentence on how far the steps of the main programs can be used on their own, with the figures",
    example="modularity",
    reads="python",
    ordered=True,
)
def modularity(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit for the verdict. Patterns keep steps of these names."""
    focus = focus_of(codebase)
    found: dict[Target, Judged] = {}
    for frame in (*spine_of(focus)[:BODIES], *_first_bodies(focus)):
        for step in steps_of(focus, frame):
            for target in step.site.targets:
                if target not in found and query.matches(target.definition.name) and _is_run(codebase, target):
                    found[target] = _judge(focus, target)
    if found:
        yield _verdict(codebase, list(found.values()), _is_scripted(focus))
    yield from used_interfaces(codebase)
    yield from kept_interfaces(codebase)
    yield from _entangled(codebase, focus)


def _is_run(codebase: "Codebase", target: Target) -> bool:
    """Whether the programs may come to a function: to one that the constants of all callers rule out they do not."""
    return isinstance(target, ClassRef) or reach_of(codebase).runs((target.path, target.definition.symbol))


def _first_bodies(focus: Focus) -> list["Frame"]:
    """Where no body below the starts of the main programs passes results on: these starts, and the bodies below."""
    known = {(frame.path, frame.symbol) for frame in spine_of(focus)}
    found: dict[tuple[str, str], Frame] = {}
    apart = len(known) < FEW and all(nearness_of(focus, frame) == APART for frame in spine_of(focus))
    roots = [root.frame for root in main_roots(focus)[:PROGRAMS]] if apart else []
    for frame, _ in reached(focus.program, roots):
        if (frame.path, frame.symbol) not in known and not focus.in_model(frame):
            found.setdefault((frame.path, frame.symbol), frame)
    return list(found.values())[:BODIES]


def _entangled(codebase: "Codebase", focus: Focus) -> Iterator[CensusHit]:
    """What speaks against reuse beyond single steps: import cycles, and long bodies that hold the hand-overs."""
    parts: list[str] = []
    places: list[tuple[str, int, int]] = []
    for frame in spine_of(focus)[:BODIES]:
        length = frame.definition.end - frame.definition.start + 1 if frame.definition else 0
        if frame.definition and length >= LONG:
            parts.append(f"`{frame.symbol}()` ({frame.path}) holds its hand-overs in one body of {length} lines")
            places.append((frame.path, frame.definition.head_start, frame.definition.head_end))
    parts = parts[:SHOWN]
    if scripts := _scripts(focus):
        joins = "joins its" if len(scripts) == 1 else "join their"
        names = listed(scripts, 4, "`")
        told = f"{counted(len(scripts), 'program')} {joins} steps at the top level, out of reach of imports ({names})"
        parts.insert(0, told)
        places.insert(0, (scripts[0], 1, 1))
    for name, found in copied_functions(codebase)[:SHOWN]:
        parts.append(f"`{name}()` is copied into {counted(len(found), 'module')} instead of shared")
        places += [(path, item.head_start, item.head_end) for path, item in found[:2]]
    cycles = [c for c in import_cycles(codebase) if codebase.snapshot.by_path[c[1][0][1]].role == "source"]
    if cycles:
        verb = "imports" if len(cycles) == 1 else "import"
        parts.append(f"{counted(len(cycles), 'group')} of modules {verb} each other ({' → '.join(cycles[0][0][:4])})")
        places.append(cycles[0][1][0][1:])
    if parts:
        first, *others = (("place", *place) for place in places)
        text = f"Against reuse speaks that {'; '.join(parts)}"
        yield hit_at(codebase, first[1], first[2:], symbol="", name="entangled", text=text, related=tuple(others))


def _is_scripted(focus: Focus) -> bool:
    """Whether half of the programs join their steps at the top level, or share by copying."""
    half = len(_scripts(focus)) * 2 >= min(BODIES, len(spine_of(focus)))
    return half or len(copied_functions(focus.program.codebase)) >= COPIES


def _scripts(focus: Focus) -> list[str]:
    """The files in whose top level the first hand-overs of the main programs stand."""
    return list(dict.fromkeys(frame.path for frame in spine_of(focus)[:BODIES] if not frame.definition))


def _judge(focus: Focus, target: Target) -> Judged:
    frame = entered(focus.program, target)
    definition = target.definition
    if frame is None:
        return Judged(target, (), True, bool(definition.docstring))
    names = list(frame.parameters)[1 if frame.owner is not None else 0 :]
    told = frame.definition or definition
    typed = all(frame.parameters[name] for name in names) and (bool(told.returns) or isinstance(target, ClassRef))
    readers = {key for module in shared_of(focus.program.codebase).values() for key in module.readers()}
    stores = stores_of(focus.program.codebase)
    held = {(s.path, symbol) for s in stores for symbol in s.accessors} | {place for s in stores for place in s.callers}
    ties = [
        ("stores", (frame.path, frame.symbol) in held),
        ("nested", frame.outer is not None and frame.outer.definition is not None),
        ("script", _starts(focus, frame.path)),
        ("options", any(_is_options(frame, name) for name in names)),
        ("keys", (frame.path, frame.symbol) in _by_key(focus.program.codebase)),
        ("shared", (frame.path, frame.symbol) in readers),
        ("reaches", _reaches(focus.program.codebase, target)),
        ("made", _uses_made(focus, frame)),
        ("models", not focus.in_model(frame) and _makes(focus, frame)),
        ("globals", any(binding.name in frame.body.not_local for binding in frame.body.bindings)),
    ]
    found = tuple(name for name, holds in ties if holds)
    return Judged(target, found, typed, bool(definition.docstring or told.docstring))


@once
def _by_key(codebase: "Codebase") -> frozenset[tuple[str, str]]:
    """The functions that read entries of a dictionary, or of the dictionaries in a list, that they are given."""
    return frozenset(t.place for t in traces_of(codebase).traces if t.parameter and (t.read or t.inside))


def _reaches(codebase: "Codebase", target: Target) -> bool:
    """Whether a function, or a method of a class, follows attributes into the parts of a model."""
    symbol = target.definition.symbol
    return any(
        path == target.path and (inner == symbol or (isinstance(target, ClassRef) and inner.startswith(f"{symbol}.")))
        for path, inner in _chained(codebase)
    )


@once
def _chained(codebase: "Codebase") -> frozenset[tuple[str, str]]:
    hits = attribute_chains(codebase, Query("", "attribute_chains", (), {}))
    return frozenset((hit.path, hit.symbol) for hit in hits if hit.symbol)


def _uses_made(focus: Focus, frame: "Frame") -> bool:
    """Whether a body reads a name that the top level of its file binds to a model."""
    return any(
        path == frame.path and not frame.bound(name) and name not in frame.parameters and _reads(frame, name)
        for path, name in _made_at_import(focus.program.codebase)
    )


@once
def _made_at_import(codebase: "Codebase") -> frozenset[tuple[str, str]]:
    made = {(m.frame.path, m.step.start) for m in roster_of(codebase).made if not m.frame.symbol}
    return frozenset(
        (path, name)
        for path, call in codebase.all_calls()
        if not call.symbol and (path, call.start) in made
        for name in call.assigned
        if not program_of(codebase).main_guard(path)
    )


def _reads(frame: "Frame", name: str) -> bool:
    return any(step.written == name or step.written.startswith(f"{name}.") for step in frame.body.calls)


def _starts(focus: Focus, path: str) -> bool:
    """Whether importing a file reads the command line, or makes or loads a model, outside of a test for `__main__`."""
    program = focus.program
    guard = program.main_guard(path)
    top = [c for c in program.facts[path].calls if not c.symbol and not (guard and guard[0] <= c.start <= guard[1])]
    return any(_STARTING.search(call.name) for call in top)


def _is_options(frame: "Frame", name: str) -> bool:
    """Whether a parameter is an object of many options; a list of arguments or a number of flags is not."""
    if not OPTIONS.search(name) or name.endswith("kwargs") or name in ("args_", "params", "flags"):
        return False
    starred = frame.definition is not None and any(p.startswith(f"*{name}") for p in frame.definition.parameters)
    return not starred and not _is_iterated(frame, name) and not _PLAIN.match(frame.parameters[name] or "")


def _is_iterated(frame: "Frame", name: str) -> bool:
    """Whether a body loops over the pairs that a parameter is: the weights of a model with their names, no options."""
    if frame.definition is None:
        return False
    lines = frame.program.snapshot.by_path[frame.path].lines[frame.definition.start - 1 : frame.definition.end]
    pairs = rf"\bfor \w+, ?\w+ in {re.escape(name)}\b(?![.(\[])"
    return any(re.search(pairs, str(line)) for line in lines)


def _makes(focus: Focus, frame: "Frame") -> bool:
    """Whether a body itself makes or loads a model."""
    made = [s for s in focus.program.sites(frame) if isinstance(s.target, ClassRef) and focus.models(s)]
    return bool(made) or any(does(event) == "makes" for event in focus.outside(frame))


def _verdict(codebase: "Codebase", steps: list[Judged], scripted: bool) -> CensusHit:
    """The share of steps without a tie; `scripted` when most programs join their steps at the top level."""
    total = len(steps)
    tied = [step for step in steps if step.ties]
    share = len(tied) / total
    word = "Largely" if share <= LARGELY and not scripted else "Partly" if share <= PARTLY else "Hardly"
    parts = []
    for tie, words in WORDS.items():
        held = [f"`{label(step.target)}`" for step in tied if tie in step.ties]
        if held:
            more = f" and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
            parts.append(f"{len(held)} {words[len(held) > 1]} ({', '.join(held[:SHOWN])}{more})")
    text = (
        f"{word} modular and reusable: of the {total} functions and classes that the main programs call as "
        f"steps, {total - len(tied)} show no tie to their surroundings in their own code"
    )
    text += (
        f"; {len(tied)} {'is tied to its' if len(tied) == 1 else 'are tied to their'} surroundings: {'; '.join(parts)}"
        if parts
        else ""
    )
    text += f". {sum(s.typed for s in steps)} have types on all parameters and the result, "
    text += f"{sum(s.documented for s in steps)} a docstring"
    places = [(s.target.path, s.target.definition.head_start, s.target.definition.head_end) for s in [*tied, *steps]]
    return hit_at(
        codebase,
        places[0][0],
        places[0][1:],
        symbol="",
        name="verdict",
        text=text,
        related=tuple(("step", *place) for place in dict.fromkeys(places[1:])),
        detail={"steps": str(total), "tied": str(len(tied))},
    )
