"""What a call is: an object, what a function gives back, the object itself that a method hands on."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.configured import gives as made_by_config
from retrieval.census.meaning.loading import loaded, member
from retrieval.census.meaning.narrowing import bound_by_partial, given_constants
from retrieval.census.meaning.registered import auto_made, gives
from retrieval.census.meaning.results import called
from retrieval.census.meaning.selected import got
from retrieval.census.meaning.values import (
    ClassRef,
    External,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Nothing,
    OneOf,
    Super,
    Table,
    Value,
)
from retrieval.census.models.families import CONSTRUCTING
from retrieval.census.models.known_models import wrappers
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

# Methods of torch modules and tensors that give the object itself back.
SAME_OBJECT = words("to cuda cpu half float double bfloat16 eval train requires_grad_ share_memory")
_CONTAINERS = frozenset({"torch.nn.ModuleList", "flax.linen.Sequential"})
_PASSING = frozenset({"list", "tuple", "sorted", "reversed", "iter", "set", "tqdm.tqdm"})


def call_value(frame: "Frame", node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
    """What a call evaluates to at that place of a body; None when it is not certain."""
    function = node.child_by_field_name("function")
    if function is None:
        return None
    if (text := frame.body.tree.text(function)) == "super":
        return Super(frame.owner, frame.receiver, frame.among) if frame.owner and frame.receiver else None
    first = next(iter(given.named_children), None) if (given := node.child_by_field_name("arguments")) else None
    if text in _PASSING:
        found = frame.value(first, order, guards)
        return found if isinstance(found, Items) else None
    if text == "getattr":
        return member(frame, node, (order, guards))
    target = frame.value(function, order, guards)
    if isinstance(target, External) and (target.name in _CONTAINERS or target.name in wrappers()):
        found = frame.value(first, order, guards)
        kept = Items if target.name in _CONTAINERS else Instance | OneOf | Items | Nothing
        return found if isinstance(found, kept) else ExternalObject(target.name)
    if isinstance(target, External) and target.name.rpartition(".")[2] == "partial":
        if isinstance(found := frame.value(first, order, guards), FunctionRef):
            found = bound_by_partial(frame, node, found)
        return found if isinstance(found, FunctionRef | ClassRef | OneOf) else ExternalObject(target.name)
    found = loaded(frame, node, target, (order, guards)) or made_by_config(frame, node)
    if (found := found or auto_made(frame, node, target)) is not None:
        return found
    same = target is None and function.type == "attribute"
    given = given_constants(frame, node, target) if isinstance(target, FunctionRef) else ()
    found = _same_object(frame, function, order, guards) if same else called(frame.program, target, given)
    return gives(frame.program, frame, node) if found is None else found


def _same_object(frame: "Frame", node: Node, order: int, guards: tuple[Guard, ...]) -> Value | None:
    name = frame.body.tree.text(node.child_by_field_name("attribute"))
    value = frame.value(node.child_by_field_name("object"), order, guards)
    if isinstance(value, Table) and name in ("get", "pop", "values"):
        return Items(value.element) if name == "values" else got(frame, value, node, guards)
    if isinstance(value, ClassRef) and name in CONSTRUCTING and not frame.program.method(value, name):
        return Instance(value)
    return value if name in SAME_OBJECT and isinstance(value, Instance | ExternalObject | OneOf | Nothing) else None
