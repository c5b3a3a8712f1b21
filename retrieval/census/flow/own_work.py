"""What a class does beside the stages that it has built: methods that run models, models that it keeps, its state.

Of the method that its base leaves open also the calls in order, without what only prepares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.built_stages import Built
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.values import FunctionRef, alternatives
from retrieval.census.memory.stage_sets import building
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.flow.focus import Focus
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.values import ClassRef

MOST, DEEPEST = 9, 2
_PLAIN = words(
    """append extend add items keys values get pop update exists is_file is_dir stat close strip lower upper split
    join format debug info warning error exception critical log unlink copy isEnabledFor model_dump dict sort"""
)


def own_work(focus: Focus, cls: ClassRef) -> tuple[str, list[tuple[str, int]]]:
    """The method with the most work among those that bases leave open, in a sentence, and its places; ("", [])."""
    best: tuple[str, list[tuple[str, str, int]]] = ("", [])
    for frame in focus.program.methods(cls, cls):
        name = frame.symbol.rpartition(".")[2]
        work = list(_work(focus, cls, frame, 0)) if _left_open(focus, cls, name) else []
        if len({said for said, _, _ in work}) > len({said for said, _, _ in best[1]}):
            best = name, work
    said = list(dict.fromkeys(said for said, _, _ in best[1]))
    if not said:
        return "", []
    more = f" → and {len(said) - MOST} more" if len(said) > MOST else ""
    places = [(path, line) for _, path, line in best[1]]
    return f"its own `{best[0]}()` runs {' → '.join(said[:MOST])}{more}", places[:MOST]


def _left_open(focus: Focus, cls: ClassRef, name: str) -> bool:
    """Whether a base of the class declares the method as abstract."""
    defined = (focus.program.definition(b.path, f"{b.definition.symbol}.{name}") for b in focus.program.line(cls)[1:])
    return any(d is not None and any(n.endswith("abstractmethod") for n in d.decorators) for d in defined)


def _work(focus: Focus, cls: ClassRef, frame: Frame, depth: int) -> Iterator[tuple[str, str, int]]:
    """The calls of a body that do work, with those of the object's own methods in their place."""
    for step in sorted(frame.body.calls, key=lambda item: item.order):
        head, _, rest = step.written.partition(".")
        found = focus.program.method(cls, rest) if head == "self" and rest and "." not in rest else None
        if found is not None and found[0] == cls and depth < DEEPEST:
            inner = focus.program.frame(found[0].path, found[1], cls)
            yield from _work(focus, cls, inner, depth + 1) if inner is not None else ()
        elif found is None and _works(frame, step):
            asked = any(guard.kind == "if" for guard in step.guards)
            yield f"`{step.written}()`" + (" (on a condition)" if asked else ""), frame.path, step.start


def _works(frame: Frame, step: CallStep) -> bool:
    """Whether a call runs a function of the repository, or a method of something that the body was given or keeps."""
    head, _, rest = step.written.partition(".")
    last = rest.rpartition(".")[2] or head
    if last in _PLAIN or last[:1].isupper() or "(" in step.written:
        return False
    if any(isinstance(value, FunctionRef) for value in alternatives(frame.callee(step))):
        return not last.lstrip("_").startswith(("raise", "check"))
    return bool(rest) and (head in frame.parameters or (head == "self" and "." in rest))


def own_stage(focus: Focus, cls: ClassRef, name: str, frame: Frame) -> Iterator[Built]:
    """A method of the object that runs no stage that was built, and a model itself."""
    waiting, seen, found = [(frame, 0)], set[str](), dict[str, None]()
    while waiting:
        at, deep = waiting.pop(0)
        if at.symbol in seen:
            continue
        seen.add(at.symbol)
        found |= dict.fromkeys(_run_in(focus).get((at.path, at.symbol), ()))
        called = (step.written[5:] for step in at.body.calls if step.written.startswith("self."))
        inner = [focus.program.method(cls, each) for each in called if "." not in each] if deep < DEEPEST else []
        frames = [focus.program.frame(each[0].path, each[1], cls) for each in inner if each is not None]
        waiting += [(each, deep + 1) for each in frames if each is not None]
    if found and frame.definition is not None:
        yield Built(f"{name}()", (), "", "", frame.path, frame.definition.head_start, tuple(found))


@once
def _run_in(focus: Focus) -> dict[tuple[str, str], tuple[str, ...]]:
    """The models that each body runs."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for use in focus.roster.uses:
        key = (use.frame.path, use.frame.symbol)
        found[key] = (*found.get(key, ()), *(made.name for made in use.made))
    return found


def state_of(focus: Focus, cls: ClassRef) -> set[str]:
    """The attributes that methods other than the constructor set: the state of the object, where no model is in it."""
    program = focus.program
    first = {frame.symbol for frame in building(focus.roster, cls)}
    frames = (frame for owner in program.line(cls) for frame in program.methods(owner, cls))
    later = (frame for frame in frames if frame.symbol not in first)
    return {item.name[5:] for frame in later for item in frame.body.bindings if item.name.startswith("self.")}


def held_stages(focus: Focus, cls: ClassRef) -> dict[str, list[Built]]:
    """By attribute the models that a constructor puts there as they are."""
    found: dict[str, list[Built]] = {}
    for frame in building(focus.roster, cls):
        own = f"{next(iter(frame.parameters), 'self')}."
        for item in frame.body.bindings:
            if item.name.startswith(own) and item.value is not None and item.value.type == "call":
                made = focus.roster.of(Spot(frame, item.value, item.order, item.guards))
                names, name = tuple(dict.fromkeys(one.name for one in made)), item.name[len(own) :]
                if names:
                    found[name] = [Built(name, (), "", "", frame.path, item.line, names)]
    return found
