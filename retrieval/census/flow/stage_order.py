"""Kind `stage_order`: the order in which an object runs the stages that its constructor has built, class by class.

`self.layout(page)`, `for step in self.steps: step(page)`, `Worker(model=self.table)`: read from the method that drives
the others, with the methods that a class defines anew; a method of its own that runs a model is a stage too. Pipelines
of one base are alternatives, told together where their stages are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.built_stages import Built, built_stages
from retrieval.census.flow.default_targets import NAMED, chosen_by
from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.own_work import held_stages, own_stage, own_work, state_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.wording import either
from retrieval.census.memory.stage_sets import held_in, holds_models
from retrieval.census.models.families import SETUP
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.flow.focus import Focus
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.values import ClassRef
    from retrieval.codebase import Codebase

LEAST, MOST, STAGES = 2, 6, 16
_OPTIONAL = re.compile(r"\boff by default\b|\bonly if\b")
_LOOP = re.compile(r"(?:\w+, )?(\w+) in (?:enumerate\(|tqdm\()?self\.(\w+)")


@kind(
    "stage_order",
    summary="pipelines as objects: the order in which each runs the stages that its constructor builds, with defaults",
    example="stage_order",
    reads="python",
    ordered=True,
)
def stage_order(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per class whose object runs two stages or more that hold models, what defaults choose first, and per
    class of the same family that is chosen and runs one. Patterns match the class."""
    yield from (hit for hit in _every(codebase) if query.matches(hit.name))


@dataclass(frozen=True, slots=True)
class Row:
    """One pipeline: its stages in order, what chooses it, and its rank."""

    rank: tuple[bool, int, int]
    cls: ClassRef
    order: tuple[Built, ...]
    chosen: str

    @property
    def alike(self) -> tuple[object, ...]:
        """What pipelines have in common that are told together: all but the models that their own methods run."""
        return tuple((stage.name, stage.said if stage.classes else "") for stage in self.order)

    @property
    def name(self) -> str:
        return self.cls.definition.symbol


@once
def _every(codebase: Codebase) -> tuple[CensusHit, ...]:
    focus, reach = focus_of(codebase), reach_of(codebase)
    rows: list[Row] = []
    for cls in focus.program.classes:
        if reach.runs((cls.path, cls.definition.symbol)) and len(_attributes(focus, cls)) >= LEAST:
            rows += _row(codebase, focus, cls, LEAST)
    rows = [row for row in rows if row.rank[1] < 0] or rows  # what nothing chooses is left out beside what is chosen
    for cls in _kin(focus, [row.cls for row in rows]):
        if reach.runs((cls.path, cls.definition.symbol)) and all(row.cls != cls for row in rows):
            rows += [row for row in _row(codebase, focus, cls, 1) if row.rank[1] < 0]
    rows.sort(key=lambda row: (row.rank, row.cls.path, row.cls.definition.start))
    together: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        together.setdefault(row.alike, []).append(row)
    return tuple(_hit(codebase, focus, same) for same in list(together.values())[:MOST])


def _kin(focus: Focus, pipelines: list[ClassRef]) -> list[ClassRef]:
    """The classes that derive from a base of a pipeline: a program may choose them in its place."""
    program = focus.program
    bases = dict.fromkeys(base for cls in pipelines for base in program.line(cls)[1:])
    return list(dict.fromkeys(cls for base in bases for cls in program.descendants(base)))


def _row(codebase: Codebase, focus: Focus, cls: ClassRef, least: int) -> list[Row]:
    """The order of one class with at least `least` stages with models; [] for others."""
    program = focus.program
    source = codebase.snapshot.by_path[cls.path].role == "source"
    if not source or cls in focus.anatomy.models or program.method(cls, "__init__") is None:
        return []
    stages = built_stages(codebase, focus.roster, cls)
    if sum(_leads(focus, stage) for held in stages.values() for stage in held) < least:
        return []
    kept = state_of(focus, cls)
    stages = held_stages(focus, cls) | {
        name: held for name, held in stages.items() if name not in kept or any(_leads(focus, stage) for stage in held)
    }
    chosen = chosen_by(codebase, cls.definition.name)
    order = _driven(focus, cls, stages)
    told = len({stage.name or stage.said for stage in order if stage.classes}) >= least
    if not told or not (chosen.rank or not program.descendants(cls)):
        return []
    return [Row((chosen.rank <= NAMED, -chosen.rank, -len(order)), cls, tuple(order), chosen.said)]


