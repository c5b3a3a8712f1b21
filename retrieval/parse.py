"""The only door to tree-sitter: bytes in, a syntax tree with 1-based lines out.

Knows how to stop a parse that takes too long, how to visit a tree without recursion, how rows
become lines, and how to run a query of `retrieval/queries/*.scm`. A language is known by its query
file, `queries/<language>.scm`, whose first line names the package and function of its grammar; where
that package is not installed the language is not parsed. It does not know what the nodes mean.

Never print a node with `str(node)`: it recurses in C and crashes on deep trees.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

from tree_sitter import Language, Node, Parser, Query, QueryCursor

__all__ = [
    "Node",
    "Tree",
    "descendants",
    "enclosing",
    "first_line",
    "last_line",
    "parse",
    "parse_python",
    "run_query",
]

QUERIES = Path(__file__).parent / "queries"
READ_BYTES = 65_536
GRAMMAR = "; grammar: "


@dataclass(frozen=True)
class Tree:
    """A parsed file: its bytes, the root node (type "module" in Python) and the name of its language."""

    data: bytes = field(repr=False)
    root: Node = field(repr=False)
    language: str = "python"

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
def _grammar(language: str) -> Language | None:
    """The grammar that the language's query file names, None without that file or that package."""
    path = QUERIES / f"{language}.scm"
    if not path.is_file():
        return None
    head = path.read_text(encoding="utf-8").split("\n", 1)[0]
    package, _, function = head.removeprefix(GRAMMAR).strip().rpartition(".")
    try:
        return Language(getattr(import_module(package), function)())
    except ImportError:
        return None


@cache
def _query(name: str, language: str) -> Query:
    grammar = _grammar(language)
    assert grammar is not None  # there is a tree of this language
    return Query(grammar, (QUERIES / f"{name}.scm").read_text(encoding="utf-8"))


def parse_python(data: bytes, budget_seconds: float = 1.0) -> Tree | None:
    """Parse Python source; see `parse`."""
    return parse(data, "python", budget_seconds)


def parse(data: bytes, language: str, budget_seconds: float = 1.0) -> Tree | None:
    """Parse source of `language`; any input yields a tree (see `Tree.errors`).

    None when the language has no query file or its grammar is not installed, and when the budget
    ran out: 80 KB of `\\` and newlines need 10 s unguarded, quadratically.
    """
    grammar = _grammar(language)
    if grammar is None:
        return None
    deadline = time.monotonic() + budget_seconds

    # tree-sitter 0.26 ignores the progress callback for bytes: the source must be a read function.
    def read(offset: int, _point: object) -> bytes:
        return data[offset : offset + READ_BYTES]

    def out_of_time(*_state: object) -> bool:
        return time.monotonic() > deadline

    try:
        tree = Parser(grammar).parse(read, progress_callback=out_of_time)
    except ValueError:  # "Parsing failed": how 0.26 reports a cancelled parse
        return None
    return Tree(data, tree.root_node, language) if tree is not None else None


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
    cursor = QueryCursor(_query(name, tree.language))
    return [captures for _pattern, captures in cursor.matches(node or tree.root)]
