"""What the objects that a constructor builds may be, the models that they hold, and when they are built.

`self.ocr = factory.create(...)`: where a factory gives the object, its type is what the factory says it gives, and any
class of that type may be there: "one of". `object_sets.py` tells what a whole object holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.presence import conditions
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.taken import given
from retrieval.census.meaning.type_arguments import type_argument
from retrieval.census.meaning.values import ClassRef, FunctionRef, Instance, alternatives
from retrieval.census.models.held import held_by
from retrieval.census.models.roster import Roster
from retrieval.census.settings.set_defaults import default_of
from retrieval.census.settings.switches import switches_of
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

DEEPEST, MOST_CLASSES = 3, 40
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_HOLDS: Beside[Roster, dict[ClassRef, tuple[str, ...]]] = Beside()


def building(roster: Roster, cls: ClassRef) -> Iterator[Frame]:
    """The constructors of a class and its bases, and the methods of the object that they call."""
    program, seen = roster.program, set[str]()
    frames = {f.symbol: f for owner in program.line(cls) for f in program.methods(owner, cls)}
    waiting = [f"{owner.definition.symbol}.__init__" for owner in program.line(cls)]
    while waiting:
        symbol = waiting.pop(0)
        frame = frames.get(symbol)
        if frame is None or symbol in seen:
            continue
        seen.add(symbol)
        yield frame
        own = f"{next(iter(frame.parameters), '')}."
        for step in frame.body.calls:
            if step.written.startswith(own) and step.written.count(".") == 1:
                method = program.method(cls, step.written.partition(".")[2])
                waiting += [method[1].symbol] if method is not None else []


def _models(roster: Roster, spot: Spot, deep: int) -> list[str]:
    """The models that an expression is, or that the objects hold which it may be."""
    found = [made.name for made in roster.of(spot) if made.known is None or not made.known.hosted]
    for cls in () if found else _classes(roster, spot, deep)[:MOST_CLASSES]:
        found += held_in(roster, cls, deep - 1)
    return list(dict.fromkeys(found))


def held_in(roster: Roster, cls: ClassRef, deep: int = DEEPEST - 1) -> tuple[str, ...]:
    """The models that objects of a class hold, directly or in what their constructors are given by factories."""
    if roster not in _HOLDS:
        _HOLDS[roster] = {}
    table = _HOLDS[roster]
    if cls not in table:
        table[cls] = ()  # while it is worked out: a class may hold another of its kind
        found = [m.name for m in held_by(roster, cls) if m.known is None or not m.known.hosted]
        for frame in building(roster, cls) if deep > 0 and not found else ():
            own = f"{next(iter(frame.parameters), '')}."
            for binding in frame.body.bindings:
                if binding.name.startswith(own) and binding.value is not None and binding.value.type == "call":
                    found += _models(roster, given(frame, binding, binding.value), deep)
        table[cls] = tuple(dict.fromkeys(found))
    return table[cls]


def _classes(roster: Roster, spot: Spot, deep: int) -> list[ClassRef]:
    """The classes of the object that a call gives: made there, or of the type that the function says it gives."""
    found = roster.tracer.classes(spot)
    if found or spot.node.type != "call" or deep <= 0:
        return found
    function = spot.node.child_by_field_name("function")
    for value in alternatives(spot.frame.value(function, spot.order, spot.guards)):
        if isinstance(value, FunctionRef):
            found += _given(roster, value, deep)
    return list(dict.fromkeys(cls for base in found for cls in (base, *roster.program.descendants(base))))


def classes_given(roster: Roster, spot: Spot) -> list[ClassRef]:
    """The classes that the object of an expression may be of: constructed, or any of the type that a factory names."""
    return _classes(roster, spot, DEEPEST)


def _given(roster: Roster, target: FunctionRef, deep: int) -> list[ClassRef]:
    """What a function says that it gives; where it says nothing that is known, what its returns call."""
    program = roster.program
    named = _NAME.match(target.definition.returns.strip("\"'"))
    cls = program.named_class(target.path, named[0]) if named else None
    cls = cls or (type_argument(program, target.receiver, named[0]) if named and target.receiver is not None else None)
    if cls is not None:
        return [cls]
    frame = program.frame(target.path, target.definition, target.receiver)
    spots = [
        Spot(frame, item.value, item.order, item.guards)
        for item in (frame.body.exits if frame is not None else ())
        if item.kind == "return" and item.value is not None and frame is not None
    ]
    return [cls for spot in spots for cls in _classes(roster, spot, deep - 1)]


def holds_models(roster: Roster, cls: ClassRef) -> bool:
    """Whether objects of a class hold a model, themselves or in what their constructors make."""
    return bool(held_in(roster, cls))


def told_when(codebase: Codebase, frame: Frame, guards: tuple[Guard, ...], node: Node) -> str:
    """On which condition a stage is built, or whether it is enabled by default."""
    asked: list[Guard] = list(conditions(guards))
    switch = _enabling(frame, node)
    if told := switches_of(codebase).conditions(frame, asked):
        compared = switch is not None and switch.type == "comparison_operator"
        return f"only if {told[0].said}" + (f", enabled only if `{_line(frame, switch)}`" if compared else "")
    known = _presets(codebase, frame, switch) if switch is not None else {}
    if known:
        on = "True" in known.values()
        shown = ", ".join(f"`{name}` is {value}" for name, value in known.items())
        return f"{'on' if on else 'off'} by default, {shown}"
    return _inner(codebase, frame, node)


def _enabling(frame: Frame, call: Node) -> Node | None:
    """What a stage is given as `enabled`; a variable of the body by what it is bound to."""
    text = frame.body.tree.text
    for child in arguments(call, keywords=True):
        if child.type == "keyword_argument" and text(child.child_by_field_name("name")) == "enabled":
            value = child.child_by_field_name("value")
            while value is not None and value.type == "parenthesized_expression" and value.named_children:
                value = value.named_children[0]
            bound = frame.bound(text(value)) if value is not None and value.type == "identifier" else []
            return bound[0].value if len(bound) == 1 and bound[0].value is not None else value
    return None


def _line(frame: Frame, node: Node | None) -> str:
    return " ".join(frame.body.tree.text(node).split())


def _presets(codebase: Codebase, frame: Frame, switch: Node) -> dict[str, str]:
    """The options that a switch reads whose defaults are true or false."""
    text, found = frame.body.tree.text, dict[str, str]()
    for node in (switch, *descendants(switch)):
        name = text(node.child_by_field_name("attribute")) if node.type == "attribute" else ""
        if name:
            of_all = default_of(codebase, name)
            found[name] = of_all or _of_field(codebase, frame, node.child_by_field_name("object"), name)
    return {name: value for name, value in found.items() if value in ("True", "False")}


def _of_field(codebase: Codebase, frame: Frame, owner: Node | None, name: str) -> str:
    """The default of a field of the object that an attribute is read of."""
    found = {
        field.default
        for held in _objects(frame, owner)
        for field in class_fields(codebase, held.cls.path, held.cls.definition)
        if field.name == name
    }
    return found.pop() if len(found) == 1 else ""


def _objects(frame: Frame, node: Node | None) -> list[Instance]:
    """What an expression is: of an attribute of the own object what the most special class puts there."""
    own, _, name = frame.body.tree.text(node).partition(".")
    cls = frame.receiver if own == next(iter(frame.parameters), "") and "." not in name else None
    for owner in frame.program.line(cls) if cls is not None else ():
        for method in frame.program.methods(owner, cls):
            values = [method.binding_value(binding) for binding in method.bound(f"{own}.{name}")]
            if found := [value for value in values if isinstance(value, Instance)]:
                return found
    return [value for value in alternatives(frame.value(node)) if isinstance(value, Instance)]


def _inner(codebase: Codebase, frame: Frame, node: Node) -> str:
    """The same of what a method of the own object gives: `self._make_ocr(…)`."""
    value = frame.value(node.child_by_field_name("function"))
    if not isinstance(value, FunctionRef) or value.receiver is None:
        return ""
    inner = frame.program.frame(value.path, value.definition, value.receiver)
    given = [item for item in inner.body.exits if item.kind == "return" and item.value is not None] if inner else []
    calls = [item for item in given if item.value is not None and item.value.type == "call"]
    if inner is None or len(given) != 1 or len(calls) != 1 or calls[0].value is None:
        return ""
    return told_when(codebase, inner, calls[0].guards, calls[0].value) if inner is not frame else ""
