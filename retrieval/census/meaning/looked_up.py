"""Calls of what is not written there: functions and classes got from a registry, and functions made by `partial`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.meaning.callgraph import Target
from retrieval.census.meaning.spots import Spot, arguments, is_partial
from retrieval.census.meaning.values import ClassRef, ExternalObject, FunctionRef, Value
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.tracing import Tracer

MOST_SPOTS = 20
_MAKING = ("build", "create", "make", "instantiate")
Entering = tuple[Spot, FunctionRef, Node]  # the call as a spot, the function it enters, and its node


def looked_up(tracer: "Tracer", spot: Spot, function: Node, value: Value | None) -> Iterator[Entering]:
    """The functions that the call at `spot` may enter, when `value`, what it calls, is no function of the code."""
    at = replace(spot, node=function, take=())
    if _is_completed(value):
        yield from _completed(tracer, at)
    elif value is None:
        for target in registered(tracer, at):
            if isinstance(target, FunctionRef):
                yield spot, target, spot.node
        yield from _methods(tracer, spot, function)


def _is_completed(value: Value | None) -> bool:
    """Whether what is called is what `partial` made."""
    if isinstance(value, FunctionRef):
        return value.partial
    return isinstance(value, ExternalObject) and value.maker.rpartition(".")[2] == "partial"


def _completed(tracer: "Tracer", spot: Spot) -> Iterator[Entering]:
    """The function that `partial(f, …)` was given: `spot` is what is called."""
    for at in tracer.walk(spot, computed=False, most=MOST_SPOTS):
        step = tracer.holders.step(at.frame, at.node) if at.node.type == "call" else None
        if step is not None and is_partial(step):
            target = at.frame.value(arguments(at.node)[0], at.order, at.guards)
            if isinstance(target, FunctionRef):
                yield at, target, at.node


def _methods(tracer: "Tracer", spot: Spot, function: Node) -> Iterator[Entering]:
    """`cls.from_config(…)` on a class that a registry gave."""
    owner = function.child_by_field_name("object") if function.type == "attribute" else None
    name = spot.frame.body.tree.text(function).rpartition(".")[2]
    for target in registered(tracer, replace(spot, node=owner, take=())) if owner is not None else ():
        method = tracer.program.method(target, name) if isinstance(target, ClassRef) else None
        if method is not None and isinstance(target, ClassRef):
            yield spot, FunctionRef(method[0].path, method[1], method[0], target), spot.node


def registered(tracer: "Tracer", spot: Spot) -> list[Target]:
    """What a name that was got from a registry may be: `build = MODELS.get(name)`, `MODELS.build(cfg)`."""
    text = spot.frame.body.tree.text
    for at in (spot, *(source for source, _ in (tracer.sources(spot) if spot.node.type == "identifier" else ()))):
        function = at.node.child_by_field_name("function") if at.node.type == "call" else at.node
        written = at.frame.body.tree.text(function)
        if function is not None and function.type == "subscript":
            written = text(function.child_by_field_name("value")) + ".get"
        registry, _, getter = written.rpartition(".")
        makes = getter.startswith(_MAKING)
        if makes != (at is spot and spot.node.type != "call"):  # what `get` gives is still to be called
            continue
        if found := tracer.holders.registered(registry.rpartition(".")[2], getter):
            return found
    return []
