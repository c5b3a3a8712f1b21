"""Which methods the call of a held model enters: `self.model(…)` in a stage that is made with `model=self.layout`.

The objects that the stage is made with are of the classes that their attributes are set to, or of any class of the type
that a factory says it gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.memory.stage_sets import classes_given
from retrieval.census.models.held_models import HeldRun, runs_held_model
from retrieval.census.models.roster import roster_of

if TYPE_CHECKING:
    from retrieval.census.models.roster import Roster
    from retrieval.codebase import Codebase

Place = tuple[str, str]  # path, symbol
Call = tuple[Place, int, str]  # the body, the line and what is written


@once
def held_calls(codebase: Codebase) -> tuple[tuple[Place, Call], ...]:
    """The bodies that calls on held models enter, each with the call, for methods that have a handler."""
    roster, found = roster_of(codebase), dict[tuple[Place, Call], None]()
    methods = {(path, fact.symbol) for path, fact in codebase.all_facts("catch") if "." in fact.symbol}
    for place in sorted(methods):
        run = runs_held_model(codebase, place) if codebase.snapshot.by_path[place[0]].role == "source" else None
        for inner in _entered(roster, run) if run is not None else ():
            found[inner, (_around(codebase, run, place), run.line, run.call)] = None  # type: ignore[union-attr]
    return tuple(found)


def _around(codebase: Codebase, run: HeldRun, place: Place) -> Place:
    """The method in which the call of a held model stands."""
    listed = codebase.facts[run.path].definitions
    inside = [d for d in listed if d.kind != "class" and d.start <= run.line <= d.end]
    return (run.path, max(inside, key=lambda d: d.start).symbol) if inside else place


def _entered(roster: Roster, run: HeldRun) -> list[Place]:
    program, name = roster.program, run.call.split(".")[2] if run.call.count(".") > 1 else "__call__"
    found: dict[Place, None] = {}
    for (path, line), (_maker, given) in zip(run.places, run.given, strict=True):
        for cls in _classes(roster, (path, line), given):
            method = program.method(cls, name)
            target = FunctionRef(method[0].path, method[1], method[0], cls) if method is not None else None
            frame = entered(program, target) if target is not None else None
            if frame is not None:
                found[frame.path, frame.symbol] = None
    return list(found)


def _classes(roster: Roster, place: tuple[str, int], given: str) -> list[ClassRef]:
    """The classes of an attribute that an object is made with: `self.layout_model`."""
    program, (path, line) = roster.program, place
    inside = [d for d in program.facts[path].definitions if d.kind != "class" and d.start <= line <= d.end]
    frame = program.frame(path, max(inside, key=lambda d: d.start)) if inside else None
    own, dot, name = given.partition(".")
    made = program.named_class(path, given.partition("(")[0]) if "(" in given else None
    if made is not None:
        return [made]
    if frame is None or frame.owner is None or not dot or "." in name or own != next(iter(frame.parameters), ""):
        return []
    bound = roster.tracer.holders.attribute(frame.owner, name)
    spots = [Spot(around, b.value, b.order, b.guards) for around, b in bound if b.value is not None]
    return list(dict.fromkeys(cls for spot in spots for cls in classes_given(roster, spot)))
