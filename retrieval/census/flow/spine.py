"""The bodies in which the work of the main programs passes from step to step, and the hand-overs inside them.

A body weighs by the values that its calls take from earlier ones; calls that run a model weigh most, what builds
models, screens and options little. What is reached by name counts, so that computed calls lose no body, but less than
what lies close below the start of a program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import is_screen
from retrieval.census.flow.steps import Step, steps_of
from retrieval.census.handover.handoffs import NAMES, OPTIONS
from retrieval.census.meaning.callgraph import reached
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import label

if TYPE_CHECKING:
    from retrieval.census.flow.focus import Focus
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

RUNS, PLAIN, BUILDS, SCREEN = 3.0, 0.5, 1.0, 0.2
ROOTS, DEEPER, APART, MOST_PLAIN = 8, 0.85, 0.15, 4.0
_KNOWN: Beside[Codebase, list[Frame]] = Beside()
_DEPTHS: Beside[Codebase, dict[tuple[str, str], int]] = Beside()


@dataclass(frozen=True, slots=True)
class HandOver:
    """`value` goes from one of the steps `makers` to the step `taker`, all named as they are called."""

    makers: tuple[str, ...]
    value: str
    taker: str
    line: int
    leading: bool


def spine_of(focus: Focus) -> list[Frame]:
    """The bodies that hand values over, the weightiest first; worked out once."""
    codebase = focus.program.codebase
    if codebase not in _KNOWN:
        depths = _depths(focus)
        weighed = [(_weight(focus, frame) * _nearness(depths, frame), frame) for frame in _bodies(focus)]
        weighed.sort(key=lambda item: (-item[0], item[1].path, item[1].symbol))
        _KNOWN[codebase] = [frame for weight, frame in weighed if weight]
    return _KNOWN[codebase]


def _depths(focus: Focus) -> dict[tuple[str, str], int]:
    """How many calls below the first starts of the main programs a body lies, where the calls are certain."""
    found: dict[tuple[str, str], int] = {}
    for frame, depth in reached(focus.program, [root.frame for root in main_roots(focus)[:ROOTS]]):
        found.setdefault((frame.path, frame.symbol), depth)
    return found


def _nearness(depths: dict[tuple[str, str], int], frame: Frame) -> float:
    depth = depths.get((frame.path, frame.symbol))
    return APART if depth is None else DEEPER**depth


def nearness_of(focus: Focus, frame: Frame) -> float:
    """How much a body counts by its distance from the first starts of the main programs: 1 for a start itself."""
    codebase = focus.program.codebase
    if codebase not in _DEPTHS:
        _DEPTHS[codebase] = _depths(focus)
    return _nearness(_DEPTHS[codebase], frame)


def _bodies(focus: Focus) -> Iterator[Frame]:
    return (frame for frame in hand_over_bodies(focus) if len(focus.program.sites(frame)) > 1)


def hand_over_bodies(focus: Focus, models: bool = False) -> Iterator[Frame]:
    """The bodies of source code that the main programs may run; those of complete models only with `models`."""
    program, reach = focus.program, reach_of(focus.program.codebase)
    for path, facts in program.facts.items():
        if program.snapshot.by_path[path].role != "source":
            continue
        for item in (None, *facts.definitions):
            known = reach.runs((path, item.symbol if item else ""))
            frame = program.frame(path, item) if known and (item is None or item.kind != "class") else None
            if frame is not None and (not focus.in_model(frame) or (models and _is_whole(focus, frame))):
                yield frame


def _is_whole(focus: Focus, frame: Frame) -> bool:
    return frame.owner is not None and focus.anatomy.tier(frame.owner) == "model"


def _weight(focus: Focus, frame: Frame) -> float:
    """The sum over what its steps take, options and settings apart; of steps without a model only a part counts."""
    leading = plain = 0.0
    for step in steps_of(focus, frame):
        taken = sum(_is_data(text) for text, _, _ in step.taken)
        share = _share(focus, step) if taken else 0
        leading += taken * share if share > PLAIN else 0
        plain += taken * share if share == PLAIN else 0
    return (leading + min(plain, MOST_PLAIN)) * (SCREEN if is_screen(focus.program.codebase, frame.path) else 1)


def _share(focus: Focus, step: Step) -> float:
    leads = bool(focus.models(step.site) or focus.followed(step.site))
    if leads:
        return BUILDS if isinstance(step.site.target, ClassRef) else RUNS
    return PLAIN


def _is_data(text: str) -> bool:
    """Whether an argument as written is no options object or part of one, and no name or path."""
    return not any(map(OPTIONS.search, text.split("."))) and not NAMES.search(text.rpartition(".")[2])


def hand_overs(focus: Focus, frame: Frame) -> list[HandOver]:
    """What steps of a body give to a later one, each value and taker once, in order of execution."""
    found: dict[tuple[str, str], HandOver] = {}
    for step in steps_of(focus, frame):
        taker = label(step.site.target)
        for text, _, origins in step.taken if _is_told(step) and _is_data(_short(step)) else ():
            made = [o for o in origins if label(o.site.target) != taker and not isinstance(o.site.target, ClassRef)]
            if made and _is_data(text):
                leading = _share(focus, step) >= RUNS or any(focus.models(o.site) for o in made)
                makers = tuple(dict.fromkeys(label(o.site.target) for o in made))
                found.setdefault((text, taker), HandOver(makers, text, taker, step.site.step.start, leading))
    return list(found.values())


def _short(step: Step) -> str:
    return label(step.site.target).removesuffix("()")


def _is_told(step: Step) -> bool:
    return not isinstance(step.site.target, ClassRef) or len(step.taken) > 1
