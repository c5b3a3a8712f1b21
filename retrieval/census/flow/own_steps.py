"""The steps of one body as a reader wants them: the body that does the work, what it runs in order, in few words."""

import re
from itertools import groupby
from typing import TYPE_CHECKING

from retrieval.census.flow.alternatives import Choices, Named, in_order
from retrieval.census.flow.course_steps import Step, steps_of
from retrieval.census.flow.focus import Focus
from retrieval.census.flow.user_events import trigger_of
from retrieval.census.flow.walk import LOOPS, Mark, runs_model
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.body_events import guards_of
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller, spoken
from retrieval.census.models.outside import Outside
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

WRAPPING, MANY, ASSEMBLED = 5, 24, 10
LISTED, INNER, ROUND = 14, 4, 40
Said = tuple[str, list[Mark]]
"""A sentence and the marks that prove it."""
_WRAPPERS = words(
    """await attribute call parenthesized_expression conditional_expression subscript list_comprehension as_pattern"""
)
_STATEMENTS = words(
    """expression_statement assignment augmented_assignment return_statement with_item for_statement yield"""
)
_LOOP = "\x00"  # around the loop that stands before a step
_IN_LOOP = re.compile(r"\x00([^\x00]*)\x00(`[^`]*`)(?: \(([^)]*)\))?")
_GATHERING = re.compile(r"\.(?:append|extend|add|put)$")


def spine(focus: Focus, first: "Frame", marks: list[Mark]) -> "Frame":
    """The body that does the work: `first`, or what it hands everything to in the only step that leads to models."""
    frame = first
    while True:
        own = [mark for mark in marks if mark.frame is frame and isinstance(mark.event, Site | Outside)]
        below = {
            m.number: [n for n in marks if n.frame is not frame and n.number.startswith(f"{m.number}.")] for m in own
        }
        deep = [number for number, inner in below.items() if inner]
        if len(deep) != 1 or len(own) > WRAPPING or deep[0] != own[-1].number or waits(own[-1]):
            return frame
        if any(leads(focus, mark) for mark in own[:-1]):
            return frame
        frame = below[deep[0]][0].frame


def waits(mark: Mark) -> bool:
    """Whether a mark connects a handler to an event."""
    return isinstance(mark.event, Site) and trigger_of(mark.event.step.guards) is not None


def steps_in(focus: Focus, marks: list[Mark], frame: "Frame") -> tuple[list[str], list[Mark], bool]:
    """What a body runs, in order, each once and alternatives as one; the marks; and whether some were left out."""
    every = [m for m in marks if m.frame is frame and isinstance(m.event, Site | Outside) and not waits(m)]
    every = [mark for mark in every if not _is_detail(focus, mark)] or every
    own = [mark for mark in every if not _prepares(focus, mark)] if len(every) > MANY else every
    own = _work(focus, own) if _assembles(every) else own
    own = own if any(leads(focus, mark) for mark in own) else every
    names: dict[str, Mark] = {}
    for mark in own:
        name = _named(mark)
        names.setdefault(f"{name} again" if _is_again(focus, names, name, mark) else name, mark)
    choices = Choices(marks)
    told = in_order([Named(name, mark, choices.own(mark)) for name, mark in names.items()])
    return _looped(told), own, len(own) < len(every)


def _looped(told: list[str]) -> list[str]:
    """Steps of one loop that follow one another, as one entry: "while `more` {`a()` → `b()`}"."""
    found: list[str] = []
    for loop, group in groupby(told, key=_loop_around):
        steps = list(group)
        if loop and len(steps) > 1:
            steps = [step.replace(f"{_LOOP}{loop}{_LOOP}", "") for step in steps]
            found.append(f"{loop} {{{' → '.join(steps)}}}")
        else:
            found += map(_plain, steps)
    return found


def _is_again(focus: Focus, names: dict[str, Mark], name: str, mark: Mark) -> bool:
    """Whether a model runs once more, in the same circumstances as before and after other steps."""
    if name not in names or next(reversed(names)) == name or not runs_model(focus, mark.event):  # type: ignore[arg-type]
        return False
    return mark.guards == names[name].guards


def _loop_around(said: str) -> str:
    """The loop in which a step stands, or all of several that exclude one another."""
    loops = [match[1] for match in _IN_LOOP.finditer(said)]
    steps = 1 + said.count(" then ") + said.count(", or ")
    return loops[0] if len(set(loops)) == 1 and len(loops) == steps else ""


def _plain(said: str) -> str:
    """A step that stands alone, with its loop behind it: "`a()` (while `more`, on a condition)"."""
    return _IN_LOOP.sub(lambda m: f"{m[2]} ({', '.join(filter(None, (m[1], m[3])))})", said)


