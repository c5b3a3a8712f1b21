"""Kind `workers`: what runs beside the calling code, in which kind of worker, and whether it reaches a model.

Threads, processes, pools and executors with the functions they are given, classes that are threads or processes
themselves, and coroutines handed to a thread. A function that comes in by a parameter is looked for at the callers.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.code.syntax import call_text
from retrieval.census.concurrency.worker_numbers import is_many
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.callgraph import Target, defined, entered, possible, site_at
from retrieval.census.meaning.frame import Frame
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import ClassRef, External, FunctionRef, Instance, alternatives
from retrieval.census.models.held_models import HeldRun, runs_held_model
from retrieval.census.models.touches import free_of_models, places, told, ways
from retrieval.census.settings.set_defaults import off_by_default
from retrieval.facts import Call, CensusHit, Definition
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_THREAD = words(
    """Thread Timer ThreadPoolExecutor ThreadPool to_thread start_new_thread run_in_executor ThreadedGenerator
    run_in_threadpool QThread BackgroundTasks"""
)
_PROCESS = words(
    """Process Pool ProcessPoolExecutor start_processes spawn SpawnProcess ForkProcess
    ProcessPool notebook_launcher"""
)
_MODULES = words(
    """threading multiprocessing concurrent torch.multiprocessing asyncio joblib anyio starlette _thread billiard
    pathos multiprocess PyQt5 PyQt6 PySide2 PySide6 accelerate gevent eventlet fastapi"""
)
_GIVEN = words(
    """submit map starmap imap imap_unordered apply_async map_async starmap_async apply Thread Timer Process
    to_thread run_in_executor spawn start_processes start_new_thread run_in_threadpool notebook_launcher add_task"""
)
_MODEL_CALL = re.compile(
    r"[\w.]*(?:(?:model|pipe|pipeline|llm|net)\w*\.(?:generate|forward|predict|infer|run|encode|__call__)\w*"
    r"|(?:generator|engine)\w*\.(?:iterate|step|generate|predict|infer)\w*)"
)
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_MAKERS = _THREAD | _PROCESS
NAMED, MOST_TRACED = 4, 80


@kind(
    "workers",
    summary="threads, processes and pools with what each runs (model=yes|no|unknown, worker=thread|process)",
    example="workers: model=yes",
    reads="python",
    options=("model", "worker"),
)
def workers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per start of a worker; patterns match the resolved name of the call or of the class's base.

    `detail["model"]` is "yes" when what runs names a model class or a model library, "no" when it does not and
    "unknown" when what runs is not known.
    """
    model, worker = query.options.get("model", "yes|no|unknown"), query.options.get("worker", "thread|process")
    for hit in _every_worker(codebase):
        fits = hit.detail["model"] in model.split("|") and hit.detail["worker"] in worker.split("|")
        if fits and query.matches(hit.name):
            yield hit


@once
def _every_worker(codebase: "Codebase") -> tuple[CensusHit, ...]:
    return (*_calls(codebase), *_classes(codebase))


def _calls(codebase: "Codebase") -> Iterator[CensusHit]:
    for path, call in codebase.all_calls():
        maker = _maker(codebase, path, call)
        if not maker:
            continue
        last = call.name.rpartition(".")[2]
        if last not in _GIVEN and _is_filled_later(codebase, path, call):
            continue
        targets = _targets(codebase, path, call, last) if last in _GIVEN else []
        if last == "add_task" and (not targets or any(target.definition.is_async for target in targets)):
            continue  # a coroutine runs in the event loop
        first = _first_run(codebase, path, call)
        given = dict(call.keywords).get("target", call.arguments[0] if call.arguments else "")
        what, models, shown = _runs(codebase, targets, given if last in _GIVEN else "", first)
        targets += first
        yield hit_at(
            codebase, path, (call.start, call.end), symbol=call.symbol, name=call.name,
            text=f"`{call_text(call)}` starts a worker {maker}{what}{_when(codebase, path, call)}",
            related=(*(defined(target) for target in targets[:NAMED]), *shown),
            detail={
                "worker": maker,
                "model": models,
                "runs": ", ".join(map(_label, targets[:NAMED])),
                "off": _when(codebase, path, call),
                "many": "yes" if last == "add_task" or _is_many(codebase, path, call) else "no",
                "held": held.told if (held := _held(codebase, targets)) is not None else "",
            },
        )  # fmt: skip


def _is_many(codebase: "Codebase", path: str, call: Call) -> bool:
    return is_many(codebase.facts[path].calls, call, step_of(codebase, path, call))


