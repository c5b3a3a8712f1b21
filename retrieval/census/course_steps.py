"""The calls of a walk as a tree of steps, with the models that each makes and runs, and which of them to show."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from retrieval.census.callgraph import Site
from retrieval.census.focus import Focus
from retrieval.census.outside import Outside, does
from retrieval.census.values import ClassRef
from retrieval.census.walk import Mark

LEAST, MOST, OWN, DEEPEST, TELLING = 9, 30, 14, 5, 12


@dataclass(slots=True)
class Step:
    """One step with those that it runs; `made` and `run` name the models in it and below it, in order."""

    mark: Mark
    inner: "list[Step]" = field(default_factory=list)
    made: dict[str, None] = field(default_factory=dict)
    run: dict[str, None] = field(default_factory=dict)
    opened: bool = False
    like: "Step | None" = None  # the earlier step under which what it runs is told
    events: list[str] = field(default_factory=list)  # what else runs the same handler

    @property
    def weight(self) -> int:
        """How much it has to do with models: runs count most, what only constructors make least."""
        made = len(self.made) * (1 if isinstance(target_of(self), ClassRef) else 2)
        return made + 4 * len(self.run)


def steps_of(focus: Focus, marks: list[Mark]) -> list[Step]:
    """The calls of a walk as a tree: loops and conditions are told with the calls, exits are left out."""
    found: list[Step] = []
    known: dict[str, Step] = {}
    for mark in marks:
        if not isinstance(mark.event, Site | Outside):
            continue
        step = known[mark.number] = Step(mark)
        around = list(_around(known, mark.number))
        (around[0].inner if around else found).append(step)
        inside = {frame.receiver for outer in (step, *around) if focus.in_model(frame := outer.mark.frame)}
        if len(inside) <= 1:
            for outer in (step, *around):
                _count(focus, mark, outer)
        step.like = known.get(mark.seen) or known.get(mark.seen.rstrip("abcdefgh")) if mark.seen else None
        for outer in (step, *around) if step.like is not None and step.like not in around else ():
            outer.made |= step.like.made
            outer.run |= step.like.run
    return found


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
    return isinstance(event, Site) and event.handed and not event.base


def _around(known: dict[str, Step], number: str) -> Iterator[Step]:
    """The steps around a number, the nearest first: "2" and "2.1" for "2.1a.3"."""
    while "." in number:
        number = number.rpartition(".")[0]
        plain = number.rstrip("abcdefgh")
        found = known.get(number) or known.get(plain)
        if found is not None:
            yield found


def _count(focus: Focus, mark: Mark, step: Step) -> None:
    event = mark.event
    if isinstance(event, Site) and (models := focus.models(event)):
        built = isinstance(event.target, ClassRef)
        names = [cls.definition.symbol for cls in models]
        (step.made if built else step.run).update(dict.fromkeys(names))
    elif isinstance(event, Outside) and (verb := does(event)):
        written = event.step.written if len(event.step.written) < 40 else f"…{event.step.written[-38:]}"
        (step.made if verb == "makes" else step.run)[f"{written}()"] = None


def open_steps(steps: list[Step]) -> None:
    """Open steps, those with most models first, until there are enough lines to tell the course of the program."""
    lines = len(steps)
    waiting = [(step, 1) for step in steps]
    while lines < MOST and waiting:
        ranked = [item for item in waiting if _opens(item[0]) and item[1] < DEEPEST]
        if not ranked:
            return
        step, level = max(ranked, key=lambda item: (item[0].weight, -item[1]))
        inner = kept(step.inner, OWN)
        waiting.remove((step, level))
        if lines >= LEAST and lines + len(inner) > MOST:
            continue
        step.opened = True
        lines += len(inner)
        waiting += [(each, level + 1) for each in inner]


def _opens(step: Step) -> bool:
    """Whether a step has something to show below it: more than one model, or a step that has."""
    return step.weight > 1 and any(inner.weight for inner in step.inner)


def kept(inner: list[Step], most: int) -> list[Step]:
    """The steps of one body, each once; of many those with models, and the others as far as there is room."""
    single = list({_same(step): step for step in reversed(inner)}.values())[::-1]
    heavy = [step for step in single if step.weight]
    room = max(0, most - len(heavy))
    light = [step for step in single if not step.weight]
    others = {id(step) for step in light if len(light) <= room or _tells(step)}
    return [step for step in single if step.weight or id(step) in others]


def _same(step: Step) -> object:
    event = step.mark.event
    if step.weight and step.like is None:
        return id(step)
    return (event.targets, event.step.written) if isinstance(event, Site) else id(step)


def _tells(step: Step) -> bool:
    """Whether a step without models is told where many stand beside it: it writes, or its function is no small one."""
    event = step.mark.event
    if isinstance(event, Outside):
        return event.does == "writes"
    definition = event.target.definition if isinstance(event, Site) else None
    return definition is not None and definition.end - definition.head_start >= TELLING


def target_of(step: Step) -> object:
    """What a call of the repository runs, None for other calls."""
    return step.mark.event.target if isinstance(step.mark.event, Site) else None


def event_of(step: Step) -> str:
    """What runs a handler: the call that takes it."""
    event = step.mark.event
    assert isinstance(event, Site)
    return (
        f"{event.step.written.partition('(')[0]}(…).{event.step.chained}" if event.step.chained else event.step.written
    )
