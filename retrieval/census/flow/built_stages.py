"""The stages that a constructor gives to its object: attributes and lists of objects of the repository, in their order.

Constructors run from the base down, with the methods of the object that they call; a list that is set anew, spread into
a new one (`[A(), *self.steps]`) or made longer keeps the order that its steps have at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import Binding, CallStep, Guard
from retrieval.census.meaning.overrides import is_unwritten
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.memory.stage_sets import classes_given, held_in, told_when
from retrieval.census.settings.set_defaults import defaults_of

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.census.models.roster import Roster
    from retrieval.codebase import Codebase
    from retrieval.parse import Node

SHOWN, MOST, _END = 3, 24, 1 << 60
_GROWING = {"append": 1, "extend": 1, "insert": 1}
_OPTION = re.compile(r"\.(\w*(?:options?|config|cfg|settings))$")
_TYPE = re.compile(r"\b(?!Field\b|Optional\b|Union\b)[A-Z]\w+")


Place = tuple[str, tuple[Guard, ...], "dict[str, list[Built]]"]
Event = tuple["Frame", "Binding | CallStep", bool]


@dataclass(frozen=True, slots=True)
class Built:
    """One stage: the classes it may be an object of, which of them defaults choose, when it is there, and the models
    that these hold: those of the class that defaults choose, else of all. Without classes it is a method of the object
    with the models that this runs, or a model itself."""

    name: str
    classes: tuple[ClassRef, ...]
    preset: str
    when: str
    path: str
    line: int
    models: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """ "`ocr` (one of `A`, `B` and 3 more, by default `A`; off by default, `do_ocr` is False)"."""
        if not self.classes:
            what = "a method of its own, which runs" if self.name.endswith(")") else "the model"
            return f"`{self.name}` ({what} {listed([f'`{m}`' for m in self.models], SHOWN)})"
        names = [f"`{cls.definition.symbol}`" for cls in self.classes]
        names.sort(key=lambda name: name != f"`{self.preset}`")
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        which = names[0] if len(names) == 1 else f"one of {', '.join(names[:SHOWN])}{more}"
        preset = f", by default `{self.preset}`" if self.preset and len(names) > 1 else ""
        held = [f"model `{self.models[0]}`"] if len(self.models) == 1 else []
        several = "one of the models" if len(names) > 1 else "models"
        held += [f"{several} {listed([f'`{m}`' for m in self.models], SHOWN)}"] if len(self.models) > 1 else []
        notes = [*held, *([self.when] if self.when else [])]
        if self.name:
            return f"`{self.name}` ({'; '.join([which + preset, *notes])})"
        return f"{which}{preset}" + (f" ({'; '.join(notes)})" if notes else "")


def built_stages(codebase: Codebase, roster: Roster, cls: ClassRef) -> dict[str, list[Built]]:
    """By attribute what the constructor puts there: one stage, or the stages of a list."""
    found: dict[str, list[Built]] = {}
    for frame, item, guarded in _constructing(roster, cls):
        own = f"{next(iter(frame.parameters), 'self')}."
        if isinstance(item, Binding):
            if item.name.startswith(own) and item.value is not None and item.taken == "whole":
                name = item.name[len(own) :]
                made = list(_stages(codebase, roster, frame, item.value, (name, item.guards, found)))
                if guarded or _asks(item.guards):
                    found[name] = _either(name, found.get(name, []), made)
                elif made or item.value.type == "list":
                    found[name] = made
        elif item.written.startswith(own):
            name, _, method = item.written[len(own) :].rpartition(".")
            if method in _GROWING and name in found:
                for node in arguments(item.node)[-1:]:
                    found[name] += _stages(codebase, roster, frame, node, (name, item.guards, found))
    return {name: stages for name, stages in found.items() if stages}


def _asks(guards: tuple[Guard, ...]) -> bool:
    return any(guard.kind in ("if", "else", "case") for guard in guards)


def _either(name: str, before: list[Built], after: list[Built]) -> list[Built]:
    """What arms of a decision put under one name: one stage, which may be an object of the classes of each."""
    if not before or not after:
        return before or after
    classes = tuple(dict.fromkeys(cls for stage in (*before, *after) for cls in stage.classes))
    first = (*before, *after)[0]
    return [replace(first, name=name, classes=classes, when="", preset=first.preset)]


def _constructing(roster: Roster, cls: ClassRef) -> Iterator[Event]:
    """What the constructor of a class does, in order: what it binds and calls, with the methods that it runs, and
    whether it does so under a condition around the call."""
    start = roster.program.method(cls, "__init__")
    frame = roster.program.frame(start[0].path, start[1], cls) if start is not None else None
    return _run(roster, cls, frame, False, set()) if frame is not None else iter(())


def _run(roster: Roster, cls: ClassRef, frame: Frame, guarded: bool, seen: set[tuple[str, str]]) -> Iterator[Event]:
    if (frame.path, frame.symbol) in seen:
        return
    seen.add((frame.path, frame.symbol))
    events: list[Binding | CallStep] = [*frame.body.bindings, *frame.body.calls]
    for event in sorted(events, key=lambda item: item.order):
        inner = _inner(roster, cls, frame, event) if isinstance(event, CallStep) else None
        if inner is not None:
            yield from _run(roster, cls, inner, guarded or _asks(event.guards), seen)
        yield frame, event, guarded


def _inner(roster: Roster, cls: ClassRef, frame: Frame, step: CallStep) -> Frame | None:
    """The constructor above, or the method of the object, that a call runs."""
    program = roster.program
    if step.written == "super().__init__":
        line = program.line(cls)
        here = next((at for at, base in enumerate(line) if base == frame.owner), len(line))
        above = (found for base in line[here + 1 :] for found in program.methods(base, cls))
        return next((found for found in above if found.symbol.endswith(".__init__")), None)
    own = f"{next(iter(frame.parameters), 'self')}."
    if not step.written.startswith(own) or step.written.count(".") != 1:
        return None
    method = program.method(cls, step.written[len(own) :])
    return program.frame(method[0].path, method[1], cls) if method is not None else None


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
    classes = _concrete(roster, classes_given(roster, Spot(frame, call, _END, guards))) if call else []
    if call is not None and 0 < len(classes) <= MOST:
        preset = _preset(codebase, roster, (frame, call), classes)
        line = node.start_point[0] + 1
        when, held = told_when(codebase, frame, guards, call), _held(roster, classes, preset)
        yield Built(name, tuple(classes), preset, when, frame.path, line, held)


def _held(roster: Roster, classes: list[ClassRef], preset: str) -> tuple[str, ...]:
    """The models that an object of a class holds which defaults choose; without such a class, of each."""
    first = [cls for cls in classes if cls.definition.symbol == preset] or classes
    return tuple(dict.fromkeys(name for cls in first for name in held_in(roster, cls) or _run_by(roster).get(cls, ())))


@once
def _run_by(roster: Roster) -> dict[ClassRef, tuple[str, ...]]:
    """The models that the methods of a class run, also those that no object keeps."""
    found: dict[ClassRef, tuple[str, ...]] = {}
    for use in roster.uses:
        if use.frame.owner is not None:
            found[use.frame.owner] = (*found.get(use.frame.owner, ()), *(made.name for made in use.made))
    return found


def _bound(frame: Frame, node: Node) -> Node | None:
    """The call whose result a name holds, where it is bound once."""
    found = frame.bound(frame.body.tree.text(node)) if node.type == "identifier" else []
    value = found[0].value if len(found) == 1 else None
    return value if value is not None and value.type == "call" else None


def _concrete(roster: Roster, classes: list[ClassRef]) -> list[ClassRef]:
    """Without the abstract classes that only stand for those that derive from them."""
    program = roster.program
    return [c for c in classes if not set(program.descendants(c)) & set(classes) or not is_abstract(program, c)]


def is_abstract(program: Program, cls: ClassRef) -> bool:
    """Whether a class is there to be derived from: it says so, or a method of it is not written."""
    own = [frame.definition for frame in program.methods(cls, cls) if frame.definition is not None]
    unwritten = any(is_unwritten(program, FunctionRef(cls.path, item, cls, cls)) for item in own)
    return unwritten or any(base.rpartition(".")[2] in ("ABC", "Protocol") for base in cls.definition.bases)


def _preset(codebase: Codebase, roster: Roster, made: tuple[Frame, Node], classes: list[ClassRef]) -> str:
    """The class that the default of an option chooses: it takes options of the type which the option has by default."""
    frame, call = _maker(*made)
    text = frame.body.tree.text
    for child in arguments(call, keywords=True):
        value = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        option = _OPTION.search(text(value)) if value is not None else None
        kinds = {name for told in defaults_of(codebase, option[1]) for name in _TYPE.findall(told)} if option else set()
        found = [cls.definition.symbol for cls in classes if kinds & taken_types(roster, cls)] if kinds else []
        if len(found) == 1:
            return found[0]
    return ""


def taken_types(roster: Roster, cls: ClassRef) -> set[str]:
    """The types that the constructor of a class says it takes."""
    start = roster.program.method(cls, "__init__")
    return set(_TYPE.findall(" ".join(start[1].parameters))) if start is not None else set()


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