def _own_work(focus: Focus, row: Row) -> tuple[str, list[tuple[str, int]]]:
    """What the class does itself, where its stages are one or all optional: they are not the whole then."""
    few = len(row.order) == 1 or all(_OPTIONAL.search(stage.said) for stage in row.order)
    return own_work(focus, row.cls) if few else ("", [])


def _attributes(focus: Focus, cls: ClassRef) -> set[str]:
    """The attributes that methods of a class call, loop over or hand on: only what has two of these is looked at."""
    found: set[str] = set()
    for owner in focus.program.line(cls):
        for frame in focus.program.methods(owner, cls):
            for step in frame.body.calls:
                found |= set(re.findall(r"\bself\.(\w+)", step.written))
                found |= {m[2] for guard in step.guards if guard.kind == "for" and (m := _LOOP.search(guard.text))}
                if step.written[:1].isupper():
                    found |= set(re.findall(r"\bself\.(\w+)", frame.body.tree.text(step.node)))
    return found


def _leads(focus: Focus, stage: Built) -> bool:
    """Whether one of the classes that a stage may be holds a model."""
    return any(holds_models(focus.roster, cls) for cls in stage.classes)


def _driven(focus: Focus, cls: ClassRef, stages: dict[str, list[Built]]) -> list[Built]:
    """The stages in the order in which the method runs them that runs most of them."""
    program = focus.program
    names = {f.symbol.rpartition(".")[2]: None for owner in program.line(cls) for f in program.methods(owner, cls)}
    best: list[Built] = []
    for name in names:
        method = program.method(cls, name)
        frame = program.frame(method[0].path, method[1], cls) if method is not None and name != "__init__" else None
        ran = list(dict.fromkeys(_runs(focus, cls, frame, stages, set()))) if frame is not None else []
        if sum(bool(stage.classes) for stage in ran) > sum(bool(stage.classes) for stage in best):
            best = ran
    return best


def _runs(
    focus: Focus, cls: ClassRef, frame: Frame, stages: dict[str, list[Built]], seen: set[tuple[str, str]]
) -> Iterator[Built]:
    """The stages that a method runs, itself and by other methods of the object."""
    if (frame.path, frame.symbol) in seen or frame.symbol.endswith(".__init__"):
        return
    seen.add((frame.path, frame.symbol))
    for step in _wired(focus, frame):
        head, _, rest = step.written.partition(".")
        if head == "self" and rest.partition(".")[0] in stages:
            name, _, method = rest.partition(".")
            if not method or (method.count(".") == 0 and not SETUP.match(method)):
                yield from stages[name]
        elif head == "self" and rest and "." not in rest:
            inner = _method(focus, cls, rest)
            fresh = inner is not None and (inner.path, inner.symbol) not in seen
            ran = list(_runs(focus, cls, inner, stages, seen)) if inner is not None else []
            yield from ran or (own_stage(focus, cls, rest, inner) if inner is not None and fresh else ())
        else:
            yield from _looped(step, stages)
        for given in _given(frame, step):
            inner = _method(focus, cls, given)
            if given in stages and _makes(step):
                yield from stages[given]
            elif inner is not None:
                yield from _runs(focus, cls, inner, stages, seen)


def _wired(focus: Focus, frame: Frame) -> list[CallStep]:
    """The calls of a body in order; workers that are wired one behind the other in the order of the wiring."""
    steps = sorted(frame.body.calls, key=lambda item: item.order)
    wired = [hit for hit in _chains(focus.program.codebase) if hit.path == frame.path]
    lines = [line for hit in wired if hit.symbol == frame.symbol for line in _lines(hit)]
    linked = {step.start: step for step in steps if step.start in lines and _makes(step)}
    order = [linked[line] for line in lines if line in linked]
    first = min((step.order for step in order), default=0)
    before = [step for step in steps if step.order < first and step not in order]
    return [*before, *order, *(step for step in steps if step not in order and step not in before)]


