"""Kind `model_checks`: `isinstance` tests for a particular model class, outside of the methods of model classes."""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Unit, call_name, quoted, subject_of, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.families import is_library_model, is_model_base
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


@kind(
    "model_checks",
    summary="isinstance tests for a particular model class, outside of model classes",
    example="model_checks",
    reads="python",
)
def model_checks(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per test; patterns match the class. Layers of `torch.nn` that any model has are no particular model."""
    for unit in units(codebase, r"\bisinstance\("):
        for node in ast.walk(unit.tree):
            if not isinstance(node, ast.Call) or call_name(node) != "isinstance" or len(node.args) != 2:
                continue
            names = [name for name in _classes(node.args[1]) if _is_model(codebase, unit, name)]
            symbol = unit.symbols.get(node, "")
            if names and query.matches(*names) and not _in_model(codebase, unit, node):
                text = f"{subject_of(codebase, unit.path, symbol)} tests {quoted(node)}"
                yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=names[0], text=text)


def _classes(node: ast.expr) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return [written(part) for part in parts if isinstance(part, ast.Name | ast.Attribute)]


def _is_model(codebase: "Codebase", unit: Unit, name: str) -> bool:
    found = codebase.resolve_local(unit.path, name)
    if found is not None:
        return found[1].kind == "class" and roster_of(codebase).family.is_model(ClassRef(*found))
    outside = _outside(codebase, unit.path, name)
    return is_library_model(outside) and not is_model_base(outside) and not outside.startswith("torch.")


def _outside(codebase: "Codebase", path: str, name: str) -> str:
    """The full name of something imported."""
    head, dot, rest = name.partition(".")
    item = next((item for item in codebase.facts[path].imports if item.alias == head), None)
    if item is None:
        return name
    full = f"{item.module}.{item.name}" if item.name else item.module
    return f"{full}{dot}{rest}"


def _in_model(codebase: "Codebase", unit: Unit, node: ast.AST) -> bool:
    owner = next((around for around in unit.enclosing(node) if isinstance(around, ast.ClassDef)), None)
    if owner is None:
        return False
    found = codebase.resolve_local(unit.path, unit.symbol_of(owner))
    return found is not None and roster_of(codebase).family.is_model(ClassRef(*found))
