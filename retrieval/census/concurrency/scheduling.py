"""Kind `scheduling`: what decides when waiting work runs: queues, semaphores, pools with a bound, states of jobs.

By use, not by name: a queue counts with who fills and who empties it, a semaphore with its bound and who waits on it,
states of jobs where code compares or sets at least three of them, a pool of kept objects with how it drops one.
Learning rates and clocks are no scheduling of models.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency.job_states import job_states
from retrieval.census.flow.focus import focus_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.prose import first_sentence, listed
from retrieval.census.meaning.units import Unit, call_name, quoted, subject_of, units, written
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_QUEUE = re.compile(
    r"(?:^|\.)(?:queue|asyncio|multiprocessing|mp|ctx|context|manager|janus)\.(?:\w*Queue|Queue)$"
    r"|^(?:Queue|SimpleQueue|PriorityQueue|JoinableQueue|LifoQueue)$|\bManager\(\)\.Queue$|\bget_context\(.*\)\.\w*Queue$"
)
_SEMAPHORE = re.compile(r"(?:^|\.)(?:Bounded)?Semaphore$|(?:^|\.)CapacityLimiter$")
_POOL = re.compile(r"(?:^|\.)(?:ThreadPoolExecutor|ProcessPoolExecutor|Pool|ThreadPool)$")
_BOUNDS = ("max_workers", "processes", "maxsize", "value", "max_size")
_PUTS, _GETS = frozenset(["put", "put_nowait", "send"]), frozenset(["get", "get_nowait", "recv"])
_WAITS = frozenset(["acquire", "acquire_nowait", "wait"])
_UI = re.compile(r"(?:^|\.)(?:queue|wrap_queued_call|wrap_gradio_gpu_call)$")
_UI_BOUNDS = ("concurrency_limit", "default_concurrency_limit", "concurrency_count", "max_size", "enable_queue")
_TELLING = (
    r"Queue|queue|argmin|Semaphore|Limiter|Pool|popitem|move_to_end|min\(|max\(|concurrency|memory_|_memory|_load\b"
)
_WHAT = ("queue", "semaphore", "pool", "states", "selection", "kept", "interface")
_OUTSIDE = re.compile(r"^(?:apscheduler|schedule|celery|rq|dramatiq|huey|airflow|prefect|luigi|dagster|ray|arq)\b")
SHOWN = 5
Found = tuple[ast.AST, str, str]  # node, what, text


@kind(
    "scheduling",
    summary="queues, semaphores, bounded pools, states of jobs, choices of the least used, least-recently-used stores",
    example="scheduling: queue",
    reads="python",
    options=("model",),
)
def scheduling(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per mechanism; patterns match what it is: queue, semaphore, pool, states, selection, kept, interface.

    Raises QueryError for another word.
    """
    if wrong := [name for name in query.names() if name not in _WHAT]:
        raise QueryError(f"{query.text!r}: {wrong[0]!r} is none of {', '.join(_WHAT)}")
    model = query.options.get("model") == "yes"
    told: set[str] = set()
    for unit in units(codebase, _TELLING):
        for node, what, text in _in_unit(codebase, unit):
            symbol = unit.symbols.get(node, "")
            if (
                query.matches(what)
                and text not in told
                and not (model and not _leads(codebase, unit.path, symbol, what))
            ):
                told.add(text)  # copies of a file say the same
                first, last = unit.lines(node)
                detail = {"what": what}
                lines = (first, min(last, first + 8))
                yield hit_at(codebase, unit.path, lines, symbol=symbol, name=what, text=text, detail=detail)
    if query.matches("states"):
        yield from job_states(codebase)


def _leads(codebase: Codebase, path: str, symbol: str, what: str) -> bool:
    """Whether a function leads to a model; of a pool whether a function that the body, or another method of its class,
    gives to something that runs it does."""
    focus = focus_of(codebase)
    program = focus.program
    definition = program.definition(path, symbol) if symbol else None
    frame = program.frame(path, definition) if definition is not None or not symbol else None
    if what == "semaphore":
        return _guards_models(codebase, path)
    if what != "pool" or frame is None:
        return frame is not None and focus.leads(frame)
    owner = symbol.rpartition(".")[0]
    rest = codebase.facts[path].definitions if owner else ()
    methods = [item for item in rest if item.kind == "method" and item.symbol.rpartition(".")[0] == owner]
    frames = [frame, *(program.frame(path, item) for item in methods)]
    given = [site for f in frames if f is not None for site in program.sites(f) if site.handed]
    inner = [entered(program, target) for site in given for target in site.targets]
    return any(body is not None and focus.leads(body) for body in inner)


