"""Scripts: files with many lines outside of any function or class, of which nothing can call a part."""

import ast
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.code.metrics import python_files
from retrieval.census.meaning.units import units
from retrieval.census.project.import_graph import edges

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SCRIPT = 60


@once
def scripts_of(codebase: "Codebase") -> tuple[tuple[int, str], ...]:
    """The files that nothing imports with more than `SCRIPT` lines outside of any function or class, with how many:
    nothing can call a part of them."""
    imported = {target for targets in edges(codebase).values() for target in targets}
    own = {file.path for file in python_files(codebase, "source")} - imported
    loose = [
        (sum(b - a + 1 for a, b in map(unit.lines, filter(_is_statement, unit.tree.body))), unit.path)
        for unit in units(codebase)
        if unit.path in own
    ]
    return tuple(sorted((found for found in loose if found[0] > SCRIPT), reverse=True))


def _is_statement(node: ast.stmt) -> bool:
    """Whether a statement of a module does something: no definition, import, docstring or plain value."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return any(isinstance(part, ast.Call) for part in ast.walk(node))
    plain = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return not plain and not isinstance(node, kinds)
