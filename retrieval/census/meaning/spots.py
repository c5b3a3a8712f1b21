"""Expressions at one moment of a body, and how calls, keys and parameters are read off the syntax tree."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, CallStep, Guard
from retrieval.census.meaning.callgraph import Target
from retrieval.census.meaning.values import ClassRef
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

Called = tuple["Frame", CallStep, Target]
_END = 1 << 60


@dataclass(frozen=True, slots=True)
class Spot:
    """An expression at one moment of a body.

    `take` are the parts of it that are wanted, the outermost last: an index, a quoted key, "[]" for any element or
    ".name". `stack` are the calls through which the body was entered; they tell which argument a parameter is. `told`
    are the conditions around the use that the walk began at, as far as they say what a key is.
    """

    frame: "Frame"
    node: Node
    order: int = _END
    guards: tuple[Guard, ...] = ()
    take: tuple[str, ...] = ()
    stack: tuple[Called, ...] = ()
    told: tuple[Guard, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """What tells two spots apart."""
        told = tuple((guard.key, guard.arm) for guard in self.told)
        return id(self.frame), self.node.id, self.take, tuple(call[1].node.id for call in self.stack), told

    def text(self) -> str:
        """The expression as written."""
        return self.frame.body.tree.text(self.node)

    def inner(self, node: Node | None, *, take: tuple[str, ...] | None = None) -> "list[Spot]":
        """A part of the expression, at the same moment; none without a node."""
        return [] if node is None else [replace(self, node=node, take=self.take if take is None else take)]


def argument(called: Called, frame: "Frame", name: str) -> Node | None:
    """The expression that a call gives to the parameter `name` of the body it enters."""
    around, step, target = called
    listed = list(frame.parameters)
    bound = isinstance(target, ClassRef) or target.receiver is not None
    own = frame.owner is not None and "staticmethod" not in " ".join(
        frame.definition.decorators if frame.definition else ()
    )
    listed = listed[1:] if own and bound else listed
    position = -1 if is_partial(step) else 0
    for child in arguments(step.node, keywords=True):
        if child.type == "keyword_argument":
            if around.body.tree.text(child.child_by_field_name("name")) == name:
                return child.child_by_field_name("value")
        elif child.type in ("list_splat", "dictionary_splat"):
            return None
        else:
            if 0 <= position < len(listed) and listed[position] == name:
                return child
            position += 1
    return None


def handed_through(around: "Frame", step: CallStep) -> str:
    """The `**options` parameter of a body that a call there hands on: `super().__init__(*args, **options)`."""
    for child in arguments(step.node, keywords=True):
        text = around.body.tree.text(child).lstrip("*")
        if child.type == "dictionary_splat" and text in around.parameters and not around.bound(text):
            return text
    return ""


def is_partial(step: CallStep) -> bool:
    """Whether a call is `partial(f, …)`: the function comes first, and a later call gives the rest."""
    return step.written.rpartition(".")[2] == "partial" and bool(arguments(step.node))


def default(frame: "Frame", name: str) -> Node | None:
    """The default of a parameter."""
    node = frame.program.node(frame.path, frame.definition) if frame.definition else None
    listed = node.child_by_field_name("parameters") if node else None
    for child in listed.named_children if listed else ():
        preset = child.type in ("default_parameter", "typed_default_parameter")
        if preset and frame.body.tree.text(child.child_by_field_name("name")) == name:
            return child.child_by_field_name("value")
    return None


def arguments(call: Node, *, keywords: bool = False) -> list[Node]:
    """The arguments of a call, those given by keyword only when asked for."""
    listed = call.child_by_field_name("arguments")
    if listed is None:
        return []
    if listed.type == "generator_expression":
        return [listed]
    skipped = ("comment", "line_continuation", *(() if keywords else ("keyword_argument",)))
    return [child for child in listed.named_children if child.type not in skipped]


def key_of(text: str) -> str:
    """A literal key as `Spot.take` holds it."""
    return f"'{text[1:-1]}'" if text[:1] in "\"'" else text


def key_node(store: Binding) -> Node | None:
    """The key in `x["k"] = value`; None for anything else that puts a value into a container."""
    left = store.value.parent.child_by_field_name("left") if store.value and store.value.parent else None
    return left.child_by_field_name("subscript") if left is not None and left.type == "subscript" else None


def key_depth(store: Binding) -> int:
    """How many keys deep a value is put: 2 for `x[a][b] = value`, 1 for `x[a] = value` and `x.append(value)`."""
    left = store.value.parent.child_by_field_name("left") if store.value and store.value.parent else None
    depth = 0
    while left is not None and left.type == "subscript":
        depth, left = depth + 1, left.child_by_field_name("value")
    return max(depth, 1)


def got(spot: Spot, given: list[Node]) -> list[Spot]:
    """What `getattr(x, "name", default)` may be: the attribute of that name, and the default."""
    named = len(given) > 1 and given[1].type == "string"
    name = spot.frame.body.tree.text(given[1]).strip("\"'") if named else ""
    own = spot.inner(given[0], take=(*spot.take, f".{name}")) if named else []
    text = spot.frame.body.tree.text
    other = named and len(given) > 2 and text(given[2]) != text(given[0])
    return [*own, *(spot.inner(given[2]) if other else [])]
