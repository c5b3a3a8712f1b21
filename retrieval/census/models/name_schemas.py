"""Prefixes by which the name of a model says where it comes from: `hf-hub:org/name`, `local-dir:/path`."""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, own_nodes, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_SCHEMA = re.compile(r"^(?!(?:https?|ftp|s3|gs|data|file|ws|wss|cuda|cpu|mps|xpu|npu)\b)[a-zA-Z][\w.+-]*:(?://)?$")
_NAMED = re.compile(r"(?i)model|pretrained|repo|checkpoint|weights|arch|(?:^|_)name$")
SHOWN = 6


def name_schemas(codebase: "Codebase") -> Iterator[Point]:
    """One point per body that tests the name of a model for such prefixes."""
    for unit in units(codebase, r"startswith\("):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        known = _texts(unit)
        for body, symbol in unit.functions():
            found: dict[str, tuple[str, int]] = {}
            for node in own_nodes(body):
                if isinstance(node, ast.Call) and call_name(node) == "startswith" and node.args:
                    owner = written(node.func.value) if isinstance(node.func, ast.Attribute) else ""
                    text = _text(node.args[0], known)
                    if _SCHEMA.match(text) and _NAMED.search(owner):
                        found.setdefault(text, (owner, unit.row(node.lineno)))
            if found:
                yield _point(unit, symbol, found)


def _texts(unit: Unit) -> dict[str, str]:
    """Module-level names of texts."""
    return {
        target.id: str(node.value.value)
        for node in unit.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


def _point(unit: Unit, symbol: str, found: dict[str, tuple[str, int]]) -> Point:
    shown = listed([f"`{text}`" for text in found], SHOWN)
    owner, line = next(iter(found.values()))
    short = f"a name that begins with {shown} takes a model from there"
    said = (
        f"By configuration alone: `{symbol}()` ({unit.path}) tells by the prefix of `{owner}` where a model comes "
        f"from: {shown}"
    )
    related = tuple(("prefix", unit.path, at, at) for _, at in list(found.values())[1:])
    return Point("configuration", short, said, unit.path, (line, line), symbol, related)
