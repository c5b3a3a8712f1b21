"""Which containers hold models: dictionaries and lists of modules and classes that code puts models into.

A container is told by the file or class that it belongs to. What a function returns counts, when it returns a model,
an object that holds models, or a container of its own that it has put models into.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.callgraph import call_target, entered
from retrieval.census.meaning.spots import Spot, argument, arguments
from retrieval.census.meaning.tracing import SAME
from retrieval.census.meaning.values import ClassRef, External, FunctionRef, Instance, ModuleRef, Value, alternatives
from retrieval.census.models.held import held_by
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster
from retrieval.parse import Node, descendants, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

DEEPEST, MOST_MODELS = 7, 12
Root = tuple[str, str, str]
"""A file, a class symbol or "", and the name of a variable or attribute."""


@dataclass(frozen=True)
class Shelf:
    """A container that models are put into, and the places that do so."""

    root: Root
    models: tuple[Made, ...]
    puts: tuple[tuple["Frame", int], ...]

    @property
    def written(self) -> str:
        """`Pool._models`, `MODELS`."""
        return f"{self.root[1]}.{self.root[2]}" if self.root[1] else self.root[2]


_KNOWN: "Beside[Roster, Shelves]" = Beside()


def shelves_of(roster: Roster) -> "Shelves":
    """The containers of a codebase that hold models, worked out once."""
    if roster not in _KNOWN:
        _KNOWN[roster] = Shelves(roster)
    return _KNOWN[roster]


class Shelves:
    """Finds the containers that hold models, and what an expression holds."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.holders = roster.tracer.holders
        self._carried: dict[tuple[int, int], tuple[Made, ...]] = {}
        self.by_root: dict[Root, Shelf] = {}
        for frame, _depth in roster.frames:
            for root, value, line in self._puts(frame):
                if made := self.carried(frame, value):
                    known = self.by_root.get(root, Shelf(root, (), ()))
                    models = tuple(dict.fromkeys((*known.models, *made)))[:MOST_MODELS]
                    self.by_root[root] = Shelf(root, models, (*known.puts, (frame, line)))

    def _puts(self, frame: "Frame") -> "Iterator[tuple[Root, Node, int]]":
        """What is put into containers that outlive the call: `POOL[a][b] = value`, `self.models.append(value)`."""
        for store in frame.body.stores:
            if store.value is not None and (root := self.root(frame, store.name)) is not None:
                yield root, store.value, store.line
        if b"][" not in frame.body.tree.data:
            return
        node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
        for child in descendants(node) if node is not None else ():
            left = child.child_by_field_name("left") if child.type == "assignment" else None
            inner = left.child_by_field_name("value") if left is not None and left.type == "subscript" else None
            right = child.child_by_field_name("right")
            if inner is not None and right is not None and inner.type == "subscript":
                root = self.root(frame, written_root(frame, inner))
                if root is not None:
                    yield root, right, first_line(child)

    def root(self, frame: "Frame", name: str) -> Root | None:
        """Which container of a module or class a name stands for in a body; None for a local one."""
        head, dot, rest = name.partition(".")
        if not dot:
            inside = frame.definition is not None and head not in frame.body.not_local
            if inside and (head in frame.parameters or self.holders.bindings(frame, head)):
                return None
            return self._global(frame.path, head)
        if "." in rest:
            return None
        if frame.owner is not None and head in (next(iter(frame.parameters), ""), "cls", "self"):
            return self._declared(frame.owner, rest)
        value = self.roster.program.member(frame.path, head) if not self.holders.bindings(frame, head) else None
        if isinstance(value, ModuleRef):
            return self._global(value.path, rest)
        cls = value if isinstance(value, ClassRef) else value.cls if isinstance(value, Instance) else None
        return self._declared(cls, rest) if cls is not None else None

    def _global(self, path: str, name: str) -> Root | None:
        for _ in range(4):
            if self.holders.globals(path, name):
                return path, "", name
            other = self.holders.imported_from(path, name)
            if other is None:
                return None
            path, name = other
        return None

    def _declared(self, cls: ClassRef, name: str) -> Root:
        """An attribute by the first class of the line that sets it."""
        line = self.roster.program.line(cls)
        setting = [owner for owner in line if name in self.holders.own(owner)]
        owner = setting[-1] if setting else cls
        return owner.path, owner.definition.symbol, name

    def shelf(self, frame: "Frame", name: str) -> Shelf | None:
        """The container of models that a name stands for in a body."""
        root = self.root(frame, name)
        return self.by_root.get(root) if root is not None else None

    def held(self, frame: "Frame", binding: Binding) -> tuple[Made, ...]:
        """The models that a binding gives to its name, which may be one of several names."""
        if binding.taken == "part":
            return tuple(self._part(frame, binding, 0))
        return self.carried(frame, binding.value) if binding.taken == "whole" else ()

    def carried(self, frame: "Frame", node: Node | None, depth: int = 0) -> tuple[Made, ...]:
        """The models that the value of an expression is or holds."""
        if node is None or depth > DEEPEST:
            return ()
        key = (id(frame), node.id)
        if key not in self._carried:
            self._carried[key] = ()
            self._carried[key] = tuple(dict.fromkeys(self._found(frame, node, depth)))[:MOST_MODELS]
        return self._carried[key]

    def _found(self, frame: "Frame", node: Node, depth: int) -> Iterator[Made]:
        if node.type in ("identifier", "attribute", "call", "subscript"):
            yield from self.roster.of(Spot(frame, node, self._order(frame, node)))
        match node.type:
            case "identifier":
                yield from self._named(frame, frame.body.tree.text(node), depth)
            case "attribute":
                yield from self._attribute(frame, node, depth)
            case "call":
                yield from self._called(frame, node, depth)
            case "subscript":
                shelf = self.shelf(frame, written_root(frame, node))
                yield from shelf.models if shelf is not None else ()
            case _:
                for inner in _members(node):
                    yield from self.carried(frame, inner, depth + 1)

    def _order(self, frame: "Frame", node: Node) -> int:
        step = self.holders.step(frame, node) if node.type == "call" else None
        return step.order if step is not None else 1 << 60

    def _named(self, frame: "Frame", name: str, depth: int) -> Iterator[Made]:
        bound: list[Binding] = [*self.holders.bindings(frame, name), *self.holders.stores(frame, name)]
        for binding in bound:
            if binding.taken == "part":
                yield from self._part(frame, binding, depth)
            elif binding.taken in ("whole", "entered", "element"):
                yield from self.carried(frame, binding.value, depth + 1)
        if not bound and name not in frame.parameters and (shelf := self.shelf(frame, name)) is not None:
            yield from shelf.models

    def _part(self, frame: "Frame", binding: Binding, depth: int) -> Iterator[Made]:
        """What one name of `a, b = …` holds: its own element, where the tuple is written out or returned."""
        value = binding.value
        call = value.child_by_field_name("function") if value is not None and value.type == "call" else None
        called = alternatives(frame.value(call, binding.order, binding.guards)) if call is not None else ()
        targets = [call_target(self.roster.program, member) for member in called]
        given = [place for t in targets if isinstance(t, FunctionRef) for place in self._returned(t)]
        for around, node in given or [(frame, value)]:
            place = (around, _element(node, binding.index))
            target = next((t for t in targets if isinstance(t, FunctionRef) and around is not frame), None)
            if target is not None and value is not None:
                place = self._passed((frame, value, target), *place)
            yield from self.carried(*place, depth + 1)

    def _returned(self, target: FunctionRef) -> "list[tuple[Frame, Node | None]]":
        """The expressions that a function returns, with its body."""
        inner = entered(self.roster.program, target)
        exits = inner.body.exits if inner is not None else ()
        return [(inner, item.value) for item in exits if item.kind == "return" and inner is not None]

    def _passed(
        self, called: "tuple[Frame, Node, FunctionRef]", inner: "Frame", node: Node | None
    ) -> "tuple[Frame, Node | None]":
        """Where what a function returns stands: with the caller, for a parameter that is only handed back."""
        frame, call, target = called
        name = inner.body.tree.text(node) if node is not None and node.type == "identifier" else ""
        step = self.holders.step(frame, call) if name in inner.parameters and not inner.bound(name) else None
        given = argument((frame, step, target), inner, name) if step is not None else None
        return (frame, given) if given is not None else (inner, node)

    def _attribute(self, frame: "Frame", node: Node, depth: int) -> Iterator[Made]:
        name = frame.body.tree.text(node)
        if (shelf := self.shelf(frame, name)) is not None:
            yield from shelf.models
        value = frame.value(node)
        for member in alternatives(value):
            if isinstance(member, Instance):
                yield from held_by(self.roster, member.cls)
        head, _, attribute = name.rpartition(".")
        if frame.owner is not None and head == next(iter(frame.parameters), ""):
            for around, binding in self.holders.attribute(frame.owner, attribute):
                if binding.value is not None and binding.value.type == "call":
                    yield from self.carried(around, binding.value, depth + 1)

    def _called(self, frame: "Frame", node: Node, depth: int) -> Iterator[Made]:
        function = node.child_by_field_name("function")
        if function is None:
            return
        text = frame.body.tree.text
        method = text(function).rpartition(".")[2]
        if function.type == "attribute" and method in (*SAME, "get", "pop", "setdefault", "values", "items"):
            yield from self.carried(frame, function.child_by_field_name("object"), depth + 1)
            return
        step = self.holders.step(frame, node)
        value = frame.value(function, step.order, step.guards) if step is not None else frame.value(function)
        value = self._partial(frame, text(function)) or value
        if method[:1].isupper() and (value is None or isinstance(value, External)):
            yield from self._wrapped(frame, node, depth)
        for member in alternatives(value):
            yield from self._given(frame, node, member, depth)

    def _wrapped(self, frame: "Frame", node: Node, depth: int) -> Iterator[Made]:
        """The models that a constructor of a library is given."""
        for child in arguments(node, keywords=True):
            given = child.child_by_field_name("value") if child.type == "keyword_argument" else child
            if given is not None and given.type == "identifier":
                yield from self.carried(frame, given, depth + 1)

    def _given(self, frame: "Frame", call: Node, member: Value | None, depth: int) -> Iterator[Made]:
        """What calling a class or function of the repository gives."""
        target = call_target(self.roster.program, member)
        if isinstance(target, ClassRef):
            yield from held_by(self.roster, target)
        elif isinstance(target, FunctionRef):
            for inner, value in self._returned(target):
                yield from self.carried(*self._passed((frame, call, target), inner, value), depth + 1)

    def _partial(self, frame: "Frame", name: str) -> Value | None:
        """The function behind `load = functools.partial(load_model, name)`."""
        for binding in self.holders.bindings(frame, name):
            call = binding.value if binding.value is not None and binding.value.type == "call" else None
            given = arguments(call) if call is not None else []
            made = frame.body.tree.text(call.child_by_field_name("function")) if call is not None else ""
            if given and made.rpartition(".")[2] == "partial":
                return frame.value(given[0], binding.order, binding.guards)
        return None


