"""One pass over a Python syntax tree: scopes and bindings at once, facts when all scopes are known.

The walk keeps its own stack, so a deeply nested file costs memory and not a crash. Handlers (one per node type)
live in `definitions.py`, `calls.py` and `statements.py`; each may bind names, put facts off until the walk is over
(`later`), and say in which context its children are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from retrieval.facts import Call, Definition, Fact, Import
from retrieval.parse import Node, Tree, first_line, last_line
from retrieval.resolve import Resolver
from retrieval.scopes import Binding, BindingKind, Scope

CUT = 200
HEAD_BYTES = 2000
Steps = Iterable[tuple[Node, "Context"]]
Handler = Callable[["Reader", Node, "Context"], "Steps | None"]
Observer = Callable[["Reader", Node, "Context"], None]

# Nodes through which "the result of this call is bound to a name" still holds.
TRANSPARENT = frozenset(
    [
        "parenthesized_expression",
        "conditional_expression",
        "boolean_operator",
        "await",
        "expression_statement",
    ]
)
_OPENED = re.compile(r"([(\[{])[ \t\r]*\n\s*")
_CLOSED = re.compile(r",?\s*\n\s*([)\]}])")
_DOT = re.compile(r"\s*\n\s*\.(?=\w)")
_SPACES = re.compile(r"\s*\n\s*")


def one_line(text: str) -> str:
    """Source text on one line, as if it had been written without line breaks."""
    if "\n" not in text:
        return text
    return _SPACES.sub(" ", _DOT.sub(".", _CLOSED.sub(r"\1", _OPENED.sub(r"\1", text))))


@dataclass(frozen=True, slots=True)
class Context:
    """Where a node stands: its scope and enclosing statement, and what holds for it.

    `assigned` and `awaited` concern the value of the node itself, `item` that it is a `with` item.
    """

    scope: Scope
    statement: Node
    loop: bool = False
    guarded: bool = False
    item: bool = False
    awaited: bool = False
    assigned: tuple[str, ...] = ()
    decorators: tuple[Node, ...] = ()
    loop_head: Node | None = None

    @property
    def symbol(self) -> str:
        """The dotted name of the enclosing definition, "" at module level."""
        return self.scope.symbol

    def passing(self) -> bool:
        """Whether anything here concerns only the node itself."""
        return self.awaited or self.item or bool(self.assigned)

    def plain(self) -> Context:
        """The same place for parts of an expression."""
        return replace(self, awaited=False, item=False, assigned=())


@dataclass(slots=True)
class Reader:
    """Collects what one file says. `module` is its dotted import name, `package` what `.` stands for in it."""

    tree: Tree
    module: str
    package: str
    resolver: Resolver
    imports: list[Import] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    named: set[tuple[str, str]] = field(default_factory=set)  # (scope, name) told already
    deferred: list[tuple[Observer, Node, Context]] = field(default_factory=list)

    def read(self, handlers: dict[str, Handler], observers: dict[str, list[Observer]]) -> None:
        """Walk the whole tree, then run what was put off and every observer of the nodes met."""
        scope = Scope("module", "", None)
        stack: list[tuple[Node, Context]] = [(self.tree.root, Context(scope, self.tree.root))]
        while stack:
            node, context = stack.pop()
            kind = node.type
            for observer in observers.get(kind, ()):
                self.deferred.append((observer, node, context))
            handler = handlers.get(kind)
            steps = handler(self, node, context) if handler else None
            if steps is None:
                if context.passing() and kind not in TRANSPARENT:
                    context = context.plain()
                steps = [(child, context) for child in node.named_children]
            stack.extend(reversed(list(steps)))
        for late, node, context in self.deferred:
            late(self, node, context)

    def later(self, handler: Observer, node: Node, context: Context) -> None:
        """Run `handler` after the walk, when every name of the file is known."""
        self.deferred.append((handler, node, context))

    def text(self, node: Node | None) -> str:
        """The source of a node on one line."""
        return one_line(self.tree.text(node))

    def short(self, node: Node | None) -> str:
        """`text`, cut at 200 characters."""
        return one_line(self._head(node))[:CUT]

    def _head(self, node: Node | None) -> str:
        """The first bytes of a node: a statement of a megabyte is cut before it is decoded."""
        if node is None:
            return ""
        end = min(node.end_byte, node.start_byte + HEAD_BYTES)
        return self.tree.data[node.start_byte : end].decode("utf-8", errors="replace")

    def name(self, node: Node, context: Context) -> str:
        """The resolved dotted name of an expression."""
        return self.resolver.name(node, context.scope).dotted

    def line_text(self, node: Node) -> str:
        """The first line of a node, stripped."""
        return self._head(node).split("\n", 1)[0].strip()[:CUT]

    def bind(
        self,
        name: str,
        kind: BindingKind,
        context: Context,
        *,
        at: Node,
        node: Node | None = None,
        target: str = "",
        index: int = -1,
        seen_in: Scope | None = None,
    ) -> Binding:
        """Bind `name` in the scope of `context` from the end of node `at` on.

        `node` is looked up in `seen_in` when that is another scope; for `self` it is the class.
        """
        binding = Binding(kind, at.end_byte, seen_in or context.scope, target, node, index)
        context.scope.bind(name, binding)
        return binding

    def fact(
        self,
        kind: str,
        name: str,
        node: Node,
        context: Context,
        *,
        text: str = "",
        end: int = 0,
        detail: dict[str, str] | None = None,
        symbol: str | None = None,
    ) -> None:
        """Record a fact on the lines of `node` (up to line `end` when given)."""
        start, last = first_line(node), end or last_line(node)
        shown = text or self.line_text(node)
        where = context.symbol if symbol is None else symbol
        self.facts.append(Fact(kind, name, start, last, where, shown, detail or {}))


def parts(node: Node) -> list[Node]:
    """The named children without comments."""
    return [child for child in node.named_children if child.type != "comment"]
