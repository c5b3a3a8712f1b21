"""The ways by which the calls of a program come to a place, and what the object made there is bound to on each way.

`a = Reader("en"); b = Reader("de")` are two ways to the model that `Reader.__init__` makes. A way on which the
constants that its calls give exclude a condition is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import Binding, CallStep
from retrieval.census.meaning.feasible import refuted
from retrieval.census.meaning.spots import Called, is_partial, key_node
from retrieval.census.meaning.tracing import SAME
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

MOST_WAYS, MOST_CALLS, DEEPEST = 24, 12, 12
Way = tuple[Called, ...]  # the calls that enter one body after the other, the outermost first
Unit = tuple[str, str]
_WAYS: "Beside[Roster, dict[tuple[frozenset[Unit], tuple[str, int]], tuple[Way, ...]]]" = Beside()


@dataclass(frozen=True, slots=True)
class Bound:
    """What holds a made object: "converter.model" in a body, or "Net.model" where no object of the class is known."""

    said: str
    frame: "Frame"
    lasting: bool  # a variable of a module, or an attribute; not a variable of a function

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells two holders apart."""
        return self.frame.path, self.frame.symbol if not self.lasting else "", self.said


def ways_in(roster: Roster, made: Made, units: frozenset[Unit]) -> tuple[Way, ...]:
    """The ways within the bodies `units` of a program to the place that makes a model.

    One empty way where no call of its body is known; () when constants exclude every way.
    """
    if roster not in _WAYS:
        _WAYS[roster] = {}
    key = (units, made.key)
    if key not in _WAYS[roster]:
        found = list(_up(roster, made.frame, (), (units, frozenset({made.frame.symbol})), [MOST_WAYS]))
        _WAYS[roster][key] = tuple(way for way in found if not _is_refuted(made, way))
    return _WAYS[roster][key]


def _up(
    roster: Roster, frame: "Frame", way: Way, near: tuple[frozenset[Unit], frozenset[str]], left: list[int]
) -> Iterator[Way]:
    """The ways above a body; `near` are the bodies of the program and those that the way has passed."""
    units, seen = near
    calls = [c for c in roster.tracer.holders.callers(frame) if (c[0].path, c[0].symbol) in units]
    calls = [call for call in calls if call[0].symbol not in seen or not call[0].symbol][:MOST_CALLS]
    if not calls or len(way) >= DEEPEST:
        left[0] -= 1
        yield way
    for call in calls if len(way) < DEEPEST else ():
        if left[0] > 0:
            yield from _up(roster, call[0], (call, *way), (units, seen | {call[0].symbol}), left)


def _is_refuted(made: Made, way: Way) -> bool:
    steps = [(around, step.guards) for around, step, _target in way] + [(made.frame, made.step.guards)]
    return any(refuted(frame, guards, way[:index]) for index, (frame, guards) in enumerate(steps))


def bodies(made: Made, way: Way) -> list["Frame"]:
    """The bodies of a way, the outermost first."""
    return [*(around for around, _step, _target in way), made.frame]


def bound_on(made: Made, way: Way) -> Bound | None:
    """What the object is bound to when it is made on a way; None where nothing keeps it by a name."""
    frame, node, inner = made.frame, made.step.node, ""
    name, owned = _target(frame, node, 0), None
    for around, step, target in reversed(way):
        own = next(iter(frame.parameters), "")
        head, dot, attribute = name.partition(".")
        if dot and head == own and frame.owner is not None:
            if around.owner is not None and _is_own_call(around, step.written):
                name = f"{next(iter(around.parameters), '')}.{attribute}"
                frame = around
                continue
            if not isinstance(target, ClassRef):
                break
            inner, name = _joined(attribute, inner), _given(around, step, 0)
            owned = Bound(f"{target.definition.symbol}.{inner}", around, True)
            if not name and _given_back(around, "", step.node) < 0:
                return owned
        elif (index := _given_back(frame, name, node)) >= 0 and name not in frame.body.not_local:
            name = _given(around, step, index)
        else:
            break
        frame, node = around, step.node
    return _bound(frame, name, inner) or owned


