"""Switches of key/value caches: `use_cache` and the like, with their defaults and who turns them on or off.

A parameter or argument of such a name counts only where it belongs to a run of a model or to its configuration.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.census.models.families import MODELISH, RUNNING
from retrieval.census.settings.set_defaults import default_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_FLAG = re.compile(
    r"^use_cach(?:e|ing)$|^(?:use_)?kv_?cach(?:e|ing)$|^use_\w*kv_?cach\w*$"
)  # a bare `cache` keeps anything
_PAST = re.compile(r"^(?:past_(?:kv|key_values?)|layer_past|kv_cache|key_value_cache)$")
_COLLECTED = re.compile(r"(?:kwargs|args|arguments|params|options|config)$")
Switches = dict[str, dict[str, list[tuple[str, str, int]]]]  # flag → how it is set → functions with their places


def cache_switches(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per switch."""
    switches: Switches = {}
    for unit in units(codebase, r"cach"):
        for node, symbol in unit.functions():
            for item, preset in parameters_of(node):
                if _FLAG.match(item.arg) and _is_flag(preset) and _is_of_model(node, item.arg):
                    words = f"`{source_of(preset, 20)}` by default in"  # type: ignore[arg-type]
                    switches.setdefault(item.arg, {}).setdefault(words, []).append((symbol, unit.path, item.lineno))
        for node in unit.nodes:
            _note_given(codebase, unit, node, switches)
    yield from _told_switches(switches, codebase)


def _is_of_model(node: Function, flag: str) -> bool:
    """Whether a function takes keys and values too, or hands the switch on to a run of a model."""
    if any(_PAST.match(item.arg) for item, _ in parameters_of(node)):
        return True
    calls = (n for n in own_nodes(node) if isinstance(n, ast.Call) and _is_run(n))
    return any(key.arg == flag for call in calls for key in call.keywords)


def _is_run(call: ast.Call) -> bool:
    parts = dotted(call.func).lower().split(".")
    if isinstance(call.func, ast.Call):
        return True  # of what another call gives: `load(name)(x, use_cache=True)`
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        return call.func.attr in RUNNING  # `cast(Any, self.model).generate(x, use_cache=True)`
    named = bool(RUNNING & {*parts}) or any(map(MODELISH.search, parts))
    return named or parts[-1].endswith(("config", "from_pretrained"))


def _note_given(codebase: Codebase, unit: Unit, node: ast.AST, switches: Switches) -> None:
    """Runs of models, and their configurations, that turn a cache on or off, and dictionaries of arguments for them."""
    for name, value in _arguments(node):
        if _FLAG.match(name) and (said := _value(codebase, value)):
            words = f"given as {said} by"
            place = (unit.symbols.get(node, "") or unit.path, unit.path, unit.row(value.lineno))
            switches.setdefault(name, {}).setdefault(words, []).append(place)
    for target in node.targets if isinstance(node, ast.Assign) and _is_flag(node.value) else ():
        if isinstance(target, ast.Attribute) and target.attr == "use_cache" and dotted(target).count("."):
            words = f"set to `{source_of(node.value, 20)}` by"  # type: ignore[attr-defined]
            place = (unit.symbols.get(node, "") or unit.path, unit.path, unit.row(node.lineno))  # type: ignore[attr-defined]
            switches.setdefault("use_cache", {}).setdefault(words, []).append(place)


def _arguments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a run is given by keyword, or a dictionary that a body collects the arguments of a run in."""
    if isinstance(node, ast.Call) and _is_run(node):
        yield from ((key.arg, key.value) for key in node.keywords if key.arg)
    if not isinstance(node, ast.Assign) or not _COLLECTED.search(dotted(node.targets[0])):
        return
    if isinstance(node.value, ast.Dict):
        pairs = zip(node.value.keys, node.value.values, strict=True)
        yield from (
            (key.value, value) for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)
        )
    elif isinstance(node.value, ast.Call) and dotted(node.value.func) == "dict":
        yield from ((key.arg, key.value) for key in node.value.keywords if key.arg)


def _value(codebase: Codebase, value: ast.expr) -> str:
    """ "`True`", "`self.options.use_kv_cache` (default `True`)"; "" for what says neither."""
    if _is_flag(value):
        return f"`{source_of(value, 20)}`"
    preset = default_of(codebase, dotted(value).rpartition(".")[2]) if isinstance(value, ast.Attribute) else ""
    return f"`{source_of(value, 40)}` (default `{preset}`)" if preset in ("True", "False") else ""


def _told_switches(switches: Switches, codebase: Codebase) -> Iterator[CensusHit]:
    for flag, ways in switches.items():
        rows = [
            f"{words} {listed(list(dict.fromkeys(f'`{s}()`' if '.py' not in s else s for s, _, _ in places)), 4)}"
            for words, places in ways.items()
        ]
        places = [place for listed_ in ways.values() for place in listed_]
        symbol, path, line = places[0]
        related = tuple(("use", p, n, n) for _, p, n in places[1:5])
        text = f"Switch `{flag}` of the key/value cache: {'; '.join(rows)}"
        yield hit_at(codebase, path, (line, line), symbol=symbol, name="kv", text=text, related=related)


def _is_flag(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def parameters_of(node: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a function, each with its default."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    yield from zip(plain, [*missing, *given.defaults], strict=True)
    yield from zip(given.kwonlyargs, given.kw_defaults, strict=True)
