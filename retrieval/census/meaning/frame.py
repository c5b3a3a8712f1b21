"""Expressions inside one body: what the names, attributes and calls of a function stand for at each place."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, Body, CallStep, Guard
from retrieval.census.meaning.call_values import call_value
from retrieval.census.meaning.containers import element, filled, items, subscripted, table
from retrieval.census.meaning.loading import namesake
from retrieval.census.meaning.names import reaching
from retrieval.census.meaning.narrowing import Given
from retrieval.census.meaning.parameters import parameters_of
from retrieval.census.meaning.results import annotation, returned
from retrieval.census.meaning.selected import keys_of, telling
from retrieval.census.meaning.type_tests import passing
from retrieval.census.meaning.values import (
    ClassRef,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Nothing,
    OneOf,
    Parts,
    Value,
    read_annotation,
)
from retrieval.census.models.families import gives_first
from retrieval.facts import Definition
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

DEEPEST_VALUE = 24
# Expressions looked at for one question; loops that rebind many names to each other need more than is worth it.
MOST_WORK = 2_000
_END = 1 << 60


class Frame:
    """One body in its place: its parameters, its `self`, and the bodies around it."""

    def __init__(
        self,
        program: "Program",
        path: str,
        definition: Definition | None,
        body: Body,
        receiver: ClassRef | None,
        given: Given = (),
        among: tuple[ClassRef, ...] | None = None,
    ) -> None:
        self.program = program
        self.path = path
        self.definition = definition
        self.body = body
        self.given = given
        self.symbol = definition.symbol if definition else ""
        around = program.enclosing(path, self.symbol) if definition else None
        self.owner = ClassRef(path, around) if around and around.kind == "class" else None
        self.receiver, self.exact = receiver or self.owner, receiver is not None and among is None
        self.among = among or ()
        self.outer = self._outer(around)
        node = program.node(path, definition) if definition else None
        self.parameters = parameters_of(node, body.tree) if node else {}
        self._depth = self._work = self._cycles = 0
        self._known: dict[int, Value | None] = {}
        self._open: set[int] = set()
        self._names: dict[str, list[Binding]] = {}
        self.keys = keys_of(body)
        for binding in body.bindings:
            self._names.setdefault(binding.name, []).append(binding)

    @property
    def of(self) -> Instance | None:
        """The object that the body is a method of, where it is told apart from any object of the class."""
        other = self.receiver is not None and (self.receiver != self.owner or self.among)
        return Instance(self.receiver, self.exact, self.among) if self.receiver and other else None

    def _outer(self, around: Definition | None) -> "Frame | None":
        if self.definition is None:
            return None
        while around is not None and around.kind == "class":
            around = self.program.enclosing(self.path, around.symbol)
        return self.program.frame(self.path, around) if around else None

    def bound(self, name: str) -> list[Binding]:
        """Every binding of a name in this body (comprehension variables excepted)."""
        return [
            binding
            for binding in self._names.get(name, [])
            if not any(guard.kind in ("comprehension", "lambda") for guard in binding.guards)
        ]

    def callee(self, step: CallStep) -> Value | None:
        """What a call calls; None when it may be something that is not known."""
        node = step.node.child_by_field_name("function")
        found = namesake(self, node, self.value(node, step.order, step.guards))
        return None if isinstance(found, OneOf) and found.open else found

    def value(self, node: Node | None, order: int = _END, guards: tuple[Guard, ...] = ()) -> Value | None:
        """What an expression evaluates to at that place; None when it is not certain."""
        if self._depth == 0:
            self._work = 0
        self._work += 1
        if node is None or self._depth > DEEPEST_VALUE or self._work > MOST_WORK:
            return None
        self._depth += 1
        try:
            return self._value(node, order, guards)
        finally:
            self._depth -= 1

    def _value(self, node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
        match node.type:
            case "identifier":
                return self.name(self.body.tree.text(node), order, guards)
            case "attribute":
                return self._attribute(node, order, guards)
            case "call":
                return call_value(self, node, order, guards)
            case "subscript":
                return subscripted(self, node, order, guards)
            case "none":
                return Nothing()
        return self._compound(node, order, guards)

    def _compound(self, node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
        match node.type:
            case "parenthesized_expression" | "await" | "expression_list" | "tuple":
                return self._grouped(node, order, guards)
            case "conditional_expression" | "boolean_operator":
                sides = _inner(node)[::2] if node.type == "conditional_expression" else _inner(node)
                return self.program.settle([self.value(side, order, guards) for side in sides])
            case "list" | "set":
                return items(self, _inner(node), order, guards)
            case "list_comprehension" | "generator_expression" | "set_comprehension":
                return items(self, [node.child_by_field_name("body")], order, guards)
            case "dictionary":
                return table(self, node, order, guards)
            case "named_expression":
                return self.value(node.child_by_field_name("value"), order, guards)
        return None

    def _grouped(self, node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
        inner = _inner(node)
        if node.type in ("parenthesized_expression", "await") and len(inner) == 1:
            return self.value(inner[0], order, guards)
        return Parts(tuple(self.value(child, order, guards) for child in inner))

    def _attribute(self, node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
        whole = self.body.tree.text(node)
        if whole in self._names and not whole.startswith("self."):
            return None  # the attribute was overwritten here
        value = self.value(node.child_by_field_name("object"), order, guards)
        return self.program.attribute(value, self.body.tree.text(node.child_by_field_name("attribute")))

    def name(self, name: str, order: int, guards: tuple[Guard, ...]) -> Value | None:
        """What a name is at that place of this body, under the tests of its class that stand around it."""
        found = self._name(name, order, guards)
        return passing(self, name, found, guards) if guards and found is not None else found

    def _name(self, name: str, order: int, guards: tuple[Guard, ...]) -> Value | None:
        bindings = self._names.get(name, [])
        if name in self.body.not_local:
            return self._global(name, order, guards)
        known, imported = self.program.imported(self.path, self.symbol, name) if self.symbol else (False, None)
        if known:
            return None if bindings else imported
        if bindings:
            reach = reaching(bindings, order, guards, looped=True)
            values = [self._seen(binding, guards) for binding in reach.bindings]
            values += [self._parameter(name)] if not reach.complete and name in self.parameters else []
            if values:
                return self.program.settle(values)
        if name in self.body.nested and self.definition is not None:
            inner = self.program.definition(self.path, f"{self.symbol}.{name}")
            return inner and self.program.reference(self.path, inner)
        if name in self.parameters:
            return self._parameter(name)
        if self.outer is not None:
            return self.outer.name(name, _END, ())
        return self.program.member(self.path, name)

    def _seen(self, binding: Binding, guards: tuple[Guard, ...]) -> Value | None:
        """What a binding gives its name as seen from under `guards`, which may tell by what key it was taken."""
        told = telling(self, self.keys, guards) if self.keys and binding.taken == "whole" else ()
        found = self.value(binding.value, binding.order, (*binding.guards, *told)) if told else None
        return self.binding_value(binding) if found is None else found

    def _global(self, name: str, order: int, guards: tuple[Guard, ...]) -> Value | None:
        """A name that the body declares `global`: what it was given here before, else what it is in the file."""
        outer = self.outer
        while outer is not None:
            if outer.bound(name):
                return None  # declared `nonlocal`
            outer = outer.outer
        reach = reaching(self._names.get(name, []), order, guards, looped=True)
        if reach.complete:
            return self.program.settle([self.binding_value(binding) for binding in reach.bindings])
        return self.program.member(self.path, name)

    def _parameter(self, name: str) -> Value | None:
        if self.owner and self.receiver and name == next(iter(self.parameters), "") and self.definition:
            decorators = {item.rpartition(".")[2] for item in self.definition.decorators}
            if "classmethod" in decorators:
                return self.program.settle(list(self.among)) if self.among else self.receiver
            if "staticmethod" not in decorators:
                return Instance(self.receiver, self.exact, self.among)
        held = dict(self.given).get(name)
        if held is not None and (not isinstance(held, str) or not held):
            return held or None
        told = annotation(self.program, self.path, read_annotation(self.parameters[name]))
        line = self.definition.head_start if self.definition else 0
        given = self.program.given.get((self.path, line, name))
        return given if given is not None and (told is None or isinstance(told, ExternalObject)) else told

    def binding_value(self, binding: Binding) -> Value | None:
        """What one binding gives its name; a binding that depends on itself adds nothing to the others."""
        key = binding.order
        if key in self._known:
            return self._known[key]
        if key in self._open:
            self._cycles += 1
            return Nothing()
        before = self._cycles, self.program.cycles
        self._open.add(key)
        try:
            found = self._binding_value(binding)
        finally:
            self._open.discard(key)
        # What was found inside a cycle may lack what the rest of the cycle adds.
        if (self._cycles, self.program.cycles) == before or (not self._open and not self.program.busy):
            self._known[key] = found
        return found

    def _binding_value(self, binding: Binding) -> Value | None:
        if binding.annotation:
            told = annotation(self.program, self.path, read_annotation(binding.annotation))
            found = filled(self, binding, self.value(binding.value, binding.order, binding.guards))
            closed = isinstance(found, OneOf) and not found.open
            return found if told is None or closed or isinstance(found, Instance | FunctionRef | Items) else told
        if binding.taken == "unknown" or binding.value is None:
            return None
        if binding.taken == "element":
            return element(self, binding)
        value = self.value(binding.value, binding.order, binding.guards)
        if binding.taken == "entered":
            return self._entered(value)
        if binding.taken == "part":
            if isinstance(value, Instance | ExternalObject) and gives_first(self.body.tree, binding):
                return value
            members = value.members if isinstance(value, Parts) else ()
            return members[binding.index] if binding.index < len(members) else None
        return filled(self, binding, value)

    def _entered(self, value: Value | None) -> Value | None:
        if not isinstance(value, Instance):
            return value if isinstance(value, ExternalObject) else None
        found = self.program.method(value.cls, "__enter__")
        return found and returned(self.program, FunctionRef(found[0].path, found[1], found[0], value.cls))


def _inner(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type not in ("comment", "line_continuation")]