def _guards_models(codebase: Codebase, path: str) -> bool:
    """Whether a function of a file that waits on a semaphore, or one there that calls it, leads to a model."""
    focus, known = focus_of(codebase), codebase.facts[path].definitions
    lines = codebase.snapshot.by_path[path].lines
    text = {item.symbol: "\n".join(lines[item.start - 1 : item.end]) for item in known if item.kind != "class"}
    waits = [symbol for symbol, body in text.items() if re.search(r"(?i)semaphore|limiter", body)]
    calls = [rf"\b{re.escape(symbol.rpartition('.')[2])}\(" for symbol in waits]
    around = [symbol for symbol, body in text.items() if any(re.search(call, body) for call in calls)]
    frames = [focus.program.frame(path, focus.program.definition(path, symbol)) for symbol in {*waits, *around}]
    return any(frame is not None and focus.leads(frame) for frame in frames)


def _in_unit(codebase: Codebase, unit: Unit) -> Iterator[Found]:
    for node in unit.nodes:
        if isinstance(node, ast.For):
            yield from _least(codebase, unit, node)
        if isinstance(node, ast.Call):
            yield from _made(codebase, unit, node)
            yield from _interface(codebase, unit, node)
            yield from _chosen(codebase, unit, node)


def _made(codebase: Codebase, unit: Unit, node: ast.Call) -> Iterator[Found]:
    name = written(node.func)
    where = subject_of(codebase, unit.path, unit.symbols.get(node, ""))
    bound = _bound(node)
    target = _target(unit, node)
    if _QUEUE.search(name):
        ends = _ends(codebase, unit, target)
        if ends or bound:
            limit = f"at most {bound} waiting" if bound else "without a bound"
            yield node, "queue", f"{where} makes the queue `{target or name}` (`{name}`, {limit}){ends}"
    elif _SEMAPHORE.search(name):
        waits = _using(codebase, unit, target, _WAITS)
        told = (f"; {waits} on it" if waits else "") + _said(codebase, unit, node)
        yield node, "semaphore", f"{where} lets {bound or 'one'} in at a time: `{target or name}` (`{name}`){told}"
    elif _POOL.search(name):
        limit = f"with at most {bound} workers" if bound else "with the library's number of workers"
        yield node, "pool", f"{where} runs work in a pool, `{name}`, {limit}"


def _said(codebase: Codebase, unit: Unit, node: ast.AST) -> str:
    """What the function around a node says of itself."""
    symbol = unit.symbols.get(node, "")
    item = next((d for d in codebase.facts[unit.path].definitions if d.symbol == symbol), None)
    sentence = first_sentence(item.docstring, 140) if item is not None and item.kind != "class" else ""
    return f" (“{sentence}”)" if sentence else ""


def _bound(node: ast.Call) -> str:
    given = [keyword.value for keyword in node.keywords if keyword.arg in _BOUNDS] or node.args[:1]
    return quoted(given[0], 60) if given else ""


def _target(unit: Unit, node: ast.AST) -> str:
    """What the result of a call is kept as."""
    parent = unit.parents.get(node)
    if isinstance(parent, ast.Assign):
        return written(parent.targets[0])
    return written(parent.target) if isinstance(parent, ast.AnnAssign) else ""


def _ends(codebase: Codebase, unit: Unit, target: str) -> str:
    fills, takes = _callers(codebase, unit, target, _PUTS), _callers(codebase, unit, target, _GETS)
    told = [f"filled by {listed(fills, SHOWN)}"] if fills else []
    told += [f"emptied by {listed(takes, SHOWN)}"] if takes else []
    return f"; {', '.join(told)}" if told else ""


def _using(codebase: Codebase, unit: Unit, target: str, methods: frozenset[str]) -> str:
    """Who waits on a semaphore, by method or by `with`."""
    users = _callers(codebase, unit, target, methods)
    last = target.rpartition(".")[2].partition("[")[0]
    for node in unit.nodes:
        entered = node.items if isinstance(node, ast.With | ast.AsyncWith) else []
        if last and any(_last(written(item.context_expr)) == last for item in entered):
            users.append(subject_of(codebase, unit.path, unit.symbols.get(node, "")))
    users = list(dict.fromkeys(users))
    return f"{listed(users, SHOWN)} wait{'s' if len(users) == 1 else ''}" if users else ""


def _last(name: str) -> str:
    return name.rpartition(".")[2].partition("[")[0]


def _callers(codebase: Codebase, unit: Unit, target: str, methods: frozenset[str]) -> list[str]:
    """The functions of the file that call one of `methods` on an object of that name."""
    last = _last(target)
    found: dict[str, None] = {}
    for node in unit.nodes if last else ():
        method = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        if method is not None and method.attr in methods and _last(written(method.value)) == last:
            found[subject_of(codebase, unit.path, unit.symbols.get(node, ""))] = None
    return list(found)


