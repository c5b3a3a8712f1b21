"""Private parts of outside libraries that code uses: attributes with a leading underscore."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.dependencies.constraints import imported_names
from retrieval.census.dependencies.imported import third_party
from retrieval.census.dependencies.version_switches import guarded
from retrieval.census.meaning.units import Unit, units
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


@dataclass(frozen=True, slots=True)
class Private:
    """One use of a private part of the library `module`, as written, with its place and what guards it, in words."""

    module: str
    written: str
    path: str
    line: int
    symbol: str
    guard: str


def private_parts(codebase: Codebase) -> Iterator[Private]:
    """Every use in source files."""
    for unit in units(codebase, r"\._[a-zA-Z]"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        imported = imported_names(unit.tree).items()
        names = {alias: module for alias, module in imported if _is_foreign(codebase, unit, module)}
        made = _made(unit, names)
        for node in unit.nodes:
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                symbol, root = unit.symbols.get(node, ""), dotted(node.value).split(".")[0]
                module = names.get(root) or made.get((symbol, root), "")
                if module:
                    used, line = ast.unparse(node), unit.row(node.lineno)
                    yield Private(module.split(".")[0], used, unit.path, line, symbol, guarded(unit, node))


def _is_foreign(codebase: Codebase, unit: Unit, module: str) -> bool:
    return module.split(".")[0] in third_party(codebase) and codebase.locate(module, unit.path) is None


def _made(unit: Unit, names: dict[str, str]) -> dict[tuple[str, str], str]:
    """(symbol, variable) → the library whose call the variable is bound to, where every binding is such a call."""
    found: dict[tuple[str, str], set[str]] = {}
    for node in unit.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            call = dotted(node.value.func) if isinstance(node.value, ast.Call) else ""
            module = names.get(call.split(".")[0], "") if "." in call else ""
            found.setdefault((unit.symbols.get(node, ""), node.targets[0].id), set()).add(module)
    return {key: next(iter(modules)) for key, modules in found.items() if len(modules) == 1 and "" not in modules}
