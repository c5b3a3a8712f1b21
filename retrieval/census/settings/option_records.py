"""Objects that a program builds from its options, and where the fields of such an object are read.

A dataclass or a pydantic model without an `__init__` of its own takes its fields as arguments. What is read is found
on names and attributes that hold an object of the class: by annotation, by construction, or by assignment.
"""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import Unit, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_DERIVED = 12
Read = tuple[Unit, ast.Attribute, str]  # the file, the expression, the symbol around it
_READS: "Beside[Codebase, dict[tuple[str, str], dict[str, list[Read]]]]" = Beside()


def record_of(codebase: "Codebase", unit: Unit, node: ast.Call) -> tuple[str, Definition] | None:
    """The class without an `__init__` whose object a call makes."""
    if not isinstance(node.func, ast.Name | ast.Attribute):
        return None
    found = codebase.resolve_local(unit.path, written(node.func))
    if found is None or found[1].kind != "class" or codebase.member(found, "__init__") is not None:
        return None
    return found


def field_names(codebase: "Codebase", found: tuple[str, Definition]) -> list[str]:
    """The fields of a class in the order of its arguments."""
    return [field.name for field in class_fields(codebase, *found)]


def field_reads(codebase: "Codebase", found: tuple[str, Definition]) -> dict[str, list[Read]]:
    """Field → the places of source code that read it, on objects of the class or of one that derives from it; worked
    out once for a class."""
    known = _READS.setdefault(codebase, {})
    key = found[0], found[1].symbol
    if key not in known:
        known[key] = _merged(codebase, found)
    return known[key]


def _merged(codebase: "Codebase", found: tuple[str, Definition]) -> dict[str, list[Read]]:
    fields = {*field_names(codebase, found)}
    derived = program_of(codebase).descendants(ClassRef(*found))
    names = dict.fromkeys([found[1].name, *(cls.definition.name for cls in derived)])
    reads: dict[str, list[Read]] = {}
    for name in list(names)[:MOST_DERIVED]:
        for attribute, places in _reads(codebase, name, fields).items():
            known = reads.setdefault(attribute, [])
            known += [place for place in places if all(place[1] is not other[1] for other in known)]
    return reads


def _reads(codebase: "Codebase", name: str, fields: set[str]) -> dict[str, list[Read]]:
    mentioning = [unit for unit in units(codebase, rf"\b{re.escape(name)}\b") if _source(codebase, unit)]
    reads: dict[str, list[Read]] = {}
    for unit in mentioning:
        holders = _holders(unit, name)
        for node in ast.walk(unit.tree) if holders else ():
            read = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in fields
            if isinstance(node, ast.Attribute) and read and written(node.value) in holders:
                reads.setdefault(node.attr, []).append((unit, node, unit.symbols.get(node, "")))
    return reads


def _source(codebase: "Codebase", unit: Unit) -> bool:
    return codebase.snapshot.by_path[unit.path].role == "source"


def _holders(unit: Unit, name: str) -> set[str]:
    """The names and attributes of a file that hold an object of a class."""
    found: set[str] = set()
    for node in ast.walk(unit.tree):
        if isinstance(node, ast.arg) and node.annotation is not None and _names(node.annotation, name):
            found.add(node.arg)
        elif isinstance(node, ast.AnnAssign) and _names(node.annotation, name):
            found.add(written(node.target))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _ends(node.value.func, name):
            found |= {written(target) for target in node.targets}
    if found:
        found |= {written(t) for targets, value in _assigned(unit) if written(value) in found for t in targets}
        found |= {f"self.{held}" for held in found if held.isidentifier() and _keeps(unit, held)}
    return found


def _assigned(unit: Unit) -> Iterator[tuple[list[ast.expr], ast.expr]]:
    for node in ast.walk(unit.tree):
        if isinstance(node, ast.Assign):
            yield node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield [node.target], node.value


def _keeps(unit: Unit, held: str) -> bool:
    """Whether a class of the file declares an attribute of that name by its annotation."""
    return any(
        isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id == held
        for node in ast.walk(unit.tree) if isinstance(node, ast.ClassDef) for part in node.body
    )  # fmt: skip


def _names(annotation: ast.expr, name: str) -> bool:
    """Whether an annotation is the class, perhaps optional; no collection of it."""
    text = written(annotation).strip("\"'")
    return bool(
        re.fullmatch(rf"(?:Optional\[|typing\.Optional\[)?(?:[\w.]*\.)?{re.escape(name)}\]?(?:\s*\|\s*None)?", text)
    )


def _ends(callee: ast.expr, name: str) -> bool:
    return written(callee).rpartition(".")[2] == name
