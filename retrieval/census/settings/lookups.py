"""Where code looks up entries of configuration objects: `cfg.key`, `cfg["key"]`, `cfg.get("key", default)`.

An object counts as configuration when a part of the name it is reached by says so (`args`, `self.config`,
`inference_cfg`). Methods that are called are no entries. Whose configuration it is, is not followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.units import Unit, units, written
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_WORDS = (
    r"cfgs?|conf|configs?|configuration|args|arguments|opts?|options?|settings?|hparams?|hps|params|kwargs|namespace"
)
HOLDER = re.compile(rf"(?i)(?:^|[._])\w*?(?<![a-z])(?:{_WORDS})(?:[._]|$)|(?:Config|Settings|Args|Options)\b")
_READING = frozenset(["get", "pop", "setdefault", "getattr"])
_DEFAULT = 60
_KNOWN: Beside[Codebase, tuple[Lookup, ...]] = Beside()


@dataclass(frozen=True, slots=True)
class Lookup:
    """One entry read on line `line` of `path` in `symbol`: `key` of the object `holder`; `default` as written."""

    path: str
    symbol: str
    line: int
    holder: str
    key: str
    default: str = ""


def lookups(codebase: Codebase) -> tuple[Lookup, ...]:
    """Every entry of configuration that Python code reads, in the order of files and lines; worked out once."""
    if codebase not in _KNOWN:
        found = (item for unit in units(codebase, rf"(?i){_WORDS}") for item in _of(unit))
        _KNOWN[codebase] = tuple(sorted(found, key=lambda item: (item.path, item.line)))
    return _KNOWN[codebase]


def _of(unit: Unit) -> Iterator[Lookup]:
    for node in unit.nodes:
        found = _entry(unit, node)
        if found is not None and HOLDER.search(found[0]):
            holder, key, default = found
            row = unit.row(node.lineno)  # type: ignore[attr-defined]
            yield Lookup(unit.path, unit.symbols.get(node, ""), row, holder, key, default)


def _entry(unit: Unit, node: ast.AST) -> tuple[str, str, str] | None:
    """Holder, key and default of what a node reads."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        parent = unit.parents.get(node)
        called = isinstance(parent, ast.Call) and parent.func is node
        chained = isinstance(parent, ast.Attribute)
        private = node.attr.startswith("__")
        return None if called or chained or private else (dotted(node.value), node.attr, "")
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return (dotted(node.value), key, "") if (key := _text(node.slice)) else None
    if isinstance(node, ast.Call):
        return _call(node)
    return None


def _call(node: ast.Call) -> tuple[str, str, str] | None:
    name = dotted(node.func).rpartition(".")[2]
    if name not in _READING or not node.args:
        return None
    holder, given = (dotted(node.args[0]), node.args[1:]) if name == "getattr" else (_object(node.func), node.args)
    key = _text(given[0]) if given else ""
    default = written(given[1]).replace("`", "'")[:_DEFAULT] if len(given) > 1 else ""
    return (holder, key, default) if key else None


def _object(node: ast.expr) -> str:
    return dotted(node.value) if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    good = isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w.-]{1,60}", node.value)
    return str(node.value) if good and isinstance(node, ast.Constant) else ""
