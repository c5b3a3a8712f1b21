"""Python scopes as far as name resolution needs them: what a name is bound to, and where it is looked up.

Bindings are collected in source order and never evaluated. Flow is followed only so far: within one scope
the last binding before the use wins, and a binding that says nothing (`x = None`, a loop variable) never
hides one that does. Class bodies are invisible to the functions inside them, as in Python.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

from retrieval.parse import Node

BindingKind = Literal["import", "definition", "value", "element", "annotation", "self", "opaque"]


@dataclass(slots=True)
class Binding:
    """What one statement binds a name to.

    `target` is the dotted import target or the symbol of a local definition; `node` the value or annotation
    expression, looked up in `scope`; `index` the position in an unpacked tuple; `position` the byte offset
    from which the binding holds.
    """

    kind: BindingKind
    position: int
    scope: "Scope"
    target: str = ""
    node: Node | None = None
    index: int = -1
    type_name: str | None = None  # memo of the resolver


@dataclass(slots=True)
class Bindings:
    """All bindings of one name in one scope; those that say something are kept by position."""

    solid: list[Binding] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    settled: Binding | None = None  # the first import or definition
    opaque: Binding | None = None

    def add(self, binding: Binding) -> None:
        """Take in one more binding."""
        if binding.kind == "opaque":
            self.opaque = binding
            return
        place = bisect_right(self.positions, binding.position)
        self.positions.insert(place, binding.position)
        self.solid.insert(place, binding)
        if self.settled is None and binding.kind in ("import", "definition"):
            self.settled = binding

    def seen_from(self, position: int | None) -> Binding | None:
        """What a use at byte `position` of the same scope sees; None is a use from another scope."""
        if not self.solid:
            return self.opaque
        if position is None:
            return self.settled or self.solid[-1]
        return self.solid[max(0, bisect_right(self.positions, position) - 1)]


@dataclass(slots=True)
class Scope:
    """One module, class or function body. `symbol` is its dotted name inside the file."""

    kind: Literal["module", "class", "function"]
    symbol: str
    parent: "Scope | None"
    names: dict[str, Bindings] = field(default_factory=dict)
    attributes: dict[str, Bindings] = field(default_factory=dict)  # of `self`, classes only
    outer_names: dict[str, "Scope"] = field(default_factory=dict)  # `global` and `nonlocal`

    def bind(self, name: str, binding: Binding) -> None:
        """Record a binding, in the scope that a `global` or `nonlocal` statement names."""
        scope = self.outer_names.get(name, self)
        scope.names.setdefault(name, Bindings()).add(binding)

    def module(self) -> "Scope":
        """The outermost scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def find(self, name: str, position: int) -> Binding | None:
        """The binding that a use of `name` at byte `position` sees, None for builtins and unknown names."""
        scope: Scope | None = self.outer_names.get(name, self)
        direct = scope is self
        while scope is not None:
            if (direct or scope.kind != "class") and (found := scope.names.get(name)):
                return found.seen_from(position if direct else None)
            scope, direct = scope.parent, False
        return None

    def attribute(self, name: str) -> Binding | None:
        """What `self.<name>` was bound to in this class: by a method first, else in the class body."""
        found = self.attributes.get(name) or self.names.get(name)
        return found.seen_from(None) if found else None
