"""Kind `modularity`: how far the steps of the main programs can be used on their own, in sentences with their figures.

Every step is a function or class. What ties one to its surroundings: it takes a whole options
object, it reads a dictionary by keys that another step sets, it reads variables of a module that other modules set,
it makes the models that it runs, or it sets globals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.agreements import agreements
from retrieval.census.callgraph import Target, entered
from retrieval.census.focus import Focus, focus_of
from retrieval.census.handoffs import OPTIONS
from retrieval.census.import_cycles import import_cycles
from retrieval.census.keys import key_uses
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.outside import does
from retrieval.census.prose import counted, listed
from retrieval.census.shared_modules import shared_of
from retrieval.census.spine import spine_of
from retrieval.census.steps import steps_of
from retrieval.census.stores import stores_of
from retrieval.census.values import ClassRef
from retrieval.census.wording import label
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

BODIES, SHOWN, PLACES, LONG, LARGELY, PARTLY = 12, 5, 20, 150, 0.25, 0.6
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
    for frame in spine_of(focus)[:BODIES]:
        for step in steps_of(focus, frame):
            for target in step.site.targets:
                if target not in found and query.matches(target.definition.name):
                    found[target] = _judge(focus, target)
    if found:
        yield _verdict(codebase, list(found.values()))
    yield from _interfaces(codebase)
    yield from _entangled(codebase, focus)


def _interfaces(codebase: "Codebase") -> Iterator[CensusHit]:
    """The interfaces that parts are exchanged at, or that there is none."""
    hits = list(agreements(codebase, Query("", "agreements", (), {})))
    if not hits:
        return
    told = listed([hit.detail["said"] for hit in hits], SHOWN)
    text = f"Parts are exchangeable behind {counted(len(hits), 'common interface')}: {told}"
    related = tuple(("interface", hit.path, hit.start, hit.end) for hit in hits[1:PLACES])
    first = hits[0]
    lines = (first.start, first.end)
    yield hit_at(codebase, first.path, lines, symbol=first.symbol, name="interfaces", text=text, related=related)


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
    cycles = [c for c in import_cycles(codebase) if codebase.snapshot.by_path[c[1][0][1]].role == "source"]
    if cycles:
        verb = "imports" if len(cycles) == 1 else "import"
        parts.append(f"{counted(len(cycles), 'group')} of modules {verb} each other ({' → '.join(cycles[0][0][:4])})")
        places.append(cycles[0][1][0][1:])
    if parts:
        related = tuple(("place", *place) for place in places[1:])
        text = f"Against reuse speaks that {'; '.join(parts)}"
        yield hit_at(codebase, places[0][0], places[0][1:], symbol="", name="entangled", text=text, related=related)


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
        ("keys", any(not use.puts for name in names for use in key_uses(focus.program, frame, name, 1))),
        ("shared", (frame.path, frame.symbol) in readers),
        ("models", not focus.in_model(frame) and _makes(focus, frame)),
        ("globals", any(binding.name in frame.body.not_local for binding in frame.body.bindings)),
    ]
    found = tuple(name for name, holds in ties if holds)
    return Judged(target, found, typed, bool(definition.docstring or told.docstring))


def _starts(focus: Focus, path: str) -> bool:
    """Whether importing a file reads the command line, or makes or loads a model, outside of a test for `__main__`."""
    program = focus.program
    guard = program.main_guard(path)
    top = [c for c in program.facts[path].calls if not c.symbol and not (guard and guard[0] <= c.start <= guard[1])]
    return any(_STARTING.search(call.name) for call in top)


def _is_options(frame: "Frame", name: str) -> bool:
    """Whether a parameter is an object of many options; a list of arguments or a number of flags is not."""
    if not OPTIONS.search(name) or name in ("kwargs", "args_", "params", "flags"):
        return False
    return not _PLAIN.match(frame.parameters[name] or "")


def _makes(focus: Focus, frame: "Frame") -> bool:
    """Whether a body itself makes or loads a model."""
    made = [s for s in focus.program.sites(frame) if isinstance(s.target, ClassRef) and focus.models(s)]
    return bool(made) or any(does(event) == "makes" for event in focus.outside(frame))


def _verdict(codebase: "Codebase", steps: list[Judged]) -> CensusHit:
    total = len(steps)
    tied = [step for step in steps if step.ties]
    share = len(tied) / total
    word = "Largely" if share <= LARGELY else "Partly" if share <= PARTLY else "Hardly"
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
        f"; {len(tied)} {'is' if len(tied) == 1 else 'are'} tied to their surroundings: {'; '.join(parts)}"
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
