"""What one call leaves of a function: the arms that the constants it gives, or the defaults it keeps, exclude are gone.

`load("encoder")` of a function that tests `if kind == "encoder"` runs that arm only.
"""

import ast
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from retrieval.census.meaning.body import Body, CallStep, Guard
from retrieval.census.meaning.conditions import UNKNOWN, certain, fails
from retrieval.census.meaning.parameters import defaults_of
from retrieval.census.meaning.values import FunctionRef, Instance, OneOf, Value
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

Given = tuple[tuple[str, "str | Value"], ...]
"""Names of parameters with the literals they have, as written, or what is given to be called; "" when not known."""

_LITERALS = frozenset({"string", "integer", "float", "true", "false", "none"})
_MISSING = object()
LONGEST = 60


def given_constants(frame: "Frame", call: Node, target: FunctionRef) -> Given:
    """The literals that a call gives to the parameters that the function's conditions test; () without any."""
    tested = tested_parameters(frame.program, target)
    called = called_parameters(frame.program, target)
    if not tested and not called and not handed_on_parameters(frame.program, target):
        return ()
    written = _defaults(target) | dict(target.bound)
    given = _arguments(frame, call, target)
    if given is None:
        return ()
    written |= {name: _literal(frame, node) for name, node in given}
    known: dict[str, str | Value] = {name: text for name, text in written.items() if name in tested and text}
    known |= {name: frame.value(node) or "" for name, node in given if name in called}
    handed = handed_on_parameters(frame.program, target) - called
    objects = {name: frame.value(node) for name, node in given if name in handed}
    known |= {name: value for name, value in objects.items() if _is_object(value)}
    return tuple(sorted(known.items(), key=lambda item: item[0]))


def bound_by_partial(frame: "Frame", call: Node, target: FunctionRef) -> FunctionRef:
    """The function of `partial(function, …)` with what it has filled."""
    given = _arguments(frame, call, target, skipped=1) or []
    bound = (*target.bound, *((name, _literal(frame, node)) for name, node in given))
    return replace(target, bound=bound, partial=True)


def _arguments(
    frame: "Frame", call: Node, target: FunctionRef, skipped: int = 0
) -> list[tuple[str, Node | None]] | None:
    """Parameters with what a call gives them; None when a `*` or `**` hides some."""
    inner = frame.program.frame(target.path, target.definition)
    filled = {name for name, _ in target.bound}
    names = [name for name in (inner.parameters if inner else ()) if name not in filled]
    static = any(name.endswith("staticmethod") for name in target.definition.decorators)
    places = iter(names[1:] if target.receiver is not None and not static else names)
    listed = call.child_by_field_name("arguments")
    found: list[tuple[str, Node | None]] = []
    arguments = listed.named_children if listed is not None and listed.type == "argument_list" else []
    for child in [child for child in arguments if child.type not in ("comment", "line_continuation")][skipped:]:
        if child.type in ("list_splat", "dictionary_splat"):
            return None
        if child.type == "keyword_argument":
            name = frame.body.tree.text(child.child_by_field_name("name"))
            found.append((name, child.child_by_field_name("value")))
        else:
            found.append((next(places, ""), child))
    return found


def _literal(frame: "Frame", node: Node | None) -> str:
    """The literal that an expression is, or that the parameter it names was given; "" when it is none."""
    if node is None:
        return ""
    text = frame.body.tree.text(node)
    if node.type in _LITERALS and len(text) <= LONGEST and _value(text) is not _MISSING:
        return text
    held = dict(frame.given).get(text, "") if node.type == "identifier" and not frame.bound(text) else ""
    return held if isinstance(held, str) else ""


def _defaults(target: FunctionRef) -> dict[str, str]:
    """The literal defaults of the parameters."""
    told = defaults_of(target.definition).items()
    return {name: text for name, text in told if len(text) <= LONGEST and _value(text) is not _MISSING}


def tested_parameters(program: "Program", target: FunctionRef) -> frozenset[str]:
    """The parameters that conditions of a function test and that it never binds anew."""
    key = (target.path, target.definition.head_start)
    if key not in program.tested:
        frame = program.frame(target.path, target.definition)
        names: set[str] = set()
        if frame is not None and target.definition.kind in ("function", "method"):
            text = frame.body.tree.text
            conditions = " ".join(text(d.node.child_by_field_name("condition")) for d in frame.body.decisions)
            names = {n for n in frame.parameters if n in conditions and not frame.bound(n)}
        program.tested[key] = frozenset(names)
    return program.tested[key]


def called_parameters(program: "Program", target: FunctionRef) -> frozenset[str]:
    """The parameters that a function calls: classes and functions that it is given to use."""
    key = (target.path, -target.definition.head_start)
    if key not in program.tested:
        frame = program.frame(target.path, target.definition)
        called = {step.written for step in frame.body.calls} if frame is not None else set()
        names = frame.parameters if frame is not None and target.definition.kind in ("function", "method") else {}
        program.tested[key] = frozenset(name for name in names if name in called and frame and not frame.bound(name))
    return program.tested[key]


def handed_on_parameters(program: "Program", target: FunctionRef) -> frozenset[str]:
    """The parameters that a function gives back or hands to further calls: what they are depends on who calls it."""
    key = (target.path, target.definition.head_start, "handed")
    if key not in program.tested:
        frame = program.frame(target.path, target.definition)
        names = frame.parameters if frame is not None and target.definition.kind in ("function", "method") else {}
        used = _handed_on(frame.body) if frame is not None and names else set()
        program.tested[key] = frozenset(name for name in names if name in used)
    return program.tested[key]


def _handed_on(body: Body) -> set[str]:
    given = [item.value for item in body.exits if item.kind == "return" and item.value is not None]
    given += [listed for step in body.calls if (listed := step.node.child_by_field_name("arguments")) is not None]
    found: set[str] = set()
    for node in given:
        inner = [node, *node.named_children]
        found |= {body.tree.text(child) for child in inner if child.type == "identifier"}
        pairs = [child.child_by_field_name("value") for child in inner if child.type == "keyword_argument"]
        found |= {body.tree.text(value) for value in pairs if value is not None and value.type == "identifier"}
    return found


def _is_object(value: Value | None) -> TypeGuard[Value]:
    """Whether a value is one object or function of the repository, or one of several."""
    if isinstance(value, OneOf):
        return not value.open and all(_is_object(member) for member in value.members)
    return isinstance(value, Instance | FunctionRef)


def narrowed(body: Body, given: Given) -> Body:
    """The body without the events of the arms that the constants exclude."""
    known = {name: _value(text) for name, text in given if isinstance(text, str)}
    told: dict[tuple[str, str], bool] = {}

    def given_value(name: str) -> object:
        return known.get(name, UNKNOWN)

    def runs(guards: Iterable[Guard]) -> bool:
        for guard in guards:
            key = (guard.kind, guard.text)
            if key not in told:
                told[key] = not fails(guard, given_value)
            if not told[key]:
                return False
        return True

    def open_ones(step: CallStep) -> CallStep:
        """The call under the conditions that the constants leave open."""
        kept = tuple(guard for guard in step.guards if not certain(guard, given_value))
        return step if len(kept) == len(step.guards) else replace(step, guards=kept)

    return Body(
        body.tree,
        [open_ones(item) for item in body.calls if runs(item.guards)],
        [item for item in body.imports if runs(item.guards)],
        [item for item in body.bindings if runs(item.guards)],
        [item for item in body.stores if runs(item.guards)],
        [item for item in body.exits if runs(item.guards)],
        [item for item in body.decisions if runs(item.guards)],
        body.nested,
        body.not_local,
    )


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return _MISSING
