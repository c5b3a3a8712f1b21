"""Python's own syntax tree of a file, for measures that need exact nesting and for the libraries that take it.

Names are not resolved here; facts with resolved names come from `extract.py`. A file that this Python cannot
parse (Python 2, templates) has no tree.
"""

import ast
import warnings
from collections.abc import Iterator

from retrieval.snapshot import SourceFile


def parse_file(file: SourceFile) -> ast.Module | None:
    """The tree of a Python file, None when it does not parse."""
    if file.language != "python":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in other people's strings
        try:
            return ast.parse(file.data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def scoped(tree: ast.AST, symbol: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Every node below `tree` with the dotted symbol that encloses it, in source order, without recursion."""
    stack: list[tuple[ast.AST, str]] = [(tree, symbol)]
    while stack:
        node, inside = stack.pop()
        yield node, inside
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inside = f"{inside}.{node.name}" if inside else node.name
        children = [(child, inside) for child in ast.iter_child_nodes(node)]
        children.reverse()
        stack += children


def lines_of(node: ast.AST) -> tuple[int, int]:
    """First and last line of a node that has a position."""
    first = getattr(node, "lineno", 1)
    return first, getattr(node, "end_lineno", None) or first


def dotted(node: ast.AST) -> str:
    """`a.b.c` as written, "" for anything that is not a chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def source_of(node: ast.AST, limit: int = 120) -> str:
    """The expression as Python writes it, on one line, cut at `limit` characters."""
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:  # a sum of a thousand terms
        return "…"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def constants(file: SourceFile) -> list[tuple[str, int]]:
    """Names that the module level assigns, dunders left out, with the line of their first assignment."""
    tree = parse_file(file)
    found: dict[str, int] = {}
    for node in tree.body if tree is not None else []:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.startswith("__"):
                found.setdefault(target.id, node.lineno)
    return list(found.items())
