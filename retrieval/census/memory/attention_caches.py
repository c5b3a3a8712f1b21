"""Key/value caches of attention: who makes and fills them, who takes from them, their switches, or that none is kept.

A name counts as such a cache only by what stands with it: values that are handed on, an attribute or entry that methods
set and read, a hook that fills it, a run of a model that is told to use one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, units
from retrieval.census.memory.cache_switches import cache_switches, parameters_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 4
_OWNED = re.compile(r"(?i)^self\.\w*(?:kv_?cache|past_key_values?|past_kv)$")
_ENTRY = re.compile(
    r"^(?:past_(?:k|v|kv|keys?|values?|key_values?)|(?:k|v|kv|key|value)_cache|cached_(?:k|v|keys?|values?))$"
)
_PAST = re.compile(r"^(?:past_(?:kv|key_values?)|layer_past|kv_cache|key_value_cache)$")
_HELD = re.compile(r"^\w*past_key_values?$|^\w*kv_cache$")
_OBJECT = re.compile(
    r"^(?:exllamav\d|transformers|mlx_lm|mlx_vlm|llama_cpp|optimum|vllm)\.(?:\w+\.)*\w*Cache\w*$|(?:^|\.)(?:\w*KVCache)$"
)
_SERVER = re.compile(r"^(?:cache_prompt|prompt_cache|enable_prefix_caching|reuse_cache|slot_id|id_slot)$")
Place = tuple[str, str, int]  # symbol, path, line


def attention_caches(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per way in which keys and values are kept: by hooks, handed on, in objects, by a server, by a switch."""
    yield from _hooked(codebase)
    yield from _handed_on(codebase)
    yield from _objects(codebase)
    yield from cache_switches(codebase)


def never_kept(codebase: Codebase) -> str:
    """ "`past_key_values` is always `None` (`f()`)" where code names such a cache and never gives it a value."""
    found: dict[str, dict[str, None]] = {}
    for unit in units(codebase, r"past_k|layer_past|kv_?cache"):
        if codebase.snapshot.by_path[unit.path].role in ("test", "vendored"):
            continue
        for node in unit.nodes:
            for name, value in _given(node):
                if not _is_none(unit, node, value):
                    return ""
                found.setdefault(name, {})[unit.symbols.get(node, "") or unit.path] = None
    rows = [f"`{name}` is always `None` ({listed([f'`{s}()`' for s in where], 3)})" for name, where in found.items()]
    return "; ".join(rows[:2])


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The values that names of such caches get: by assignment, as an entry, as an argument."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and _PAST.match(key.value):
                yield key.value, value
    elif isinstance(node, ast.Call):
        yield from ((key.arg, key.value) for key in node.keywords if key.arg and _PAST.match(key.arg))
    elif isinstance(node, ast.Assign):
        names = [dotted(item).rpartition(".")[2] for item in node.targets]
        yield from ((name, node.value) for name in names if _PAST.match(name))


def _is_none(unit: Unit, node: ast.AST, value: ast.expr) -> bool:
    """Whether a value is None, or a parameter that is None by default and that no call of the file gives."""
    if isinstance(value, ast.Constant):
        return value.value is None
    around = next((item for item in unit.enclosing(node) if isinstance(item, Function)), None)
    if not isinstance(value, ast.Name) or around is None:
        return False
    preset = {item.arg: default for item, default in parameters_of(around)}.get(value.id)
    calls = (n for n in unit.nodes if isinstance(n, ast.Call) and dotted(n.func).rpartition(".")[2] == around.name)
    given = any(key.arg in (value.id, None) for call in calls for key in call.keywords)
    return isinstance(preset, ast.Constant) and preset.value is None and not given


# Hooks that fill a cache, and the methods that take from it


