"""The only door to tree-sitter: bytes in, a syntax tree with 1-based lines out.

Knows how to stop a parse that takes too long, how to visit a tree without recursion, how rows
become lines, and how to run a query of `retrieval/queries/*.scm`. It does not know what the nodes
mean.

Never print a node with `str(node)`: it recurses in C and crashes on deep trees.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Query, QueryCursor

__all__ = [
    "Node",
    "Tree",
    "descendants",
    "enclosing",
    "first_line",
    "last_line",
    "parse_python",
    "run_query",
]

QUERIES = Path(__file__).parent / "queries"
READ_BYTES = 65_536


@dataclass(frozen=True)
class Tree:
    """A parsed file: its bytes and the root node (type "module")."""

    data: bytes = field(repr=False)
    root: Node = field(repr=False)

    def text(self, node: Node | None) -> str:
        """The source of `node`, "" for None; undecodable bytes become U+FFFD."""
        if node is None:
            return ""
        return self.data[node.start_byte : node.end_byte].decode("utf-8", errors="replace")

    def errors(self) -> int:
        """How many ERROR or MISSING nodes the tree holds; 0 for a file that parses."""
        if not self.root.has_error:
            return 0
        return sum(node.is_error or node.is_missing for node in descendants(self.root))


@cache
def _python() -> Language:
    return Language(tree_sitter_python.language())


@cache
def _query(name: str) -> Query:
    return Query(_python(), (QUERIES / f"{name}.scm").read_text(encoding="utf-8"))


def parse_python(data: bytes, budget_seconds: float = 1.0) -> Tree | None:
    """Parse Python source; any input yields a tree (see `Tree.errors`).

    None when the budget ran out: 80 KB of `\\` and newlines need 10 s unguarded, quadratically.
    """
    deadline = time.monotonic() + budget_seconds

    # tree-sitter 0.26 ignores the progress callback for bytes: the source must be a read function.
    def read(offset: int, _point: object) -> bytes:
        return data[offset : offset + READ_BYTES]

    def out_of_time(*_state: object) -> bool:
        return time.monotonic() > deadline

    try:
        tree = Parser(_python()).parse(read, progress_callback=out_of_time)
    except ValueError:  # "Parsing failed": how 0.26 reports a cancelled parse
        return None
    return Tree(data, tree.root_node) if tree is not None else None


def first_line(node: Node) -> int:
    """1-based line on which `node` starts."""
    return node.start_point[0] + 1


def last_line(node: Node) -> int:
    """1-based line of the last character of `node`; a final newline belongs to the line it ends."""
    row, column = node.end_point
    if column == 0 and row > node.start_point[0]:
        return row
    return row + 1


def descendants(node: Node) -> Iterator[Node]:
    """`node` and everything below it, in source order, without recursion."""
    cursor = node.walk()
    while True:
        if (current := cursor.node) is not None:
            yield current
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while cursor.goto_parent():
            if cursor.goto_next_sibling():
                break
        else:
            return


def enclosing(node: Node, types: frozenset[str]) -> Node | None:
    """The nearest ancestor of `node` whose type is one of `types`, None without one."""
    current = node.parent
    while current is not None and current.type not in types:
        current = current.parent
    return current


def run_query(name: str, tree: Tree, node: Node | None = None) -> list[dict[str, list[Node]]]:
    """Every match of `queries/<name>.scm` in `node` (the whole tree without it), in source order.

    Each match maps capture names to the nodes captured. Raises FileNotFoundError for an unknown
    name and tree_sitter.QueryError for a query that does not compile.
    """
    cursor = QueryCursor(_query(name))
    return [captures for _pattern, captures in cursor.matches(node or tree.root)]
