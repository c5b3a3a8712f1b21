"""Where a checkpoint and the model that takes it are in memory at the same time, and when the checkpoint is let go.

Looks inside one function: a call that reads weights (or a local function that returns what such a call read), the
names its result passes through, and `load_state_dict`. What happens to a checkpoint after the function returns it
is not followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.census.meaning.units import Unit, call_name, own_nodes
from retrieval.codebase import Codebase
from retrieval.pyast import dotted, source_of

Finding = tuple[str, ast.AST, str, list[ast.AST]]  # name, node, text, further nodes

_READERS = re.compile(
    r"(?:^|\.)(?:torch\.load|th\.load|safe_load_file|load_file|load_torch_file|safe_open|load_state_dict_from_url"
    r"|jt\.load|paddle\.load|mx\.load)$|safetensors\.torch\.load$"
)
_DEVICE_WORDS = ("map_location", "device")


@dataclass(frozen=True, slots=True)
class Reading:
    """One call that brings weights into memory, and the device it names, "" when it names none."""

    call: ast.Call
    device: str
    through: str  # the local function that reads, "" for the library call itself


def readers(unit: Unit) -> frozenset[str]:
    """Symbols of the functions of a file that return what they read from a checkpoint, whole or in part."""
    found = set()
    for function, symbol in unit.functions():
        nodes = list(own_nodes(function))
        calls = {id(node) for node in nodes if _is_library(node)}
        held = _held(nodes, calls) if calls else set()
        if any(isinstance(n, ast.Return) and n.value is not None and _stems(n.value, held, calls) for n in nodes):
            found.add(symbol)
    return frozenset(found)


def checkpoints(codebase: Codebase, unit: Unit, known: dict[str, frozenset[str]]) -> Iterator[Finding]:
    """What each function of a file does with the checkpoints that it reads; `known` maps paths to `readers`."""
    for function, symbol in unit.functions():
        nodes = list(own_nodes(function))
        readings = [found for node in nodes if (found := _reading(codebase, unit.path, node, known))]
        loads = [n for n in nodes if isinstance(n, ast.Call) and call_name(n) == "load_state_dict" and _is_method(n)]
        readings = [r for r in readings if not any(r.call is load for load in loads)]
        others = {id(inner) for load in loads if _is_optimizer(load) for inner in ast.walk(load)}
        loads = [load for load in loads if not _is_optimizer(load)]
        readings = [r for r in readings if id(r.call) not in others]
        held = _held(nodes, {id(r.call) for r in readings}) if readings else set()
        loads = [load for load in loads if any(_mentions(item, held, readings) for item in _arguments(load))]
        if readings and loads:
            yield _beside(symbol, readings, loads, nodes)
        for node in nodes:
            if isinstance(node, ast.Delete) and held & {t.id for t in node.targets if isinstance(t, ast.Name)}:
                yield "checkpoint deleted", node, f"`{symbol}()` lets the checkpoint go: `{source_of(node)}`", []


def _beside(symbol: str, readings: list[Reading], loads: list[ast.Call], nodes: list[ast.AST]) -> Finding:
    reading, load = readings[0], loads[0]
    others = [r.call for r in readings[1:]] + list(loads[1:])
    reads = " or ".join(dict.fromkeys(f"`{source_of(r.call, 90)}`" for r in readings[:3]))
    devices = list(dict.fromkeys(r.device for r in readings if r.device))
    where = f" to {' or '.join(f'`{device}`' for device in devices)}" if devices else ""
    through = next((r.through for r in readings if r.through), "")
    how = ", a local function that returns the weights it reads," if through else ""
    held = _held(nodes, {id(r.call) for r in readings})
    deleted = [n for n in nodes if isinstance(n, ast.Delete) and held & {dotted(t) for t in n.targets}]
    text = f"`{symbol}()` reads the checkpoint{where} with {reads}{how}"
    text += f" and copies it into the model with `{source_of(load, 90)}`, so that both are in memory at that moment"
    if deleted:
        text += f"; it is deleted afterwards with `{source_of(deleted[0])}`"
    else:
        text += "; no `del` of the checkpoint stands in the function"
    return "checkpoint beside model", reading.call, text, [load, *others[:4], *deleted[:1]]


def _is_method(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute)


def _is_optimizer(call: ast.Call) -> bool:
    target = dotted(call.func)
    return bool(re.search(r"optim|scaler|sched|ema\b|sampler|loss", target.rpartition(".")[0], re.IGNORECASE))


def _is_library(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and bool(_READERS.search(dotted(node.func)))


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _mentions(value: ast.AST, held: set[str], readings: list[Reading]) -> bool:
    calls = {id(reading.call) for reading in readings}
    return any(id(n) in calls or (isinstance(n, ast.Name) and n.id in held) for n in ast.walk(value))


def _reading(codebase: Codebase, path: str, node: ast.AST, known: dict[str, frozenset[str]]) -> Reading | None:
    if not isinstance(node, ast.Call):
        return None
    if _is_library(node):
        return Reading(node, _device(node), "")
    name = dotted(node.func)
    found = codebase.resolve_local(path, name) if re.search(r"state|load|read", name) else None
    if found is not None and found[1].symbol in known.get(found[0], ()):
        return Reading(node, _device(node), found[1].symbol)
    return None


def _device(call: ast.Call) -> str:
    given = next((k.value for k in call.keywords if k.arg in _DEVICE_WORDS), None)
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return given.value
    return source_of(given, 40) if given is not None and not isinstance(given, ast.Constant) else ""


def _held(nodes: list[ast.AST], calls: set[int]) -> set[str]:
    """The names that hold a checkpoint, or a part of one; `calls` are the identities of what reads it."""
    held: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign) and _stems(node.value, held, calls):
            held |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return held


def _stems(value: ast.expr, held: set[str], calls: set[int]) -> bool:
    """Whether an expression is a checkpoint or a part of one, not something that was built from it."""
    if id(value) in calls:
        return True
    match value:
        case ast.Name(id=name):
            return name in held
        case ast.Subscript(value=inner) | ast.Attribute(value=inner) | ast.NamedExpr(value=inner):
            return _stems(inner, held, calls)
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in ("get", "pop", "copy", "items", "values"):
            return _stems(inner, held, calls)
        case ast.DictComp(generators=generators):
            return any(_stems(item.iter, held, calls) for item in generators)
        case ast.IfExp(body=one, orelse=other):
            return _stems(one, held, calls) or _stems(other, held, calls)
    return False