@once
def _chains(codebase: Codebase) -> tuple[CensusHit, ...]:
    return run_query(codebase, "chains").hits


def _lines(hit: CensusHit) -> list[int]:
    """The lines of the workers of a chain, in order."""
    return [hit.start, *(start for what, _, start, _ in hit.related if what == "step")]


def _makes(step: CallStep) -> bool:
    """Whether a call makes an object, which is given the stage: `Worker(model=self.layout)`."""
    return step.written.rpartition(".")[2][:1].isupper()


def _method(focus: Focus, cls: ClassRef, name: str) -> Frame | None:
    found = focus.program.method(cls, name)
    return focus.program.frame(found[0].path, found[1], cls) if found is not None else None


def _looped(step: CallStep, stages: dict[str, list[Built]]) -> list[Built]:
    """The stages of a list whose elements a loop calls."""
    for guard in step.guards:
        match = _LOOP.search(guard.text) if guard.kind == "for" else None
        if match and match[2] in stages and step.written.partition(".")[0] == match[1]:
            method = step.written.partition(".")[2]
            return stages[match[2]] if not method or not SETUP.match(method) else []
    return []


def _given(frame: Frame, step: CallStep) -> list[str]:
    """The attributes of the object that a call is given as they are."""
    values = (
        n.child_by_field_name("value") if n.type == "keyword_argument" else n
        for n in arguments(step.node, keywords=True)
    )
    texts = [frame.body.tree.text(value) for value in values if value is not None and value.type == "attribute"]
    return [text[5:] for text in texts if text.startswith("self.") and text.count(".") == 1]


def _hit(codebase: Codebase, focus: Focus, rows: list[Row]) -> CensusHit:
    """One sentence for pipelines with the same stages."""
    first, order = rows[0], rows[0].order
    cls = first.cls
    more = f" → and {len(order) - STAGES} more" if len(order) > STAGES else ""
    steps = " → ".join(_step(rows, at) for at in range(min(len(order), STAGES)))
    runs = "runs its stages in this order:" if len(order) > 1 else "runs one stage with a model:"
    said, places = _own_work(focus, first) if len(rows) == 1 else ("", [])
    text = f"A {either([row.name for row in rows])} object{_chosen(rows)} {runs} {steps}{more}"
    related = [("stage", stage.path, stage.line, stage.line) for row in rows for stage in row.order[:STAGES]]
    related += [("work", path, line, line) for path, line in places]
    models = dict.fromkeys(m for row in rows for stage in row.order for m in _models(focus, stage))
    return hit_at(
        codebase, cls.path, (cls.definition.head_start, cls.definition.head_end), symbol="",
        name=first.name, text=f"{text}; {said}" if said else text, related=tuple(dict.fromkeys(related)),
        detail={
            "stages": ",".join(stage.name or stage.classes[0].definition.symbol for stage in order),
            "models": ",".join(models),
            "classes": ",".join(row.name for row in rows),
        },
    )  # fmt: skip


def _chosen(rows: list[Row]) -> str:
    told = [f"`{row.name}` {row.chosen}" if len(rows) > 1 else row.chosen for row in rows if row.chosen]
    return f" ({'; '.join(told)})" if told else ""


def _step(rows: list[Row], at: int) -> str:
    """A stage in words; a method that each of several pipelines writes anew with the models of each."""
    said = {row.name: row.order[at] for row in rows}
    if len({stage.said for stage in said.values()}) == 1:
        return rows[0].order[at].said
    told = [f"{either(list(stage.models))} in `{name}`" for name, stage in said.items()]
    return f"`{rows[0].order[at].name}` (a method of its own, which runs {', '.join(told)})"


def _models(focus: Focus, stage: Built) -> list[str]:
    return [*(name for cls in stage.classes for name in held_in(focus.roster, cls)), *stage.models]
