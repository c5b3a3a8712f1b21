"""Kind `usage_metrics`: what of time, throughput, memory and devices is measured and then printed, logged or kept.

A clock that is only read (a time stamp, a limit, a file name) measures nothing; neither does a figure of memory that
only sizes a batch. Both ends count: a difference of two readings, and what becomes of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Unit, call_name, own_nodes, subject_of, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMES = ("gpu", "cpu", "throughput", "time", "counter", "profiler")
SHOWN = 90
_NEEDS = (
    r"perf_counter|time\(\)|monotonic\(|process_time|default_timer|cuda\.\w*mem|mem_get_info|nvml|memory_usage|GPUtil|nvidia-smi|rocm-smi"
    r"|psutil|getrusage|tracemalloc|profiler|elapsed_time|tokens?_used|tokens?_usage|total_cost|_count\b|total_tokens|utilization"
    r"|time_ns|cProfile|DeviceQuery|gpustat|getloadavg"
)
_CLOCK = re.compile(
    r"(?:^|\.)(?:time|perf_counter|monotonic|process_time|default_timer|perf_counter_ns|time_ns|timer)$"
)
_GPU = re.compile(
    r"cuda\.(?:max_)?memory_(?:allocated|reserved|summary|stats|cached)$|cuda\.utilization$|(?:^|\.)nvml\w*(?:Info|Rates|Usage)$"
    r"|GPUtil\.|mps\.(?:current|driver)_allocated_memory$|(?:^|\.)DeviceQuery$|gpustat\."
)
_CPU = re.compile(
    r"(?:^|\.)(?:cpu_percent|cpu_times|sensors_\w+|getloadavg|memory_info|memory_full_info|memory_percent|virtual_memory|swap_memory|getrusage|memory_usage"
    r"|get_traced_memory)$"
)
_SMI = re.compile(r"nvidia-smi|rocm-smi|xpu-smi")
_PROFILER = re.compile(
    r"(?:torch\.(?:autograd\.)?profiler|cProfile|line_profiler|memory_profiler|torch\.utils\.flop_counter|thop|fvcore\.nn"
    r"|ptflops|deepspeed\.profiling|pyinstrument)\b"
)
_SINK = re.compile(
    r"(?:^|\.)(?:print|echo|write|debug|info|warning|error|log|log_\w+|add_scalars?|append|update|update_\w+|set_postfix\w*"
    r"|set_description\w*|put|report|record|observe|status|secho|success|exception|Info|markdown|caption|metric|(?:\w+_)?callback"
    r"|(?:record|report|emit|observe|track)_(?:\w+_)?(?:metrics?|stats|statistics))$"
)
_COUNTER = re.compile(
    r"(?:^|_)(?:tokens?_used|tokens?_usage|token_count|request_count|total_tokens|num_requests|num_tokens|\w*tokens_total)$"
)
_COST = re.compile(r"(?i)(?:^|_)(?:cost|price|usd|spent)(?:$|_)")  # of tokens: other costs are of algorithms
_RATE = re.compile(
    r"(?i)\b(?:tokens?|samples?|images?|imgs?|frames?|pages?|it|iters?|steps?|docs?)\s?/\s?s(?:ec)?\b|\bfps\b"
)
_BEGUN = re.compile(r"(?:^|[._])(?:start\w*|begin\w*|began|tic|t0|t1|last\w*|prev\w*)$")
Finding = tuple[str, ast.AST, str]


@kind(
    "usage_metrics",
    summary="measured figures that are printed, logged or kept: GPU and CPU use, elapsed time, throughput, counters",
    example="usage_metrics: gpu, throughput",
    reads="python",
    ordered=True,
)
def usage_metrics(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per figure and function; patterns are of gpu, cpu, throughput, time, counter and profiler."""
    hits: dict[tuple[str, str, str, str], CensusHit] = {}
    for unit in units(codebase, _NEEDS):
        for name, node, text in _findings(unit):
            symbol = unit.symbols.get(node, "")
            subject = subject_of(codebase, unit.path, symbol)
            said = f"{subject[0].upper()}{subject[1:]} {text}"
            hit = hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=name, text=said)
            hits.setdefault((unit.path, symbol, name, text), hit)
    for hit in sorted(hits.values(), key=lambda hit: NAMES.index(hit.name)):
        if query.matches(hit.name):
            yield hit


