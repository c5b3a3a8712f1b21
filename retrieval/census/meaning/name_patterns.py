"""What the text of an expression looks like, as a regular expression: `f"pkg.{name}"` is `pkg\\.[\\w.]+`.

What is computed stands for any name. Followed are names that are bound once and properties of repository classes.
"""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, Guard
from retrieval.census.meaning.values import Instance
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

ANY = r"[\w.]+"
STRINGS = re.compile(r"""["']([A-Za-z_][\w.-]*)["']""")
DEEPEST_NAME = 6
_PLACES = re.compile(r"%[sdr]|\\?\{\w*\\?\}")
_PROPERTIES = frozenset({"property", "cached_property", "lazyproperty"})


def written(frame: "Frame", node: Node | None, order: int, guards: tuple[Guard, ...], left: int = DEEPEST_NAME) -> str:
    """A regular expression that the text of an expression fits, `[\\w.]+` for what is computed."""
    if node is None or left <= 0:
        return ANY
    match node.type:
        case "string":
            return "".join(_part(frame, child) for child in node.named_children)
        case "parenthesized_expression" | "concatenated_string":
            return "".join(written(frame, child, order, guards, left - 1) for child in node.named_children)
        case "binary_operator":
            sides = [node.child_by_field_name(side) for side in ("left", "right")]
            first, second = (written(frame, side, order, guards, left - 1) for side in sides)
            operator = frame.body.tree.text(node.child_by_field_name("operator"))
            return first + second if operator == "+" else _PLACES.sub(lambda _: ANY, first)
        case "call":
            function = node.child_by_field_name("function")
            formats = frame.body.tree.text(function).endswith(".format")
            owner = function.child_by_field_name("object") if formats and function is not None else None
            return _PLACES.sub(lambda _: ANY, written(frame, owner, order, guards, left - 1))
        case "identifier":
            return _constant(frame, frame.body.tree.text(node), left)
        case "attribute":
            return _property(frame, node, (order, guards), left)
    return ANY


def _property(frame: "Frame", node: Node, place: tuple[int, tuple[Guard, ...]], left: int) -> str:
    """What a property of an object gives where one of its returns has a constant part: `f"pkg.{self.name}"`."""
    held = frame.value(node.child_by_field_name("object"), *place)
    name = frame.body.tree.text(node.child_by_field_name("attribute"))
    method = frame.program.method(held.cls, name) if isinstance(held, Instance) else None
    if method is None or not any(d.rpartition(".")[2] in _PROPERTIES for d in method[1].decorators):
        return ANY
    inner = frame.program.frame(method[0].path, method[1], held.cls if isinstance(held, Instance) else None)
    given = [item for item in inner.body.exits if item.kind == "return"] if inner is not None else []
    told = {written(inner, item.value, item.order, item.guards, left - 1) for item in given} if inner else set()
    telling = {text for text in told if re.search(r"\w", text.replace(ANY, ""))}
    return telling.pop() if len(telling) == 1 else ANY


def _constant(frame: "Frame", name: str, left: int) -> str:
    """What a name holds that is bound once, here or at the top level of the file."""
    given = dict(frame.given).get(name)
    if isinstance(given, str) and (literal := STRINGS.fullmatch(given)):
        return re.escape(literal[1])
    if name in ("__name__", "__package__"):
        module = frame.program.facts[frame.path].module
        return re.escape(module if name == "__name__" else module.rpartition(".")[0])
    source, bound = source_of(frame, name)
    if source is not None and len(bound) == 1 and bound[0].taken == "whole":
        return written(source, bound[0].value, bound[0].order, bound[0].guards, left - 1)
    return ANY


def source_of(frame: "Frame", name: str) -> "tuple[Frame | None, list[Binding]]":
    """The body that binds a name, this one or the top level of the file, and what it is bound to there; a bare
    annotation binds nothing."""
    if name in frame.parameters or frame.bound(name):
        return frame, [binding for binding in frame.bound(name) if binding.value is not None]
    top = frame.program.frame(frame.path, None)
    return top, [binding for binding in top.bound(name) if binding.value is not None] if top is not None else []


def _part(frame: "Frame", child: Node) -> str:
    if child.type == "interpolation":
        return ANY
    return re.escape(frame.body.tree.text(child)) if child.type == "string_content" else ""
