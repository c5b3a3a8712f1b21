"""Functions that choose a device for their callers: what one call leaves of the devices that they know.

`choose(option, supported=[Device.CPU, Device.CUDA])` gives only these two where the function asks whether a device is
in `supported`; and after `if device == "mps": device = "cpu"` a device is never `mps`.
"""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.spots import Called, Spot, argument, arguments
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import ClassRef, Instance, alternatives
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

MOST_STEPS = 20
_NAMED = re.compile(r"(?<![A-Za-z])(cuda|cpu|mps|npu|xpu|hpu)(?![A-Za-z])", re.I)
_EQUALS = re.compile(r"([\w.]+)(?:\.type)? == ([\w.]+|[\"']\w+[\"'])")


def decider(start: Spot, at: Spot) -> Called | None:
    """The call, nearest to the start of a walk, through which it came to a place in another body; None for none."""
    entered = at.stack[len(start.stack) :]
    called = entered[0] if entered and at.frame is not start.frame else None
    return called if called is not None and not isinstance(called[2], ClassRef) else None


def left_out(at: Spot, device: str) -> bool:
    """Whether the call through which a walk came to a device makes the function leave that device out."""
    called = at.stack[-1] if at.stack else None
    if called is None or isinstance(called[2], ClassRef) or called[2].definition != at.frame.definition:
        return False
    for name in at.frame.parameters:
        node = argument(called, at.frame, name) if _is_asked(at.frame, name) else None
        kept = listed_devices(called[0], node, called[1].order) if node is not None else frozenset()
        if kept and device.lower() not in kept:
            return True
    return False


def _is_asked(frame: "Frame", name: str) -> bool:
    """Whether a condition of a body asks if something is in a parameter."""
    text, within = frame.body.tree.text, re.compile(rf" in {re.escape(name)}\b")
    nodes = (decision.node.child_by_field_name("condition") for decision in frame.body.decisions)
    return any(within.search(text(node)) for node in nodes if node is not None)


def listed_devices(frame: "Frame", node: Node, order: int) -> frozenset[str]:
    """The devices that a list names: written out, or the default of the field of an object of options."""
    start, found = Spot(frame, node, order), set[str]()
    for at in tracer_of(frame.program).walk(start, computed=False, most=MOST_STEPS) if not _of_field(start) else ():
        if at.node.type in ("list", "tuple", "set"):
            found |= {name.lower() for name in _NAMED.findall(at.text())}
        elif at.node.type == "attribute":
            found |= _of_field(at)
    return frozenset(found or _of_field(start))


def _of_field(at: Spot) -> set[str]:
    """What the class of an object says by default of an attribute: the class itself before its bases."""
    if at.node.type != "attribute":
        return set()
    owner, name = at.node.child_by_field_name("object"), at.text().rpartition(".")[2]
    held = [v for v in alternatives(at.frame.value(owner, at.order, at.guards)) if isinstance(v, Instance)]
    codebase = at.frame.program.codebase
    fields = [f for v in held for f in class_fields(codebase, v.cls.path, v.cls.definition) if f.name == name]
    lines = ("\n".join(map(str, codebase.snapshot.by_path[f.path].lines[f.line - 1 : f.end])) for f in fields)
    return {found.lower() for text in lines for found in _NAMED.findall(text.rpartition("=")[2])}


def replaced(at: Spot) -> str:
    """The device in whose place a name is given another one: `if device == "mps": device = "cpu"`; "" for none."""
    above = at.node.parent
    left = above.child_by_field_name("left") if above is not None and above.type == "assignment" else None
    if left is None or above is None or above.child_by_field_name("right") != at.node:
        return ""
    asked = [_EQUALS.fullmatch(guard.text) for guard in at.guards if guard.kind == "if"][-1:]
    same = asked[0] if asked and asked[0] is not None and asked[0][1] == at.frame.body.tree.text(left) else None
    named = _NAMED.search(same[2].removesuffix(".value").rpartition(".")[2]) if same is not None else None
    given = _NAMED.search(at.text().removesuffix(".value").rpartition(".")[2])
    differ = named is not None and given is not None and named[1].lower() != given[1].lower()
    return named[1].lower() if named is not None and differ else ""


def asked_of(called: Called) -> list[Spot]:
    """What a call gives to the function that chooses: where options may come in."""
    around, step, _target = called
    listed = arguments(step.node, keywords=True)
    given = (node.child_by_field_name("value") if node.type == "keyword_argument" else node for node in listed)
    return [Spot(around, node, step.order, step.guards) for node in given if node is not None]