def _findings(unit: Unit) -> Iterator[Finding]:
    bodies: list[ast.AST] = [unit.tree, *(node for node, _ in unit.functions())]
    for body in bodies:
        nodes = list(own_nodes(body))
        yield from _timed(unit, nodes)
        yield from _used(unit, nodes)


# Time


def _timed(unit: Unit, nodes: list[ast.AST]) -> Iterator[Finding]:
    clocks = _named(nodes, lambda node: isinstance(node, ast.Call) and _is_clock(node))
    taken = [node for node in nodes if _is_difference(node, clocks)]
    if not taken:
        return
    spans = _spans(nodes, clocks)
    rates = [
        node
        for node in nodes
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_rate(node, clocks, spans)
    ]
    speeds = _named(nodes, lambda node: node in rates)
    told = set[str]()
    for sink, what in _sinks(unit, nodes):
        inner = list(_apart_from_limits(what))
        fast = any(node in rates for node in inner) or _holds(inner, speeds)
        if fast:
            yield "throughput", sink, f"tells a throughput: `{source_of(sink, SHOWN)}`"
        elif (any(_is_difference(node, clocks) for node in inner) or _holds(inner, spans)) and "time" not in told:
            told.add("time")
            yield "time", sink, f"measures elapsed time and tells it: `{source_of(sink, SHOWN)}`"


def _apart_from_limits(what: ast.AST) -> Iterator[ast.AST]:
    """The nodes of what is told without comparisons: a time that is held against a limit is not told."""
    if not isinstance(what, ast.Compare):
        yield what
        for child in ast.iter_child_nodes(what):
            yield from _apart_from_limits(child)


def _spans(nodes: list[ast.AST], clocks: frozenset[str]) -> frozenset[str]:
    """The names that hold a time taken, a list of such, or what is worked out from them."""
    found = _named(nodes, lambda node: _is_difference(node, clocks))
    for _ in range(3):
        for node in nodes:
            if isinstance(node, ast.Call) and call_name(node) == "append" and isinstance(node.func, ast.Attribute):
                inner = [item for given in node.args for item in ast.walk(given)]
                if any(_is_difference(item, clocks) for item in inner) or _holds(inner, found):
                    found |= {dotted(node.func.value)} - {""}
        found |= _named(nodes, lambda node, known=found: isinstance(node, ast.Name) and node.id in known)
    return found


def _is_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and not node.args and bool(_CLOCK.search(dotted(node.func)))


def _named(nodes: list[ast.AST], holds: object) -> frozenset[str]:
    """The names and attributes that are bound to something of a kind."""
    found = set[str]()
    for node in nodes:
        if isinstance(node, ast.Assign) and any(holds(inner) for inner in ast.walk(node.value)):  # type: ignore[operator]
            targets = [
                t for target in node.targets for t in (target.elts if isinstance(target, ast.Tuple) else [target])
            ]
            found |= {name for name in map(dotted, targets) if name}
    return frozenset(found)


def _onward(nodes: list[ast.AST], names: frozenset[str]) -> frozenset[str]:
    """The names with those that texts and tables made of them are bound to, put at the end of or drawn in a loop."""
    for _ in range(3):
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AugAssign | ast.For):
                value = node.iter if isinstance(node, ast.For) else node.value
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if _holds(list(ast.walk(value)), names):
                    bound = [one for t in targets for one in (t.elts if isinstance(t, ast.Tuple) else [t])]
                    names |= {dotted(one) for one in bound} - {""}
    return names


def _is_difference(node: ast.AST, clocks: frozenset[str]) -> bool:
    """`end - start` of two readings of a clock."""
    if isinstance(node, ast.Call) and call_name(node) == "elapsed_time":
        return True
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return False
    read = [_is_clock(side) or dotted(side) in clocks for side in (node.left, node.right)]
    kept = isinstance(node.right, ast.Subscript) or bool(_BEGUN.search(dotted(node.right)))  # an earlier reading
    return all(read) or (read[0] and kept)


def _is_rate(node: ast.BinOp, clocks: frozenset[str], spans: frozenset[str]) -> bool:
    inner = list(ast.walk(node.right))
    timed = any(_is_difference(item, clocks) for item in inner) or _holds(inner, spans)
    scaled = isinstance(node.left, ast.Constant) and node.left.value not in (1, 1.0)
    return timed and not scaled and not (isinstance(node.right, ast.Constant))


