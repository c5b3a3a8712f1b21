"""Kind `told_figures`: which figures code hands to loggers, trackers and metric files by key, and timers of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Unit, call_name, own_nodes, subject_of, units
from retrieval.census.telling.told_keys import Dictionaries
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_NEEDS = (
    r"\.log\(|log_dict|log_metrics|add_scalar|set_postfix|json\.dumps?\(|writerow|__exit__|contextmanager|[mM]eter\w{0,40}\.update\("
    r"|metric_logger|def (?:stop|toc)\b|(?:record|report|track|emit|observe|update)_\w{0,30}(?:metric|stat)"
)
_TRACK = re.compile(r"(?:^|\.)(?:log|log_dict|log_metrics|log_metric|add_scalars?|set_postfix|update_metrics)$")
_RECORD = re.compile(
    r"(?:^|[._])(?:record|log|report|track|emit|observe|update)_(?:\w+_)?(?:metrics?|stats|statistics)$"
)
_METER = re.compile(r"(?i)(?:meters?|metric_logger|logger|recorder)\.update$")
_DUMP = re.compile(r"(?:^|\.)(?:dumps?|writerow)$")
_FIGURE = re.compile(
    r"(?i)loss|(?:^|_)lr(?:$|_)|learning_rate|epoch|step|time|acc|per_second|per_sec|_s$|fps|throughput|latency|usage|memory|recall|precision"
    r"|bleu|cider|top-?\d|rank|@|\bauc|\b[wc]er\b|iou|\bf1|score|psnr|ssim|perplexity|norm|scale|(?:^|/)(?:train|val|test|eval)"
)
_CLOCK = re.compile(r"(?:^|\.)(?:time|perf_counter|monotonic|process_time|perf_counter_ns|time_ns|Event|elapsed_time)$")
_BEGIN, _END = frozenset(["__enter__", "start", "tic"]), frozenset(["__exit__", "stop", "toc", "end"])
SHOWN, PLACES = 12, 6


@kind(
    "told_figures",
    summary="figures handed to loggers, trackers and metric files, by key, and timers and profilers of the repository",
    example="told_figures: key",
    reads="python",
    ordered=True,
)
def told_figures(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Patterns are `key` (the keys that one function tells) and `timer` (a class or function that times others)."""
    for unit in units(codebase, _NEEDS):
        for function, symbol in unit.functions():
            keys, node, sinks = _keys(codebase, unit, function)
            if keys and query.matches("key", symbol):
                told = listed([key if " " in key else f"`{key}`" for key in keys], SHOWN)
                text = f"{subject_of(codebase, unit.path, symbol)} hands {told} to {listed(sinks, 3)}"
                yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name="key", text=text)
        for name, node in _timers(unit):
            if query.matches("timer", name):
                yield _timer(codebase, unit, name, node)


# Keys


def _keys(codebase: Codebase, unit: Unit, function: ast.AST) -> tuple[list[str], ast.AST, list[str]]:
    """The keys that a function hands to sinks in order, the first sink, and the sinks as written."""
    nodes = own_nodes(function)
    made = Dictionaries(codebase, unit, function)
    found: dict[str, None] = {}
    sinks: dict[str, ast.AST] = {}
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func) or call_name(node)
        keys = list(_given(unit, node, name, made))
        if keys:
            found |= dict.fromkeys(keys)
            sinks.setdefault(f"`{name}()`", node)
    return list(found), next(iter(sinks.values()), function), list(sinks)


