"""Where a value may come from, backwards through names, attributes, containers, calls and parameters.

Unlike `frame.py`, which says only what is certain, this lists what is possible: all bindings of a name, all
assignments of an attribute, all callers of a function. A step is "computed" when the value is only made from it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.callgraph import call_target, entered
from retrieval.census.meaning.feasible import contrary, refuted
from retrieval.census.meaning.having import having
from retrieval.census.meaning.holders import Holders
from retrieval.census.meaning.looked_up import looked_up
from retrieval.census.meaning.names import reaching
from retrieval.census.meaning.selected import telling
from retrieval.census.meaning.spots import Called, Spot, argument, arguments, default, got, handed_through, key_of
from retrieval.census.meaning.standing_globals import standing
from retrieval.census.meaning.stored import stored
from retrieval.census.meaning.taken import MOST_TAKEN, compound, of_object, part_of, subscripted, walked
from retrieval.census.meaning.values import ClassRef, External, FunctionRef, Instance, ModuleRef, alternatives
from retrieval.census.models.known_models import wrappers
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

SAME = words(
    "to cuda cpu half float double bfloat16 eval train requires_grad_ share_memory type npu xpu mps copy clone"
)
_GETTING = words("get pop setdefault")
_WALKING = words("items values keys")
MOST_SPOTS, MOST_CALLERS = 250, 12
Stop = Callable[[Spot], bool] | None
_END = 1 << 60
_TRACERS: "Beside[Program, Tracer]" = Beside()

Step = tuple[Spot, bool]  # where the value comes from, and whether it is only computed from that


def tracer_of(program: "Program") -> "Tracer":
    """The tracer of a program, with what it has worked out."""
    if program not in _TRACERS:
        _TRACERS[program] = Tracer(program)
    return _TRACERS[program]


class Tracer:
    """Steps backwards through a program."""

    def __init__(self, program: "Program") -> None:
        self.program = program
        self.holders = Holders(program)
        self._deep = 0
        self._told: dict[tuple[object, int], list[Step]] = {}

    def walk(
        self, start: Spot, *, computed: bool, stop: Stop = None, most: int = MOST_SPOTS, ways: int = MOST_SPOTS
    ) -> Iterator[Spot]:
        """`start` and everything it may come from, nearest first; with `computed` also what it is made from.

        The sources of a spot for which `stop` holds are not followed. One expression is met through at most `ways`
        chains of calls.
        """
        waiting, seen = deque([start]), {start.key}
        met: Counter[tuple[object, ...]] = Counter()
        while waiting and most > 0:
            spot = waiting.popleft()
            most -= 1
            yield spot
            for source, only_from in () if stop and stop(spot) else self.sources(spot):
                if (computed or not only_from) and source.key not in seen:
                    seen.add(source.key)
                    met[source.frame.path, source.node.id, source.take] += 1
                    if met[source.frame.path, source.node.id, source.take] <= ways:
                        waiting.append(source)

    def sources(self, spot: Spot) -> list[Step]:
        """One step back; worked out once for a spot, since walks meet again and again."""
        key = (spot.key, self._deep)
        if key not in self._told:
            self._told[key] = self._sources(spot)
        return self._told[key]

    def _sources(self, spot: Spot) -> list[Step]:
        node = spot.node
        match node.type:
            case "identifier":
                return [(s, False) for s in self._named(spot, spot.text()) or of_object(self, spot)]
            case "attribute":
                return self._attribute(spot)
            case "call":
                return self._called(spot)
            case "subscript":
                return [(s, False) for s in subscripted(spot)]
            case "binary_operator" | "unary_operator" | "comparison_operator":
                return [(s, True) for child in node.named_children for s in spot.inner(child, take=())]
        return [(found, False) for found in compound(spot)]

    # Names

    def _named(self, spot: Spot, name: str) -> list[Spot]:
        frame = spot.frame
        bindings = self.holders.bindings(frame, name)
        reach = reaching(bindings, spot.order, (*spot.guards, *spot.told), looped=True)
        able = [b for b in reach.bindings if not contrary(frame, b.guards, spot.guards)]
        found = [s for binding in able for s in self._bound(spot, frame, binding)]
        found += stored(self.holders, spot, frame, name)
        if not reach.complete and name in frame.parameters:
            return found + self._parameter(spot, name)
        if found or (bindings and name not in frame.body.not_local):
            return found
        if frame.outer is not None and name not in frame.body.not_local:
            return self._named(replace(spot, frame=frame.outer, order=_END, guards=()), name)
        return self._global(spot, frame.path, name)

    def _bound(self, spot: Spot, frame: "Frame", binding: Binding) -> list[Spot]:
        value, take = binding.value, (*spot.take, *part_of(frame, binding))
        if value is None or refuted(frame, binding.guards, spot.stack):
            return []
        if binding.taken == "element":
            value, take = walked(frame, binding)
            take = (*spot.take, *take)
        told = (*spot.told, *telling(frame, frame.keys, spot.guards)) if frame is spot.frame else ()
        where = (binding.order, binding.guards, take[-MOST_TAKEN:], spot.stack, told)
        return [Spot(frame, value, *where)] if value is not None else []

    def _global(self, spot: Spot, path: str, name: str, hops: int = 4) -> list[Spot]:
        at = replace(spot, stack=())
        kept = standing(self.holders, spot, path, self.holders.globals(path, name))
        found = [s for frame, binding in kept for s in self._bound(at, frame, binding)]
        found += [s for filling in self.holders.fillers(path, name) for s in stored(self.holders, at, filling, name)]
        if not found and hops and (other := self.holders.imported_from(path, name)) is not None:
            return self._global(spot, *other, hops - 1)
        return found

    def _parameter(self, spot: Spot, name: str) -> list[Spot]:
        frame = spot.frame
        if frame.owner is not None and name == next(iter(frame.parameters), ""):
            return []
        callers = [spot.stack[-1]] if spot.stack else self.holders.callers(frame)[:MOST_CALLERS]
        found = []
        for around, step, target in callers:
            node = argument((around, step, target), frame, name)
            if node is not None:
                rest = (spot.stack[:-1], spot.told if spot.stack else ())
                found.append(Spot(around, node, step.order, step.guards, spot.take, *rest))
            elif (outer := handed_through(around, step)) and not any(target is call[2] for call in spot.stack[:-1]):
                above = spot.stack[-2:-1] or tuple(self.holders.callers(around)[:MOST_CALLERS])
                found += self._through(spot, above, outer, name)
        preset = default(frame, name) if not (spot.stack and found) else None
        return [*found, Spot(frame, preset)] if preset is not None and not spot.take else found

    def _through(self, spot: Spot, callers: tuple[Called, ...], options: str, name: str) -> list[Spot]:
        """What callers give by a keyword that a body hands on in its `**options`."""
        found = []
        for around, step, _target in callers:
            for child in arguments(step.node, keywords=True):
                key = child.child_by_field_name("name") if child.type == "keyword_argument" else None
                value = child.child_by_field_name("value")
                if key is not None and value is not None and around.body.tree.text(key) == name:
                    found.append(Spot(around, value, step.order, step.guards, spot.take, spot.stack[:-2]))
        return found

    # Attributes

    def _attribute(self, spot: Spot) -> list[Step]:
        frame, node = spot.frame, spot.node
        whole, name = spot.text(), frame.body.tree.text(node.child_by_field_name("attribute"))
        here = reaching(self.holders.bindings(frame, whole), spot.order, spot.guards, looped=True)
        found = [s for binding in here.bindings for s in self._bound(spot, frame, binding)]
        found += stored(self.holders, spot, frame, whole)
        owner = node.child_by_field_name("object")
        held = frame.value(owner, spot.order, spot.guards)
        if isinstance(held, ModuleRef):
            return [(s, False) for s in self._global(spot, held.path, name)]
        classes = [m.cls for m in alternatives(held) if isinstance(m, Instance)]
        classes += [m for m in alternatives(held) if isinstance(m, ClassRef)]
        if not classes and not found and held is None:
            classes = self.classes(spot.inner(owner, take=())[0]) if owner is not None else []
        if len(classes) > 1 and owner is not None and owner.type == "identifier":
            classes = having(self.holders, frame, frame.body.tree.text(owner), classes)
        if not here.complete:
            found += [s for cls in classes for s in self.member(spot, cls, name)]
        if found or classes or isinstance(held, External):
            return [(s, False) for s in found]
        return [(s, False) for s in spot.inner(owner, take=(*spot.take, f".{name}")[-MOST_TAKEN:])]

    def member(self, spot: Spot, cls: ClassRef, name: str) -> list[Spot]:
        """What an attribute of the objects of a class may be."""
        found = []
        for frame, binding in self.holders.attribute(cls, name):
            found += self._bound(replace(spot, stack=()), frame, binding)
        for frame in self.holders.setting(cls, name):
            found += stored(self.holders, replace(spot, stack=()), frame, f"{next(iter(frame.parameters))}.{name}")
        method = self.program.method(cls, name)
        if method is not None and any("property" in d or "computed_field" in d for d in method[1].decorators):
            found += self.returns(spot, FunctionRef(method[0].path, method[1], method[0], cls), None)
        return found

    def classes(self, spot: Spot) -> list[ClassRef]:
        """The repository classes whose objects an expression may be."""
        if self._deep > 1:
            return []
        self._deep += 1
        try:
            made = [self.constructed(found) for found in self.walk(spot, computed=False, most=60)]
        finally:
            self._deep -= 1
        return list(dict.fromkeys(cls for cls in made if cls is not None))

    def constructed(self, spot: Spot) -> ClassRef | None:
        """The repository class that a call constructs an object of."""
        if spot.node.type != "call" or spot.take:
            return None
        function = spot.node.child_by_field_name("function")
        found = [m for m in alternatives(spot.frame.value(function, spot.order, spot.guards)) if m is not None]
        return found[0] if len(found) == 1 and isinstance(found[0], ClassRef) else None

    # Calls

    def _called(self, spot: Spot) -> list[Step]:
        node, frame = spot.node, spot.frame
        function = node.child_by_field_name("function")
        value = frame.value(function, spot.order, spot.guards)
        entering = looked_up(self, spot, function, value) if function is not None else ()
        found = [s for at, f, call in entering for s in self.returns(replace(at, take=spot.take), f, call)]
        for member in alternatives(value) if not found else ():
            target = call_target(self.program, member)
            if isinstance(target, FunctionRef):
                found += self.returns(spot, target, node)
            elif isinstance(target, ClassRef) and spot.take[-1:] and spot.take[-1].startswith("."):
                found += self._field(spot, target)
        if found or any(isinstance(m, FunctionRef | ClassRef | Instance) for m in alternatives(value)):
            return [(s, False) for s in found]
        return self._outside(spot, function, value)

    def _field(self, spot: Spot, cls: ClassRef) -> list[Spot]:
        """The argument that a record's field was made from."""
        name = spot.take[-1][1:]
        for child in arguments(spot.node, keywords=True):
            if child.type == "keyword_argument":
                written = spot.frame.body.tree.text(child.child_by_field_name("name"))
                if written == name:
                    return spot.inner(child.child_by_field_name("value"), take=spot.take[:-1])
        return self.member(replace(spot, take=spot.take[:-1]), cls, name)

    def returns(self, spot: Spot, target: FunctionRef, call: Node | None) -> list[Spot]:
        """What a function gives to the call of it at a spot."""
        frame = entered(self.program, target)
        step = self.holders.step(spot.frame, call) if call is not None else None
        if frame is None or len(spot.stack) > 5 or any(call_[1] is step for call_ in spot.stack if step):
            return []
        stack = (*spot.stack, (spot.frame, step, target)) if step else spot.stack
        found = []
        for item in frame.body.exits:
            if item.kind in ("return", "yield") and item.value is not None and not refuted(frame, item.guards, stack):
                take = spot.take[:-1] if item.kind == "yield" and spot.take[-1:] == ("[]",) else spot.take
                value = item.value.child_by_field_name("value") if item.value.type == "yield" else item.value
                if value is not None:
                    found.append(Spot(frame, value, item.order, item.guards, take, stack))
        return found

    def _outside(self, spot: Spot, function: Node | None, value: object) -> list[Step]:
        text, given = spot.frame.body.tree.text(function), arguments(spot.node)
        owner = function.child_by_field_name("object") if function and function.type == "attribute" else None
        method = text.rpartition(".")[2]
        if isinstance(value, External) and value.name in wrappers():
            return [(s, False) for s in (spot.inner(given[0]) if given else [])]
        if text == "getattr" and (found := got(spot, given)):
            return [(s, False) for s in found]
        if owner is not None and method in SAME:
            return [(s, False) for s in spot.inner(owner)]
        if method == "cast" and len(given) == 2 and (owner is None or text.startswith("typing.")):
            return [(s, False) for s in spot.inner(given[1])]
        if owner is not None and method in _GETTING and given and not isinstance(value, External):
            key = key_of(spot.frame.body.tree.text(given[0])) if given[0].type == "string" else "[]"
            take = (*spot.take, key)[-MOST_TAKEN:]
            return [(s, False) for s in spot.inner(owner, take=take)]
        if owner is not None and method in _WALKING:
            return [(s, False) for s in spot.inner(owner)]
        if text in ("list", "tuple", "dict", "sorted", "next", "iter", "reversed", "set", "tqdm"):
            return [(s, False) for child in given[:1] for s in spot.inner(child)]
        held = [] if owner is None or isinstance(value, External) else spot.inner(owner, take=())
        parts = [s for child in arguments(spot.node, keywords=True) for s in spot.inner(child, take=())]
        return [(s, True) for s in [*held, *parts]]
