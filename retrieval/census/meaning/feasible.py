"""Whether a branch may be taken in one call: conditions over parameters to which the call gives constants.

`load("motion")` never reaches the arm `elif kind == "face"` of `load(kind)`. What is not certain stays possible.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.conditions import MISSING, UNKNOWN, member, parsed, refutes
from retrieval.census.meaning.conditions import certain as holds
from retrieval.census.meaning.spots import Called, argument, arguments, default, is_partial
from retrieval.census.meaning.values import ClassRef

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.callgraph import Target
    from retrieval.census.meaning.frame import Frame
    from retrieval.parse import Node

MOST_HOPS = 6
_LITERALS = frozenset({"string", "integer", "float", "true", "false", "none", "concatenated_string"})


def refuted(frame: "Frame", guards: tuple[Guard, ...], stack: tuple[Called, ...]) -> bool:
    """Whether what stands under `guards` in `frame` cannot run when `stack` is how the body was entered."""
    if not stack or not any(guard.kind in ("if", "else", "case", "past") for guard in guards):
        return False

    def given(name: str) -> object:
        return constant(frame, name, stack)

    return refutes(frame.body, guards, given)


def contrary(frame: "Frame", one: tuple[Guard, ...], other: tuple[Guard, ...]) -> bool:
    """Whether two places of a body never run in one call: `if aligned` and then `if not aligned and paste`.

    Only names that the body gives no other value in between say so.
    """
    stated = {text: holds for guard in one for text, holds in _stated(frame, guard)}
    return bool(stated) and any(stated.get(t, h) != h for guard in other for t, h in _stated(frame, guard))


def _stated(frame: "Frame", guard: Guard) -> Iterator[tuple[str, bool]]:
    """The names that hold, or do not hold, under a guard."""
    if guard.kind in ("if", "else"):
        for part in guard.text.split("` and `"):
            yield from _plain(frame, parsed(part), guard.kind == "if")


def _plain(frame: "Frame", tree: ast.expr | None, holds: bool) -> Iterator[tuple[str, bool]]:
    match tree:
        case ast.BoolOp() if isinstance(tree.op, ast.And) == holds:
            for value in tree.values:
                yield from _plain(frame, value, holds)
        case ast.UnaryOp(op=ast.Not()):
            yield from _plain(frame, tree.operand, not holds)
        case ast.Name() if not frame.bound(tree.id):
            yield tree.id, holds


def certain(frame: "Frame", guard: Guard, stack: tuple[Called, ...]) -> bool:
    """Whether a condition of `frame` certainly holds when `stack` is how the body was entered."""

    def given(name: str) -> object:
        return constant(frame, name, stack)

    return holds(guard, given)


def constant(frame: "Frame", name: str, stack: tuple[Called, ...], hops: int = MOST_HOPS) -> object:
    """The constant that a parameter of `frame` is in the last call of `stack`, UNKNOWN for anything else.

    A text, number, truth value or None; `Kind.FACE` is the pair ("Kind", "FACE").
    """
    if name.startswith("**"):
        return _spread(frame, name, stack)
    if name not in frame.parameters or frame.bound(name) or not stack or hops <= 0:
        return UNKNOWN
    around, step, target = stack[-1]
    if target.definition != frame.definition and not isinstance(target, ClassRef):
        return UNKNOWN  # an inner function: the call entered the body around it
    node = argument(stack[-1], frame, name)
    if node is None:
        spread = [child for child in arguments(step.node, keywords=True) if child.type.endswith("_splat")]
        given = not all(_lacks(around, child, name, stack[:-1]) for child in spread)
        later = is_partial(step) or _renamed(step, target)  # another call gives, or has given, the rest
        preset = None if given or later else default(frame, name)
        return UNKNOWN if preset is None else literal(frame.body.tree.text(preset), preset)
    if node.type == "identifier":
        return constant(around, around.body.tree.text(node), stack[:-1], hops - 1)
    return literal(around.body.tree.text(node), node)


def _lacks(around: "Frame", splat: "Node", name: str, stack: tuple[Called, ...]) -> bool:
    """Whether `**options`, handed on from the call that entered `around`, certainly holds nothing of that name."""
    options = around.body.tree.text(splat).lstrip("* ")
    return splat.type == "dictionary_splat" and _spread(around, f"**{options}[{name}]", stack) is MISSING


def _spread(frame: "Frame", name: str, stack: tuple[Called, ...]) -> object:
    """What `**options` of `frame` has under a key: `**options[key]`; MISSING when the call gives none of that name."""
    options, _, key = name.removeprefix("**").rstrip("]").partition("[")
    if options not in frame.parameters or frame.bound(options) or not stack:
        return UNKNOWN
    around, step, _target = stack[-1]
    for child in arguments(step.node, keywords=True):
        if child.type == "dictionary_splat":
            return UNKNOWN
        if child.type == "keyword_argument" and around.body.tree.text(child.child_by_field_name("name")) == key:
            value = child.child_by_field_name("value")
            return literal(around.body.tree.text(value), value) if value is not None else UNKNOWN
    return MISSING


def _renamed(step: "CallStep", target: "Target") -> bool:
    """Whether a function is called by another name than its own, as one that `partial` made is."""
    if isinstance(target, ClassRef) or target.definition.name.startswith("__") or target.definition.name == "forward":
        return False
    return step.written.rpartition(".")[2] != target.definition.name


def literal(text: str, node: "Node") -> object:
    """The value of a literal or of a member of an enumeration, UNKNOWN for any other expression."""
    if node.type in _LITERALS:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return UNKNOWN
    return member(parsed(text)) if node.type == "attribute" else UNKNOWN
