"""Names at the top of a module that nothing reads: tables that somebody left behind and that limit nothing."""

import ast
import re
from collections import Counter

from retrieval.beside import once
from retrieval.census.meaning.units import Unit, units, written
from retrieval.codebase import Codebase

FEW = 6  # a word that stands more often is read somewhere


def is_unread(codebase: Codebase, unit: Unit, node: ast.AST) -> bool:
    """Whether a node stands in the value of a plain name at the top of a module that no Python file reads.

    Imports of the name and its entry in `__all__` are no reads, any other text that holds it is one.
    """
    current, parent = node, unit.parents.get(node)
    while parent is not None and parent is not unit.tree:
        current, parent = parent, unit.parents.get(parent)
    if not isinstance(current, ast.Assign | ast.AnnAssign):
        return False
    target = current.targets[0] if isinstance(current, ast.Assign) else current.target
    if not isinstance(target, ast.Name) or words_of(codebase)[target.id] > FEW:
        return False
    name = target.id
    return not any(_reads(other, part, name) for other in units(codebase, rf"\b{name}\b") for part in other.nodes)


@once
def words_of(codebase: Codebase) -> Counter[str]:
    """How often each word stands in the Python code of the repository."""
    files = (file for file in codebase.snapshot.files if file.language in ("python", "notebook"))
    return Counter(word for file in files for word in re.findall(r"\w+", file.text))


def _reads(unit: Unit, node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name and isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Attribute):
        return node.attr == name
    if isinstance(node, ast.Constant) and node.value == name:
        around = unit.parents.get(unit.parents.get(node, node), node)
        target = around.targets[0] if isinstance(around, ast.Assign) else getattr(around, "target", None)
        return not (isinstance(target, ast.Name) and written(target) == "__all__")
    return False
