"""Python scopes as far as name resolution needs them: what a name is bound to, and where it is looked up.

Bindings are collected in source order and never evaluated. Flow is followed only so far: within one scope
the last binding before the use wins, and a binding that says nothing (`x = None`, a loop variable) never
hides one that does. Class bodies are invisible to the functions inside them, as in Python.
"""

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
class Scope:
    """One module, class or function body. `symbol` is its dotted name inside the file."""

    kind: Literal["module", "class", "function"]
    symbol: str
    parent: "Scope | None"
    names: dict[str, list[Binding]] = field(default_factory=dict)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)  # of `self`, classes only
    outer_names: dict[str, "Scope"] = field(default_factory=dict)  # `global` and `nonlocal`

    def bind(self, name: str, binding: Binding) -> None:
        """Record a binding, in the scope that a `global` or `nonlocal` statement names."""
        scope = self.outer_names.get(name, self)
        scope.names.setdefault(name, []).append(binding)

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
                return _choose(found, position if direct else None)
            scope, direct = scope.parent, False
        return None

    def attribute(self, name: str) -> Binding | None:
        """What `self.<name>` was bound to in this class: by a method first, else in the class body."""
        found = self.attributes.get(name) or self.names.get(name)
        return _choose(found, None) if found else None


def _choose(bindings: list[Binding], position: int | None) -> Binding:
    solid = [binding for binding in bindings if binding.kind != "opaque"]
    if not solid:
        return bindings[-1]
    if position is not None:
        before = [binding for binding in solid if binding.position <= position]
        return before[-1] if before else solid[0]
    settled = [binding for binding in solid if binding.kind in ("import", "definition")]
    return settled[0] if settled else solid[-1]
