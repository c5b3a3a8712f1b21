"""Coroutines that run at the same time in an event loop: given to `gather`, or made tasks in a loop.

Only those that run a model, or ask one behind a service, are told. They take turns in one thread: requests are on
their way at the same time, a model of the process itself holds the others up while it computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.concurrency.worker_numbers import is_many
from retrieval.census.concurrency.workers import step_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.callgraph import entered, possible, reached, site_at
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import FunctionRef, alternatives
from retrieval.census.models.asking import asking_units
from retrieval.census.models.touches import ways
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

DEEPEST = 6
_TOGETHER = words("gather as_completed wait")
_SINGLE = words("create_task ensure_future start_soon")


@once
def gathered_tasks(codebase: Codebase) -> tuple[CensusHit, ...]:
    """One hit per call and coroutine function; `detail["asks"]` is "yes" where it only asks models behind a service."""
    return tuple(_found(codebase))


def _found(codebase: Codebase) -> Iterator[CensusHit]:
    program, asking, seen = program_of(codebase), asking_units(codebase), set[tuple[str, str, str]]()
    for path, call in codebase.all_calls():
        last = call.name.rpartition(".")[2]
        if last not in _TOGETHER | _SINGLE or codebase.resolve_call(path, call) is not None:
            continue
        if last in _TOGETHER and not call.name.startswith("asyncio."):
            continue
        at = step_of(codebase, path, call)
        if at is None or not (last in _TOGETHER or is_many(codebase.facts[path].calls, call, at)):
            continue
        for target in dict.fromkeys(_coroutines(at[0], at[1])):
            place = (path, call.symbol, target.definition.symbol)
            body = entered(program, target)
            if body is None or place in seen:
                continue
            seen.add(place)
            runs = [way for way in ways(codebase, [body]) if way.touch.does == "runs"]
            inner = {(frame.path, frame.symbol) for frame, _ in reached(program, [body], depth=DEEPEST)}
            if runs or inner & asking:
                asks = bool(inner & asking) or all(way.touch.model.endswith("(hosted)") for way in runs)
                name = target.definition.symbol
                yield hit_at(
                    codebase, path, (call.start, call.end), symbol=call.symbol, name=call.name,
                    text=f"`{name}()` several times as tasks of one event loop in `{call.symbol}()`",
                    related=(("definition", body.path, target.definition.start, target.definition.end),),
                    detail={"asks": "yes" if asks else "no", "runs": name},
                )  # fmt: skip


def _coroutines(frame: Frame, step: CallStep) -> Iterator[FunctionRef]:
    """The functions whose coroutines a call is given, in lists and in what a name was bound to as well."""
    for node in arguments(step.node):
        yield from _called(frame, step, node)
        name = frame.body.tree.text(node).lstrip("*")
        for binding in frame.bound(name) if name.isidentifier() else ():
            if binding.value is not None:
                yield from _called(frame, step, binding.value)


def _called(frame: Frame, step: CallStep, node: Node) -> Iterator[FunctionRef]:
    for inner in (node, *descendants(node)):
        function = inner.child_by_field_name("function") if inner.type == "call" else None
        for value in alternatives(frame.value(function, step.order)) if function is not None else ():
            if isinstance(value, FunctionRef) and value.definition.is_async:
                site = site_at(frame.program, step, value)
                yield from (
                    (t for t in possible(frame.program, site) if isinstance(t, FunctionRef)) if site else (value,)
                )
