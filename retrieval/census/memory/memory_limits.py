"""Kind `memory_limits`: settings and code that fit the work to the memory there is.

Memory that is read and what is derived from it, batch sizes by function, shares of memory given to engines, caches with
a limit, worker recycling, limits set on the process, and switches named for less memory.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, subject_of, units
from retrieval.census.memory.launch_settings import launch_settings
from retrieval.census.memory.offloading_options import offloading_options
from retrieval.census.memory.saving_names import SAVING, rank
from retrieval.census.settings.config_files import config_entries
from retrieval.census.settings.environment_reads import environment_reads
from retrieval.census.settings.lookups import lookups
from retrieval.census.settings.options import cli_options
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMES = ("switch", "available", "ladder", "batch", "engine", "evicting", "process", "recycling", "shared")
SHOWN = 100
_NEEDS = (
    r"total_memory|mem_get_info|virtual_memory|nvmlDeviceGetMemoryInfo|batch_size|gpu_memory|cache_max_entry_count"
    r"|mem_fraction|popitem|max_tasks_per|maxtasksperchild|share_memory|memory_growth|setrlimit|WorkingSetSize"
    r"|memory_fraction|malloc_trim|ALLOC_CONF|max_model_len|logical_device_conf|vram|batch_ratio"
)
_READS = re.compile(r"(?:get_device_properties|mem_get_info|virtual_memory|nvmlDeviceGetMemoryInfo)$")
_BATCH = re.compile(
    r"^_?(?:get|set|default|auto|choose|compute|calc\w*|resolve|determine)_\w*(?:batch_size|batch_ratio)\w*$"
)
_ENGINE = re.compile(
    r"^(?:gpu_memory_utilization|cache_max_entry_count|mem_fraction_static|max_model_len|gpu_memory_fraction)$"
)
_PROCESS = re.compile(
    r"(?:^|\.)(?:set_memory_growth|set_logical_device_configuration|set_virtual_device_configuration|setrlimit"
    r"|SetProcessWorkingSetSize\w*|set_per_process_memory_fraction|malloc_trim)$"
)
_RECYCLING = re.compile(r"^(?:max_tasks_per_child|maxtasksperchild|max_requests|max_tasks_per_worker)$")
_SETTINGS = re.compile(r"(?:Options|Config\w*|Settings|Args|Arguments|Params)$")
_PARSED = re.compile(r"(?:^|[._])(?:args?|opts?|options?|flags?)$")
Finding = tuple[str, ast.AST, str]
_KNOWN: Beside[Codebase, list[CensusHit]] = Beside()


@kind(
    "memory_limits",
    summary="what fits work to memory: memory read, ladders from it, batch sizes, shares of engines, limits, switches",
    example="memory_limits: ladder, batch",
    reads="python",
    ordered=True,
)
def memory_limits(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per setting or place; patterns are the names in `NAMES`."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = _every(codebase)
    yield from (hit for hit in _KNOWN[codebase] if query.matches(hit.name))


def _every(codebase: Codebase) -> list[CensusHit]:
    """All hits of a codebase, switches first."""
    hits: dict[tuple[str, int, str], CensusHit] = {}
    parsed = list(units(codebase, _NEEDS))
    readers = {node.name for unit in parsed for node, _ in unit.functions() if _reads_memory(node)}
    for unit in parsed:
        for name, node, text in _findings(unit, readers):
            symbol = unit.symbol_of(node) if isinstance(node, Function) else unit.symbols.get(node, "")
            subject = subject_of(codebase, unit.path, symbol)
            first, last = unit.lines(node)
            said = f"{subject[0].upper()}{subject[1:]} {text}"
            at = (first, min(last, first + 12))
            hit = hit_at(codebase, unit.path, at, symbol=symbol, name=name, text=said)
            hits.setdefault((unit.path, first, name), hit)
    switches = sorted(_switches(codebase), key=rank)
    return [*switches, *sorted(hits.values(), key=lambda hit: NAMES.index(hit.name))]


def _switches(codebase: Codebase) -> Iterator[CensusHit]:
    """Options and environment variables that are named for memory or for the size of pieces."""
    for hit in cli_options(codebase, parse_query("cli_options")):
        if SAVING.search(hit.name):
            text = f"option {hit.text}"
            yield replace(hit, name="switch", text=text)
    yield from environment_reads(codebase, SAVING)
    options = {hit.name.lstrip("-").replace("-", "_") for hit in cli_options(codebase, parse_query("cli_options"))}
    yield from (hit for hit in _fields(codebase) if hit.text.split("`")[1] not in options)
    yield from launch_settings(codebase)
    for hit in offloading_options(codebase):
        yield replace(hit, name="switch", text=f"parameter {hit.text}")
    yield from _entries(codebase)


def _fields(codebase: Codebase) -> Iterator[CensusHit]:
    """Fields of settings classes with such names, each name once with its first class and default."""
    found: dict[str, CensusHit] = {}
    for path, facts in codebase.facts.items():
        for item in facts.definitions if codebase.snapshot.by_path[path].role == "source" else ():
            if item.kind == "class" and _SETTINGS.search(item.name):
                for field in class_fields(codebase, path, item, 0):
                    if SAVING.search(field.name) and re.fullmatch(r"[\d.]+|True|False|None", field.default):
                        text = f"field `{field.name}` of `{item.symbol}` (default {field.default})"
                        lines = (field.line, field.end)
                        hit = hit_at(codebase, field.path, lines, symbol=item.symbol, name="switch", text=text)
                        found.setdefault(field.name, hit)
    yield from found.values()


def _entries(codebase: Codebase) -> Iterator[CensusHit]:
    """Entries of configuration files with such names that code reads, each once with its values by file."""
    read: dict[str, CensusHit] = {}
    reach = reach_of(codebase)
    options = {hit.name.lstrip("-").replace("-", "_") for hit in cli_options(codebase, parse_query("cli_options"))}
    for item in lookups(codebase):
        parsed = item.key in options and _PARSED.search(item.holder)
        if SAVING.search(item.key) and not parsed:
            text = f"read as `{item.holder}[{item.key!r}]`"
            hit = hit_at(codebase, item.path, (item.line, item.line), symbol=item.symbol, name="switch", text=text)
            if item.key not in read or (reach.has(hit) and not reach.has(read[item.key])):
                read[item.key] = hit
    found: dict[str, list[tuple[str, str, int]]] = {}
    for path, entries in config_entries(codebase).items():
        for entry in entries:
            key = entry.key.rpartition(".")[2]
            if key in read:
                found.setdefault(key, []).append((entry.value, path, entry.line))
    for key, rows in found.items():
        values: dict[str, list[str]] = {}
        for value, path, _ in rows:
            values.setdefault(value, []).append(path)
        told = [f"`{value}` in {listed(paths, 2)}" for value, paths in list(values.items())[:4]]
        text = f"entry `{key}` of the configuration ({'; '.join(told)}): {read[key].text}"
        related = tuple(("value", path, line, line) for _, path, line in rows[:3])
        yield replace(read[key], text=text, related=related)


def _findings(unit: Unit, readers: set[str]) -> Iterator[Finding]:
    for body in (unit.tree, *(node for node, _ in unit.functions())):
        nodes = list(own_nodes(body))
        if isinstance(body, Function):
            yield from _function(body)
        known = _bound(nodes, readers)
        for node in nodes:
            if isinstance(node, ast.If) and known:
                yield from _ladder(unit, node, known)
            elif isinstance(node, ast.Assign):
                yield from _derived(node, known, readers)
            elif isinstance(node, ast.Call):
                yield from _call(node)
            elif isinstance(node, ast.While | ast.If) and not known:
                yield from _evicting(node)


def _reads_memory(node: ast.AST) -> bool:
    """Whether a function gives back a figure of the memory of a device or of the machine."""
    inner = list(own_nodes(node))
    reads = any(
        isinstance(item, ast.Attribute) and item.attr in ("total_memory", "total", "available", "free")
        for item in inner
    )
    reads = reads and any(isinstance(item, ast.Call) and _READS.search(dotted(item.func)) for item in inner)
    return reads and any(isinstance(item, ast.Return) and item.value is not None for item in inner)


def _function(node: Function) -> Iterator[Finding]:
    if _reads_memory(node):
        yield "available", node, "reads how much memory there is and gives it back"
    if _BATCH.match(node.name):
        values = [item.value for item in ast.walk(node) if isinstance(item, ast.Return) and item.value is not None]
        told = list(dict.fromkeys(source_of(value, 40) for value in values))
        told += [
            source_of(i.value, 20)
            for i in ast.walk(node)
            if isinstance(i, ast.Assign) and isinstance(i.value, ast.Constant)
        ]
        if any(re.search(r"\.shape\b|\blen\(|\.size\(", item) for item in told):
            return  # the size of what it is given
        yield "batch", node, f"chooses a batch size: {listed([f'`{item}`' for item in dict.fromkeys(told)], 6)}"


def _bound(nodes: list[ast.AST], readers: set[str]) -> set[str]:
    """The names that hold a figure of memory."""
    found = set[str]()
    for node in sorted((n for n in nodes if isinstance(n, ast.Assign)), key=lambda n: n.lineno):
        inner = list(ast.walk(node.value))
        if any(_is_figure(item, readers) for item in inner) or any(dotted(item) in found for item in inner):
            items = [i for t in node.targets for i in (t.elts if isinstance(t, ast.Tuple) else [t])]
            found |= {name for name in map(dotted, items) if name and name != "_"}
    return found


def _is_figure(node: ast.AST, readers: set[str]) -> bool:
    if isinstance(node, ast.Attribute) and node.attr in ("total_memory", "total", "available"):
        return isinstance(node.value, ast.Call) and bool(_READS.search(dotted(node.value.func)))
    return isinstance(node, ast.Call) and (call_name(node) in readers or call_name(node) == "mem_get_info")


def _ladder(unit: Unit, node: ast.If, known: set[str]) -> Iterator[Finding]:
    """`if memory >= 16: batch = 8 elif …`: steps by a figure of memory."""
    outer = unit.parents.get(node)
    if isinstance(outer, ast.If) and outer.orelse == [node]:
        return
    if not any(_compares(inner, known) for inner in ast.walk(node.test)) or _returns_text(node.body[0]):
        return
    steps, step = list[str](), node
    while True:
        steps.append(f"`{source_of(step.test, 40)}`: `{source_of(step.body[0], 50)}`")
        if len(step.orelse) != 1 or not isinstance(step.orelse[0], ast.If):
            break
        step = step.orelse[0]
    rest = f"; else `{source_of(step.orelse[0], 50)}`" if step.orelse else ""
    yield "ladder", node, f"decides by the memory there is: {'; '.join(steps[:6])}{rest}"


def _returns_text(node: ast.stmt) -> bool:
    """Whether a statement gives back anything but a number: then no size is chosen."""
    value = node.value if isinstance(node, ast.Return) else None
    number = isinstance(value, ast.Constant) and isinstance(value.value, int) and not isinstance(value.value, bool)
    return isinstance(node, ast.Return) and not number


def _compares(node: ast.AST, known: set[str]) -> bool:
    """`memory >= 16`, or `memory <= limit`."""
    if not isinstance(node, ast.Compare) or dotted(node.left) not in known:
        return False
    return all(isinstance(side, ast.Constant | ast.Name) for side in node.comparators)


def _derived(node: ast.Assign, known: set[str], readers: set[str]) -> Iterator[Finding]:
    """A size worked out from a figure of memory."""
    name = dotted(node.targets[0])
    inner = list(ast.walk(node.value))
    figure = any(_is_figure(item, readers) for item in inner) or any(dotted(item) in known for item in inner if item)
    if figure and re.search(r"batch|ratio|chunk|window|workers|tile", name.rpartition(".")[2]):
        yield "ladder", node, f"works a size out from the memory there is: `{source_of(node, SHOWN)}`"
    target = node.targets[0]
    key = target.slice if isinstance(target, ast.Subscript) else None
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        if _ENGINE.match(key.value):
            yield "engine", node, f"gives the engine a share of memory: `{source_of(node, SHOWN)}`"
        elif key.value.endswith("ALLOC_CONF") or key.value == "MALLOC_ARENA_MAX":
            yield "process", node, f"sets how the allocator works: `{source_of(node, SHOWN)}`"


def _call(node: ast.Call) -> Iterator[Finding]:
    name = dotted(node.func) or call_name(node)
    if _PROCESS.search(name):
        yield "process", node, f"limits the memory of the process or device: `{source_of(node, SHOWN)}`"
    elif name.endswith((".share_memory", ".share_memory_")):
        yield "shared", node, f"puts weights into memory that processes share: `{source_of(node, SHOWN)}`"
    first = node.args[0].value if len(node.args) > 1 and isinstance(node.args[0], ast.Constant) else None
    if isinstance(first, str) and _ENGINE.match(first) and call_name(node) in ("setdefault", "get", "pop"):
        yield (
            "engine",
            node,
            f"gives the engine a share of memory: `{first}`, `{source_of(node.args[1], 40)}` by default",
        )
    for key in node.keywords:
        if key.arg and _ENGINE.match(key.arg):
            yield "engine", node, f"gives the engine a share of memory: `{key.arg}={source_of(key.value, 40)}`"
        elif key.arg and _RECYCLING.match(key.arg):
            yield "recycling", node, f"replaces a worker after some tasks: `{key.arg}={source_of(key.value, 40)}`"


def _evicting(node: ast.While | ast.If) -> Iterator[Finding]:
    """`while len(cache) > most: cache.popitem()`."""
    if any(isinstance(item, ast.Constant) and item.value == 0 for item in ast.walk(node.test)):
        return  # whether anything is left
    calls = [dotted(n.func) for part in node.body for n in ast.walk(part) if isinstance(n, ast.Call)]
    if any(name.rpartition(".")[2] in ("remove", "unlink", "rmtree") for name in calls):
        return  # files on disk
    sized = [
        item for item in ast.walk(node.test) if isinstance(item, ast.Call) and dotted(item.func) == "len" and item.args
    ]
    held = {dotted(item.args[0]) for item in sized} - {""}
    for inner in (item for statement in node.body for item in ast.walk(statement)):
        owner = inner.func if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) else None
        first = owner is not None and (owner.attr != "pop" or bool(inner.args))  # type: ignore[attr-defined]
        if first and owner.attr in ("popitem", "pop", "popleft") and dotted(owner.value) in held:  # type: ignore[union-attr]
            limit = source_of(node.test, 70)
            yield "evicting", node, f"lets the oldest entry go when `{limit}`: `{source_of(inner, 60)}`"
            return
