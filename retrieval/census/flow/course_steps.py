"""The calls of a walk as a tree of steps, with the models that each makes and runs, and which of them to show."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from retrieval.census.flow.focus import Focus
from retrieval.census.flow.screens import is_screen
from retrieval.census.flow.standing import is_side_name
from retrieval.census.flow.user_events import trigger_of
from retrieval.census.flow.walk import Mark
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.body_events import guards_of, order_of
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.families import OPTIMIZER, STEPS
from retrieval.census.models.outside import Outside, does

LEAST, MOST, LINES, OWN, DEEPEST, LAYERS, TELLING, FEW, LONG, SHARE = 9, 30, 42, 14, 5, 3, 12, 7, 40, 32

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
    for outer in (step, *around) if like is not None and like not in around else ():
        assert like is not None
        outer.made |= like.made
        outer.run |= like.run
        outer.makes |= like.makes
        outer.runs |= like.runs
        outer.certain |= like.certain
    for outer in (step, *around) if like is not None and like.sure else ():
        outer.sure = True
        if _is_conditional(outer):
            break


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
        return [cls.definition.symbol for cls in focus.models(event)], isinstance(event.target, ClassRef)
    if not isinstance(event, Outside) or not (verb := does(event)):
        return [], False
    written = event.step.written if len(event.step.written) < LONG else f"…{event.step.written[2 - LONG :]}"
    return event.name.split(" | ") if event.does in ("makes", "runs") else [f"{written}()"], verb == "makes"


def open_steps(steps: list[Step], first: Step | None = None) -> None:
    """Open steps, `first` and then those with most models, until there are enough lines to tell the course."""
    lines = len(steps)
    waiting: list[tuple[Step, int]] = [(step, 1) for step in steps]
    while lines < LINES and waiting:
        ranked = [item for item in waiting if _opens(item[0]) and item[1] < DEEPEST and not _is_inside(*item)]
        if not ranked:
            return
        step, level = max(ranked, key=lambda item: (lines < SHARE and _is_under(item[0], first), *_promise(item)))
        inner = kept(step.inner, OWN)
        waiting.remove((step, level))
        if lines >= LEAST and lines + len(inner) > LINES and single(step) is None:
            continue
        step.opened = True
        lines += len(inner) if single(step) is None else 0
        deeper = level + (single(step) is None)
        waiting += [(each, deeper) for each in inner]


def _is_under(step: Step | None, outer: Step | None) -> bool:
    while step is not None and step is not outer:
        step = step.outer
    return outer is not None and step is outer


def _is_inside(step: Step, level: int) -> bool:
    """Whether a step deep down only makes a model: of what parts it is made is no step of the program."""
    return level >= LAYERS and isinstance(target_of(step), ClassRef) and not step.runs


def _promise(item: tuple[Step, int]) -> tuple[bool, int, int]:
    step, _level = item
    return not step.aside, len(step.news), step.weight


def single(step: Step) -> Step | None:
    """The one step with models below another that does nothing else that is told."""
    heavy = [inner for inner in step.inner if inner.weight]
    writes = any(isinstance(inner.mark.event, Outside) and inner.mark.event.does == "writes" for inner in step.inner)
    return heavy[0] if len(heavy) == 1 and not writes and isinstance(heavy[0].mark.event, Site) else None


def chain(step: Step) -> list[Step]:
    """A step and those to which it hands the work, one after the other."""
    found = [step]
    while found[-1].opened and (inner := single(found[-1])) is not None and inner.opened:
        found.append(inner)
    return found


def _opens(step: Step) -> bool:
    """Whether a step has something to show below it: more than one model, or a step that has."""
    return len(step.news) > 1 and any(inner.weight for inner in step.inner)


def kept(inner: list[Step], most: int) -> list[Step]:
    """The steps of one body, each once; of many those with models, and the others as far as there is room."""
    alike: dict[object, list[Step]] = {}
    for step in inner:
        alike.setdefault(_same(step), []).append(step)
    for first, *others_alike in alike.values():
        first.again = tuple(dict.fromkeys(_line(other) for other in others_alike if _line(other) != _line(first)))
    single_ones = [steps[0] for steps in alike.values()]
    heavy = [step for step in single_ones if step.weight]
    room = max(0, most - len(heavy))
    light = [step for step in single_ones if not step.weight]
    others = {id(step) for step in light if (len(single_ones) <= FEW or _tells(step)) and room}
    if len(others) > room:
        others = {id(step) for step in [step for step in light if id(step) in others][-room:]}
    told = [step for step in single_ones if step.weight or id(step) in others]
    others |= {id(step) for step in light if any(_are_arms(step, other) for other in told)}
    return [step for step in single_ones if step.weight or id(step) in others]


def _are_arms(step: Step, other: Step) -> bool:
    """Whether two steps stand in different arms of one decision."""
    one, two = step.mark.event, other.mark.event
    if isinstance(one, Guard) or isinstance(two, Guard) or step.mark.frame != other.mark.frame:
        return False
    arms = {guard.key: guard.arm for guard in guards_of(two) if guard.kind in ("if", "else", "case")}
    return any(guard.key in arms and arms[guard.key] != guard.arm for guard in guards_of(one))


def _line(step: Step) -> int:
    return step.mark.event.step.start if isinstance(step.mark.event, Site | Outside) else 0


def _same(step: Step) -> object:
    event = step.mark.event
    if step.weight and step.like is None:
        return id(step)
    return (event.targets, event.step.written) if isinstance(event, Site) else id(step)


def _tells(step: Step) -> bool:
    """Whether a step without models is told where many stand beside it: it writes, or its function is no small one."""
    event = step.mark.event
    if isinstance(event, Outside):
        return event.does in ("writes", "training") or bool(OPTIMIZER.search(event.name)) or event.name in STEPS
    if not isinstance(event, Site):
        return False
    return bool(event.overridden) or event.target.definition.end - event.target.definition.head_start >= TELLING


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
