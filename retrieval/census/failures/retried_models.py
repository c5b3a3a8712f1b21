"""Whether model runs are tried again: which of the retries of a codebase have a run of a model in what they repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.callgraph import entered, reached
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import arguments
from retrieval.census.models.asking import asked, asking_units
from retrieval.census.models.touches import touches_of, ways
from retrieval.census.settings.switches import circumstances_of, proof

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase
    from retrieval.facts import CensusHit

LEAST_GIVEN, DEEPEST = 3, 4


def of_models(codebase: Codebase, retries: Iterable[CensusHit]) -> list[CensusHit]:
    """The retries that repeat a run of a model that is in this process, there or in what they call for certain."""
    return [hit for hit in retries if _runs(codebase, hit)]


def of_requests(codebase: Codebase, retries: Iterable[CensusHit]) -> list[CensusHit]:
    """The retries that repeat a request to a model behind a service, there or in what they call."""
    asking, program = asking_units(codebase), program_of(codebase)
    found = []
    for hit in retries if asking else ():
        definition = program.definition(hit.path, hit.symbol) if hit.symbol else None
        frame = program.frame(hit.path, definition) if definition is not None else None
        sites = [s for s in program.sites(frame) if hit.start <= s.step.start <= hit.end] if frame is not None else []
        bodies = [body for site in sites for target in site.targets if (body := entered(program, target)) is not None]
        inner = {(body.path, body.symbol) for body, _ in reached(program, bodies, depth=DEEPEST)}
        here = any(a.path == hit.path and hit.start <= a.start <= hit.end for a in asked(codebase))
        found += [hit] if here or inner & asking else []
    return found


def repeating_themselves(codebase: Codebase) -> list[CensusHit]:
    """Functions that run a model and call themselves with what they were given: the same work once more."""
    program, found = program_of(codebase), []
    for (path, symbol), touches in touches_of(codebase).items():
        definition = program.definition(path, symbol) if symbol else None
        frame = program.frame(path, definition) if definition is not None and definition.kind != "class" else None
        if frame is None or not any(touch.does == "runs" and _is_local(touch.model) for touch in touches):
            continue
        for site in program.sites(frame):
            own = site.target.path == path and site.target.definition.symbol == symbol
            if own and _is_given_the_same(frame, site.step):
                when, behind = circumstances_of(codebase, frame, site.step.guards)
                text = f"`{symbol}()`, which runs a model, calls itself again with what it was given{when}"
                lines = (site.step.start, site.step.end)
                found.append(
                    hit_at(codebase, path, lines, symbol=symbol, name=symbol, text=text, related=proof(behind))
                )
    return found


def _is_given_the_same(frame: Frame, step: CallStep) -> bool:
    """Whether most arguments of a call are parameters of the body around it, as they came in."""
    given = [
        child.child_by_field_name("value") if child.type == "keyword_argument" else child
        for child in arguments(step.node, keywords=True)
    ]
    kept = [node for node in given if node is not None and frame.body.tree.text(node) in frame.parameters]
    return len(given) >= LEAST_GIVEN and len(kept) * 4 >= len(given) * 3


def _runs(codebase: Codebase, hit: CensusHit) -> bool:
    program = program_of(codebase)
    definition = program.definition(hit.path, hit.symbol) if hit.symbol else None
    frame = program.frame(hit.path, definition) if definition is not None or not hit.symbol else None
    whole = definition is not None and hit.start <= definition.head_start <= hit.end  # a decorator repeats all of it
    first, last = (definition.start, definition.end) if definition is not None and whole else (hit.start, hit.end)
    here = touches_of(codebase).get((hit.path, hit.symbol), ())
    if any(touch.does == "runs" and _is_local(touch.model) and first <= touch.line <= last for touch in here):
        return True
    sites = program.sites(frame) if frame is not None else ()
    inside = [site for site in sites if first <= site.step.start <= last]
    bodies = [body for site in inside for target in site.targets if (body := entered(program, target)) is not None]
    return any(way.touch.does == "runs" and _is_local(way.touch.model) for way in ways(codebase, bodies))


def _is_local(model: str) -> bool:
    return not model.endswith("(hosted)")
