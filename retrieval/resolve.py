"""Dotted names and types of expressions: what `c.empty_cache` or the `model` in `model.to(d)` stands for.

Resolution stays inside one file: imports, local definitions, aliases (`load = torch.load`), constructors
(`model = AutoModel.from_pretrained(x)`), `self.attribute`, annotations, `with … as`. What other files of the
repository say is added by `codebase.py`. Nothing is guessed: an unknown type is "".
"""

import re
from dataclasses import dataclass

from retrieval.parse import Node, Tree
from retrieval.scopes import Binding, Scope

# Methods that return the object itself, or one of the same type (torch.nn.Module, torch.Tensor).
SAME_TYPE = frozenset(
    ["to", "cuda", "cpu", "half", "float", "double", "bfloat16", "eval", "train", "requires_grad_", "share_memory"]
)
LITERALS = {
    "string": "str",
    "concatenated_string": "str",
    "list": "list",
    "list_comprehension": "list",
    "dictionary": "dict",
    "dictionary_comprehension": "dict",
    "set": "set",
    "set_comprehension": "set",
    "integer": "int",
    "float": "float",
    "tuple": "tuple",
}
DEPTH = 12
_WRAPPER = re.compile(
    r"(?:typing\.|t\.|typing_extensions\.)?(?:Optional|Annotated|Final|ClassVar|Required)\[(.*)\]",
    re.DOTALL,
)
_DOTTED = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name; `grounded` when its root is an import or a definition of this file."""

    dotted: str
    grounded: bool


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves expressions of one file whose dotted import name is `module` ("" for a script)."""

    tree: Tree
    module: str

    def qualified(self, symbol: str) -> str:
        """The dotted name of a definition of this file."""
        return f"{self.module}.{symbol}" if self.module else symbol

    def name(self, node: Node, scope: Scope, depth: int = DEPTH) -> Name:
        """The dotted name of an expression.

        A subscript reads `name[]`; what is called on the result of a call reads `().method`.
        """
        steps: list[str] = []
        while True:
            if node.type == "attribute":
                steps.append("." + self.tree.text(node.child_by_field_name("attribute")))
                object_node = node.child_by_field_name("object")
            elif node.type == "subscript":
                steps.append("[]")
                object_node = node.child_by_field_name("value")
            elif node.type in ("parenthesized_expression", "await"):
                object_node = _inner(node)
            else:
                break
            if object_node is None:
                return Name("", False)
            node = object_node
        steps.reverse()
        return self._rooted(node, steps, scope, depth)

    def _rooted(self, root: Node, steps: list[str], scope: Scope, depth: int) -> Name:
        rest = "".join(steps)
        if root.type == "identifier":
            binding = scope.find(self.tree.text(root), root.start_byte)
            if binding is None:
                return Name(self.tree.text(root) + rest, False)
            if binding.kind == "self" and steps:
                return self._member(root, binding, steps, depth)
            base = self._bound(self.tree.text(root), binding, depth)
            return Name(base.dotted + rest, base.grounded)
        if root.type == "call":
            callee = root.child_by_field_name("function")
            if callee is not None and callee.type == "identifier" and self.tree.text(callee) == "super":
                return Name("super()" + rest, False)
            return Name("()" + rest, False)
        return Name(LITERALS.get(root.type, "()") + rest, False)

    def _bound(self, written: str, binding: Binding, depth: int) -> Name:
        if binding.kind == "import":
            return Name(binding.target, True)
        if binding.kind == "definition":
            return Name(self.qualified(binding.target), True)
        if binding.kind == "value" and binding.node is not None and depth > 0:
            alias = self._alias(binding, depth)
            if alias is not None:
                return alias
        return Name(written, False)

    def _alias(self, binding: Binding, depth: int) -> Name | None:
        node = binding.node
        if node is None or node.type not in ("identifier", "attribute"):
            return None
        target = self.name(node, binding.scope, depth - 1)
        return target if target.grounded else None

    def _member(self, root: Node, binding: Binding, steps: list[str], depth: int) -> Name:
        """`self.x…`: a method or nested class of the class, else an aliased attribute."""
        owner, first, rest = binding.scope, steps[0].removeprefix("."), "".join(steps[1:])
        plain = Name(self.tree.text(root) + "".join(steps), False)
        member = owner.attribute(first)
        if member is None or depth <= 0:
            return plain
        if member.kind == "definition":
            return Name(self.qualified(member.target) + rest, True)
        alias = self._alias(member, depth) if member.kind == "value" else None
        return Name(alias.dotted + rest, True) if alias else plain

    def type_of(self, node: Node | None, scope: Scope, depth: int = DEPTH) -> str:
        """The constructor or annotation that says what an expression holds, "" when unknown."""
        if node is None or depth <= 0:
            return ""
        if node.type in LITERALS:
            return LITERALS[node.type]
        if node.type in ("parenthesized_expression", "await"):
            return self.type_of(_inner(node), scope, depth - 1)
        if node.type in ("conditional_expression", "boolean_operator"):
            branches = node.named_children
            if node.type == "conditional_expression":
                branches = branches[::2]
            return next(filter(None, (self.type_of(b, scope, depth - 1) for b in branches)), "")
        if node.type == "named_expression":
            return self.type_of(node.child_by_field_name("value"), scope, depth - 1)
        if node.type == "call":
            return self._call_type(node, scope, depth)
        if node.type == "identifier":
            binding = scope.find(self.tree.text(node), node.start_byte)
            return self.binding_type(binding, depth - 1) if binding else ""
        if node.type == "attribute":
            return self._attribute_type(node, scope, depth)
        return ""

    def _call_type(self, node: Node, scope: Scope, depth: int) -> str:
        callee = node.child_by_field_name("function")
        if callee is None:
            return ""
        owner = callee.child_by_field_name("object") if callee.type == "attribute" else None
        method = self.tree.text(callee.child_by_field_name("attribute")) if owner else ""
        found = self.name(callee, scope, depth - 1)
        if found.grounded:
            return found.dotted
        if owner is not None:
            owner_type = self.type_of(owner, scope, depth - 1)
            if not owner_type or method in SAME_TYPE:
                return owner_type
            return f"{owner_type}.{method}"
        if callee.type != "identifier" or scope.find(found.dotted, node.start_byte):
            return ""
        if found.dotted == "super":
            return self.parent_class(scope)
        return found.dotted

    def _attribute_type(self, node: Node, scope: Scope, depth: int) -> str:
        owner = node.child_by_field_name("object")
        if owner is None or owner.type != "identifier":
            return ""
        binding = scope.find(self.tree.text(owner), owner.start_byte)
        if binding is None or binding.kind != "self":
            return ""
        name = self.tree.text(node.child_by_field_name("attribute"))
        member = binding.scope.attribute(name)
        return self.binding_type(member, depth - 1) if member else ""

    def binding_type(self, binding: Binding, depth: int = DEPTH) -> str:
        """The type a binding gives its name."""
        if binding.type_name is None:
            if depth <= 0:
                return ""
            binding.type_name = ""  # a name bound to itself has no type
            binding.type_name = self._binding_type(binding, depth)
        return binding.type_name

    def _binding_type(self, binding: Binding, depth: int) -> str:
        if binding.kind == "self":
            return self.qualified(binding.scope.symbol)
        if binding.kind == "annotation" and binding.node is not None:
            return self.annotation(binding.node, binding.scope)
        if binding.kind == "value":
            return self.type_of(binding.node, binding.scope, depth)
        if binding.kind == "element":
            whole = self.type_of(binding.node, binding.scope, depth)
            return f"{whole}[{binding.index}]" if whole else ""
        return ""

    def annotation(self, node: Node, scope: Scope) -> str:
        """The class an annotation names: `Optional[X]`, `X | None`, `"X"` and `X[…]` are all X."""
        text = self.tree.text(node).strip()
        for _ in range(4):
            text = text.strip("\"' \n")
            if (wrapped := _WRAPPER.fullmatch(text)) is None:
                break
            text = wrapped[1].split(",")[0] if "Annotated" in text.split("[")[0] else wrapped[1]
        parts = [part.strip() for part in text.split("|")] if "[" not in text else [text]
        text = next((part for part in parts if part not in ("None", "")), "")
        dotted = _DOTTED.match(text)
        if dotted is None or dotted[0] in ("Union", "Any", "None", "typing.Union", "typing.Any"):
            return ""
        root, _, rest = dotted[0].partition(".")
        binding = scope.find(root, node.start_byte)
        base = self._bound(root, binding, DEPTH).dotted if binding else root
        return f"{base}.{rest}" if rest else base

    def parent_class(self, scope: Scope) -> str:
        """The first base class of the class around `scope`, "" without one; what `super()` looks in."""
        inner: Scope | None = scope
        while inner is not None and inner.kind != "class":
            inner = inner.parent
        if inner is None or inner.parent is None:
            return ""
        bases = inner.names.get("<base>")
        base = bases.seen_from(None) if bases else None
        if base is None or base.node is None:
            return ""
        return self.name(base.node, inner.parent).dotted


def _inner(node: Node) -> Node | None:
    return next((child for child in node.named_children if child.type != "comment"), None)
