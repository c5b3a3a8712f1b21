"""The stages that a constructor gives to its object: attributes and lists of objects of the repository, in their order.

Constructors run from the base down, with the methods of the object that they call; a list that is set anew, spread into
a new one (`[A(), *self.steps]`) or made longer keeps the order that its steps have at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import Binding, CallStep, Guard
from retrieval.census.set_defaults import defaults_of
from retrieval.census.spots import Spot, arguments
from retrieval.census.stage_sets import classes_given, told_when
from retrieval.census.values import ClassRef, FunctionRef

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.census.roster import Roster
    from retrieval.codebase import Codebase
    from retrieval.parse import Node

DEEP, SHOWN, MOST, _END = 3, 3, 24, 1 << 60
_GROWING = {"append": 1, "extend": 1, "insert": 1}
_OPTION = re.compile(r"\.(\w*(?:options?|config|cfg|settings))$")
_TYPE = re.compile(r"\b(?!Field\b|Optional\b|Union\b)[A-Z]\w+")


Place = tuple[str, tuple[Guard, ...], "dict[str, list[Built]]"]


@dataclass(frozen=True, slots=True)
class Built:
    """One stage: the classes it may be an object of, which of them defaults choose, and when it is there."""

    name: str
    classes: tuple[ClassRef, ...]
    preset: str
    when: str
    path: str
    line: int

    @property
    def said(self) -> str:
        """ "`ocr` (one of `A`, `B` and 3 more, by default `A`; off by default, `do_ocr` is False)"."""
        names = [f"`{cls.definition.symbol}`" for cls in self.classes]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        which = names[0] if len(names) == 1 else f"one of {', '.join(names[:SHOWN])}{more}"
        preset = f", by default `{self.preset}`" if self.preset and len(names) > 1 else ""
        notes = f"{which}{preset}{f'; {self.when}' if self.when else ''}"
        if self.name:
            return f"`{self.name}` ({notes})"
        return f"{which}{preset}" + (f" ({self.when})" if self.when else "")


def built_stages(codebase: Codebase, roster: Roster, cls: ClassRef) -> dict[str, list[Built]]:
    """By attribute what the constructor puts there: one stage, or the stages of a list."""
    found: dict[str, list[Built]] = {}
    for frame, item in _constructing(roster, cls):
        own = f"{next(iter(frame.parameters), 'self')}."
        if isinstance(item, Binding):
            if item.name.startswith(own) and item.value is not None and item.taken == "whole":
                name = item.name[len(own) :]
                made = list(_stages(codebase, roster, frame, item.value, (name, item.guards, found)))
                if made or item.value.type == "list":
                    found[name] = made
        elif item.written.startswith(own):
            name, _, method = item.written[len(own) :].rpartition(".")
            if method in _GROWING and name in found:
                for node in arguments(item.node)[-1:]:
                    found[name] += _stages(codebase, roster, frame, node, (name, item.guards, found))
    return {name: stages for name, stages in found.items() if stages}


def _constructing(roster: Roster, cls: ClassRef) -> Iterator[tuple[Frame, Binding | CallStep]]:
    """What the constructor of a class does, in order: what it binds and calls, with the methods that it runs."""
    seen: set[tuple[str, str]] = set()
    program = roster.program

    def run(frame: Frame) -> Iterator[tuple[Frame, Binding | CallStep]]:
        if (frame.path, frame.symbol) in seen:
            return
        seen.add((frame.path, frame.symbol))
        own = f"{next(iter(frame.parameters), 'self')}."
        events: list[Binding | CallStep] = [*frame.body.bindings, *frame.body.calls]
        for event in sorted(events, key=lambda item: item.order):
            if isinstance(event, CallStep):
                inner = _inner(frame, event, own)
                if inner is not None:
                    yield from run(inner)
            yield frame, event

    def _inner(frame: Frame, step: CallStep, own: str) -> Frame | None:
        if step.written == "super().__init__":
            line = program.line(cls)
            here = next((at for at, base in enumerate(line) if base == frame.owner), len(line))
            owners = (
                f for base in line[here + 1 :] for f in program.methods(base, cls) if f.symbol.endswith("__init__")
            )
            return next(owners, None)
        if not step.written.startswith(own) or step.written.count(".") != 1:
            return None
        method = program.method(cls, step.written[len(own) :])
        return program.frame(method[0].path, method[1], cls) if method is not None else None

    start = program.method(cls, "__init__")
    frame = program.frame(start[0].path, start[1], cls) if start is not None else None
    return run(frame) if frame is not None else iter(())


def _stages(
    codebase: Codebase,
    roster: Roster,
    frame: Frame,
    node: Node,
    at: tuple[str, tuple[Guard, ...], dict[str, list[Built]]],
) -> Iterator[Built]:
    """The stages of an expression: a call that gives an object, a name that holds one, or a list of these."""
    name, guards, known = at
    if node.type in ("list", "tuple"):
        for child in node.named_children:
            if child.type == "list_splat":
                yield from known.get(frame.body.tree.text(child.named_children[0]).rpartition(".")[2], ())
            else:
                yield from _stages(codebase, roster, frame, child, ("", guards, known))
        return
    call = node if node.type == "call" else _bound(frame, node)
    classes = _concrete(roster, classes_given(roster, Spot(frame, call, _END, guards), DEEP)) if call else []
    if call is not None and 0 < len(classes) <= MOST:
        preset = _preset(codebase, roster, (frame, call), classes)
        line = node.start_point[0] + 1
        yield Built(name, tuple(classes), preset, told_when(codebase, frame, guards, call), frame.path, line)


def _bound(frame: Frame, node: Node) -> Node | None:
    """The call whose result a name holds, where it is bound once."""
    found = frame.bound(frame.body.tree.text(node)) if node.type == "identifier" else []
    value = found[0].value if len(found) == 1 else None
    return value if value is not None and value.type == "call" else None


def _concrete(roster: Roster, classes: list[ClassRef]) -> list[ClassRef]:
    """Without the classes that only stand for those that derive from them."""
    program = roster.program
    return [cls for cls in classes if not set(program.descendants(cls)) & set(classes)]


def _preset(codebase: Codebase, roster: Roster, made: tuple[Frame, Node], classes: list[ClassRef]) -> str:
    """The class that the default of an option chooses: it takes options of the type which the option has by default."""
    frame, call = _maker(*made)
    text = frame.body.tree.text
    found: dict[str, None] = {}
    for child in arguments(call, keywords=True):
        value = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        option = _OPTION.search(text(value)) if value is not None else None
        kinds = {name for told in defaults_of(codebase, option[1]) for name in _TYPE.findall(told)} if option else set()
        for cls in classes if kinds else ():
            start = roster.program.method(cls, "__init__")
            taken = " ".join(start[1].parameters) if start is not None else ""
            if kinds & set(_TYPE.findall(taken)):
                found[cls.definition.symbol] = None
    return next(iter(found)) if len(found) == 1 else ""


def _maker(frame: Frame, call: Node) -> tuple[Frame, Node]:
    """The call that makes the object: in a method of the object that only returns it, that call."""
    value = frame.value(call.child_by_field_name("function"))
    if (
        not isinstance(value, FunctionRef)
        or value.receiver is None
        or value.receiver not in (frame.receiver, frame.owner)
    ):
        return frame, call
    inner = frame.program.frame(value.path, value.definition, value.receiver)
    given = [
        item.value for item in (inner.body.exits if inner else ()) if item.kind == "return" and item.value is not None
    ]
    return (inner, given[0]) if inner is not None and len(given) == 1 and given[0].type == "call" else (frame, call)