def _given(unit: Unit, call: ast.Call, name: str, made: Dictionaries) -> Iterator[str]:
    """The keys that one call tells: of a tracker or meter all, of a written dictionary only when it holds figures."""
    meter, record = bool(_METER.search(name)), bool(_RECORD.search(name))
    tracks, dumps = bool(_TRACK.search(name)) or meter or record, bool(_DUMP.search(name))
    if not tracks and not dumps:
        return
    values = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg is None)]
    keys = [key for value in values for key in made.keys(value)]
    if tracks:
        aside = meter or record  # what these are given besides are the data that they measure
        keys += [k.arg for k in call.keywords if k.arg and aside and (_FIGURE.search(k.arg) or "err" in k.arg)]
        keys += [k.arg for k in call.keywords if k.arg and name.endswith("set_postfix") and k.arg != "refresh"]
        first = call.args[0] if call.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and len(call.args) > 1:
            keys.append(first.value)
        elif len(call.args) > 1:
            keys += made.around(call)
    if tracks and not meter and not any(map(_FIGURE.search, keys)):
        return  # `logger.log(…)` of something else
    if (dumps and sum(bool(_FIGURE.search(key)) for key in keys) * 2 < len(keys)) or (dumps and not keys):
        return
    yield from keys


# Timers of the repository


def _timers(unit: Unit) -> Iterator[tuple[str, ast.AST]]:
    """Classes whose begin and end both read a clock, and context managers that read one twice."""
    for node in unit.nodes:
        if isinstance(node, ast.ClassDef):
            methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
            begin = [m for name, m in methods.items() if name in _BEGIN]
            end = [m for name, m in methods.items() if name in _END]
            if begin and end and any(map(_reads, begin)) and any(map(_reads, end)):
                yield unit.symbol_of(node), node
        elif isinstance(node, ast.FunctionDef) and _is_manager(node) and sum(map(_is_clock, ast.walk(node))) > 1:
            yield unit.symbol_of(node), node


def _is_manager(function: ast.FunctionDef) -> bool:
    return any("contextmanager" in ast.unparse(decorator) for decorator in function.decorator_list)


def _reads(method: ast.AST) -> bool:
    return any(map(_is_clock, ast.walk(method)))


def _is_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and bool(_CLOCK.search(dotted(node.func)))


def _timer(codebase: Codebase, unit: Unit, name: str, node: ast.AST) -> CensusHit:
    short = name.rpartition(".")[2]
    used = [
        (path, call)
        for path, call in codebase.all_calls()
        if call.written.rpartition(".")[2] == short and codebase.snapshot.by_path[path].role == "source"
    ]
    where = listed(list(dict.fromkeys(f"`{call.symbol or path}`" for path, call in used)), PLACES)
    text = f"`{name}` ({unit.path}) times what runs between its begin and its end"
    text += f"; used at {counted(len(used), 'place')}: {where}" if used else "; nothing is seen to use it"
    if switch := _switch(codebase, node):
        text += f"; only if {switch}"
    lines = unit.lines(node)
    related = tuple(("used", path, call.start, call.end) for path, call in used[:PLACES])
    return hit_at(codebase, unit.path, (lines[0], lines[0]), symbol=name, name="timer", text=text, related=related)


def _switch(codebase: Codebase, node: ast.AST) -> str:
    """The setting that turns a timer on, with its default and what sets it; "" for none."""
    tests = [n.test for n in ast.walk(node) if isinstance(n, ast.If) and isinstance(n.test, ast.Attribute)]
    for test in tests:
        written = dotted(test)
        if written.count(".") < 1 or written.startswith("self."):
            continue
        name = written.rpartition(".")[2]
        default, setter = _default(codebase, name), _setter(codebase, name)
        plus = ", ".join(filter(None, (f"default {default}" if default else "", setter)))
        return f"`{written}`{f' ({plus})' if plus else ''}"
    return ""


def _default(codebase: Codebase, name: str) -> str:
    for unit in units(codebase, rf"(?m)^\s+{name}\s*(?::[^=\n]+)?=\s*(?:True|False)"):
        for node in unit.nodes:
            if isinstance(node, ast.AnnAssign) and dotted(node.target) == name and node.value is not None:
                return f"`{source_of(node.value, 40)}`"
    return ""


def _setter(codebase: Codebase, name: str) -> str:
    for unit in units(codebase, rf"\.{name}\s*=[^=]"):
        for node in unit.nodes:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Attribute) and target.attr == name:
                symbol = unit.symbols.get(node, "")
                return f"set by `{source_of(node, 80)}` in {subject_of(codebase, unit.path, symbol)}"
    return ""