def _interface(codebase: Codebase, unit: Unit, node: ast.Call) -> Iterator[Found]:
    """The queue of a web interface: `demo.queue(…)`, and bounds on single events."""
    bounds = [f"`{k.arg}={written(k.value)}`" for k in node.keywords if k.arg in _UI_BOUNDS]
    where = subject_of(codebase, unit.path, unit.symbols.get(node, ""))
    queued = isinstance(node.func, ast.Attribute) and node.func.attr == "queue" and _knows(codebase, unit, "gradio")
    if queued:
        limit = f" with {', '.join(bounds)}" if bounds else ""
        yield node, "interface", f"{where} queues the requests of the web interface: {quoted(node.func, 60)}{limit}"
    elif bounds and not _QUEUE.search(dotted(node.func)) and any("concurrency" in b or "enable" in b for b in bounds):
        yield node, "interface", f"{where} calls {quoted(node.func, 60)} with {', '.join(bounds)}"


def _knows(codebase: Codebase, unit: Unit, module: str) -> bool:
    return any(item.module.split(".")[0] == module for item in codebase.facts[unit.path].imports)


def _chosen(codebase: Codebase, unit: Unit, node: ast.Call) -> Iterator[Found]:
    """The least used of several: `min(workers, key=…)` over a load, and stores that drop the least recently used."""
    where = subject_of(codebase, unit.path, unit.symbols.get(node, ""))
    key = next((keyword.value for keyword in node.keywords if keyword.arg == "key"), None)
    if call_name(node) in ("min", "sorted", "sort") and key is not None:
        ranked = written(node.args[0] if node.args else node.func)
        if _LOAD.search(written(key)) and _WORKER.search(ranked):
            yield node, "selection", f"{where} chooses {quoted(node, 140)}{_said(codebase, unit, node)}"
    counted = written(node.args[0]) if node.args else ""
    if call_name(node) == "argmin" and _WAITING.search(counted):
        yield node, "selection", f"{where} chooses by {quoted(node, 140)}{_said(codebase, unit, node)}"
    if call_name(node) == "popitem" and any(k.arg == "last" for k in node.keywords):
        owner = quoted(node.func.value, 60) if isinstance(node.func, ast.Attribute) else "a store"
        yield node, "kept", f"{where} drops the oldest entry of {owner} when it is full (`{written(node)}`)"


def _least(codebase: Codebase, unit: Unit, node: ast.For) -> Iterator[Found]:
    """A loop that keeps the one with the least of a measure: `if used < least: least, best = used, gpu`."""
    symbol = unit.symbols.get(node, "")
    of = f"{written(node.target)} {written(node.iter)}"
    for inner in (part for part in node.body if isinstance(part, ast.If)):
        kept = set(_assigned(inner))
        for test in (part for part in ast.walk(inner.test) if isinstance(part, ast.Compare)):
            left, right = written(test.left), written(test.comparators[0])
            best, measure = (right, left) if right in kept else (left, right)
            source = " ".join(
                written(n.value) for n in node.body if isinstance(n, ast.Assign) and measure == written(n.targets[0])
            )
            ordered = isinstance(test.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE)
            if (
                ordered
                and best in kept
                and len(kept) > 1
                and _LOAD.search(f"{measure} {source}")
                and _WORKER.search(f"{of} {symbol} {source}")
            ):
                least = isinstance(test.ops[0], ast.Lt | ast.LtE) == (best == right)
                where, most = subject_of(codebase, unit.path, symbol), "least" if least else "greatest"
                taken = f"{where} takes of {quoted(node.iter, 80)} the one with the {most} `{measure}`"
                yield node, "selection", f"{taken}{_said(codebase, unit, node)}"
                return


def _assigned(node: ast.AST) -> Iterator[str]:
    """The names that assignments below a node set."""
    for part in ast.walk(node):
        for target in part.targets if isinstance(part, ast.Assign) else ():
            yield from (written(e) for e in (target.elts if isinstance(target, ast.Tuple) else [target]))


_WAITING = re.compile(
    r"(?i)(?:^|_)(?:q_?len\w*|queue\w*|loads?|pending|busy|usages?|memory\w*|in_?flight|outstanding)(?:_|$)"
)
_LOAD = re.compile(
    r"(?i)(?:^|[\W_])(?:load|pending|active|busy|queue\w*|inflight|in_flight|outstanding|running|usage|num_\w+|_value|"
    r"memory\w*|allocated)"
)
_WORKER = re.compile(
    r"(?i)(?:^|[\W_])(?:workers?|servers?|backends?|replicas?|instances?|nodes?|devices?|gpus?|endpoints?|engines?)\b"
)
