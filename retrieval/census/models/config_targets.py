"""Classes that configuration names for the code to make: `_target_: pkg.Net` of Hydra, `target:` and `class_path:`,
`!new:pkg.Net` of HyperPyYAML.

Read from YAML and JSON files and from dictionaries written in the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import yaml

from retrieval.beside import once
from retrieval.census.meaning.units import Unit, units

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.snapshot import SourceFile

_ROLES = frozenset({"config", "source"})
NAMING = ("_target_", "target", "class_path")
MOST_FILES, LARGEST, DEEPEST = 200, 300_000, 24
_ANY = re.compile(
    rb"(?:^|[\s\"'])(?:(?:_target_|target|class_path)[\"']?\s*:\s*[\"']?|!(?:new|name|apply):)[A-Za-z_]\w*\.\w"
)
_MAKES = re.compile(rb"(?m)^[A-Za-z_]\w*:[ ]!new:[A-Za-z_]\w*\.\w")  # in a recipe, what training leaves
_TAG = re.compile(r"(!(?:new|name|apply)):([A-Za-z_]\w*(?:\.\w+)+)\Z")
_DOTTED = re.compile(r"^[A-Za-z_]\w*(?:\.\w+)+$")
_OVERRIDE = re.compile(r"^\+{0,2}([\w.]+)\._target_=([A-Za-z_]\w*(?:\.\w+)+)$")
_THROUGH = frozenset({"params", "init_args", "kwargs", "args"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Named:
    """A class named by configuration: its dotted `name`, the `key` that the entry stands under ("" for the whole
    file), and `within`, the name of the class around it; `made` with the outer one when Hydra makes both."""

    name: str
    key: str
    path: str
    line: int
    within: str = ""
    made: bool = False
    word: str = "target"  # the entry that names the class
    whole: str = ""  # every key down to the entry
    symbol: str = ""  # the function that overrides the configuration with it
    given: tuple[tuple[str, str], ...] = ()  # the texts that the entry gives to parameters of the class

    @property
    def tagged(self) -> bool:
        """Whether a tag of YAML makes what it names when the file is read."""
        return self.word.startswith("!")


@once
def named_by_config(codebase: Codebase) -> dict[str, list[Named]]:
    """Key → the classes that entries under that key name."""
    found: dict[str, list[Named]] = {}
    files = [f for f in codebase.snapshot.files if f.language in ("yaml", "json") and len(f.data) <= LARGEST]
    telling = [file for file in files if (_ANY if file.role in _ROLES else _MAKES).search(file.data)][:MOST_FILES]
    for file in telling:
        for item in _of_file(file):
            found.setdefault(item.key, []).append(item)
    for unit in units(codebase, r"[\"'](?:_target_|target|class_path)[\"']\s*:|\._target_="):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for item in _of_code(unit):
                found.setdefault(item.key, []).append(item)
    return found


@once
def names_class(codebase: Codebase, name: str) -> bool:
    """Whether any configuration names a class of this name."""
    return any(item.name.rpartition(".")[2] == name for items in named_by_config(codebase).values() for item in items)


def _of_file(file: SourceFile) -> Iterator[Named]:
    try:
        root = yaml.compose(file.text, Loader=_LOADER)  # JSON is YAML too
    except (yaml.YAMLError, RecursionError, ValueError):
        return
    for item in _walk(file.path, root, "", "", "") if root is not None else ():
        yield item
        if not item.key and not item.tagged:  # a group of Hydra, by its folder
            yield replace(item, key=PurePosixPath(file.path).parent.name)


def _walk(path: str, node: yaml.Node, key: str, around: str, whole: str) -> Iterator[Named]:
    """`around` is the class whose entry holds the node, with a leading `!` for one that Hydra makes."""
    if whole.count(".") > DEEPEST:
        return
    if tag := _TAG.match(node.tag):
        given = tuple(_scalars(_below(node)))
        line = node.start_mark.line + 1
        yield Named(tag[2], key, path, line, around.lstrip("!"), around.startswith("!"), tag[1], whole, "", given)
        around = f"!{tag[2]}"
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk(path, item, key, around, f"{whole}.")
    below = _below(node)
    for word in NAMING:
        named = below.get(word)
        if named and isinstance(named[1], yaml.ScalarNode) and _DOTTED.match(str(named[1].value)):
            name, line = str(named[1].value), named[0].start_mark.line + 1
            given = tuple(_scalars(below))
            yield Named(name, key, path, line, around.lstrip("!"), around.startswith("!"), word, whole, "", given)
            around = f"{'!' * (word == '_target_')}{name}"
            break
    for name, (_, inner) in below.items():
        yield from _walk(path, inner, key if name in _THROUGH else name, around, f"{whole}.{name}".lstrip("."))


def _below(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return {str(k.value): (k, v) for k, v in pairs if isinstance(k, yaml.ScalarNode)}


def _scalars(below: Mapping[str, tuple[yaml.Node, yaml.Node]]) -> Iterator[tuple[str, str]]:
    """The texts beside the name of a class, or in the mapping of its parameters."""
    inner = [value for name, (_, value) in below.items() if name in _THROUGH and isinstance(value, yaml.MappingNode)]
    pairs = [pair for node in inner for pair in node.value] or list(below.values())
    for name, value in pairs:
        if isinstance(value, yaml.ScalarNode) and value.tag.endswith(":str") and name.value not in NAMING:
            yield str(name.value), str(value.value)


def _of_code(unit: Unit) -> Iterator[Named]:
    """`{"target": "pkg.Net"}` under a key, given by keyword or bound to a name; `"model._target_=pkg.Net"`."""
    for node in unit.nodes:
        override = (
            _OVERRIDE.match(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
        )
        if override:
            key, symbol, line = override[1].rpartition(".")[2], unit.symbols.get(node, ""), unit.lines(node)[0]
            yield Named(override[2], key, unit.path, line, word="_target_", whole=override[1], symbol=symbol)
        for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            told = isinstance(key, ast.Constant) and key.value in NAMING and isinstance(value, ast.Constant)
            if (
                told
                and isinstance(value, ast.Constant)
                and _DOTTED.match(str(value.value))
                and (at := _key(unit, node))
            ):
                word = str(key.value) if isinstance(key, ast.Constant) else ""
                yield Named(str(value.value), at, unit.path, unit.lines(value)[0], word=word)


def _key(unit: Unit, node: ast.AST) -> str:
    around = unit.parents.get(node)
    match around:
        case ast.Dict():
            at = next((k for k, v in zip(around.keys, around.values, strict=True) if v is node), None)
            return str(at.value) if isinstance(at, ast.Constant) else ""
        case ast.keyword():
            return around.arg or ""
        case ast.Assign():
            return ast.unparse(around.targets[0]).rpartition(".")[2]
        case ast.List() | ast.Tuple():
            return _key(unit, around)
    return ""
