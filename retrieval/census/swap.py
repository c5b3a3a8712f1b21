"""Kind `swap_points`: where the main programs make or load their models, and what decides which model it is.

`how` is "table" (one of several, from a variable), "condition" (the arms of a condition make different things), "name"
(a library loads what an argument names) or "fixed" (the class or the name stands in the code).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import Guard, one_line
from retrieval.census.callgraph import Site
from retrieval.census.families import LOADING
from retrieval.census.focus import Focus, focus_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.outside import Outside, does
from retrieval.census.pipeline import main_roots
from retrieval.census.prose import counted, listed
from retrieval.census.registries import imports_by_name, looked_up
from retrieval.census.values import ClassRef
from retrieval.census.walk import Mark, walked
from retrieval.census.wording import caller, either, label
from retrieval.facts import Call, CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

ROOTS, DEPTH, SHOWN, TEXT, MOST, MANY = 6, 9, 6, 110, 0.6, 12
HOW = ("table", "name", "condition", "fixed")
_WEIGHTS = frozenset({"torch.load", "load_file", "hf_hub_download", "snapshot_download", "load_dataset", "safe_open"})
_CHOOSING = frozenset({"if", "else", "case"})
_NONE = ("is not None", "is None", "not ", "os.path", "exists(")


@dataclass(frozen=True, slots=True)
class Point:
    """One place where a model is made or loaded: its name, how it is chosen, and the condition or argument for it."""

    mark: Mark
    name: str
    how: str
    by: str


@kind(
    "swap_points",
    summary="where main programs make or load models, and what decides which model it is (what=verdict)",
    example="swap_points, or swap_points: what=verdict",
    reads="python",
    options=("what",),
    ordered=True,
)
def swap_points(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per model and place, those fixed in the code last; `what=verdict` sums them up in a sentence instead."""
    focus = focus_of(codebase)
    found = [point for point in points_of(focus) if query.matches(point.name.strip("`"))]
    if query.options.get("what") == "verdict":
        yield from [_verdict(codebase, found)] if found else []
        return
    for point in sorted(found, key=lambda point: HOW.index(point.how)):
        yield _hit(codebase, point)


def points_of(focus: Focus) -> list[Point]:
    """The places in order of execution, each once."""
    found: dict[tuple[str, int, str], Point] = {}
    for root in main_roots(focus)[:ROOTS]:
        for mark in walked(focus, root, DEPTH):
            point = _point(focus, mark)
            if point is not None:
                step = mark.event.step  # type: ignore[union-attr]
                found.setdefault((mark.frame.path, step.start, point.name), point)
    return list(found.values())


def _point(focus: Focus, mark: Mark) -> Point | None:
    event = mark.event
    if isinstance(event, Site) and focus.models(event) and isinstance(event.target, ClassRef):
        if focus.in_model(mark.frame):
            return None
        name = either([label(target) for target in event.targets])
        if event.others:
            return Point(mark, name, "table", f"`{event.step.written}`")
        condition = _condition(event.step.guards)
        return Point(mark, name, "condition" if condition else "fixed", condition)
    if isinstance(event, Outside) and does(event) == "makes":
        written = event.step.written
        if written in _WEIGHTS or written.rpartition(".")[2] in _WEIGHTS or event.name in _WEIGHTS:
            return None
        return _loaded(mark, event)
    return None


def _loaded(mark: Mark, event: Outside) -> Point:
    """What a library makes or loads: by the name in its first argument, or a class fixed in the code."""
    name, condition = f"`{event.step.written}()`", _condition(event.step.guards)
    given = event.step.node.child_by_field_name("arguments")
    first = next((c for c in (given.named_children if given else []) if c.type != "comment"), None)
    text = one_line(mark.frame.body.tree.text(first), 50) if first is not None else ""
    literal = first is not None and (first.type == "string" or text.partition("=")[2][:1] in ("'", '"'))
    if condition:
        return Point(mark, name, "condition", condition)
    loading = event.step.written.rpartition(".")[2] in LOADING or event.name in LOADING
    if loading and text and not literal:
        return Point(mark, name, "name", f"`{text}`")
    return Point(mark, name, "fixed", f"`{text}`" if literal else "")


