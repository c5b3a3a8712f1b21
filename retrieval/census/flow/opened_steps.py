"""Which steps of a course are opened and shown: those that lead to most models, until there are enough to read."""

from retrieval.census.flow.course_steps import Step, target_of
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.body_events import guards_of
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.families import OPTIMIZER, STEPS
from retrieval.census.models.outside import Outside

LEAST, MOST, LINES, OWN, DEEPEST, LAYERS, TELLING, FEW, SHARE, BESIDE = 9, 30, 42, 14, 5, 3, 12, 7, 32, 2


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
    """The one step with models below another that does little else that is told."""
    heavy = [inner for inner in step.inner if inner.weight]
    if _has_much(step):
        return None
    writes = any(isinstance(inner.mark.event, Outside) and inner.mark.event.does == "writes" for inner in step.inner)
    return heavy[0] if len(heavy) == 1 and not writes and isinstance(heavy[0].mark.event, Site) else None


def chain(step: Step) -> list[Step]:
    """A step and those to which it hands the work, one after the other."""
    found = [step]
    while found[-1].opened and (inner := single(found[-1])) is not None and inner.opened:
        found.append(inner)
    return found


def _opens(step: Step) -> bool:
    """Whether a step has something to show below it: more than one model, a step that has, or much beside its model."""
    return (len(step.news) > 1 or _has_much(step)) and any(inner.weight for inner in step.inner)


def _has_much(step: Step) -> bool:
    """Whether more than a few steps without models are told below a step."""
    return sum(_tells(inner) for inner in step.inner if not inner.weight) > BESIDE


def kept(inner: list[Step], most: int) -> list[Step]:
    """The steps of one body, each once; of many those with models, and the others as far as there is room."""
    alike: dict[object, list[Step]] = {}
    for step in _by_place(inner):
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


def _by_place(inner: list[Step]) -> list[Step]:
    """The steps without those that are the same call of the same body, run for an object of another class."""
    found: dict[object, Step] = {}
    for step in inner:
        event, frame = step.mark.event, step.mark.frame
        own = isinstance(event, Site | Outside)
        place = (frame.path, frame.symbol, event.step.start, event.step.written) if own else id(step)  # type: ignore[union-attr]
        first = found.setdefault(place, step)
        if first is not step and step not in first.also and target_of(first) != target_of(step):
            first.also.append(step)
            first.made |= step.made
            first.run |= step.run
            first.certain &= step.certain
    return list(found.values())


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
