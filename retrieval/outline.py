"""The definitions of a source file, nested and with exact lines, as its language's query names them.

A query of `queries/<language>.scm` captures a definition as `@function`, `@class`, `@module` (what only
holds others, such as a namespace) or `@script`, its name as `@name`, and as `@owner` the type that a
function standing outside belongs to. It does not know how definitions become chunks.
"""

from dataclasses import dataclass, field
from typing import Literal

from retrieval.parse import Node, Tree, first_line, last_line, run_query

Kind = Literal["function", "class", "module", "script"]
_KINDS: tuple[Kind, ...] = ("function", "class", "module", "script")
MAIN = "__main__"


@dataclass(frozen=True, slots=True)
class Outlined:
    """One definition: its lines, the name it is given (with its owner, `Type.name`), and what stands inside."""

    kind: Kind
    name: str
    start: int
    end: int
    inside: "list[Outlined]" = field(default_factory=list)


def outline(tree: Tree) -> list[Outlined]:
    """The outermost definitions of `tree` in source order. Raises FileNotFoundError without a query file."""
    top: list[Outlined] = []
    around: list[tuple[Node, list[Outlined]]] = []
    for node, kind, name in _matched(tree):
        while around and around[-1][0].end_byte <= node.start_byte:
            around.pop()
        found = Outlined(kind, name, first_line(node), last_line(node))
        (around[-1][1] if around else top).append(found)
        around.append((node, found.inside))
    return top


def _matched(tree: Tree) -> list[tuple[Node, Kind, str]]:
    """Each definition once, by its name: of nodes that share one (decorated, exported) the widest."""
    widest: dict[int, tuple[Node, Kind, str]] = {}
    for captures in run_query(tree.language, tree):
        kind: Kind = next(kind for kind in _KINDS if kind in captures)
        node = captures[kind][0]
        named = captures.get("name", [node])[0]
        held = widest.get(named.start_byte)
        if held is None or held[0].end_byte - held[0].start_byte < node.end_byte - node.start_byte:
            widest[named.start_byte] = node, kind, _name(tree, captures)
    return sorted(widest.values(), key=lambda item: (item[0].start_byte, -item[0].end_byte))


def _name(tree: Tree, captures: dict[str, list[Node]]) -> str:
    if "name" not in captures:
        return MAIN
    parts = [tree.text(captures[part][0]) for part in ("owner", "name") if part in captures]
    return ".".join(parts).replace("::", ".").strip("\"'")