def _hooked(codebase: Codebase) -> Iterator[CensusHit]:
    """Functions that register forward hooks which put what layers give into a cache."""
    for unit in units(codebase, r"register_forward_(?:pre_)?hook"):
        told = set[ast.AST]()
        for node, symbol in unit.functions():
            if told & set(unit.enclosing(node)):
                continue
            inner = {item.name: item for item in ast.walk(node) if isinstance(item, Function) and item is not node}
            for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
                last = dotted(call.func).rpartition(".")[2]
                given = dotted(call.args[0]) if call.args else ""
                filled = _filled(inner[given]) if "register_forward" in last and given in inner else ""
                if filled and re.search(r"(?i)cache", filled + symbol):
                    told.add(node)
                    by = _callers(codebase, node.name)
                    text = f"`{symbol}()` makes a key/value cache: its forward hook `{given}()` puts what layers give "
                    text += f"into `{filled}`{f'; called by {by}' if by else ''}{_taken(codebase)}"
                    yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name="kv", text=text)
                    break


def _filled(hook: Function) -> str:
    """The container into which a hook puts something under a key."""
    for node in ast.walk(hook):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name | ast.Attribute):
            return dotted(target.value)
    return ""


def _callers(codebase: Codebase, name: str) -> str:
    calls = [call for path, call in codebase.all_calls() if codebase.snapshot.by_path[path].role != "test"]
    symbols = dict.fromkeys(f"`{c.symbol}()`" for c in calls if c.symbol and c.written.rpartition(".")[2] == name)
    return listed(list(symbols), 3)


def _taken(codebase: Codebase) -> str:
    """Who takes keys and values out of a cache where they are there, else computes them."""
    for unit in units(codebase, r" not in \w*(?:cache|past)"):
        for node in (item for item in unit.nodes if isinstance(item, ast.If) and item.orelse):
            tests = [n for n in ast.walk(node.test) if isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.NotIn)]
            held = next((dotted(test.comparators[0]) for test in tests), "")
            reads = (n for part in node.orelse for n in ast.walk(part) if isinstance(n, ast.Subscript))
            if _HELD.match(held.rpartition(".")[2]) and any(dotted(read.value) == held for read in reads):
                where = unit.symbols.get(node, "")
                return f"; `{where}()` takes them from there, and computes them only if `{source_of(node.test, 80)}`"
    return ""


# Handed on, and kept in attributes or entries


def _handed_on(codebase: Codebase) -> Iterator[CensusHit]:
    passed: dict[str, tuple[str, int]] = {}
    for unit in units(codebase, r"past_k|layer_past|kv_?cache|key_value_cache"):
        for node, symbol in unit.functions():
            for item, _ in parameters_of(node):
                if _PAST.match(item.arg):
                    passed.setdefault(symbol, (unit.path, item.lineno))
        for node in unit.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and _PAST.match(node.id):
                passed.setdefault(unit.symbols.get(node, ""), (unit.path, unit.row(node.lineno)))
    kept, place = _owners(codebase)
    if passed and not never_kept(codebase):
        symbol, (path, line) = next(iter(passed.items()))
        names = listed([f"`{name}()`" for name in passed if name], MOST_NAMED)
        text = f"Keys and values of attention are handed on from step to step in {names}{f'; {kept}' if kept else ''}"
        related = tuple(("kv", p, n, n) for p, n in list(passed.values())[1:4])
        yield hit_at(codebase, path, (line, line), symbol=symbol, name="kv", text=text, related=related)
    elif kept:
        symbol, path, line = place
        text = f"Keys and values of attention are {kept}"
        yield hit_at(codebase, path, (line, line), symbol=symbol, name="kv", text=text)
    yield from _of_models(codebase)


def _owners(codebase: Codebase) -> tuple[str, Place]:
    """The attributes and entries that hold a key/value cache over steps, with the methods that set and empty them."""
    found: dict[str, dict[str, list[str]]] = {}
    place: Place = ("", "", 0)
    for unit in units(codebase, r"(?i)kv_?cache|past_k|k_cache|key_cache|cached_k"):
        for node in unit.nodes:
            name, how = _kept(node, unit.symbols.get(node, ""))
            owner, _, method = unit.symbols.get(node, "").rpartition(".")
            if name and owner:
                names = found.setdefault(f"{owner}.{name}", {}).setdefault(how, [])
                names += [f"`{method}()`"] if f"`{method}()`" not in names and method != "__init__" else []
                place = place if place[1] else (f"{owner}.{method}", unit.path, unit.row(node.lineno))  # type: ignore[attr-defined]
    rows = [
        f"`{name}`" + "".join(f", {how} by {listed(methods, 3)}" for how, methods in ways.items() if methods)
        for name, ways in found.items()
        if any(ways.values())
    ]
    return (f"kept in {listed(rows, 2)}" if rows else ""), place


