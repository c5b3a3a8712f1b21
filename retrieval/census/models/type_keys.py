"""Tables that are indexed by the type of a library's model: which models of the library can really be named.

`arch_dict[self.config.model_type]` admits the keys of `arch_dict` alone, whatever `AutoModel` itself can make.
"""

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Unit, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

HOPS = 4
_TYPE = re.compile(r"\.(?:model_type|architectures\[0\]|__class__\.__name__)$|^type\([\w.]+\)\.__name__$")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A table at `path` and `line` with the keys that it has, and the expression that takes one out."""

    name: str
    path: str
    line: int
    keys: tuple[str, ...]
    by: str
    at: tuple[str, int]


def admitted(codebase: "Codebase", path: str, symbol: str) -> Admitted | None:
    """The table that the class (or function) around `symbol` reads by the type of a model, None without one."""
    owner = symbol.partition(".")[0]
    for unit in units(codebase, r"model_type|architectures|__name__", path):
        for node in unit.nodes:
            around = unit.symbols.get(node, "")
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and around.partition(".")[0] == owner:
                key = written(node.slice)
                if _TYPE.search(key) and isinstance(node.value, ast.Name):
                    found = _table(codebase, path, node.value.id, HOPS)
                    if found is not None:
                        table, there, line = found
                        return Admitted(node.value.id, there, line, table, key, (path, unit.lines(node)[0]))
    return None


def _table(codebase: "Codebase", path: str, name: str, hops: int) -> tuple[tuple[str, ...], str, int] | None:
    """The literal keys of a dictionary of a module, where it stands; names are followed through imports."""
    for unit in units(codebase, re.escape(name), path):
        for node in unit.tree.body:
            found = _literal(unit, node, name)
            if found is not None:
                return found[0], path, found[1]
    for item in codebase.facts[path].imports if hops else ():
        if (item.alias or item.name) == name:
            where = codebase.locate(item.module, path)
            if where is not None:
                return _table(codebase, where, item.name, hops - 1)
    return None


def _literal(unit: Unit, node: ast.stmt, name: str) -> tuple[tuple[str, ...], int] | None:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if not isinstance(value, ast.Dict) or not isinstance(target, ast.Name) or target.id != name:
        return None
    keys = tuple(k.value for k in value.keys if isinstance(k, ast.Constant) and isinstance(k.value, str))
    return (keys, unit.lines(node)[0]) if keys and len(keys) == len(value.keys) else None
