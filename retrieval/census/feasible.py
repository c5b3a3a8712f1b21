"""Whether a branch may be taken in one call: conditions over parameters to which the call gives constants.

`load("motion")` never reaches the arm `elif kind == "face"` of `load(kind)`. What is not certain stays possible.
"""

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from retrieval.census.body import Guard
from retrieval.census.spots import Called, argument, arguments, default, is_partial
from retrieval.census.values import ClassRef

if TYPE_CHECKING:
    from retrieval.census.body import CallStep
    from retrieval.census.callgraph import Target
    from retrieval.census.frame import Frame
    from retrieval.parse import Node

UNKNOWN = object()
MOST_HOPS = 6
_LITERALS = frozenset({"string", "integer", "float", "true", "false", "none", "concatenated_string"})


def refuted(frame: "Frame", guards: tuple[Guard, ...], stack: tuple[Called, ...]) -> bool:
    """Whether what stands under `guards` in `frame` cannot run when `stack` is how the body was entered."""
    if not stack or not any(guard.kind in ("if", "else", "case", "past") for guard in guards):
        return False

    def given(name: str) -> object:
        return constant(frame, name, stack)

    return any(_left(frame, guard, given) if guard.kind == "past" else fails(guard, given) for guard in guards)


def _left(frame: "Frame", past: Guard, given: Callable[[str], object]) -> bool:
    """Whether the body was left before: the `return` that stands under conditions is certain to be reached."""
    leaving = next((item for item in frame.body.exits if item.line == past.line), None)
    around = [guard for guard in leaving.guards if guard.kind != "past"] if leaving is not None else []
    return bool(around) and all(guard.kind == "if" and truth(parsed(guard.text), given) is True for guard in around)


def constant(frame: "Frame", name: str, stack: tuple[Called, ...], hops: int = MOST_HOPS) -> object:
    """The constant that a parameter of `frame` is in the last call of `stack`, UNKNOWN for anything else.

    A text, number, truth value or None; `Kind.FACE` is the pair ("Kind", "FACE").
    """
    if name not in frame.parameters or frame.bound(name) or not stack or hops <= 0:
        return UNKNOWN
    around, step, target = stack[-1]
    if target.definition != frame.definition and not isinstance(target, ClassRef):
        return UNKNOWN  # an inner function: the call entered the body around it
    node = argument(stack[-1], frame, name)
    if node is None:
        spread = any(child.type in ("list_splat", "dictionary_splat") for child in arguments(step.node))
        later = is_partial(step) or _renamed(step, target)  # another call gives, or has given, the rest
        preset = None if spread or later else default(frame, name)
        return UNKNOWN if preset is None else _literal(frame.body.tree.text(preset), preset)
    if node.type == "identifier":
        return constant(around, around.body.tree.text(node), stack[:-1], hops - 1)
    return _literal(around.body.tree.text(node), node)


def _renamed(step: "CallStep", target: "Target") -> bool:
    """Whether a function is called by another name than its own, as one that `partial` made is."""
    if isinstance(target, ClassRef) or target.definition.name.startswith("__") or target.definition.name == "forward":
        return False
    return step.written.rpartition(".")[2] != target.definition.name


def _literal(text: str, node: "Node") -> object:
    if node.type in _LITERALS:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return UNKNOWN
    return _member(parsed(text)) if node.type == "attribute" else UNKNOWN


def _member(tree: ast.expr | None) -> object:
    """A member of an enumeration or of a class of constants: `Kind.FACE`, `Kind.FACE.value`."""
    if isinstance(tree, ast.Attribute) and tree.attr == "value":
        tree = tree.value
    if isinstance(tree, ast.Attribute):
        owner = tree.value.attr if isinstance(tree.value, ast.Attribute) else getattr(tree.value, "id", "")
        if owner[:1].isupper():
            return owner, tree.attr
    return UNKNOWN


@lru_cache(maxsize=4096)
def parsed(text: str) -> ast.expr | None:
    """A condition as a syntax tree; None for what cannot be parsed."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def fails(guard: Guard, given: Callable[[str], object]) -> bool:
    """Whether a guard certainly does not hold, for what `given` says of names and attributes."""
    match guard.kind:
        case "if":
            return truth(parsed(guard.text), given) is False
        case "else":
            return any(truth(parsed(part), given) is True for part in guard.text.split("` and `"))
        case "case":
            subject, _, patterns = guard.text.partition("` matches `")
            value = _value(parsed(subject), given)
            known = [_value(parsed(pattern), given) for pattern in patterns.replace("|", ",").split(",")]
            return value is not UNKNOWN and UNKNOWN not in known and not any(_same(value, k) for k in known)
    return False


def truth(tree: ast.expr | None, given: Callable[[str], object]) -> bool | None:
    """Whether a condition holds; None when that is not certain."""
    match tree:
        case ast.BoolOp():
            told = [truth(value, given) for value in tree.values]
            decisive = isinstance(tree.op, ast.Or)
            if decisive in told:
                return decisive
            return None if None in told else not decisive
        case ast.UnaryOp(op=ast.Not()):
            inner = truth(tree.operand, given)
            return None if inner is None else not inner
        case ast.Compare() if len(tree.ops) == 1:
            return _compared(tree, given)
        case ast.Call(func=ast.Attribute(attr="startswith" | "endswith" as how), args=[ast.Constant(value=str(end))]):
            value = _value(tree.func.value, given)  # type: ignore[attr-defined]
            return getattr(value, how)(end) if isinstance(value, str) else None
    value = _value(tree, given)
    return None if value is UNKNOWN else bool(value)


def _compared(tree: ast.Compare, given: Callable[[str], object]) -> bool | None:
    left, operator, right = _value(tree.left, given), tree.ops[0], tree.comparators[0]
    if left is UNKNOWN:
        return None
    if isinstance(operator, ast.In | ast.NotIn):
        if not isinstance(right, ast.List | ast.Tuple | ast.Set):
            return None
        members = [_value(member, given) for member in right.elts]
        found = any(_same(left, member) for member in members)
        return None if not found and UNKNOWN in members else found == isinstance(operator, ast.In)
    other = _value(right, given)
    if other is UNKNOWN or isinstance(left, tuple) != isinstance(other, tuple):
        return None
    if isinstance(operator, ast.Eq | ast.Is):
        return _same(left, other)
    return not _same(left, other) if isinstance(operator, ast.NotEq | ast.IsNot) else None


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _value(tree: ast.expr | None, given: Callable[[str], object]) -> object:
    match tree:
        case ast.Constant():
            return tree.value
        case ast.Name():
            return given(tree.id)
        case ast.Call(func=ast.Attribute(attr="lower" | "upper" | "strip" as how, value=inner), args=[]):
            value = _value(inner, given)
            return getattr(value, how)() if isinstance(value, str) else UNKNOWN
        case ast.Attribute():
            member = _member(tree)
            return given(ast.unparse(tree)) if member is UNKNOWN else member
    return UNKNOWN
