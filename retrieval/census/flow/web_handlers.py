"""Functions that a web server or a user interface calls, in threads of its own, and that reach a run of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import TOOLKITS
from retrieval.census.flow.served import served_entries
from retrieval.census.flow.user_events import is_event
from retrieval.census.language import hit_at
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.models.touches import places, told, ways
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_NAMED = 4


@once
def web_handlers(codebase: Codebase) -> tuple[CensusHit, ...]:
    """One hit per handler that runs a model, those of the main programs first. `detail["loop"]` is "yes" for `async`
    functions, which run in the event loop itself."""
    found: dict[str, CensusHit] = {}  # the first of each name, as programs of one kind repeat them
    for frame in _handlers(codebase):
        if codebase.snapshot.by_path[frame.path].role not in ("source", "example"):
            continue
        runs = [way for way in ways(codebase, [frame]) if way.touch.does == "runs"]
        if runs and frame.definition is not None and frame.symbol not in found:
            lines = (frame.definition.head_start, frame.definition.head_end)
            found[frame.symbol] = hit_at(
                codebase, frame.path, lines, symbol=frame.symbol, name=frame.symbol,
                text=f"`{frame.symbol}()` {told(runs[:1])}", related=places(runs),
                detail={"loop": "yes" if frame.definition.is_async else "no"},
            )  # fmt: skip
    run, idle = reach_of(codebase).parted(found.values(), aside=True)
    return (*run, *idle)


def _handlers(codebase: Codebase) -> Iterator[Frame]:
    program = program_of(codebase)
    for entry in served_entries(program):
        served = entry.target is not None and " handles HTTP requests " in entry.text
        frame = entered(program, entry.target) if served and entry.target is not None else None
        if frame is not None:
            yield frame
    for frame in tracer_of(program).holders.frames:
        if not any(item.module.partition(".")[0] in TOOLKITS for item in codebase.facts[frame.path].imports):
            continue
        for site in program.sites(frame):
            if is_event(frame, site):
                yield from (f for f in (entered(program, target) for target in site.targets) if f is not None)


def handlers_said(hits: Sequence[CensusHit]) -> str:
    """ "`predict()` in worker threads; `stream()` in the event loop"."""
    threads = list(dict.fromkeys(f"`{hit.symbol}()`" for hit in hits if hit.detail["loop"] == "no"))
    loop = list(dict.fromkeys(f"`{hit.symbol}()`" for hit in hits if hit.detail["loop"] == "yes"))
    said = [f"{listed(threads, MOST_NAMED)} in its worker threads"] if threads else []
    said += [f"{listed(loop, MOST_NAMED)} (`async`) in its event loop"] if loop else []
    return "; ".join(said)
