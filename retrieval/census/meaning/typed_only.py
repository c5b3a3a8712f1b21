"""Which imports stand under `if TYPE_CHECKING:`: type checkers read them, a running program does not."""

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from retrieval.pyast import lines_of, parse_file
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.facts import Import

_FLAG = "TYPE_CHECKING"


def typing_only(codebase: "Codebase", path: str, item: "Import") -> bool:
    """Whether an import never runs, because it stands under `if TYPE_CHECKING:` or the else of its negation."""
    return any(first <= item.start <= last for first, last in _blocks(codebase.snapshot.by_path[path]))


@lru_cache(maxsize=1024)
def _blocks(file: SourceFile) -> tuple[tuple[int, int], ...]:
    """The first and last lines of the blocks that only type checkers read."""
    tree = parse_file(file) if _FLAG in file.text else None
    found: list[tuple[int, int]] = []
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.If):
            continue
        negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
        test = node.test.operand if isinstance(node.test, ast.UnaryOp) and negated else node.test
        block = node.orelse if negated else node.body
        if _is_flag(test) and block:
            found.append((lines_of(block[0])[0], lines_of(block[-1])[1]))
    return tuple(found)


def _is_flag(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_is_flag, test.values))
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == _FLAG