def _kept(node: ast.AST, symbol: str) -> tuple[str, str]:
    """The attribute or entry of the own object that a statement changes, and how; "" for others."""
    target = (
        node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
    )
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return "", ""
    value = node.value
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        base, key = dotted(target.value), target.slice.value
        if base.startswith("self.") and isinstance(key, str) and _ENTRY.match(key):
            return f"{base[5:]}[{key!r}]", "set"
    inner = target.value if isinstance(target, ast.Subscript) else target
    name = dotted(inner) if inner is not None else ""
    if not _OWNED.search(name):
        return "", ""
    empty = isinstance(value, ast.Constant | ast.Dict | ast.List) and "fill" not in symbol.rpartition(".")[2]
    return name[5:], "changed" if isinstance(target, ast.Subscript) else "emptied" if empty else "set"


def _of_models(codebase: Codebase) -> Iterator[CensusHit]:
    """Decisions on the cache that another object, a model, keeps between its runs."""
    for unit in units(codebase, r"\.\w*past_key_values?\b|\.\w*kv_cache\b"):
        for node in (item for item in unit.nodes if isinstance(item, ast.If | ast.While)):
            names = [dotted(n) for n in ast.walk(node.test) if isinstance(n, ast.Attribute)]
            if any(_HELD.match(name.rpartition(".")[2]) and name.count(".") > 1 for name in names):
                symbol = unit.symbols.get(node, "")
                text = f"`{symbol}()` looks at the key/value cache that a model keeps between runs: "
                text += f"`if {source_of(node.test, 80)}`: `{source_of(node.body[0], 60)}`"
                yield hit_at(codebase, unit.path, unit.lines(node.test), symbol=symbol, name="kv", text=text)


# Objects of libraries, and what a server is asked to keep


def _objects(codebase: Codebase) -> Iterator[CensusHit]:
    made = [
        (path, call)
        for path, call in codebase.all_calls()
        if _OBJECT.search(call.name) and codebase.snapshot.by_path[path].role not in ("test", "vendored")
    ]
    if made:
        rows = [f"`{call.written}(…)` in {f'`{call.symbol}()`' if call.symbol else path}" for path, call in made]
        text = f"Caches for keys and values are made by {listed(list(dict.fromkeys(rows)), MOST_NAMED)}"
        path, first = made[0]
        related = tuple(("kv", p, call.start, call.end) for p, call in made[1:MOST_NAMED])
        lines = (first.start, first.end)
        yield hit_at(codebase, path, lines, symbol=first.symbol, name="kv", text=text, related=related)
    asked: dict[str, list[Place]] = {}
    for unit in units(codebase, r"cache_prompt|prompt_cache|enable_prefix_caching|slot_id|id_slot"):
        for node in (item for item in unit.nodes if isinstance(item, ast.Dict | ast.Call)):
            pairs = [(key.arg or "", key.value) for key in node.keywords] if isinstance(node, ast.Call) else []
            if isinstance(node, ast.Dict):
                keys = [key.value if isinstance(key, ast.Constant) else "" for key in node.keys]
                pairs = [(key, value) for key, value in zip(keys, node.values, strict=True) if isinstance(key, str)]
            for key, value in pairs:
                if _SERVER.match(key):
                    place = (unit.symbols.get(node, ""), unit.path, unit.row(value.lineno))
                    asked.setdefault(f"`{key}` is `{source_of(value, 30)}`", []).append(place)
    if asked:
        rows = [f"{said} in {listed([f'`{s}()`' for s, _, _ in places], 3)}" for said, places in asked.items()]
        symbol, path, line = next(iter(asked.values()))[0]
        text = f"The server or engine is told whether to keep the keys and values of a prompt: {'; '.join(rows[:3])}"
        yield hit_at(codebase, path, (line, line), symbol=symbol, name="kv", text=text)
