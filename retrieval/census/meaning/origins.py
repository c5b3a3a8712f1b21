"""Where a value in a body comes from: which call of repository code made it, directly or on the way.

Follows names to their bindings, and `self.x` to the methods that set it. A use in the next round of a loop is
not followed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from retrieval.census.meaning.body import Binding, CallStep, Guard
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.names import excludes, reaching
from retrieval.census.meaning.values import External
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

How = Literal["itself", "part", "computed", "collected", "filled"]
_CONVERTING = frozenset({"list", "tuple", "dict", "set", "sorted", "next", "iter", "enumerate", "zip"})
_CLOSENESS: dict[How, int] = {"itself": 0, "part": 1, "computed": 2, "collected": 3, "filled": 4}
DEEPEST_ORIGIN = 10


@dataclass(frozen=True, slots=True)
class Origin:
    """A value made by `site` in the body of `frame`: the result `itself`, a `part` of it, `computed` from it,
    or a container in which it was `collected`; or a value that the call changed, `filled` with entries or attributes.

    `stored` is the attribute through which it travelled from another method, "" within one body.
    """

    site: Site
    frame: "Frame"
    how: How
    stored: str = ""


class Origins:
    """Finds origins in one body."""

    def __init__(self, program: "Program", frame: "Frame") -> None:
        self.program = program
        self.frame = frame
        self.sites = {s.step.node.id: s for s in program.sites(frame) if not s.handed}
        self._depth = 0

    def of(self, node: Node | None, step: CallStep) -> list[Origin]:
        """The origins of an expression used by the call `step`, one per call that made it."""
        kept: dict[int, Origin] = {}
        for origin in self._of(node, step.order, step.guards, "itself"):
            key = origin.site.step.node.id
            if key not in kept or _CLOSENESS[origin.how] < _CLOSENESS[kept[key].how]:
                kept[key] = origin
        return list(kept.values())

    def _of(self, node: Node | None, order: int, guards: tuple[Guard, ...], how: How) -> list[Origin]:
        if node is None or self._depth > DEEPEST_ORIGIN:
            return []
        self._depth += 1
        try:
            return self._origins(node, order, guards, how)
        finally:
            self._depth -= 1

    def _origins(self, node: Node, order: int, guards: tuple[Guard, ...], how: How) -> list[Origin]:
        match node.type:
            case "identifier":
                return self._named(self.frame.body.tree.text(node), order, guards, how)
            case "call":
                return self._called(node, order, guards, how)
            case "attribute":
                text = self.frame.body.tree.text(node)
                if text.startswith("self.") and text.count(".") == 1:
                    return self._attribute(text, order, guards, how)
                if any(b.name == text and b.order < order for b in self.frame.body.bindings):
                    return self._named(text, order, guards, how)  # set here, not as it was returned
                held = node.child_by_field_name("object")
                return self._of(held, order, guards, _further(how, "part"))
            case "subscript":
                held = node.child_by_field_name("value")
                return self._of(held, order, guards, _further(how, "part"))
            case "parenthesized_expression" | "await" | "dictionary_splat" | "list_splat":
                return self._of(node.named_children[0], order, guards, how)
            case "tuple" | "list" | "expression_list" | "dictionary":
                return self._members(node, order, guards)
            case "conditional_expression" | "boolean_operator":
                sides = node.named_children
                sides = sides[::2] if len(sides) == 3 else sides
                return [origin for side in sides for origin in self._of(side, order, guards, how)]
        return []

    def _members(self, node: Node, order: int, guards: tuple[Guard, ...]) -> list[Origin]:
        """What a literal container holds."""
        inner = [child.child_by_field_name("value") if child.type == "pair" else child for child in node.named_children]
        found = [(child, o) for child in inner for o in self._of(child, order, guards, "itself")]
        whole = [o for child, o in found if o.how in ("itself", "collected") or _is_unpacked(child, o)]
        return [Origin(o.site, o.frame, "collected", o.stored) for o in whole]

    def _gathered(self, name: str, index: int) -> list[Origin]:
        """What a loop over the container `name` takes of what is put into it anywhere in the body; of a tuple the
        member at `index`."""
        names, found = {name}, []
        for binding in reversed(self.frame.body.bindings):
            if binding.name in names and binding.taken == "whole" and binding.value is not None:
                names.add(self.frame.body.tree.text(binding.value))
        for store in self.frame.body.stores:
            node = store.value if store.name in names else None
            if node is not None and node.type in ("tuple", "expression_list") and index >= 0:
                inner = [child for child in node.named_children if child.type not in ("comment", "line_continuation")]
                node = inner[index] if index < len(inner) else None
            made = self._of(node, store.order, store.guards, "itself")
            found += [Origin(o.site, o.frame, "part", o.stored) for o in made if o.how != "computed"]
        return found

    def _called(self, node: Node, order: int, guards: tuple[Guard, ...], how: How) -> list[Origin]:
        site = self.sites.get(node.id)
        if site is not None:
            return [Origin(site, self.frame, how)]
        function = node.child_by_field_name("function")
        if function is None:
            return []
        text = self.frame.body.tree.text(function)
        outside = isinstance(self.frame.value(function, order, guards), External)
        if outside or text in _CONVERTING:
            given = node.child_by_field_name("arguments")
            return [
                origin
                for child in (given.named_children if given else ())
                if child.type != "keyword_argument"
                for origin in self._of(child, order, guards, _further(how, "computed"))
            ]
        if function.type == "attribute":
            held = function.child_by_field_name("object")
            return self._of(held, order, guards, _further(how, "computed"))
        return []

    def _named(self, name: str, order: int, guards: tuple[Guard, ...], how: How) -> list[Origin]:
        bindings = [binding for binding in self.frame.body.bindings if binding.name == name]
        found: list[Origin] = []
        reach = reaching(bindings, order, guards, looped=False)
        for binding in reach.bindings:
            found.extend(self._bound(binding, how))
        if how == "itself":
            begun = min((b.order for b in reach.bindings), default=0) if reach.complete else 0
            found.extend(self._stored(name, (begun, order), guards))
        return found

    def _stored(self, name: str, span: tuple[int, int], guards: tuple[Guard, ...]) -> list[Origin]:
        """What was put into the container `name` between two moments."""
        found = []
        for store in self.frame.body.stores:
            if store.name != name or not span[0] < store.order < span[1] or excludes(store.guards, guards):
                continue
            for origin in self._of(store.value, store.order, store.guards, "itself"):
                if origin.how == "itself":
                    found.append(Origin(origin.site, origin.frame, "collected", origin.stored))
        return found

    def _bound(self, binding: Binding, how: How) -> list[Origin]:
        if binding.taken == "unknown" or binding.value is None:
            return []
        part = binding.taken in ("part", "element")
        taken = _further(how, "part") if part else how
        value = binding.value
        if binding.taken == "element" and value.type == "identifier" and how != "computed":
            gathered = self._gathered(self.frame.body.tree.text(value), binding.index)
            if gathered:
                return gathered
        if binding.taken == "element" and binding.index >= 0 and value.type == "call":
            value = self._walked(value, binding.index)
        return self._of(value, binding.order, binding.guards, taken)

    def _walked(self, call: Node, index: int) -> Node | None:
        """What the variable at `index` runs over in `for a, b in zip(x, y)` or `enumerate(x)`."""
        function = self.frame.body.tree.text(call.child_by_field_name("function"))
        arguments = call.child_by_field_name("arguments")
        given = (
            [c for c in arguments.named_children if c.type not in ("comment", "line_continuation")] if arguments else []
        )
        if function == "enumerate":
            return given[0] if index == 1 and given else None
        if function != "zip":
            return call
        plain = all(child.type not in ("list_splat", "keyword_argument") for child in given[: index + 1])
        return given[index] if plain and index < len(given) else None

    def _attribute(self, text: str, order: int, guards: tuple[Guard, ...], how: How) -> list[Origin]:
        here = self._named(text, order, guards, how)
        bound_here = any(b.name == text and b.order < order for b in self.frame.body.bindings)
        if here or bound_here or self.frame.owner is None or self._depth > 4:
            return here
        found: list[Origin] = []
        for other in self.program.methods(self.frame.owner):
            if other.symbol == self.frame.symbol:
                continue
            there = Origins(self.program, other)
            there._depth = self._depth
            for binding in other.bound(text):
                for origin in there._bound(binding, how):
                    found.append(Origin(origin.site, origin.frame, origin.how, text))
        return found


def _further(how: How, step: How) -> How:
    return "computed" if "computed" in (how, step) else "part"


def _is_unpacked(node: Node | None, origin: Origin) -> bool:
    """Whether a member of a container is a name that a result was unpacked into."""
    return node is not None and node.type == "identifier" and origin.how == "part"
