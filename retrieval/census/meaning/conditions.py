"""Whether conditions hold, as far as what is known of names and attributes decides it."""

import ast
import operator
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from retrieval.census.meaning.body import Body, Guard

UNKNOWN = object()
MISSING = object()  # what `**options` has under a name that no call gives
_ORDERED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
}
_BUILT_IN: dict[str, type] = {t.__name__: t for t in (bool, bytes, complex, dict, float, int, list, set, str, tuple)}


def member(tree: ast.expr | None) -> object:
    """A member of an enumeration or of a class of constants: `Kind.FACE`, `Kind.FACE.value`."""
    if isinstance(tree, ast.Attribute) and tree.attr == "value":
        tree = tree.value
    if isinstance(tree, ast.Attribute):
        owner = tree.value.attr if isinstance(tree.value, ast.Attribute) else getattr(tree.value, "id", "")
        if owner[:1].isupper():
            return owner, tree.attr
    return UNKNOWN


def refutes(body: Body, guards: Iterable[Guard], given: Callable[[str], object]) -> bool:
    """Whether what stands under `guards` in a body cannot run, for what `given` says of names and attributes."""
    return any(_left(body, guard, given) if guard.kind == "past" else fails(guard, given) for guard in guards)


def _left(body: Body, past: Guard, given: Callable[[str], object]) -> bool:
    """Whether the body was left before: the `return` that stands under conditions is certain to be reached."""
    around = left_under(body, past)
    return bool(around) and all(guard.kind == "if" and truth(parsed(guard.text), given) is True for guard in around)


def left_under(body: Body, past: Guard) -> tuple[Guard, ...]:
    """The conditions under which the body is left at the exit of a "past" guard."""
    leaving = next((item for item in body.exits if item.line == past.line), None)
    return tuple(guard for guard in leaving.guards if guard.kind != "past") if leaving is not None else ()


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
            value = value_of(parsed(subject), given)
            known = [value_of(parsed(pattern), given) for pattern in patterns.replace("|", ",").split(",")]
            return value is not UNKNOWN and UNKNOWN not in known and not any(_same(value, k) for k in known)
    return False


def certain(guard: Guard, given: Callable[[str], object]) -> bool:
    """Whether a guard certainly holds, for what `given` says of names and attributes."""
    if guard.kind == "else":
        return all(truth(parsed(part), given) is False for part in guard.text.split("` and `"))
    return guard.kind == "if" and truth(parsed(guard.text), given) is True


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
            value = value_of(tree.func.value, given)  # type: ignore[attr-defined]
            return getattr(value, how)(end) if isinstance(value, str) else None
        case ast.Call(func=ast.Name(id="isinstance"), args=[inner, kinds], keywords=[]):
            return _is_instance(value_of(inner, given), kinds)
    value = value_of(tree, given)
    return None if value is UNKNOWN else bool(value)


def _is_instance(value: object, kinds: ast.expr) -> bool | None:
    """Whether a constant is of one of the built-in types that are named; None for other values and other types."""
    names = [ast.unparse(item) for item in (kinds.elts if isinstance(kinds, ast.Tuple) else [kinds])]
    if not isinstance(value, str | int | float | None) or not all(name in _BUILT_IN for name in names):
        return None
    return isinstance(value, tuple(_BUILT_IN[name] for name in names))


def _compared(tree: ast.Compare, given: Callable[[str], object]) -> bool | None:
    left, sign, right = value_of(tree.left, given), tree.ops[0], tree.comparators[0]
    if left is UNKNOWN:
        return None
    if isinstance(sign, ast.In | ast.NotIn):
        text = value_of(right, given)
        if isinstance(text, str) and isinstance(left, str):
            return (left in text) == isinstance(sign, ast.In)
        if not isinstance(right, ast.List | ast.Tuple | ast.Set):
            return None
        members = [value_of(item, given) for item in right.elts]
        found = any(_same(left, member) for member in members)
        return None if not found and UNKNOWN in members else found == isinstance(sign, ast.In)
    other = value_of(right, given)
    if other is UNKNOWN or isinstance(left, tuple) != isinstance(other, tuple):
        return None
    if isinstance(sign, ast.Eq | ast.Is):
        return _same(left, other)
    if type(sign) in _ORDERED:
        numbers = isinstance(left, int | float) and isinstance(other, int | float)
        return _ORDERED[type(sign)](left, other) if numbers else None
    return not _same(left, other) if isinstance(sign, ast.NotEq | ast.IsNot) else None


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def value_of(tree: ast.expr | None, given: Callable[[str], object]) -> object:
    """What an expression is, UNKNOWN when that is not certain."""
    match tree:
        case ast.Constant():
            return tree.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name():
            return given(tree.id)
        case ast.Call(func=ast.Attribute(attr="lower" | "upper" | "strip" as how, value=inner), args=[]):
            value = value_of(inner, given)
            return getattr(value, how)() if isinstance(value, str) else UNKNOWN
        case ast.Call(
            func=ast.Attribute(attr="get" | "pop", value=ast.Name(id=owner)),
            args=[ast.Constant(value=str(key)), preset],
        ):
            told = given(f"**{owner}[{key}]")
            return value_of(preset, given) if told is MISSING else told
        case ast.Attribute():
            told = member(tree)
            return given(ast.unparse(tree)) if told is UNKNOWN else told
    return UNKNOWN