def steps_by_number(focus: Focus, marks: list[Mark]) -> dict[str, Step]:
    """The steps of a walk with the models below each, by the numbers of their marks."""
    known: dict[str, Step] = {}
    waiting = steps_of(focus, marks)
    while waiting:
        step = waiting.pop()
        known[step.mark.number] = step
        waiting += step.inner
    return known


def inside(focus: Focus, marks: list[Mark], held: list[Mark], steps: dict[str, Step], left: int = INNER) -> list[Said]:
    """ "`f()` runs a → b": what the one of `held` that runs most models runs, then the same of its heaviest step."""
    runs = {mark.number: set(steps[mark.number].runs) for mark in held if mark.number in steps}
    every = set[str]().union(*runs.values())
    mark = max(held, key=lambda m: len(runs.get(m.number, ())), default=None)
    if (
        mark is None
        or left <= 0
        or not isinstance(mark.event, Site)
        or 2 * len(runs.get(mark.number, ())) <= len(every)
    ):
        return []
    below = [m for m in marks if m.number.startswith((f"{mark.number}.", f"{mark.number}a."))]
    if not below or focus.in_model(below[0].frame):
        return []
    frame = spine(focus, below[0].frame, below)
    told, own, _ = steps_in(focus, below, frame)
    more = f" → and {len(told) - LISTED} more" if len(told) > LISTED else ""
    deeper = inside(focus, marks, own, steps, left - bool(told))
    via = "" if frame is below[0].frame else f" hands the work to {caller(frame)}, which"
    said = f"`{spoken(mark.event)}`{via} runs {' → '.join(told[:LISTED])}{more}"
    return [(said, own), *deeper] if told else deeper


def _assembles(marks: list[Mark]) -> bool:
    """Whether a body makes many objects: the options of a command line, put together before the work begins."""
    return sum(isinstance(m.event, Site) and isinstance(m.event.target, ClassRef) for m in marks) >= ASSEMBLED


def _work(focus: Focus, marks: list[Mark]) -> list[Mark]:
    """The steps that lead to models or leave the program, and those after the last of these."""
    leading = [at for at, mark in enumerate(marks) if leads(focus, mark)]
    return [mark for at, mark in enumerate(marks) if at in leading or at > leading[-1]] if leading else marks


def leads(focus: Focus, mark: Mark) -> bool:
    """Whether a step leads to a model or leaves the program."""
    event = mark.event
    if isinstance(event, Site):
        return bool(focus.models(event) or focus.followed(event))
    return isinstance(event, Outside)


def _is_detail(focus: Focus, mark: Mark) -> bool:
    """Whether a call only gives a piece of another expression, and leads to no model: a text that is translated."""
    event = mark.event
    if not isinstance(event, Site) or event.handed or leads(focus, mark):
        return False
    holder, text = event.step.node.parent, mark.frame.body.tree.text
    while holder is not None:
        call = holder.parent
        given = holder.type == "argument_list" and call is not None
        gathered = given and _GATHERING.search(text(call.child_by_field_name("function")))  # type: ignore[union-attr]
        if holder.type not in _WRAPPERS and not gathered:
            break
        holder = holder.parent
    return holder is None or holder.type not in _STATEMENTS


def _prepares(focus: Focus, mark: Mark) -> bool:
    """Whether a step of a long body only makes an object, and leads to no model."""
    event = mark.event
    return isinstance(event, Site) and isinstance(event.target, ClassRef) and not leads(focus, mark)


def _named(mark: Mark) -> str:
    """A step by its name, with what decides whether and how often it runs; the outermost loop stands before it."""
    event = mark.event
    own = isinstance(event, Site) and not event.base  # a method of a library that runs what a class here overrides
    name = f"`{spoken(event)}`" if own else f"`{event.step.written}()`"  # type: ignore[union-attr, arg-type]
    guards = guards_of(event) if not isinstance(event, Guard) else ()
    kinds = {guard.kind for guard in guards}
    loops = [_round(guard) for guard in guards if guard.kind in LOOPS]
    notes = loops[1:][-1:]
    notes += ["on an error"] if "except" in kinds else ["on a condition"] if kinds - LOOPS else []
    said = f"{name} ({', '.join(notes)})" if notes else name
    return f"{_LOOP}{loops[0]}{_LOOP}{said}" if loops else said


def _round(guard: Guard) -> str:
    """The innermost loop around a step in few words."""
    said = guard.text.partition(" in ")[0] if guard.kind == "for" else guard.text
    words_for = {"for": "for each", "while": "while"}[guard.kind]
    return f"{words_for} `{said}`" if len(said) <= ROUND else "in a loop"
