"""Kind `outline`: the main programs in sentences: what they run in which order, and which models."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.alternatives import Choices, Named, in_order
from retrieval.census.body import Guard
from retrieval.census.callgraph import Site
from retrieval.census.flow import Root, way
from retrieval.census.focus import Focus, focus_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.model_order import ordered
from retrieval.census.outside import Outside
from retrieval.census.pipeline import main_roots
from retrieval.census.prose import counted
from retrieval.census.values import ClassRef
from retrieval.census.walk import LOOPS, Mark, guards_of, walked
from retrieval.census.wording import caller, spoken
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

STEPS, MODELS, INSIDE, OTHERS, DEPTH, DEEP, WRAPPING, LIBRARY, MANY, ASSEMBLED = 36, 24, 12, 8, 9, 20, 5, 6, 24, 10
Place = tuple[str, str, int, int]


@kind(
    "outline",
    summary="one sentence each on the steps of the main program, the models it makes and runs, and other programs",
    example="outline, or outline: what=models",
    reads="python",
    options=("what",),
    ordered=True,
)
def outline(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Sentences on the most important program, and one on the others; `what=steps|models|others` keeps some."""
    focus = focus_of(codebase)
    roots = main_roots(focus)
    if not roots:
        return
    wanted = query.options.get("what", "steps|models|others").split("|")
    marks = walked(focus, roots[0], DEPTH)
    if "steps" in wanted:
        yield from _steps(codebase, focus, roots[0], marks)
    if "models" in wanted:
        used = roots[1:LIBRARY] if roots[0].entries[0].kind == "api" else []
        deep = walked(focus, roots[0], DEEP)
        yield from _models(codebase, focus, roots[0], [deep, *(walked(focus, root, DEPTH) for root in used)])
    if "others" in wanted and len(roots) > 1:
        yield _others(codebase, roots)


def spine(root: Root, marks: list[Mark]) -> "Frame":
    """The body that does the work: the start, or what it hands everything to in its one step with steps below."""
    frame = root.frame
    while True:
        own = [mark for mark in marks if mark.frame is frame and isinstance(mark.event, Site | Outside)]
        below = {
            m.number: [n for n in marks if n.frame is not frame and n.number.startswith(f"{m.number}.")] for m in own
        }
        deep = [number for number, inner in below.items() if inner]
        if len(deep) != 1 or len(own) > WRAPPING or deep[0] != own[-1].number:
            return frame
        frame = below[deep[0]][0].frame


def _steps(codebase: "Codebase", focus: Focus, root: Root, marks: list[Mark]) -> Iterator[CensusHit]:
    frame = spine(root, marks)
    every = [mark for mark in marks if mark.frame is frame and isinstance(mark.event, Site | Outside)]
    own = [mark for mark in every if not _prepares(focus, mark)] if len(every) > MANY else every
    own = _work(focus, own) if _assembles(every) else own
    own = own if any(_leads(focus, mark) for mark in own) else every
    if not own:
        return
    names: dict[str, Mark] = {}
    for mark in own:
        names.setdefault(_named(mark), mark)
    choices = Choices(marks)
    told = in_order([Named(name, mark, choices.own(mark)) for name, mark in names.items()])
    shown = told[:STEPS]
    more = f" → and {len(told) - len(shown)} more" if len(told) > len(shown) else ""
    via = "" if frame is root.frame else f", which hands the work to {caller(frame)} ({frame.path}); that"
    which = counted(len(names), "step") if own is every or len(own) == len(every) else "these main steps"
    text = f"{_begins(root)}{via or '. It'} runs {which} in this order: {' → '.join(shown)}{more}"
    yield _sentence(codebase, root, text, [_place(mark) for mark in own])


def _assembles(marks: list[Mark]) -> bool:
    """Whether a body makes many objects: the options of a command line, put together before the work begins."""
    return sum(isinstance(m.event, Site) and isinstance(m.event.target, ClassRef) for m in marks) >= ASSEMBLED


