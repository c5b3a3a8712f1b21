"""The calls of a walk as a tree of steps, with the models that each makes and runs, and which of them to show."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from retrieval.census.flow.focus import Focus
from retrieval.census.flow.screens import is_screen
from retrieval.census.flow.standing import is_side_name
from retrieval.census.flow.user_events import trigger_of
from retrieval.census.flow.walk import Mark
from retrieval.census.meaning.body_events import guards_of, order_of
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.outside import Outside, does

LONG = 40

Place = tuple[str, int, str]


@dataclass(slots=True)
class Step:
    """One step with those that it runs; `made` and `run` name the models in it and below it, in order, `makes` and
    `runs` are the calls that make and run them."""

    mark: Mark
    inner: "list[Step]" = field(default_factory=list)
    made: dict[str, None] = field(default_factory=dict)
    run: dict[str, None] = field(default_factory=dict)
    opened: bool = False
    like: "Step | None" = None  # another step under which what it runs is told
    outer: "Step | None" = None
    sure: bool = False  # a model below runs whenever the step does
    certain: set[str] = field(default_factory=set)  # what is made whenever the step runs
    aside: bool = False  # it stands below a tool beside the program, or below the screens of one with other ways
    own_aside: bool = False  # it calls such code itself
    makes: set[Place] = field(default_factory=set)
    runs: set[Place] = field(default_factory=set)
    news: set[Place] = field(default_factory=set)  # calls with models that no other step tells
    events: list[str] = field(default_factory=list)  # what else runs the same handler
    also: "list[Step]" = field(default_factory=list)  # the same call in objects of other classes
    again: tuple[int, ...] = ()  # lines of other calls, with other conditions, that it stands for

    @property
    def weight(self) -> int:
        """How much it has to do with models: runs count most, what only constructors make least."""
        made = len(self.makes) * (1 if isinstance(target_of(self), ClassRef) else 2)
        return made + 4 * len(self.runs)


def steps_of(focus: Focus, marks: list[Mark]) -> list[Step]:
    """The calls of a walk as a tree: loops and conditions are told with the calls, exits are left out."""
    found: list[Step] = []
    known: dict[str, Step] = {}
    for mark in marks:
        if not isinstance(mark.event, Site | Outside):
            continue
        step = known[mark.number] = Step(mark)
        around = list(_around(known, mark.number))
        step.outer = around[0] if around else None
        step.own_aside = _is_aside(focus, marks[0], mark)
        step.aside = step.own_aside or (step.outer is not None and step.outer.aside)
        (step.outer.inner if step.outer else found).append(step)
        inside = {frame.receiver for outer in (step, *around) if focus.in_model(frame := outer.mark.frame)}
        if len(inside) <= 1:
            sure = True
            for outer in (step, *around):
                _count(focus, mark, outer, sure)
                sure = sure and not _is_conditional(outer)
        _like(known, step)
    for step in known.values():
        if step.like is None:
            _like(known, step)  # what a later step tells
    for step in (*known.values(), *known.values()):  # what was moved may hold what is told aside
        _prefer_main(step)
    return found


def _like(known: dict[str, Step], step: Step) -> None:
    """Let a step and those around it know what another one tells that runs the same code."""
    seen = step.mark.seen
    step.like = like = known.get(seen) or known.get(seen.rstrip("abcdefgh")) if seen else None
    around = list(_around(known, step.mark.number))
    same = _ran(known, seen, like) if like is not None and like not in around else []
    for outer in (step, *around) if same else ():
        for other in same:
            outer.made |= other.made
            outer.run |= other.run
            outer.makes |= other.makes
            outer.runs |= other.runs
            outer.certain |= other.certain
    for outer in (step, *around) if any(other.sure for other in same) else ():
        outer.sure = True
        if _is_conditional(outer):
            break


def _ran(known: dict[str, Step], seen: str, like: Step) -> list[Step]:
    """What is run under a number: of a call that runs one of several bodies ("1.2b") the steps of that body alone."""
    if seen in known or seen == like.mark.number:
        return [like]
    depth = seen.count(".") + 1
    return [step for number, step in known.items() if number.startswith(f"{seen}.") and number.count(".") == depth]


def _is_conditional(step: Step) -> bool:
    guards = guards_of(step.mark.event) if isinstance(step.mark.event, Site | Outside) else ()
    return any(guard.kind in ("if", "else", "case", "except") for guard in guards)


def _prefer_main(step: Step) -> None:
    """What a side tool and the program itself run is told under the program."""
    like = step.like
    if like is not None and like.aside and not step.aside:
        step.inner, like.inner, step.news, like.news = like.inner, [], like.news, set()
        step.like, like.like = None, step
        _settle(step)
        outer = step.outer
        while outer is not None:
            outer.news |= step.news
            outer = outer.outer


def _settle(step: Step) -> None:
    """Let moved steps know where they stand now."""
    for inner in step.inner:
        inner.outer, inner.aside = step, inner.own_aside or step.aside
        _settle(inner)


def _is_aside(focus: Focus, first: Mark, mark: Mark) -> bool:
    event = mark.event
    path = event.target.path if isinstance(event, Site) else mark.frame.path
    codebase = focus.program.codebase
    return is_side_name(path) or (is_screen(codebase, path) and not is_screen(codebase, first.frame.path))


def joined(steps: list[Step]) -> list[Step]:
    """Handlers that several events run once, with the events."""
    shown = {id(step) for step in steps}
    found = []
    for step in steps:
        if (
            step.like is not None
            and id(step.like) in shown
            and is_handler(step)
            and target_of(step) == target_of(step.like)
        ):
            step.like.events.append(f"`{event_of(step)}()`")
        else:
            found.append(step)
    return found


def is_handler(step: Step) -> bool:
    """Whether a step gives a function to something that runs it later."""
    event = step.mark.event
    return isinstance(event, Site) and event.handed and not event.base and not event.how


def _around(known: dict[str, Step], number: str) -> Iterator[Step]:
    """The steps around a number, the nearest first: "2" and "2.1" for "2.1a.3"."""
    while "." in number:
        number = number.rpartition(".")[0]
        plain = number.rstrip("abcdefgh")
        found = known.get(number) or known.get(plain)
        if found is not None:
            yield found


def _count(focus: Focus, mark: Mark, step: Step, sure: bool) -> None:
    names, makes = _models(focus, mark.event)
    if names:
        place = (mark.frame.path, order_of(mark.event), mark.frame.symbol)  # type: ignore[arg-type]
        (step.made if makes else step.run).update(dict.fromkeys(names))
        (step.makes if makes else step.runs).add(place)
        step.news.add(place)
        step.sure = step.sure or (sure and not makes)
        step.certain |= set(names) if makes and sure else set()


def _models(focus: Focus, event: object) -> tuple[list[str], bool]:
    """The models that a call makes or runs, and whether it makes them."""
    if isinstance(event, Site):
        return [cls.definition.symbol for cls in focus.models(event)], focus.makes(event)
    if not isinstance(event, Outside) or not (verb := does(event)):
        return [], False
    written = event.step.written if len(event.step.written) < LONG else f"…{event.step.written[2 - LONG :]}"
    return event.name.split(" | ") if event.does in ("makes", "runs") else [f"{written}()"], verb == "makes"


def target_of(step: Step) -> object:
    """What a call of the repository runs, None for others."""
    return step.mark.event.target if isinstance(step.mark.event, Site) else None


def event_of(step: Step) -> str:
    """What runs a handler: the call that takes it."""
    event = step.mark.event
    assert isinstance(event, Site)
    if waits := trigger_of(event.step.guards):
        return waits.text.removesuffix("()")
    chained = event.step.chained
    return f"{event.step.written.partition('(')[0]}(…).{chained}" if chained else event.step.written
