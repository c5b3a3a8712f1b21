"""Kind `unhandled_model_calls`: which handlers an error in a model call meets, in its function or its callers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.aborts import covering, handlers_at
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.meaning.callgraph import Site, entered
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import subject_of
from retrieval.census.meaning.values import FunctionRef
from retrieval.census.models.asking import asked
from retrieval.census.models.held_calls import held_calls
from retrieval.census.models.roster import roster_of
from retrieval.census.models.touches import touches_of
from retrieval.census.project.exports import all_frames
from retrieval.facts import CensusHit, Fact

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

LEVELS = 40  # of calls; far more than real chains have
SHOWN = 3
BROAD = re.compile(r"^(?:Base)?Exception$|^RuntimeError$|OutOfMemoryError$|^torch\.(?:cuda\.)?\w*Error$")
Place = tuple[str, str]  # path, symbol


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A handler around a call: in which body, of which function, and the handler."""

    place: Place
    called: str
    handler: Fact


@kind(
    "unhandled_model_calls",
    summary="calls of models by function; the `try` that covers them there or in callers (covered=yes|callers|no|open)",
    example="unhandled_model_calls: covered=no",
    reads="python",
    options=("covered",),
    ordered=True,
)
def unhandled_model_calls(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function that runs a model from outside the model's own classes, in the order of `invokes`.

    Patterns match the function. Only handlers that catch runtime errors and neither raise again nor end the
    program count. `detail["covered"]` is yes, callers, no or, where no caller that is known is the start of a
    program so that the handlers further out are not known either, open; `detail["through"]` names the programs,
    joined by |, in which no handler meets the error.
    """
    groups: dict[Place, list[CensusHit]] = {}
    for hit in model_calls(codebase):
        groups.setdefault((hit.path, hit.symbol), []).append(hit)
    callers = _Callers(codebase)
    wanted = query.options.get("covered", "yes|callers|no|open").split("|")
    for (path, symbol), hits in groups.items():
        if query.matches(symbol, f"{symbol}()", path):
            for found in _told(codebase, callers, hits):
                if found.detail["covered"] in wanted:
                    yield found


@once
def model_calls(codebase: Codebase) -> tuple[CensusHit, ...]:
    """The calls that run a model from outside of model classes: by name or type, and by the objects traced to them."""
    invoked = run_query(codebase, "invokes").hits
    known = {(hit.path, hit.start) for hit in invoked}
    found = [hit for hit in invoked if hit.detail.get("inside") != "yes" and hit.role in ("source", "example")]
    program, family = program_of(codebase), roster_of(codebase).family
    for (path, symbol), touches in touches_of(codebase).items():
        definition = program.definition(path, symbol) if symbol else None
        frame = program.frame(path, definition)
        inside = frame is not None and frame.owner is not None and family.is_model(frame.owner)
        for touch in touches if not inside else ():
            if touch.does == "runs" and (path, touch.line) not in known:
                text = f"{symbol} calls `{touch.written}`"
                hit = hit_at(codebase, path, (touch.line, touch.line), symbol=symbol, name=symbol, text=text)
                found += [hit] if hit.role in ("source", "example") else []
    known |= {(hit.path, hit.start) for hit in found}
    for hit in asked(codebase):  # a model behind a service
        if (hit.path, hit.start) not in known:
            text = f"{hit.symbol} calls `{hit.text}(…)`"
            found.append(
                hit_at(codebase, hit.path, (hit.start, hit.end), symbol=hit.symbol, name=hit.symbol, text=text)
            )
    return tuple(found)


def _told(codebase: Codebase, callers: _Callers, hits: list[CensusHit]) -> Iterator[CensusHit]:
    path, symbol = hits[0].path, hits[0].symbol
    handlers = callers.handlers((path, symbol))
    direct = [(hit, covering(handlers, hit.start)) for hit in hits]
    for hit, handler in direct:
        if handler is not None:
            text = f"{_calls([hit])} in {subject_of(codebase, path, symbol)} stands in a `try`: {handler.text}"
            yield _hit(codebase, [hit], text, "yes", [(path, handler)])
    rest = [hit for hit, handler in direct if handler is None]
    if rest:
        text, covered, found = _above(codebase, callers, (path, symbol))
        through = _through(codebase, callers.above((path, symbol))[2])
        subject = subject_of(codebase, path, symbol)
        verb = "has" if len({_call(hit) for hit in rest}) == 1 else "have"
        text = f"{_calls(rest)} in {subject} {verb} no `try` there; {text}"
        yield _hit(codebase, rest, text, covered, found, through)


def _above(codebase: Codebase, callers: _Callers, place: Place) -> tuple[str, str, list[tuple[str, Fact]]]:
    """What the callers do about an error: words, `covered`, and the handlers that prove it."""
    guarded, bare, left = callers.above(place)
    others = [subject_of(codebase, *where) for where in bare]
    if not place[1]:
        return "it is top-level code, so an error ends the script", "no", []
    if not guarded and not callers.known.get(place):
        ends = "no" if _is_whole(codebase, left) else "open"
        return "no caller in the repository is known, so an error goes to whoever calls it", ends, []
    if not guarded:
        outermost = f" (outermost: {_some(others)})" if others else ""
        started = not bare or _is_whole(codebase, left)
        known = f"in the repository{outermost}" if started else f"that was traced{outermost}"
        text = f"no caller {known} has a handler that goes on, so an error goes through them"
        return text, "no" if started else "open", []
    said = [
        f"{subject_of(codebase, *item.place)} catches its errors around `{item.called}()` with {_short(item.handler)}"
        for item in guarded[:SHOWN]
    ]
    if others:
        leads, lets = ("leads", "lets") if len(others) == 1 else ("lead", "let")
        said.append(f"{_some(others)}, which {leads} here too, {lets} an error through")
    elif len(guarded) == 1:
        said.append(f"any other caller of `{guarded[0].called}()` gets the exception")
    return "; ".join(said), "callers", [(item.place[0], item.handler) for item in guarded]


def _is_whole(codebase: Codebase, left: set[Place]) -> bool:
    """Whether the way up is known to its end: a program starts there, the top of a file runs it, or none is known."""
    return not reach_of(codebase).tells or any(not symbol for _path, symbol in left) or _through(codebase, left) != ""


def _through(codebase: Codebase, left: set[Place]) -> str:
    """The programs that start in what an error leaves, so that no handler of theirs meets it."""
    starts = reach_of(codebase).starts
    return "|".join(dict.fromkeys(start.name for start in starts if not left.isdisjoint(start.units)))


def _short(handler: Fact) -> str:
    return f"{handler.text.split(' in `')[0].split(' at module')[0]} ({handler.detail['action']})"


def _call(hit: CensusHit) -> str:
    return hit.text.split(" calls `", 1)[-1].split("`", 1)[0]


def _calls(hits: list[CensusHit]) -> str:
    return _some([f"`{text}`" for text in dict.fromkeys(map(_call, hits))])


def _some(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _hit(
    codebase: Codebase,
    hits: list[CensusHit],
    text: str,
    covered: str,
    found: list[tuple[str, Fact]],
    through: str = "",
) -> CensusHit:
    first = hits[0]
    related = [("call", hit.path, hit.start, hit.end) for hit in hits[1:]]
    related += [("handler", path, fact.start, fact.end) for path, fact in found]
    return hit_at(
        codebase,
        first.path,
        (first.start, first.end),
        symbol=first.symbol,
        name=first.symbol,
        text=text,
        related=tuple(related),
        detail={"covered": covered, "through": through},
    )


class _Callers:
    """Who calls each body of the repository, tests left out, and which handlers stand around the call."""

    def __init__(self, codebase: Codebase) -> None:
        self.codebase = codebase
        self.known: dict[Place, list[tuple[Place, int, str]]] = {}
        self._handlers: dict[Place, list[Fact]] = {}
        program, calls = program_of(codebase), held_calls(codebase)
        on_held = {(place[0], line) for _, (place, line, _) in calls}  # there it is known what objects were made with
        for frame, _ in all_frames(program):
            for site in program.sites(frame):
                caller = ((frame.path, frame.symbol), site.step.start, site.step.written)
                known = site.handed or (frame.path, site.step.start) in on_held
                for place in [] if known else _reached(program, site):
                    self.known.setdefault(place, []).append(caller)
        for place, held in calls:
            self.known.setdefault(place, []).append(held)

    def handlers(self, place: Place) -> list[Fact]:
        """The handlers of a body that a runtime error in it meets and that go on."""
        if place not in self._handlers:
            self._handlers[place] = [fact for fact in handlers_at(self.codebase, *place) if _broad(fact)]
        return self._handlers[place]

    def above(self, place: Place) -> tuple[list[_Guarded], list[Place], set[Place]]:
        """The handlers in callers, nearest first, the outermost callers without any, all that an error may leave."""
        guarded: list[_Guarded] = []
        bare: list[Place] = []
        seen, waiting = {place}, [place]
        for _ in range(LEVELS):
            outer: list[Place] = []
            for current in waiting:
                calls = self.known.get(current, [])
                if not calls and current != place:
                    bare.append(current)
                for caller, line, written in calls:
                    handler = covering(self.handlers(caller), line)
                    if handler is not None:
                        guarded.append(_Guarded(caller, written, handler))
                    elif caller not in seen:
                        seen.add(caller)
                        outer.append(caller)
            waiting = outer
        once = {(item.place, item.called, item.handler.start): item for item in reversed(guarded)}
        return list(reversed(once.values())), list(dict.fromkeys([*bare, *waiting])), seen


def _reached(program: Program, site: Site) -> Iterator[Place]:
    """The bodies that a call may run, those of subclasses that define the method anew included."""
    for target in site.targets:
        inner = entered(program, target)
        if inner is not None:
            yield inner.path, inner.symbol
        if isinstance(target, FunctionRef) and target.receiver is not None and not target.exact:
            for cls in program.descendants(target.receiver):
                symbol = f"{cls.definition.symbol}.{target.definition.name}"
                if program.definition(cls.path, symbol) is not None:
                    yield cls.path, symbol


def _broad(fact: Fact) -> bool:
    types = [name for name in fact.detail["types"].split(", ") if name]
    return not types or any(BROAD.search(name) for name in types)