def _when(codebase: "Codebase", path: str, call: Call) -> str:
    """Why the worker is not started by default, where that is known."""
    found = step_of(codebase, path, call)
    off = off_by_default(codebase, found[1].guards) if found is not None else ""
    return f" ({off})" if off else ""


def _maker(codebase: "Codebase", path: str, call: Call) -> str:
    """ "thread" or "process" when the call starts one or hands work to one; "" otherwise."""
    last = call.name.rpartition(".")[2]
    if last not in _MAKERS | _GIVEN:
        return ""
    made_by = (call.receiver or call.name) if last not in _MAKERS or call.receiver else call.name
    if last in _GIVEN and not call.receiver and call.written.endswith(f".{last}"):
        made_by = _chosen(codebase, path, call)
    outer = made_by.rpartition(".")[2]
    known = any(made_by == m or made_by.startswith(f"{m}.") for m in _MODULES)
    if last in ("to_thread", "run_in_executor", "run_in_threadpool", "start_new_thread"):
        return "thread"
    if not known or codebase.resolve_call(path, call) is not None:
        return ""
    return "thread" if outer in _THREAD else "process" if outer in _PROCESS or last in _PROCESS else ""


def _chosen(codebase: "Codebase", path: str, call: Call) -> str:
    """The pool that a call works with where a condition chose its class: `pool = Executor if many else InPlace`."""
    found = step_of(codebase, path, call)
    name = call.written.rpartition(".")[0]
    if found is None or not name.isidentifier():
        return call.name
    frame, step = found
    makers = [b.value.child_by_field_name("function") for b in frame.bound(name) if b.value is not None]
    values = [v for node in makers if node is not None for v in alternatives(frame.value(node, step.order))]
    known = (v.name for v in values if isinstance(v, External) and v.name.rpartition(".")[2] in _MAKERS)
    return next(known, call.name)


def _is_filled_later(codebase: "Codebase", path: str, call: Call) -> bool:
    """Whether work is handed to this pool or executor in the same file: that call then tells more."""
    return any(
        other.receiver == call.name and other.name.rpartition(".")[2] in _GIVEN for other in codebase.facts[path].calls
    )


def step_of(codebase: "Codebase", path: str, call: Call) -> tuple[Frame, CallStep] | None:
    """The body that a call stands in, and its event there."""
    program = program_of(codebase)
    definition = program.definition(path, call.symbol) if call.symbol else None
    frame = program.frame(path, definition)
    steps = frame.body.calls if frame is not None else []
    step = next((s for s in steps if (s.start, s.end, s.written) == (call.start, call.end, call.written)), None)
    return (frame, step) if frame is not None and step is not None else None


def _targets(codebase: "Codebase", path: str, call: Call, last: str) -> list[Target]:
    """What the worker is given to run: `target=`, or the first argument that is a function."""
    found = step_of(codebase, path, call)
    if found is None:
        return []
    frame, step = found
    named = _keywords(frame, step, ("target", "func", "fn", "function"))
    for node in (*named, *arguments(step.node)[: 2 if last == "run_in_executor" else 1]):
        if targets := list(dict.fromkeys(_functions(codebase, frame, step, node))):
            return targets
    return []


def _first_run(codebase: "Codebase", path: str, call: Call) -> list[Target]:
    """What each process of the pool that a call works with runs first: `initializer=`."""
    found: list[Target] = []
    for other in codebase.facts[path].calls:
        if (
            other.symbol == call.symbol
            and other.name.rpartition(".")[2] in _MAKERS
            and "initializer" in dict(other.keywords)
        ):
            at = step_of(codebase, path, other)
            for node in _keywords(*at, ("initializer",)) if at else ():
                found += _functions(codebase, *at, node) if at else []
    return list(dict.fromkeys(found))


def _keywords(frame: Frame, step: CallStep, names: tuple[str, ...]) -> list[Node]:
    text = frame.body.tree.text
    listed_ = [child for child in arguments(step.node, keywords=True) if child.type == "keyword_argument"]
    values = [c.child_by_field_name("value") for c in listed_ if text(c.child_by_field_name("name")) in names]
    return [value for value in values if value is not None]