def _condition(guards: tuple[Guard, ...]) -> str:
    """The innermost condition that chooses, "" when there is none but tests of presence."""
    for guard in reversed(guards):
        if guard.kind in _CHOOSING and not (guard.kind == "if" and any(part in guard.text for part in _NONE)):
            return f"not `{guard.text.replace('` and `', '`, not `')}`" if guard.kind == "else" else f"`{guard.text}`"
    return ""


def _hit(codebase: "Codebase", point: Point) -> CensusHit:
    mark, step = point.mark, point.mark.event.step  # type: ignore[union-attr]
    said = {
        "table": f"is one of several, chosen by {point.by}",
        "condition": f"is chosen by the condition {point.by}",
        "name": f"is loaded by the name in {point.by}",
        "fixed": f"is fixed in the code{f' with the name {point.by}' if point.by else ''}",
    }[point.how]
    written = one_line(mark.frame.body.tree.text(step.node), TEXT)
    targets = mark.event.targets if isinstance(mark.event, Site) else ()
    return hit_at(
        codebase,
        mark.frame.path,
        (step.start, step.end),
        symbol=mark.frame.symbol,
        name=point.name.strip("`"),
        text=f"{point.name} in {caller(mark.frame)} {said}: `{written}`",
        related=tuple(("definition", t.path, t.definition.head_start, t.definition.head_end) for t in targets),
        detail={"how": point.how},
    )


def _verdict(codebase: "Codebase", found: list[Point]) -> CensusHit:
    sorts = {how: [point for point in found if point.how == how] for how in HOW}
    free, total = len(sorts["table"]) + len(sorts["name"]), len(found)
    words = {
        "table": "comes from a table or a variable that holds one of several, where another needs an entry",
        "name": "is loaded by a name that is passed in, where another of the same class needs no change of code",
        "condition": "is chosen by a condition, where another needs a new branch",
        "fixed": "is named in the code, where another needs an edit",
    }
    parts = [f"at {len(points)} it {words[how]} ({_names(points)})" for how, points in sorts.items() if points]
    lookups = _lookups(codebase)
    text = (
        f"{_judged(free, total, lookups)}: of the {counted(total, 'place')} where the main programs were seen to make "
        f"or load a model, {'; '.join(parts)}"
    )
    first = found[0].mark
    places = [(p.mark.frame.path, p.mark.event.step.start, p.mark.event.step.end) for p in found]  # type: ignore[union-attr]
    places += [(path, call.start, call.end) for path, call in lookups[:MANY]]
    return hit_at(
        codebase,
        places[0][0],
        places[0][1:],
        symbol=first.frame.symbol,
        name="verdict",
        text=text,
        related=tuple(("made", *place) for place in places[1:]),
        detail={"free": str(free), "total": str(total)},
    )


def _lookups(codebase: "Codebase") -> list[tuple[str, Call]]:
    """Calls in source code that import a module by a computed name or ask a registry for one."""
    return [
        (path, call)
        for path, call in codebase.all_calls()
        if codebase.snapshot.by_path[path].role == "source" and (looked_up(call) or imports_by_name(call))
    ]


def _judged(free: int, total: int, lookups: list[tuple[str, Call]]) -> str:
    """The verdict by the share of places that are free, and by what the code looks up by name elsewhere."""
    many = "most" if free / total >= MOST else "some"
    said = f"Replacing a model without a change of code is possible at {many} places only"
    if lookups:
        counts = Counter(".".join(call.name.split(".")[-2:]) for _, call in lookups)
        ranked = sorted(counts.items(), key=lambda item: ("model" not in item[0], -item[1]))
        named = listed([f"`{name}()` ({counted(count, 'place')})" for name, count in ranked], SHOWN)
        told = (
            f"Modules or classes are looked up by a computed name, with {named}, where another name brings another one"
        )
        return f"{told}. {said}" if free else f"{told}. No other way to replace a model was recognised"
    return said if free else "No place was recognised that lets one replace a model without a change of code"


def _names(points: list[Point]) -> str:
    names = list(dict.fromkeys(point.name for point in points))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
