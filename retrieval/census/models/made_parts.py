"""The parts that the constructor of a model class makes, in its order: directly, or by functions that it calls."""

from typing import TYPE_CHECKING

from retrieval.census.flow.focus import Focus
from retrieval.census.meaning.body_events import guards_of, order_of
from retrieval.census.meaning.callgraph import Site, entered, reached
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import either, label
from retrieval.census.models.outside import Outside, does

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

DEEP, MOST, CLASSES = 3, 12, 4
_CHOICES = frozenset({"if", "else", "case"})


def parts_made(focus: Focus, cls: ClassRef) -> list[str]:
    """The models that `cls` makes as its parts, in order of construction, with the function that makes them."""
    frame = entered(focus.program, cls)
    return list(dict.fromkeys(_parts(focus, frame)))[:MOST] if frame is not None else []


def _parts(focus: Focus, frame: "Frame") -> list[str]:
    events = [*focus.program.sites(frame), *(item for item in focus.outside(frame) if does(item) == "makes")]
    found: list[str] = []
    for event in sorted(events, key=order_of):
        if isinstance(event, Site) and event.step.written == "super().__init__":
            inner = entered(focus.program, event.target)
            found += _parts(focus, inner) if inner is not None and inner is not frame else []
            continue
        names = _names(focus, frame, event)
        if names:
            choice = any(guard.kind in _CHOICES for guard in guards_of(event))
            found.append(f"{either(names)}{_maker(event)}{' (on a condition)' if choice else ''}")
    return found


def _maker(event: Site | Outside) -> str:
    """The function that makes a part, when the constructor does not do it itself."""
    made = isinstance(event, Outside) or isinstance(event.target, ClassRef)
    return "" if made or not isinstance(event, Site) else f" by `{label(event.target)}`"


def _names(focus: Focus, frame: "Frame", event: Site | Outside) -> list[str]:
    if isinstance(event, Outside):
        made = next((m for m in focus.roster.made if m.key == (frame.path, event.step.node.id)), None)
        return [made.name] if made is not None else []
    if isinstance(event.target, ClassRef):
        return [cls.definition.symbol for cls in focus.models(event)]
    if event.handed or event.step.written.startswith("self.") or event.target.receiver is not None:
        return []
    frames = [inner for target in event.targets if (inner := entered(focus.program, target)) is not None]
    found: dict[str, None] = {}
    for inner, _ in reached(focus.program, frames, DEEP):
        if focus.in_model(inner):
            continue  # the parts of a part
        for site in focus.program.sites(inner):
            if isinstance(site.target, ClassRef):
                found.update((cls.definition.symbol, None) for cls in focus.models(site))
    return list(found)[:CLASSES]