def _functions(codebase: "Codebase", frame: Frame, step: CallStep, node: Node) -> Iterator[Target]:
    """The repository functions that an argument may be, in `partial(f, …)` and through parameters too."""
    program = program_of(codebase)
    if node.type == "call" and step.node != node:
        inner = arguments(node)
        if frame.body.tree.text(node.child_by_field_name("function")).rpartition(".")[2] == "partial" and inner:
            yield from _functions(codebase, frame, step, inner[0])
        return
    if node.type not in ("identifier", "attribute"):
        return
    direct = list(_callables(frame, node, step.order, step))
    if direct:
        yield from direct
        return
    for spot in tracer_of(program).walk(Spot(frame, node, step.order, step.guards), computed=False, most=MOST_TRACED):
        if spot.node.type in ("identifier", "attribute"):
            yield from _callables(spot.frame, spot.node, spot.order, step)


def _callables(frame: Frame, node: Node, order: int, step: CallStep) -> Iterator[Target]:
    for value in alternatives(frame.value(node, order)):
        if isinstance(value, FunctionRef):
            site = site_at(frame.program, step, value)
            yield from possible(frame.program, site) if site is not None else (value,)
        elif isinstance(value, Instance) and (method := frame.program.method(value.cls, "__call__")):
            yield FunctionRef(method[0].path, method[1], method[0], value.cls)


def _classes(codebase: "Codebase") -> Iterator[CensusHit]:
    for path, item in codebase.subclasses(_is_worker_class):
        run = codebase.member((path, item), "run")
        cls = ClassRef(path, item)
        targets: list[Target] = [FunctionRef(run[0], run[1], cls, cls)] if run else []
        what, models, shown = _runs(codebase, targets)
        bases = codebase.bases(path, item)
        maker = "process" if any(base.endswith("Process") for base in bases) else "thread"
        yield hit_at(
            codebase, path, (item.start, item.head_end), symbol=item.symbol,
            name=next(base for base in bases if _is_worker_class(base)),
            text=f"class `{item.symbol}` is a {maker}{what}",
            related=(*map(defined, targets), *shown),
            detail={"worker": maker, "model": models, "runs": ", ".join(map(_label, targets))},
        )  # fmt: skip


def _is_worker_class(base: str) -> bool:
    known = any(base.startswith(f"{m}.") for m in _MODULES)
    return known and base.rpartition(".")[2] in ("Thread", "Process", "Timer", "QThread", "SpawnProcess")


def _runs(
    codebase: "Codebase", targets: list[Target], written: str = "", first: Sequence[Target] = ()
) -> tuple[str, str, tuple[tuple[str, str, int, int], ...]]:
    """What runs, in words; whether it reaches a model; and the places that show it."""
    if not targets:
        if _MODEL_CALL.fullmatch(written):
            return f", which runs `{written}`, a call on a model", "yes", ()
        plain = written.strip("() ").split(",")[0]
        what = f", which runs `{plain[:60]}`" if _NAME.fullmatch(plain) else ""
        return f"{what}; what that is could not be traced", "unknown", ()
    names = [f"`{_label(target)}()` of {target.path}" for target in targets]
    named = f", which runs {listed(names, NAMED).replace(', ', ' or ')}"
    named += f" after {', '.join(f'`{_label(target)}()`' for target in first)} when it begins" if first else ""
    program = program_of(codebase)
    frames = [frame for target in (*targets, *first) if (frame := entered(program, target)) is not None]
    found, held = ways(codebase, frames), _held(codebase, targets)
    if held is not None and all(way.touch.written.startswith(f"{held.call}(") for way in found):
        spots = tuple(("model", path, line, line) for path, line in ((held.path, held.line), *held.places[:NAMED]))
        return f"{named}; it {held.said}", "yes", spots
    if found:
        return f"{named}; it {told(found)}", "yes", places(found)
    if call := next(filter(None, (_model_call(codebase, t.path, t.definition) for t in targets)), ""):
        return f"{named}; it calls `{call}`, a call on a model", "yes", ()
    if frames and free_of_models(codebase, frames):
        return f"{named}; it reaches no model", "no", ()
    return f"{named}; whether that reaches a model was not traced", "unknown", ()


def _held(codebase: "Codebase", targets: list[Target]) -> HeldRun | None:
    """The run of a model that the object of one of these methods was made with."""
    found = (runs_held_model(codebase, (target.path, target.definition.symbol)) for target in targets)
    return next(filter(None, found), None)


def _label(target: Target) -> str:
    return target.definition.symbol


def _model_call(codebase: "Codebase", path: str, definition: Definition) -> str:
    """The first call in a function that is, by its words, a call on a model: `self.model.llama_model.generate`."""
    for call in codebase.facts[path].calls:
        inside = call.symbol == definition.symbol or call.symbol.startswith(f"{definition.symbol}.")
        if inside and _MODEL_CALL.fullmatch(call.written):
            return call.written
    return ""
