"""The entries of configuration files as dotted keys with values and lines: YAML, JSON, TOML, INI, and Python files
that hold nothing but values and are loaded by name.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from retrieval.beside import Beside
from retrieval.census.settings.configs import is_config_file
from retrieval.pyast import parse_file, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.snapshot import SourceFile

DEEPEST, MOST, LARGEST = 5, 400, 200_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KNOWN: Beside[Codebase, dict[str, list[Entry]]] = Beside()


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a configuration file: its dotted key, the value as text, its line."""

    key: str
    value: str
    line: int


def config_entries(codebase: Codebase) -> dict[str, list[Entry]]:
    """path → entries, of every configuration file that steers the program; worked out once."""
    if codebase not in _KNOWN:
        found = {file.path: list(_entries(codebase, file))[:MOST] for file in codebase.snapshot.files}
        _KNOWN[codebase] = {path: entries for path, entries in found.items() if entries}
    return _KNOWN[codebase]


def _entries(codebase: Codebase, file: SourceFile) -> Iterator[Entry]:
    if len(file.data) > LARGEST:
        return
    if file.language == "python":
        yield from _python(codebase, file)
    elif is_config_file(codebase, file):
        reader = {"yaml": _yaml, "json": _json, "toml": _toml, "ini": _ini}.get(file.language)
        yield from reader(file) if reader else ()


def _yaml(file: SourceFile) -> Iterator[Entry]:
    try:
        root = yaml.compose(file.text, Loader=_LOADER)
    except (yaml.YAMLError, RecursionError, ValueError):
        return
    stack: list[tuple[str, yaml.Node | None, int]] = [("", root, 0)]
    while stack:
        key, node, depth = stack.pop()
        if isinstance(node, yaml.MappingNode) and depth < DEEPEST:
            below = [(f"{key}.{k.value}" if key else str(k.value), v, depth + 1) for k, v in node.value]
            stack += reversed(below)
        elif node is not None and key:
            yield Entry(key, file.text[node.start_mark.index : node.end_mark.index].strip(), node.start_mark.line + 1)


def _json(file: SourceFile) -> Iterator[Entry]:
    try:
        data = json.loads(file.data)
    except (ValueError, RecursionError):
        return
    for key, value in _flat("", data, 0):
        yield Entry(key, json.dumps(value, ensure_ascii=False), _line(file, json.dumps(key.rpartition(".")[2])))


def _toml(file: SourceFile) -> Iterator[Entry]:
    try:
        data = tomllib.loads(file.text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    for key, value in _flat("", data, 0):
        yield Entry(key, str(value), _line(file, key.rpartition(".")[2]))


def _ini(file: SourceFile) -> Iterator[Entry]:
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(file.text)
    except configparser.Error:
        return
    for section in parser.sections():
        for key, value in parser.items(section):
            yield Entry(f"{section}.{key}", value or "(empty)", _line(file, key))


def _flat(key: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < DEEPEST:
        for name, inner in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), inner, depth + 1)
    elif key:
        yield key, value


def _line(file: SourceFile, word: str) -> int:
    return next((number for number, line in enumerate(file.lines, 1) if word in line), 1)


def _python(codebase: Codebase, file: SourceFile) -> Iterator[Entry]:
    """Values of a file of assignments alone that no module imports, when a text of the code names the file."""
    facts = codebase.facts.get(file.path)
    if facts is None or facts.definitions or file.role != "source" or not file.lines:
        return
    name = file.path.rpartition("/")[2]
    if name == "__init__.py" or _is_imported(codebase, file.path) or not _is_named(codebase, name):
        return
    tree = parse_file(file)
    body = tree.body if tree is not None else []
    if not all(isinstance(node, ast.Assign | ast.Expr | ast.AnnAssign) for node in body):
        return
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield Entry(node.targets[0].id, source_of(node.value), node.lineno)


def _is_imported(codebase: Codebase, path: str) -> bool:
    module = codebase.facts[path].module
    return bool(module) and any(
        item.module == module or f"{item.module}.{item.name}" == module
        for facts in codebase.facts.values()
        for item in facts.imports
    )


def _is_named(codebase: Codebase, name: str) -> bool:
    wanted = re.compile(rf"(?:^|[/\\]){re.escape(name)}$")
    return any(wanted.search(fact.name) for _, fact in codebase.all_facts("string"))
