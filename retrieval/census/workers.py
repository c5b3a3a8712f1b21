"""Kind `workers`: what runs beside the calling code, in which kind of worker, and whether it reaches a model.

Threads, processes, pools and executors with the function they are given, classes that are threads or processes
themselves, and coroutines handed to a thread. What a function reaches is `reach.py`'s over-approximation.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from retrieval.census.callgraph import reached
from retrieval.census.families import is_library_model, is_model_base
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.program import program_of
from retrieval.census.prose import listed
from retrieval.census.reach import reached_from
from retrieval.census.starts import Start
from retrieval.census.syntax import call_text
from retrieval.facts import Call, CensusHit, Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_THREAD = words(
    """Thread Timer ThreadPoolExecutor ThreadPool to_thread start_new_thread run_in_executor ThreadedGenerator
    run_in_threadpool QThread"""
)
_PROCESS = words(
    """Process Pool ProcessPoolExecutor start_processes spawn SpawnProcess ForkProcess
    ProcessPool notebook_launcher"""
)
_MODULES = words(
    """threading multiprocessing concurrent torch.multiprocessing asyncio joblib anyio starlette _thread billiard
    pathos multiprocess PyQt5 PySide6 accelerate"""
)
_GIVEN = words(
    """submit map starmap imap imap_unordered apply_async map_async starmap_async apply Thread Timer Process
    to_thread run_in_executor spawn start_processes start_new_thread run_in_threadpool notebook_launcher"""
)
_MODEL_CALL = re.compile(
    r"[\w.]*(?:model|pipe|pipeline|llm|net)\w*\.(?:generate|forward|predict|infer|run|encode|__call__)\w*"
)
_MAKERS = _THREAD | _PROCESS
NAMED = 5


@kind(
    "workers",
    summary="threads, processes, pools and executors with what each runs, and the models it reaches (model=yes|no)",
    example="workers: model=yes",
    reads="python",
    options=("model",),
)
def workers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per start of a worker; patterns match the resolved name of the call or of the class's base.

    `detail["model"]` is "yes" when what runs names a model class or a model library, "no" when it does not and
    "unknown" when what runs is not known.
    """
    wanted = query.options.get("model")
    for hit in _every_worker(codebase):
        if query.matches(hit.name) and wanted in (None, hit.detail["model"]):
            yield hit


@lru_cache(maxsize=2)
def _every_worker(codebase: "Codebase") -> tuple[CensusHit, ...]:
    return (*_calls(codebase), *_classes(codebase))


def _calls(codebase: "Codebase") -> Iterator[CensusHit]:
    for path, call in codebase.all_calls():
        maker = _maker(codebase, path, call)
        if not maker:
            continue
        last = call.name.rpartition(".")[2]
        target = _target(codebase, path, call) if last in _GIVEN else None
        if last in _MAKERS and last not in _GIVEN and _is_filled_later(codebase, path, call):
            continue
        given = dict(call.keywords).get("target", call.arguments[0] if call.arguments else "")
        what, models = _runs(codebase, target, given if last in _GIVEN else "")
        text = f"`{call_text(call)}` starts a worker {maker}{what}"
        related = (("definition", target[0], target[1].head_start, target[1].head_end),) if target else ()
        yield hit_at(
            codebase,
            path,
            (call.start, call.end),
            symbol=call.symbol,
            name=call.name,
            text=text,
            related=related,
            detail={"worker": maker, "model": models},
        )


def _maker(codebase: "Codebase", path: str, call: Call) -> str:
    """ "thread" or "process" when the call starts one or hands work to one; "" otherwise."""
    last = call.name.rpartition(".")[2]
    if last not in _MAKERS | _GIVEN:
        return ""
    made_by = (call.receiver or call.name) if last not in _MAKERS or call.receiver else call.name
    outer = made_by.rpartition(".")[2]
    known = any(made_by == m or made_by.startswith(f"{m}.") for m in _MODULES)
    if last in ("to_thread", "run_in_executor", "run_in_threadpool", "start_new_thread"):
        return "thread"
    if not known or codebase.resolve_call(path, call) is not None:
        return ""
    return "thread" if outer in _THREAD else "process" if outer in _PROCESS or last in _PROCESS else ""


def _is_filled_later(codebase: "Codebase", path: str, call: Call) -> bool:
    """Whether work is handed to this pool or executor in the same file: that call then tells more."""
    return any(
        other.receiver == call.name and other.name.rpartition(".")[2] in _GIVEN for other in codebase.facts[path].calls
    )


