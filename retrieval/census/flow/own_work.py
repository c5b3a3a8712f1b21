"""What a class does itself in the method that its base leaves open: the calls in order, without what only prepares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.values import FunctionRef, alternatives
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
