"""Models that a body deletes before it makes the next: at each time only some of them are in memory."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.memory.released import Act
from retrieval.census.memory.unloading import acts_of
from retrieval.census.models.held_objects import Object

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


@dataclass(frozen=True, slots=True)
class Time:
    """The objects that are in memory at the same time, and the statement that lets one of them go; "" at the end."""

    objects: tuple[Object, ...]
    until: str


def times(codebase: "Codebase", objects: Sequence[Object]) -> list[Time]:
    """The sets of objects that are in memory together one after the other; one time where none is let go in between."""
    spans = {id(item): _span(codebase, item) for item in objects}
    found: list[Time] = []
    for item in sorted(objects, key=lambda one: spans[id(one)][0]):
        start, path, _act = spans[id(item)]
        alive = [one for one in objects if _is_there(spans[id(one)], (start, path))]
        ends = [act for one in alive if (act := spans[id(one)][2]) is not None]
        first = min(ends, key=lambda act: act.lines[0], default=None)
        found.append(Time(tuple(alive), _said(first) if first is not None else ""))
    whole = [time for time in found if not any(set(time.objects) < set(other.objects) for other in found)]
    return list({time.objects: time for time in whole}.values())


def _span(codebase: "Codebase", item: Object) -> tuple[int, tuple[str, str], Act | None]:
    """The line on which a body makes an object, the body, and what lets it go there; line 0 where no body binds it."""
    bound = item.bound
    if bound is None:
        return 0, ("", ""), None
    body = (bound.frame.path, bound.frame.symbol)
    lines = [
        step.start
        for made, way in zip(item.made, item.ways, strict=True)
        for frame, step in (*((around, step) for around, step, _target in way), (made.frame, made.step))
        if (frame.path, frame.symbol) == body
    ]
    root = re.split(r"[.\[]", bound.said)[0]
    gone = [
        act
        for act in acts_of(codebase)
        if act.sort == "delete" and (act.frame.path, act.frame.symbol) == body and _target(act) == root
    ]
    act = next((act for act in gone if lines and act.lines[0] > max(lines)), None)
    return min(lines, default=0), body, act


def _target(act: Act) -> str:
    return act.said.rpartition("`del ")[2].rstrip("`")


def _is_there(span: tuple[int, tuple[str, str], Act | None], at: tuple[int, tuple[str, str]]) -> bool:
    """Whether an object is in memory when another one is made; of what other bodies make that is always so."""
    start, body, act = span
    line, where = at
    return body != where or (start <= line and (act is None or line < act.lines[0]))


def _said(act: Act) -> str:
    return f"`del {_target(act)}` ({act.frame.path}:{act.lines[0]})"
