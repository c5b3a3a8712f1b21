"""Tables that code fills from the configuration files of a folder: a new entry is a new file and no change of code."""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, own_nodes, units, written
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_SCANS = words("glob iglob rglob iterdir listdir scandir walk")
_LOADS = re.compile(
    r"^(?:json|yaml|toml|tomllib|tomli|OmegaConf|omegaconf\.OmegaConf)\.(?:load|loads|safe_load|full_load)$"
)
_FOLDER = re.compile(r"^[\w./-]*(?:config|model|arch|preset|zoo)\w*(?:/[\w./*-]*)?$", re.IGNORECASE)
SHOWN = 4


def folder_registries(codebase: "Codebase") -> Iterator[Point]:
    """One point per function that reads the files of a folder into a table whose name or use is about models."""
    for unit in units(codebase, r"glob\(|iterdir\(|listdir\(|scandir\(|os\.walk\("):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for body, symbol in unit.functions():
                table = _filled(body)
                if table:
                    yield from _point(unit, body, symbol, table)


def _filled(body: ast.AST) -> str:
    """The table into which a body puts what it loads from the files that it finds, "" for none."""
    nodes = list(own_nodes(body))
    if not any(call_name(node) in _SCANS for node in nodes):
        return ""
    if not any(isinstance(node, ast.Call) and _LOADS.match(written(node.func)) for node in nodes):
        return ""
    outer = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    local = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} - outer
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            table = written(node.targets[0].value)
            if table.partition(".")[0] not in local and not isinstance(node.targets[0].slice, ast.Constant):
                return table
    return ""


def _point(unit: Unit, body: ast.AST, symbol: str, table: str) -> Iterator[Point]:
    name = symbol.rpartition(".")[2]
    own = [(other, other_symbol) for other, other_symbol in unit.functions() if other is not body]
    adders = [
        f"`{other_symbol}({', '.join(arg.arg for arg in other.args.args if arg.arg not in ('self', 'cls'))})`"
        for other, other_symbol in own
        if any(arg.arg not in ("self", "cls") for arg in other.args.args)
        and any(call_name(node) == name for node in own_nodes(other))
    ]
    readers = [
        f"`{other_symbol}()`"
        for other, other_symbol in own
        if any(isinstance(node, ast.Name | ast.Attribute) and written(node) == table for node in own_nodes(other))
    ]
    if not MODEL_WORD.search(" ".join([table, symbol, *readers])):
        return
    folder = _folder(unit, body)
    where = f" of `{folder}`" if folder else " of a folder"
    said = (
        f"By configuration alone: `{symbol}()` ({unit.path}) reads the configuration files{where} into `{table}`, so "
        f"that a new file is a new entry"
    )
    said += f"; {listed(adders, SHOWN)} enters files from elsewhere" if adders else ""
    said += f"; the table is read by {listed(readers, SHOWN)}" if readers else ""
    short = f"a file{where} is a new entry of `{table}`" + (f" (or one given to {listed(adders, 2)})" if adders else "")
    yield Point("configuration", short, said, unit.path, unit.lines(body), symbol)


def _folder(unit: Unit, body: ast.AST) -> str:
    """The folder as it is written in the body or in the module's variables that it uses."""
    used = {node.id for node in own_nodes(body) if isinstance(node, ast.Name)}
    outside = [
        node.value for node in unit.tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in used for t in node.targets)
    ]  # fmt: skip
    for node in (*own_nodes(body), *(inner for value in outside for inner in ast.walk(value))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _FOLDER.match(node.value):
            return node.value
    return ""