def _holds(nodes: list[ast.AST], names: frozenset[str]) -> bool:
    return any(dotted(node) in names for node in nodes if isinstance(node, ast.Name | ast.Attribute))


def _sinks(unit: Unit, nodes: list[ast.AST]) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Statements that tell something: what is printed, logged or appended, returned, or kept in an attribute."""
    for node in nodes:
        if isinstance(node, ast.Call) and _SINK.search(dotted(node.func) or call_name(node)):
            yield node, node
        kept = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)
        if (kept or isinstance(node, ast.Return)) and isinstance(value := getattr(node, "value", None), ast.AST):
            yield node, value


# Devices, memory, counters


def _used(unit: Unit, nodes: list[ast.AST]) -> Iterator[Finding]:
    sinks = list(_sinks(unit, nodes))
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SMI.search(node.value):
            statement = _statement(unit, node)
            if isinstance(unit.parents.get(node), ast.Call | ast.List | ast.Assign) and not _is_unread(statement):
                tool = _SMI.search(node.value)
                yield "gpu", node, f"asks `{tool[0] if tool else ''}`: `{source_of(statement, SHOWN)}`"
        elif isinstance(node, ast.Call):
            yield from _measured(node, nodes, sinks)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            target = node.target.slice if isinstance(node.target, ast.Subscript) else node.target
            written = target.value if isinstance(target, ast.Constant) else dotted(target).rpartition(".")[2]
            if isinstance(written, str) and (_COUNTER.search(written) or _is_cost(written, node)):
                yield "counter", node, f"counts `{written}`: `{source_of(node, SHOWN)}`"


def _is_unread(statement: ast.AST) -> bool:
    """Whether what a program prints is thrown away: it is only asked whether it is there."""
    given = [item for node in ast.walk(statement) if isinstance(node, ast.Call) for item in node.keywords]
    return any(item.arg == "stdout" and dotted(item.value).endswith("DEVNULL") for item in given)


def _is_cost(written: str, node: ast.AugAssign) -> bool:
    """Whether money is added up: a cost that is worked out from tokens."""
    inner = [dotted(item) for item in ast.walk(node.value) if isinstance(item, ast.Name | ast.Attribute)]
    return bool(_COST.search(written)) and any("token" in name or "usage" in name for name in inner)


def _measured(node: ast.Call, nodes: list[ast.AST], sinks: list[tuple[ast.AST, ast.AST]]) -> Iterator[Finding]:
    name = dotted(node.func) or call_name(node)
    counted = [key.arg for key in node.keywords if key.arg and _COUNTER.search(key.arg)]
    if counted:
        yield "counter", node, f"counts `{'`, `'.join(counted)}`: `{source_of(node, SHOWN)}`"
    if _PROFILER.search(name):
        yield "profiler", node, f"profiles: `{source_of(node, SHOWN)}`"
        return
    sort = "gpu" if _GPU.search(name) else "cpu" if _CPU.search(name) else ""
    if not sort:
        return
    grown = [n for n in nodes if isinstance(n, ast.AugAssign) and node in ast.walk(n.value)]
    names = _named(nodes, lambda inner: inner is node) | {dotted(n.target) for n in grown} - {""}
    names = _onward(nodes, names)
    what = "the memory or load of the GPU" if sort == "gpu" else "the memory or load of process or CPU"
    tests = [n.test for n in nodes if isinstance(n, ast.If | ast.While) and isinstance(n.test, ast.Compare)]
    if any(node in ast.walk(part) or _holds(list(ast.walk(part)), names) for _, part in sinks):
        yield sort, node, f"measures {what} and tells it: `{source_of(node, SHOWN)}`"
    elif limits := [test for test in tests if node in ast.walk(test) or _holds(list(ast.walk(test)), names)]:
        held = f"holds it against a limit, `{source_of(limits[0], SHOWN)}`"
        yield sort, node, f"measures {what} and {held}: `{source_of(node, SHOWN)}`"


def _statement(unit: Unit, node: ast.AST) -> ast.AST:
    while not isinstance(node, ast.stmt) and node in unit.parents:
        node = unit.parents[node]
    return node
