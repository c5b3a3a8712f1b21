"""Kind `modularity`: how far the steps of the main programs can be used on their own, in a sentence with its figures.

Every step is a function or class. What ties one to its surroundings: it takes a whole options
object, it reads a dictionary by keys that another step sets, it reads variables of a module that other modules set,
it makes the models that it runs, or it sets globals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.callgraph import Target, entered
from retrieval.census.focus import Focus, focus_of
from retrieval.census.handoffs import OPTIONS
from retrieval.census.keys import key_uses
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.outside import does
from retrieval.census.prose import counted
from retrieval.census.shared_modules import shared_of
from retrieval.census.spine import spine_of
from retrieval.census.steps import steps_of
from retrieval.census.values import ClassRef
from retrieval.census.wording import label
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

BODIES, SHOWN, LARGELY, PARTLY = 12, 5, 0.25, 0.6
_PLAIN = re.compile(r"(?:typing\.|t\.)?(?:[Ll]ist|[Tt]uple|Sequence|Iterable|str|int|float|bool|bytes)\b")
WORDS = {
    "options": ("takes a whole options object", "take a whole options object"),
    "keys": ("reads a dictionary by keys that other code sets", "read dictionaries by keys that other code sets"),
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


def _judge(focus: Focus, target: Target) -> Judged:
    frame = entered(focus.program, target)
    definition = target.definition
    if frame is None:
        return Judged(target, (), True, bool(definition.docstring))
    names = list(frame.parameters)[1 if frame.owner is not None else 0 :]
    told = frame.definition or definition
    typed = all(frame.parameters[name] for name in names) and (bool(told.returns) or isinstance(target, ClassRef))
    readers = {key for module in shared_of(focus.program.codebase).values() for key in module.readers()}
    ties = [
        ("options", any(_is_options(frame, name) for name in names)),
        ("keys", any(not use.puts for name in names for use in key_uses(focus.program, frame, name, 1))),
        ("shared", (frame.path, frame.symbol) in readers),
        ("models", not focus.in_model(frame) and _makes(focus, frame)),
        ("globals", any(binding.name in frame.body.not_local for binding in frame.body.bindings)),
    ]
    held = tuple(name for name, holds in ties if holds)
    return Judged(target, held, typed, bool(definition.docstring or told.docstring))


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
        f"{word} modular and reusable: of the {counted(total, 'function')} and classes that the main programs call as "
        f"steps, {total - len(tied)} show no tie to their surroundings in their own code"
    )
    text += f"; {len(tied)} are tied to their surroundings: {'; '.join(parts)}" if parts else ""
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