def _members(node: Node) -> list[Node | None]:
    """The expressions whose values a literal, a conditional or a comprehension holds."""
    match node.type:
        case "dictionary":
            return [pair.child_by_field_name("value") for pair in node.named_children]
        case "list" | "tuple" | "set" | "expression_list" | "await" | "parenthesized_expression":
            return list(node.named_children)
        case "conditional_expression" | "boolean_operator":
            return list(node.named_children[::2])
        case "list_comprehension" | "dictionary_comprehension":
            body = node.child_by_field_name("body")
            return [body.child_by_field_name("value") if body is not None and body.type == "pair" else body]
    return []


def _element(node: Node | None, index: int) -> Node | None:
    """The element of a tuple that is written out without a star before it; else the whole value."""
    if node is None or node.type not in ("tuple", "list", "expression_list"):
        return node
    listed = [child for child in node.named_children if child.type not in ("comment", "line_continuation")]
    plain = 0 <= index < len(listed) and not any(child.type == "list_splat" for child in listed[: index + 1])
    return listed[index] if plain else node


def written_root(frame: "Frame", node: Node | None) -> str:
    """The name of the container in `POOL[a][b]` and `POOL.get(a).get(b)`; "" for anything else."""
    while node is not None and node.type in ("subscript", "call"):
        if node.type == "call":
            function = node.child_by_field_name("function")
            method = frame.body.tree.text(function).rpartition(".")[2]
            node = function.child_by_field_name("object") if function is not None and method == "get" else None
        else:
            node = node.child_by_field_name("value")
    return frame.body.tree.text(node) if node is not None and node.type in ("identifier", "attribute") else ""