def _work(focus: Focus, marks: list[Mark]) -> list[Mark]:
    """The steps that lead to models or leave the program, and those after the last of these."""
    leading = [at for at, mark in enumerate(marks) if _leads(focus, mark)]
    return [mark for at, mark in enumerate(marks) if at in leading or at > leading[-1]] if leading else marks


def _leads(focus: Focus, mark: Mark) -> bool:
    event = mark.event
    if isinstance(event, Site):
        return bool(focus.models(event) or focus.followed(event))
    return isinstance(event, Outside)


def _prepares(focus: Focus, mark: Mark) -> bool:
    """Whether a step of a long body only makes an object, and leads to no model."""
    event = mark.event
    return isinstance(event, Site) and isinstance(event.target, ClassRef) and not _leads(focus, mark)


def _begins(root: Root) -> str:
    ways = list(dict.fromkeys(way(entry) for entry in root.entries if entry.kind != "api"))
    where = caller(root.frame) + (f" in {root.frame.path}" if root.frame.definition else "")
    if not ways:
        return f"The code is used as a library; the most important of its public functions is {where}"
    return f"The main program is {where}" + (f", started by {' or '.join(ways)}" if root.frame.definition else "")


def _named(mark: Mark) -> str:
    """A step by its name, with what decides whether and how often it runs."""
    event = mark.event
    name = f"`{spoken(event)}`" if isinstance(event, Site) else f"`{event.step.written}()`"  # type: ignore[union-attr]
    kinds = {guard.kind for guard in guards_of(event)} if not isinstance(event, Guard) else set()
    notes = ["in a loop"] if kinds & LOOPS else []
    notes += ["on an error"] if "except" in kinds else ["on a condition"] if kinds - LOOPS else []
    return f"{name} ({', '.join(notes)})" if notes else name


def _models(codebase: "Codebase", focus: Focus, root: Root, walks: list[list[Mark]]) -> Iterator[CensusHit]:
    """What is made or loaded, what is run, and what models run inside, in the order in which it happens first."""
    order = ordered(focus, walks)
    inside = [f"`{name}`: {' → '.join(steps[:INSIDE])}" for name, steps in order.inside.items()]
    for verb, key, found in (
        ("Made or loaded, in this order", "made", order.made),
        ("Run, in this order", "run", order.run),
        ("Inside these models run, in the order of each", "inside", inside),
    ):
        if found:
            shown = found[:MODELS]
            more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
            told = "; ".join(shown) if key == "inside" else numbered(shown)
            yield _sentence(codebase, root, f"{verb}: {told}{more}", [_place(mark) for mark in order.marks[key]])


def numbered(names: list[str]) -> str:
    """ "(1) a; (2) b"; one name stands by itself."""
    return "; ".join(f"({at}) {name}" for at, name in enumerate(names, 1)) if len(names) > 1 else "".join(names)


def _others(codebase: "Codebase", roots: list[Root]) -> CensusHit:
    others = [root for root in roots[1:] if root.entries[0].kind != "api"] or roots[1:]
    names = [f"{caller(r.frame)} ({r.frame.path})" if r.frame.definition else r.frame.path for r in others]
    more = f" and {len(names) - OTHERS} more" if len(names) > OTHERS else ""
    places = [(r.frame.path, "", *r.entries[0].lines) for r in others if r.entries[0].path == r.frame.path]
    api = others[0].entries[0].kind == "api"
    text = f"{'As a library it offers' if api else 'Execution can also start in'} {', '.join(names[:OTHERS])}{more}"
    return _sentence(codebase, others[0], text, [("entry", p, a, b) for p, _, a, b in places])


def _place(mark: Mark) -> Place:
    event = mark.event
    assert isinstance(event, Site | Outside)
    return "step", mark.frame.path, event.step.start, event.step.end


def _sentence(codebase: "Codebase", root: Root, text: str, places: list[Place]) -> CensusHit:
    frame, entry = root.frame, root.entries[0]
    definition = frame.definition
    lines = (definition.head_start, definition.head_end) if definition else entry.lines
    return hit_at(
        codebase,
        frame.path,
        lines,
        symbol=frame.symbol,
        name=frame.symbol or frame.path,
        text=text,
        related=tuple(places),
        detail={"entry": entry.kind},
    )
