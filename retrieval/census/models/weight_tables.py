"""Kind `weight_tables`: tables in the code that name weights - files, addresses, repositories - by key.

A table of tables counts as one: `PRETRAINED = {"small": _SMALL}`, where `_SMALL = dict(tag=cfg(url="https://…"))`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Unit, units, written
from retrieval.census.models.hub_models import NO_MODEL
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, MOST_KEYS, MOST_FILES = 2, 8, 6
WEIGHTS = re.compile(
    r"(?i)(?:^|[\w}])\.(?:pt|pth|ckpt|safetensors|gguf|onnx|pkl|h5|tflite|engine|dfm|trt|plan|mlmodel)(?:\?.*)?$"
)
_HUB = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*/?$")
_HUB_KEY = re.compile(r"(?i)hub|repo")
_HUB_TABLE = re.compile(
    r"(?i)(?:model|checkpoint|ckpt|repo|weight|pretrained)(?:_?(?:id|name|path))?s?(?:_map|_table)?$"
)
_LITERALS = ast.Dict | ast.List | ast.Tuple


@dataclass(frozen=True)
class Table:
    """A literal with the weights that it names; `parts` are the names of the tables in it."""

    name: str
    node: ast.expr
    keys: tuple[str, ...]
    weights: tuple[str, ...]
    parts: tuple[str, ...]
    symbol: str


@kind(
    "weight_tables",
    summary="dictionaries and lists in the code that name weights by key: files, addresses, hub repositories",
    example="weight_tables",
    reads="python",
    ordered=True,
)
def weight_tables(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per outermost table that names at least two weights, the largest first; patterns match its name."""
    found = []
    for unit in units(codebase, r"[{\[(]"):
        if codebase.snapshot.by_path[unit.path].role == "source":
            found += [_hit(codebase, unit, table) for table in _tables(unit) if query.matches(table.name)]
    reach = reach_of(codebase)
    yield from sorted(found, key=lambda hit: (not reach.has(hit), -int(hit.detail["files"])))


@once
def table_of(codebase: "Codebase", key: str) -> tuple[str, int]:
    """The table of weights that has a key, with the number of its keys; ("", 0) for none."""
    return _keyed(codebase).get(key, ("", 0))


@once
def _keyed(codebase: "Codebase") -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for unit in units(codebase, r"[{\[(]"):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for table in _tables(unit):
                for key in table.keys:
                    found.setdefault(key, (table.name, len(table.keys)))
    return found


def _tables(unit: Unit) -> Iterator[Table]:
    every = {table.name: table for table in _literals(unit)}
    whole = {name: _joined(table, every) for name, table in every.items()}
    inside = {part for table in whole.values() for part in table.parts if len(table.weights) >= LEAST}
    yield from (t for name, t in whole.items() if len(t.weights) >= LEAST and name not in inside)


def _joined(table: Table, every: dict[str, Table]) -> Table:
    """A table with what the tables in it name."""
    inner = [every[part] for part in table.parts if part in every and part != table.name]
    weights = dict.fromkeys((*(name for part in inner for name in part.weights), *table.weights))
    parts = tuple(part.name for part in inner)
    return Table(table.name, table.node, table.keys, tuple(weights), parts, table.symbol)


def _literals(unit: Unit) -> Iterator[Table]:
    """Names bound to a dictionary, at the top level also to a list, and what a function returns as a dictionary."""
    for node in unit.nodes:
        symbol = unit.symbols.get(node, "")
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            inside = isinstance(unit.parents.get(node), ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(target, ast.Name | ast.Attribute) and _is_table(node.value, inside):
                yield _table(written(target), node.value, symbol)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Dict) and symbol:
            yield _table(f"{symbol.rpartition('.')[2]}()", node.value, symbol)


def _is_table(value: ast.expr, inside: bool) -> bool:
    if isinstance(value, ast.Call):
        return written(value.func) == "dict" and bool(value.keywords)
    return isinstance(value, ast.Dict) or (isinstance(value, _LITERALS) and not inside)


def _table(name: str, node: ast.expr, symbol: str) -> Table:
    pairs: list[tuple[str, ast.expr]] = []
    if isinstance(node, ast.Dict):
        pairs = [
            (written(k).strip("\"'") if k is not None else "", v) for k, v in zip(node.keys, node.values, strict=True)
        ]
    elif isinstance(node, ast.Call):
        pairs = [(item.arg or "", item.value) for item in node.keywords]
    keys = tuple(dict.fromkeys(key for key, _ in pairs if key))
    hub = "repo" if _HUB_TABLE.search(name) and all(_is_hub(value) for _, value in pairs) else ""
    named = [key for key, value in pairs if isinstance(value, ast.Name) or any(_weights(value, hub or key))]
    if 2 * len(named) < len(pairs):  # the fields of one model
        return Table(name, node, keys, (), (), symbol)
    parts = tuple(value.id for _, value in pairs if isinstance(value, ast.Name))
    return Table(name, node, keys, tuple(dict.fromkeys(_weights(node, hub))), parts, symbol)


def _is_hub(value: ast.expr) -> bool:
    """Whether a value is a name as on a model hub."""
    text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
    return _HUB.match(text) is not None and not NO_MODEL.search(text)


def _weights(node: ast.AST, key: str) -> Iterator[str]:
    """The texts in an expression that name weights; `owner/name` only under a key for a hub."""
    if isinstance(node, ast.Constant):
        text = node.value if isinstance(node.value, str) else ""
        if WEIGHTS.search(text) or (_HUB_KEY.search(key) and _HUB.match(text)):
            yield text
    elif isinstance(node, ast.Dict):
        for name, value in zip(node.keys, node.values, strict=True):
            own = isinstance(name, ast.Constant) and not _HUB_KEY.search(key)
            yield from _weights(value, str(name.value) if own and isinstance(name, ast.Constant) else key)
    else:
        name = node.arg or "" if isinstance(node, ast.keyword) else key
        for child in ast.iter_child_nodes(node):
            yield from _weights(child, name)


def _hit(codebase: "Codebase", unit: Unit, table: Table) -> CensusHit:
    names = list(dict.fromkeys(f"`{_short(text)}`" for text in table.weights))
    keys = [f"`{key}`" for key in table.keys]
    by = f" under {listed(keys, MOST_KEYS)}" if keys else ""
    what = counted(len(names), "file") + " of weights" if all(map(WEIGHTS.search, table.weights)) else ""
    said = f"`{table.name}` ({unit.path}) names {what or f'{len(names)} weights'}{by}: {listed(names, MOST_FILES)}"
    return hit_at(
        codebase, unit.path, unit.lines(table.node), symbol=table.symbol, name=table.name, text=said,
        detail={"files": str(len(names))},
    )  # fmt: skip


def _short(text: str) -> str:
    return PurePosixPath(text.partition("?")[0]).name if WEIGHTS.search(text) else text.rstrip("/")