def _target(codebase: "Codebase", path: str, call: Call) -> tuple[str, Definition] | None:
    """The repository function that the worker is given: `target=`, or the first argument that names one."""
    given = [value for name, value in call.keywords if name in ("target", "func", "fn", "function")]
    for written in (*given, *call.arguments):
        name = written.removeprefix("functools.").removeprefix("partial(").split(",")[0].strip("( )")
        found = _named(codebase, path, call.symbol, name)
        if found is not None:
            return found
    return None


def _named(codebase: "Codebase", path: str, symbol: str, name: str) -> tuple[str, Definition] | None:
    if not name.replace(".", "").replace("_", "a").isalnum():
        return None
    if name.startswith("self."):
        owner = codebase.resolve_local(path, symbol.split(".")[0])
        return codebase.member(owner, name.removeprefix("self.")) if owner and "." not in name[5:] else None
    inner = codebase.resolve_local(path, f"{symbol}.{name}") if symbol else None
    return inner or codebase.resolve_local(path, name)


def _classes(codebase: "Codebase") -> Iterator[CensusHit]:
    for path, item in codebase.subclasses(_is_worker_class):
        run = codebase.member((path, item), "run")
        what, models = _runs(codebase, run)
        bases = codebase.bases(path, item)
        maker = "process" if any(base.endswith("Process") for base in bases) else "thread"
        yield hit_at(
            codebase,
            path,
            (item.start, item.head_end),
            symbol=item.symbol,
            name=next(base for base in bases if _is_worker_class(base)),
            text=f"class `{item.symbol}` is a {maker}{what}",
            related=(("definition", run[0], run[1].head_start, run[1].head_end),) if run else (),
            detail={"worker": maker, "model": models},
        )


def _is_worker_class(base: str) -> bool:
    known = any(base.startswith(f"{m}.") for m in _MODULES)
    return known and base.rpartition(".")[2] in ("Thread", "Process", "Timer", "QThread", "SpawnProcess")


def _runs(codebase: "Codebase", target: tuple[str, Definition] | None, written: str = "") -> tuple[str, str]:
    """What runs, in words, and whether it reaches a model."""
    if target is None:
        model = _MODEL_CALL.fullmatch(written) is not None
        return (f", which runs `{written}`, a call on a model", "yes") if model else ("", "unknown")
    path, definition = target
    named = f", which runs `{definition.symbol}()` of {path}"
    models = list(dict.fromkeys(_models(codebase, path, definition)))
    if not models and (call := _model_call(codebase, path, definition)):
        return f"{named}; it calls `{call}`, a call on a model", "yes"
    if models:
        return f"{named}; it reaches the models {listed([f'`{name}`' for name in models], NAMED)}", "yes"
    return (
        (f"{named}; it reaches no model", "no")
        if _is_free_of_models(codebase, path, definition)
        else (named, "unknown")
    )


def _models(codebase: "Codebase", path: str, definition: Definition) -> Iterator[str]:
    """The model classes and library models on certain call paths from a function."""
    program = program_of(codebase)
    start = program.frame(path, definition)
    classes = _model_classes(codebase)
    for frame, _ in reached(program, [start]) if start else ():
        if (frame.path, frame.symbol.rpartition(".")[0]) in classes:
            yield frame.symbol.rpartition(".")[0]
        yield from _library_models(codebase, frame.path, frame.symbol)


def _model_call(codebase: "Codebase", path: str, definition: Definition) -> str:
    """The first call in a function that is, by its words, a call on a model: `self.model.llama_model.generate`."""
    for call in codebase.facts[path].calls:
        inside = call.symbol == definition.symbol or call.symbol.startswith(f"{definition.symbol}.")
        if inside and _MODEL_CALL.fullmatch(call.written):
            return call.written
    return ""


def _is_free_of_models(codebase: "Codebase", path: str, definition: Definition) -> bool:
    """Whether nothing that the function may run, by name, is a model."""
    start = Start("", ((path, definition.symbol),), path, (definition.start, definition.end), "")
    units = reached_from(codebase, [start])
    held = any(next(_library_models(codebase, *unit), "") for unit in units if unit[1])
    return not held and not _model_classes(codebase).intersection(units)


def _library_models(codebase: "Codebase", path: str, symbol: str) -> Iterator[str]:
    for call in codebase.facts[path].calls:
        inside = call.symbol == symbol or call.symbol.startswith(f"{symbol}.")
        if inside and is_library_model(call.name):
            yield call.name


@lru_cache(maxsize=2)
def _model_classes(codebase: "Codebase") -> frozenset[tuple[str, str]]:
    return frozenset(
        (path, item.symbol) for path, item, bases in codebase.classes() if any(is_model_base(base) for base in bases)
    )
