"""What a module does with values of two modalities: joins, sums, products, attention and writes, in order.

The values are followed by name through one body and through what it hands both of them to; sizes, shapes and masks
carry nothing. What a library does inside is not seen.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, CallStep, Exit, one_line
from retrieval.census.meaning.callgraph import Target, entered
from retrieval.census.meaning.spots import argument, arguments
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, FunctionRef, Instance, alternatives
from retrieval.census.modalities.carried import NONE, Carried, Groups
from retrieval.census.modalities.mixed import Mixed, axis, without_echo
from retrieval.census.modalities.modality_names import CONTEXT
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

_CAT = re.compile(r"(?:^|\.)(?:cat|concat|concatenate|hstack|vstack|stack)$")
_PRODUCT = re.compile(r"(?:^|\.)(?:matmul|bmm|mm|einsum|baddbmm)$")
_FUSED = re.compile(
    r"scaled_dot_product_attention|multi_head_attention_forward|memory_efficient_attention|flash_attn\w*"
)
_SIMILAR = re.compile(r"(?:^|\.)(?:cosine_similarity|cos_sim|pairwise_distance|cdist)$")
_WRITING = re.compile(r"\.(?:masked_scatter_?|index_copy_?|index_put_?|scatter_?|masked_fill_?)$")
_QUERY = re.compile(r"(?i)(?:^|[^a-z])(?:q|quer(?:y|ies))(?:$|[^a-z])")
_KEY = re.compile(r"(?i)(?:^|[^a-z])(?:k|keys?)(?:$|[^a-z])")
_OPAQUE = re.compile(r"self\.|super\(\)|model\b|\w+\.forward$")
_RUN = ("forward", "__call__", "call")
DEEPEST, MOST, SHOWN = 7, 9, 80


def mixed_by(program: "Program", cls: ClassRef, given: Mapping[str, str], method: str = "") -> list[Mixed]:
    """What running an object of a class does with its inputs; `given` is parameter → kind of modality."""
    found = next((m for name in ((method,) if method else _RUN) if (m := program.method(cls, name))), None)
    frame = entered(program, FunctionRef(found[0].path, found[1], found[0], cls)) if found else None
    if frame is None:
        return []
    return _Walk(frame, {name: frozenset({kind}) for name, kind in given.items()}).mixed()


def returned_by(program: "Program", cls: ClassRef, given: Mapping[str, str]) -> Groups:
    """The kinds of modality in what running an object of a class returns."""
    found = next((m for name in _RUN if (m := program.method(cls, name))), None)
    frame = entered(program, FunctionRef(found[0].path, found[1], found[0], cls)) if found else None
    if frame is None:
        return NONE
    walk = _Walk(frame, {name: frozenset({kind}) for name, kind in given.items()})
    walk.mixed()
    return NONE if walk.lost else _union(walk.of(event.value) for event in frame.body.exits if event.kind == "return")


def mixed_in(frame: "Frame", node: Node, given: Mapping[str, str], classes: Sequence[ClassRef] = ()) -> list[Mixed]:
    """What the module that the call `node` runs does with its arguments; `given` is argument as written → kind.

    `classes` are those of the module where the call itself does not tell them.
    """
    step = next((step for step in frame.body.calls if step.node.id == node.id), None)
    if step is None:
        return []
    text = frame.body.tree.text

    def tell(child: Node) -> Groups:
        kind = given.get(one_line(text(child), 50))
        return frozenset({kind}) if kind else NONE

    others = [target for cls in classes for target in _runs(frame.program, Instance(cls))]
    return _Walk(frame, {}).into(step, tell, others)


@dataclass
class _Walk(Carried):
    """One body with the kinds of modality of its names; what it calls with two of them is walked as well."""

    depth: int = 0
    lost: bool = False  # whether both kinds went into something that is not seen
    seen: set[tuple[str, str]] = field(default_factory=set)

    def mixed(self) -> list[Mixed]:
        """The operations of the body in the order in which they are evaluated."""
        body = self.frame.body
        events = sorted((*body.calls, *body.bindings, *body.stores, *body.exits), key=_order)
        found: list[Mixed] = []
        stores = {id(store) for store in body.stores}
        for event in events:
            if isinstance(event, CallStep):
                found += self._called(event)
            elif isinstance(event, Binding) and id(event) in stores:
                found += self._stored(event)
            elif isinstance(event, Binding):
                found += self._operated(event.value)
                self.bind(event)
            elif isinstance(event, Exit) and event.kind == "return":
                found += self._operated(event.value)
        return without_echo(found)[:MOST]

    def _called(self, step: CallStep) -> Iterator[Mixed]:
        value, written, node = self.frame.callee(step), step.written, step.node
        outside = isinstance(value, External)
        given = arguments(node)
        if _CAT.search(written) and outside and given:
            yield from self._joined(node, given)
        elif _FUSED.search(written) or (isinstance(value, ExternalObject) and "MultiheadAttention" in value.maker):
            sides = [s for s in _values(node) if self.of(s)]
            if len(_union(self.of(s) for s in sides)) > 1:
                yield self._said("attended", f"lets {self._told(sides[0])} attend to {self._told(sides[-1])}", node)
        elif _SIMILAR.search(written) or (_PRODUCT.search(written) and (outside or value is None)):
            owner = [] if outside else [node.child_by_field_name("function").child_by_field_name("object")]  # type: ignore[union-attr]
            yield from self._multiplied(node, [side for side in (*owner, *given) if side is not None and self.of(side)])
        elif _WRITING.search(written) and given:
            owner_ = node.child_by_field_name("function").child_by_field_name("object")  # type: ignore[union-attr]
            yield from self._written(node, owner_, given[-1], written.rpartition(".")[2])
        elif not outside:
            found = self.into(step, self.of)
            yield from found or self._attended(node)

    def _attended(self, node: Node) -> Iterator[Mixed]:
        """A call that is given the states of another encoder, of code that is not seen: it attends to them."""
        text, first = self.frame.body.tree.text, arguments(node)[:1]
        named = [c for c in arguments(node, keywords=True) if c.type == "keyword_argument"]
        held = [c.child_by_field_name("value") for c in named if text(c.child_by_field_name("name")) in CONTEXT]
        context = next((value for value in held if value is not None and self.of(value)), None)
        if first and context is not None and self.of(first[0]) != self.of(context):
            callee = one_line(text(node.child_by_field_name("function")), SHOWN)
            told = f"`{one_line(text(first[0]), 44)}`"
            yield self._said("attended", f"lets {told} attend to {self._told(context)} with `{callee}`", node)

    def _joined(self, node: Node, given: list[Node]) -> Iterator[Mixed]:
        listed = given[0].named_children if given[0].type in ("list", "tuple") else given[:1]
        parts = [part for part in listed if self.of(part)]
        if len(parts) > 1 and len(_union(self.of(p) for p in parts)) > 1:
            told = " and ".join(self._told(part) for part in parts[:3])
            yield self._said("joined", f"concatenates {told}{axis(self.frame, node)}", node)

    def _multiplied(self, node: Node, sides: list[Node]) -> Iterator[Mixed]:
        if len(sides) < 2 or len(_union(map(self.of, sides))) < 2 or self.of(sides[0]) == self.of(sides[1]):
            return
        inside = self.frame.body.tree.text(node).partition("(")[2] or self.frame.body.tree.text(node)
        score = _QUERY.search(inside) is not None and _KEY.search(inside) is not None
        both = f"{self._told(sides[0])} with {self._told(sides[1])}"
        yield self._said("attended" if score else "multiplied", _product(score, both), node)

    def _written(self, node: Node, into: Node | None, what: Node, how: str) -> Iterator[Mixed]:
        if into is not None and self.of(what) and len(self.of(into) | self.of(what)) > 1:
            yield self._said("written", f"writes {self._told(what)} into {self._told(into)} by `{how}`", node)
            self.note(into, self.of(what))

    def _stored(self, store: Binding) -> Iterator[Mixed]:
        left = store.value.parent.child_by_field_name("left") if store.value and store.value.parent else None
        if store.value is None or left is None or left.type != "subscript":
            return
        into, key = left.child_by_field_name("value"), left.child_by_field_name("subscript")
        if into is None or key is None or key.type in ("string", "integer"):
            return
        if self.of(store.value) and len(self.of(into) | self.of(store.value)) > 1:
            where = one_line(self.frame.body.tree.text(key), 50)
            yield self._said("written", f"writes {self._told(store.value)} into {self._told(into)} at `{where}`", left)
        self.note(into, self.of(store.value))

    def _operated(self, value: Node | None) -> Iterator[Mixed]:
        """Sums and products in an expression, inner ones first."""
        if value is None or value.end_byte - value.start_byte > 900:
            return
        for node in sorted(descendants(value), key=lambda n: (n.end_byte - n.start_byte, n.start_byte)):
            operator = node.child_by_field_name("operator") if node.type == "binary_operator" else None
            sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
            sign = self.frame.body.tree.text(operator) if operator is not None else ""
            if sign not in ("+", "@", "*") or any(side is None or not self.of(side) for side in sides):
                continue
            left, right = (side for side in sides if side is not None)
            if self.of(left) == self.of(right) or len(self.of(left) | self.of(right)) < 2:
                continue
            if sign == "+" and any(self._is_listing(side) for side in (left, right)):
                continue
            if sign == "+":
                yield self._said("added", f"adds {self._told(right)} to {self._told(left)}", node)
            elif sign == "@":
                yield from self._multiplied(node, [left, right])
            else:
                yield self._said("multiplied", _product(False, f"{self._told(left)} with {self._told(right)}"), node)

    def _is_listing(self, node: Node) -> bool:
        """Whether a summand is a tuple or a list, or a slice of one: what is appended to results is not added."""
        key = node.child_by_field_name("subscript") if node.type == "subscript" else None
        if node.type in ("tuple", "list") or (key is not None and key.type == "slice"):
            return True
        bound = self.frame.bound(self.frame.body.tree.text(node)) if node.type == "identifier" else []
        values = [b.value for b in bound if b.value is not None and b.value.id != node.id]
        return any(v.type in ("tuple", "list") or (v.type == "subscript" and self._is_listing(v)) for v in values)

    def into(self, step: CallStep, tell: Callable[[Node], Groups], others: Sequence[Target] = ()) -> list[Mixed]:
        """What is done by code of the repository that a call hands values of two kinds; `tell` says which kinds."""
        values = [child for child in _values(step.node) if tell(child)]
        groups = _union(tell(child) for child in values)
        if len(groups) < 2:
            return []
        if len(values) == 1 or len({tell(child) for child in values}) == 1:
            return self._passed(step, values[0])
        found: list[Mixed] = []
        targets = list(self._targets(step)) or list(others)
        for target in targets if self.depth < DEEPEST else ():
            frame = entered(self.frame.program, target)
            key = (frame.path, frame.symbol) if frame is not None else ("", "")
            if frame is None or key in self.seen:
                continue
            labels = {}
            for name in frame.parameters:
                node = argument((self.frame, step, target), frame, name)
                if node is not None and tell(node):
                    labels[name] = tell(node)
            walk = _Walk(frame, labels, self.depth + 1, seen=self.seen | {key})
            found += walk.mixed()
            self.lost |= walk.lost
            if found:
                break
        self.lost |= not found and _OPAQUE.match(step.written) is not None
        return found

    def _passed(self, step: CallStep, what: Node) -> list[Mixed]:
        layer = step.written.startswith("self.") and step.written.count(".") == 1 and self.depth
        return [self._said("passed", f"passes the result through `{step.written}`", step.node)] if layer else []

    def _targets(self, step: CallStep) -> Iterator[Target]:
        for value in alternatives(self.frame.callee(step)):
            if isinstance(value, FunctionRef):
                yield value
            elif isinstance(value, Instance):
                yield from _runs(self.frame.program, value)

    def _told(self, node: Node) -> str:
        groups = sorted(self.of(node))
        return f"`{one_line(self.frame.body.tree.text(node), 44)}` ({' and '.join(groups)})"

    def _said(self, sort: str, text: str, node: Node) -> Mixed:
        return Mixed(sort, text, self.frame, node)


def _runs(program: "Program", value: Instance) -> Iterator[Target]:
    method = next((m for name in _RUN if (m := program.method(value.cls, name))), None)
    if method is not None:
        yield FunctionRef(method[0].path, method[1], method[0], value.cls, value.exact)


def _product(score: bool, both: str) -> str:
    return f"computes attention scores of {both}" if score else f"multiplies {both}"


def _values(node: Node) -> list[Node]:
    """The arguments of a call, those by keyword as their values."""
    listed = [
        c.child_by_field_name("value") if c.type == "keyword_argument" else c for c in arguments(node, keywords=True)
    ]
    return [child for child in listed if child is not None]


def _union(groups: "Iterator[Groups] | map[Groups]") -> Groups:
    return frozenset().union(*groups)


def _order(event: "CallStep | Binding | Exit") -> int:
    return event.order
