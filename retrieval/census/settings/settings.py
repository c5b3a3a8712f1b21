"""Kind `settings`: classes whose fields are filled from the environment and from files, and files of saved values.

A settings class is told with its fields and defaults, the files and the prefix that fill it, the order in which
sources win, and who reads it. A saved file is one whose entries a function takes out one by one into variables of
modules or objects.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.class_fields import Field, class_fields, class_node
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, own_nodes, quoted, units, written
from retrieval.census.settings.lookups import Lookup, lookups
from retrieval.facts import CensusHit, Definition
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

BASES = ("pydantic.BaseSettings", "pydantic_settings.BaseSettings", "pydantic.v1.BaseSettings", "environ.Config")
_FILES = ("yaml_file", "json_file", "toml_file", "env_file", "env_prefix", "env_nested_delimiter", "secrets_dir")
_LOADS = re.compile(r"(?:^|\.)(?:load|loads|safe_load|read_json|fromjson)$")
_FILE = re.compile(r"[\w./{} -]+\.(?:json|ya?ml|toml|ini|cfg|env)")
FIELDS, READERS, LEAST = 60, 6, 3


@kind(
    "settings",
    summary="settings classes with fields, defaults, files and prefix that fill them, and files of saved values",
    example="settings",
    reads="python",
)
def settings(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per class that adds fields, and per function that takes saved values out of a file."""
    for path, item in codebase.subclasses(lambda base: base in BASES):
        fields = [field for field in class_fields(codebase, path, item) if field.path == path]
        if query.matches(item.name) and (fields or _filled(codebase, path, item)):
            yield _class(codebase, path, item, fields)
    for unit in units(codebase, r"\bload"):
        for function, symbol in unit.functions():
            if query.matches(symbol) and (hit := _saved(codebase, unit, function, symbol)) is not None:
                yield hit


def _class(codebase: Codebase, path: str, item: Definition, fields: list[Field]) -> CensusHit:
    filled = "; ".join(_filled(codebase, path, item))
    reads = _reads(codebase, item, fields)
    counts = Counter(read.key for read in reads)
    fields = sorted(fields, key=lambda field: -counts[field.name])
    shown = listed([_shown(field) for field in fields], FIELDS)
    each = "each field is also an environment variable of its name"
    each += " behind the prefix" if "env prefix" in filled else ""
    text = f"settings class `{item.name}` ({filled + '; ' if filled else ''}{each})"
    text += f" with {len(fields)} fields, those read most first: {shown}" if fields else ""
    users = list(dict.fromkeys(f"`{read.symbol}()`" if read.symbol else read.path for read in reads))
    text += f"; read by {listed(users, READERS)}" if users else ""
    lines = (item.start, item.head_end)
    related = tuple(("field", field.path, field.line, field.end) for field in fields[:FIELDS])
    return hit_at(codebase, path, lines, symbol=item.symbol, name=item.name, text=text, related=related)


def _shown(field: Field) -> str:
    return f"`{field.name} = {field.default}`" if field.default else f"`{field.name}` (required)"


def _filled(codebase: Codebase, path: str, item: Definition) -> list[str]:
    """What fills a settings class: its files and prefix as written, and the order of sources where it is set."""
    node = class_node(codebase, path, item)
    told: list[str] = []
    for part in ast.walk(node) if node is not None else ():
        pairs = [(k.arg, k.value) for k in part.keywords] if isinstance(part, ast.Call) else []
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            pairs = [(part.targets[0].id, part.value)]
        told += [f"{name.replace('_', ' ')} {quoted(value, 100)}" for name, value in pairs if name in _FILES]
        if isinstance(part, ast.FunctionDef) and part.name == "settings_customise_sources":
            told += [f"sources, the first wins: {quoted(r.value, 160)}" for r in _returns(part) if r.value is not None]
    return list(dict.fromkeys(told))


def _returns(function: ast.FunctionDef) -> Iterator[ast.Return]:
    yield from (node for node in own_nodes(function) if isinstance(node, ast.Return) and node.value is not None)


def _reads(codebase: Codebase, item: Definition, fields: list[Field]) -> list[Lookup]:
    """The reads of fields of a class, in source code, through objects called settings or like the class."""
    names = {field.name for field in fields}
    own = item.name.lower().replace("_", "")
    return [
        read
        for read in lookups(codebase)
        if read.key in names
        and (own in read.holder.lower().replace("_", "") or "setting" in read.holder)
        and codebase.snapshot.by_path[read.path].role == "source"
    ]


def _saved(codebase: Codebase, unit: Unit, function: ast.AST, symbol: str) -> CensusHit | None:
    """A function that loads a file and puts its entries into attributes, one by one."""
    loaded: dict[str, ast.Call] = {}
    taken: list[str] = []
    for node in own_nodes(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _LOADS.search(dotted(node.value.func)):
            loaded |= {t.id: node.value for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.Assign) and _entry_of(node.value, loaded):
            taken += [written(target) for target in node.targets if isinstance(target, ast.Attribute)]
    if len(taken) < LEAST:
        return None
    load = next(iter(loaded.values()))
    file = _file_name(unit, function)
    text = f"`{symbol}()` loads {file or quoted(load, 80)} and sets from it {listed([f'`{t}`' for t in taken], FIELDS)}"
    writer = _writer(unit, file)
    text += f"; `{writer}()` writes it" if writer else ""
    first, last = unit.lines(function)
    return hit_at(codebase, unit.path, (first, last), symbol=symbol, name=symbol, text=text)


def _entry_of(value: ast.expr, loaded: dict[str, ast.Call]) -> bool:
    if isinstance(value, ast.Call) and call_name(value) == "get" and isinstance(value.func, ast.Attribute):
        return dotted(value.func.value) in loaded
    return isinstance(value, ast.Subscript) and dotted(value.value) in loaded


def _file_name(unit: Unit, function: ast.AST) -> str:
    """The name of the file that a function opens, quoted, "" when none is written there."""
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _FILE.fullmatch(node.value):
            return f"`{node.value}`"
    return ""


def _writer(unit: Unit, file: str) -> str:
    for function, symbol in unit.functions():
        dumps = any(call_name(node) in ("dump", "dumps", "safe_dump") for node in own_nodes(function))
        if file and dumps and _file_name(unit, function) == file:
            return symbol
    return ""