def _bound(frame: "Frame", name: str, inner: str) -> Bound | None:
    if not name:
        return None
    head, dot, attribute = name.partition(".")
    if dot and frame.owner is not None and head == next(iter(frame.parameters), ""):
        return Bound(_joined(f"{frame.owner.definition.symbol}.{attribute}", inner), frame, True)
    lasting = frame.definition is None or name in frame.body.not_local
    return Bound(_joined(name, inner), frame, lasting)


def _joined(name: str, inner: str) -> str:
    return re.sub(r"\.__dict__\[[\"'](\w+)[\"']\]", r".\1", f"{name}.{inner}" if inner else name)


def _is_own_call(around: "Frame", written: str) -> bool:
    """Whether a method calls another one of its own object: `super().__init__(…)`, `self.load(…)`."""
    own = next(iter(around.parameters), "")
    return written.startswith("super()") or (written.startswith(f"{own}.") and written.count(".") == 1)


def _given(frame: "Frame", step: CallStep, index: int) -> str:
    """The name that gets what a call gives; of `make = partial(f, …)` what `make()` gives."""
    if not is_partial(step):
        return _target(frame, step.node, index)
    name = _target(frame, step.node, 0)
    later = next((call for call in frame.body.calls if call.written == name), None)
    return _target(frame, later.node, index) if later is not None else ""


def _target(frame: "Frame", node: Node, index: int) -> str:
    """The name that a body binds to what an expression gives, or to what holds it: `nets["a"]`; "" for none."""
    found = [item for item in frame.body.bindings if _holds(item, node) and item.index in (-1, index)]
    found = [item for item in found if item.taken in ("whole", "part")]
    if found:
        best = min(found, key=lambda item: _length(item))
        return _alias(frame, best.name + _key(frame, best.value, node))
    put = [item for item in frame.body.stores if _holds(item, node)]
    if not put:
        return ""
    store = min(put, key=lambda item: _length(item))
    key = key_node(store)
    return f"{store.name}[{frame.body.tree.text(key) if key is not None else ''}]"


def _alias(frame: "Frame", name: str) -> str:
    """The attribute or container that a local variable is put into in the same body: `net = Net(); self.net = net`."""
    if "." in name or "[" in name or frame.definition is None:
        return name
    for item in frame.body.stores:
        if item.value is not None and _plain(frame, item.value) == name:
            key = key_node(item)
            return f"{item.name}[{frame.body.tree.text(key) if key is not None else ''}]"
    for item in frame.body.bindings:
        outlives = "." in item.name or item.name in frame.body.not_local
        if outlives and item.taken == "whole" and item.value is not None and _plain(frame, item.value) == name:
            return item.name
    return name


def _plain(frame: "Frame", node: Node) -> str:
    """The name that an expression gives back: `net` of `net`, `net.eval()` and `net.to(device).half()`."""
    while node.type == "call" and (function := node.child_by_field_name("function")) is not None:
        owner = function.child_by_field_name("object") if function.type == "attribute" else None
        if owner is None or frame.body.tree.text(function.child_by_field_name("attribute")) not in SAME:
            return ""
        node = owner
    return frame.body.tree.text(node) if node.type in ("identifier", "attribute") else ""


def _holds(item: Binding, node: Node) -> bool:
    value = item.value
    return value is not None and value.start_byte <= node.start_byte and node.end_byte <= value.end_byte


def _length(item: Binding) -> int:
    return item.value.end_byte - item.value.start_byte if item.value is not None else 0


def _key(frame: "Frame", value: Node | None, node: Node) -> str:
    """The key under which a dictionary that is written out holds an expression; "[]" for a list."""
    above = node.parent
    while above is not None and value is not None and above.start_byte >= value.start_byte:
        if above.type == "pair":
            return f"[{frame.body.tree.text(above.child_by_field_name('key'))}]"
        if above.type in ("list", "list_comprehension", "tuple"):
            return "[]"
        above = above.parent
    return ""


def _given_back(frame: "Frame", name: str, node: Node) -> int:
    """The place at which a body returns what is bound to a name, or the expression itself; -1 when it does not."""
    for item in frame.body.exits:
        if item.kind != "return" or item.value is None:
            continue
        parts = item.value.named_children if item.value.type in ("tuple", "expression_list") else [item.value]
        for index, part in enumerate(parts):
            direct = part.start_byte <= node.start_byte and node.end_byte <= part.end_byte
            if direct or (name and _plain(frame, part) == name):
                return index
    return -1
