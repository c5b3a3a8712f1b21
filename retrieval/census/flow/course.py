"""Kind `course`: the main program in few nested steps, each with the models it makes and runs and the files it writes.

`walk.py` finds every step down to the models; here the steps that lead to most models are opened until there are
enough of them to read. Handlers of an interface that lead to no model are counted, not told.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.files.effects import Effects, effects_of
from retrieval.census.flow.course_steps import Step, event_of, is_handler, joined, steps_of
from retrieval.census.flow.default_targets import first_said
from retrieval.census.flow.event_steps import principal, starts_below
from retrieval.census.flow.flow import Root
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.opened_steps import MOST, OWN, chain, kept, open_steps
from retrieval.census.flow.pipeline import main_roots, models_run, start_hit, tells_nothing_new
from retrieval.census.flow.user_events import WAITING, event_under, needed, silence, trigger_of
from retrieval.census.flow.walk import LOOPS, Mark, walked
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import Guard, one_line
from retrieval.census.meaning.body_events import guards_of
from retrieval.census.meaning.callgraph import Site, Target, defined
from retrieval.census.meaning.hooks import GIVING
from retrieval.census.meaning.values import FunctionRef
from retrieval.census.meaning.wording import caller, circumstances, label, spoken, summary
from retrieval.census.models.outside import Outside, does
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

DEPTH, NAMED, LIST, LONGEST = 16, 4, 10, 100
_BETWEEN = "` and `"  # conditions that are false together
_LOADER = re.compile(r"(?:^|\.)load\w*\(\)$|download\(\)$")


@kind(
    "course",
    summary="the main program in 10 to 20 nested steps with the models they make and run and what they write (roots=N)",
    example="course: roots=1",
    reads="python",
    options=("roots", "what"),
    ordered=True,
)
def course(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """The steps of the most important programs. Patterns match where a program starts; `what=models` keeps the steps
    with models. `detail`: `depth` (0 for the start) and `number`."""
    focus = focus_of(codebase)
    roots = main_roots(focus)
    library = bool(roots) and roots[0].entries[0].kind == "api"
    found = [root for root in roots if query.matches(root.frame.symbol or root.frame.path)]
    found = [root for root in found if library or query.patterns or root.entries[0].kind != "api"]
    told: set[tuple[str, str]] = set()
    known: frozenset[str] = frozenset()
    told_models = False
    left = query.number("roots", 1)
    for root in found:
        if left <= 0:
            break
        if (root.frame.path, root.frame.symbol) in told or tells_nothing_new(focus, root, known):
            continue
        known |= models_run(focus, root)
        printer = _Printer(codebase, focus, root, models=query.options.get("what") == "models")
        hits = list(printer.hits())
        told |= printer.frames
        if len(hits) > 1 and (library or printer.leads or not told_models):
            told_models |= printer.leads
            left -= 1
            yield from hits


class _Printer:
    def __init__(self, codebase: "Codebase", focus: Focus, root: Root, *, models: bool) -> None:
        self.codebase = codebase
        self.focus = focus
        self.root = root
        self.models = models
        self.effects: Effects = effects_of(codebase)
        self.numbers: dict[int, str] = {}
        self.waits = False  # whether the line that announces the events is told
        marks = walked(focus, root, DEPTH)
        self.frames = {(mark.frame.path, mark.frame.symbol) for mark in marks}
        self.steps = steps_of(focus, marks)
        self.leads = any(step.weight for step in self.steps)

    def hits(self) -> Iterator[CensusHit]:
        """The start, then the steps."""
        yield start_hit(self.codebase, self.root)
        shown = kept(joined([step for step in self.steps if not self._is_wiring(step)]), MOST)
        silent = [step for step in self.steps if self._is_wiring(step)]
        open_steps(shown, principal(self.focus, shown))
        yield from self._told(shown, "", 1)
        waiting = [step for step in silent if self._is_event(step)]
        if len(waiting) > 1:
            yield self._hit(waiting[0].mark, silence(len(waiting)), 1, "")
        if len(given := [step for step in silent if step not in waiting]) > 1:
            yield self._hit(given[0].mark, _given_away(given), 1, "")

    def _is_wiring(self, step: Step) -> bool:
        """Whether a step only connects an element of an interface to a handler that leads to no model."""
        event = step.mark.event
        if not isinstance(event, Site) or not event.handed or step.weight:
            return False
        return not self.effects.programs(event) and not any(starts_below(step))

    def _is_event(self, step: Step) -> bool:
        """Whether a step connects a handler to an event of an interface."""
        guards = step.mark.event.step.guards if isinstance(step.mark.event, Site) else ()
        return _waits(step) or event_under(self.focus, step.mark.frame, guards) is not None

    def _told(self, steps: list[Step], prefix: str, level: int) -> Iterator[CensusHit]:
        position = 0
        several = len({(step.mark.frame.path, step.mark.frame.symbol) for step in steps}) > 1
        for step in steps:
            if self.models and not step.weight:
                continue
            if level == 1 and not self.waits and _waits(step):
                self.waits = True
                yield self._hit(step.mark, WAITING, 1, "")
            position += 1
            number, way = f"{prefix}{position}", chain(step)
            inside = f"in {_placed(step.mark.frame)}: " if several else ""
            handed = "".join(f" → {_named(self.focus, inner)}" for inner in way[1:])
            under = self.numbers.get(id(step.like)) if not step.opened else None
            seen = f"; its steps stand under Step {under}" if under else ""
            self.numbers |= dict.fromkeys(map(id, way), number)
            yield self._hit(step.mark, f"Step {number}: {inside}{self._text(step)}{handed}{seen}", level, number)
            if way[-1].opened:
                yield from self._told(kept(way[-1].inner, OWN), f"{number}.", level + 1)

    def _text(self, step: Step) -> str:
        guards = guards_of(step.mark.event) if isinstance(step.mark.event, Site | Outside) else ()
        notes = [f"also on line {', '.join(map(str, step.again))}"] if step.again else _notes(guards)
        tags = [] if step.opened else self._tags(step)
        said = _named(self.focus, step) + (f" ({'; '.join(notes)})" if notes else "")
        return said + (f" - {'; '.join(tags)}" if tags else "") + self._needs(step)

    def _needs(self, step: Step) -> str:
        """What a handler needs that other events set."""
        event = step.mark.event
        guards = event.step.guards if isinstance(event, Site) and step.weight else ()
        found = event_under(self.focus, step.mark.frame, guards)
        return needed(found) if found is not None else ""

    def _tags(self, step: Step) -> list[str]:
        if isinstance(step.mark.event, Outside):
            verb = does(step.mark.event)
            made = "loads weights" if _LOADER.search(f"{step.mark.event.step.written}()") else "makes or loads a model"
            named = f"{verb} {_listed(dict.fromkeys(step.mark.event.name.split(' | ')))}"
            told = named if step.mark.event.does == verb else {"makes": made, "runs": "runs a model"}.get(verb, "")
            return [told or "writes a file"] if told or step.mark.event.does == "writes" else []
        made = {name: None for name in step.made if not _LOADER.search(name)} or step.made
        always = dict.fromkeys(name for name in made if name in step.certain)
        rest = dict.fromkeys(name for name in made if name not in step.certain)
        tags = [f"makes or loads {_listed(always)}"] if always else []
        tags += [f"may make or load {_listed(rest)}"] if rest else []
        tags += [f"{'runs' if step.sure else 'may run'} {_listed(step.run)}"] if step.run else []
        event = step.mark.event
        written = self.effects.below(event) if isinstance(event, Site) else ()
        tags += [f"writes with {_listed(dict.fromkeys(written))}"] if written else []
        started = dict.fromkeys(label(target) for target in starts_below(step))
        tags += [f"starts {_listed(started)} in another process"] if started else []
        outside = self.effects.programs(event) if isinstance(event, Site) and not tags else ()
        tags += [f"starts another program: {', '.join(outside[:NAMED])}"] if outside else []
        if not tags and isinstance(event, Site) and not event.others:
            about = summary(event.target.definition)
            tags += [f"“{about}”"] if about else []
        return tags

    def _hit(self, mark: Mark, text: str, level: int, number: str) -> CensusHit:
        event, frame = mark.event, mark.frame
        lines = (
            (event.line, event.line) if not isinstance(event, Site | Outside) else (event.step.start, event.step.end)
        )
        targets = event.targets if isinstance(event, Site) else ()
        return hit_at(
            self.codebase,
            frame.path,
            lines,
            symbol=frame.symbol,
            name=label(targets[0]) if targets else getattr(event, "name", ""),
            text=text,
            related=tuple(map(defined, targets[:NAMED])),
            detail={"depth": str(level), "number": number, "does": "step"},
        )


def _given_away(steps: list[Step]) -> str:
    """What is said of functions that calls of other code are given, without one that leads to a model."""
    calls = {f"{s.mark.event.step.written}()": None for s in steps if isinstance(s.mark.event, Site)}
    return f"Besides, {len(steps)} functions are given to {_listed(calls)}, which run them, and lead to no model"


def _placed(frame: "Frame") -> str:
    return f"{caller(frame)} ({frame.path})" if frame.definition else caller(frame)


def _waits(step: Step) -> bool:
    """Whether a step runs when an event of an interface happens."""
    return isinstance(step.mark.event, Site) and trigger_of(step.mark.event.step.guards) is not None


def _named(focus: Focus, step: Step) -> str:
    event, frame = step.mark.event, step.mark.frame
    if isinstance(event, Outside):
        return f"`{event.step.written}()`"
    assert isinstance(event, Site)
    place = f" ({event.target.path})" if event.target.path != frame.path else ""
    if event.target.definition.kind == "module":
        return f"imports `{event.target.path}`, whose top level runs"
    if way := _way_of(event, place):
        return way
    if is_handler(step):
        more = f" and {len(step.events) - 1} more" if len(step.events) > 1 else ""
        also = f", also on {step.events[0]}{more}" if step.events else ""
        return f"on `{event_of(step)}()`: `{label(event.target)}`{place}{also}"
    if event.others and len({label(target) for target in event.targets}) == 1:
        files = _listed(dict.fromkeys(target.path for target in event.targets))
        return f"`{event.step.written}()`, which is `{label(event.target)}` of {files}"
    if step.also:
        return _shared(step, event)
    if event.overridden or len(event.others) >= NAMED:
        functions = all(isinstance(t, FunctionRef) and t.receiver is None for t in event.targets)
        ways = focus.ways(event)
        named = _listed({label(way.target): None for way in ways}, LIST if functions else NAMED)
        first = f" (first: {said})" if (said := first_said(ways)) else ""
        return f"`{event.step.written}()`, which is {named}{first}"
    return f"`{spoken(event)}`{place}"


def _way_of(event: Site, place: str) -> str:
    """A call that runs its target in another way than by calling it, "" for others."""
    named = {label(target): None for target in event.targets}
    match event.how:
        case "starts":
            return f"starts {_listed(named)} in another process"
        case "serves":
            return f"`{event.step.written}()` serves {_listed(named)}"
        case "asks":
            return f"`{event.step.written}()` sends a request that `{label(event.target)}`{place} handles"
    return f"`{event.step.written}()`, which runs {_listed(named, LIST)}" if event.how == GIVING else ""


def _shared(step: Step, event: Site) -> str:
    """A call of a body that runs for objects of several classes."""
    named = {label(target): None for each in (step, *step.also) for target in _targets(each)}
    return f"`{event.step.written}()`, which is {_listed(named)}" if len(named) > 1 else f"`{spoken(event)}`"


def _targets(step: Step) -> tuple[Target, ...]:
    return step.mark.event.targets if isinstance(step.mark.event, Site) else ()


def _notes(guards: tuple[Guard, ...]) -> list[str]:
    """The circumstances of a step in few words."""
    loops = [guard for guard in guards if guard.kind in LOOPS or guard.kind == "comprehension"]
    notes = ["in a loop" if len(loops) == 1 else f"in {len(loops)} nested loops"] if loops else []
    rest = tuple(guard for guard in guards if guard not in loops and guard.kind not in ("past", "lambda"))
    short = tuple(
        replace(guard, text=_BETWEEN.join(_short(part) for part in guard.text.split(_BETWEEN))) for guard in rest
    )
    said = circumstances(short).removeprefix(" — ")
    return [*notes, said] if said else notes


def _short(condition: str) -> str:
    return one_line(condition, LONGEST)


def _listed(names: dict[str, None], most: int = NAMED) -> str:
    shown = ", ".join(f"`{name}`" for name in list(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
