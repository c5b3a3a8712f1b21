"""Taking containers apart, for tracing: literals, subscripts, and what a loop's variables run over."""

from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.selected import wanted
from retrieval.census.meaning.spots import Spot, arguments, key_of
from retrieval.census.meaning.values import Instance, Table, alternatives
from retrieval.census.models.families import gives_first
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.tracing import Tracer

MOST_TAKEN = 5


def compound(spot: Spot) -> list[Spot]:
    """What a literal, a conditional or a comprehension holds of what is wanted."""
    node, take = spot.node, spot.take
    inner = [child for child in node.named_children if child.type not in ("comment", "line_continuation")]
    match node.type:
        case "parenthesized_expression" | "await" | "list_splat" | "dictionary_splat":
            return spot.inner(inner[0] if inner else None)
        case "named_expression" | "keyword_argument":
            return spot.inner(node.child_by_field_name("value"))
        case "conditional_expression" | "boolean_operator":
            sides = inner[::2] if node.type == "conditional_expression" else inner
            return [found for side in sides for found in spot.inner(side)]
        case "tuple" | "list" | "expression_list" | "set":
            wanted = take[-1] if take else ""
            if wanted.isdecimal():
                inner = inner[int(wanted) : int(wanted) + 1]
            return [found for child in inner for found in spot.inner(child, take=take[:-1])]
        case "dictionary":
            return _pairs(spot, inner)
        case "list_comprehension" | "generator_expression" | "set_comprehension":
            return spot.inner(node.child_by_field_name("body"), take=take[:-1])
        case "dictionary_comprehension":
            return spot.inner(_rekeyed(spot))
    return []


def _rekeyed(spot: Spot) -> Node | None:
    """`d` of `{k.strip(): v for k, v in d.items()}`: the dictionary that another one is made from, entry by entry."""
    clause = next((child for child in spot.node.named_children if child.type == "for_in_clause"), None)
    over = clause.child_by_field_name("right") if clause is not None else None
    function = over.child_by_field_name("function") if over is not None and over.type == "call" else None
    items = function is not None and spot.frame.body.tree.text(function).endswith(".items")
    return function.child_by_field_name("object") if items and function is not None else None


def _pairs(spot: Spot, inner: list[Node]) -> list[Spot]:
    wanted = spot.take[-1] if spot.take else ""
    found: list[Spot] = []
    for child in inner:
        if child.type == "dictionary_splat":
            found += spot.inner(child)
        elif child.type == "pair":
            key = key_of(spot.frame.body.tree.text(child.child_by_field_name("key")))
            if not wanted.startswith("'") or key == wanted:
                found += spot.inner(child.child_by_field_name("value"), take=spot.take[:-1])
    return found


def subscripted(spot: Spot) -> list[Spot]:
    """The container of `x[key]`, with the key as what is wanted of it; a slice is like the whole."""
    key = spot.node.child_by_field_name("subscript")
    if spot.told and (names := _told(spot, key)):
        own = spot.node.child_by_field_name("value")
        return [s for name in names for s in spot.inner(own, take=(*spot.take, f"'{name}'")[-MOST_TAKEN:])]
    text = spot.frame.body.tree.text(key)
    literal = key is not None and key.type in ("string", "integer")
    loose = key is not None and key.type not in ("slice", "tuple") and not literal
    taken = (key_of(text),) if literal else ("[]",) if loose else ()
    take = (*spot.take, *taken)[-MOST_TAKEN:]
    return spot.inner(spot.node.child_by_field_name("value"), take=take)


def _told(spot: Spot, key: Node | None) -> list[str]:
    """The keys of a table that may be meant under the conditions around the use."""
    table = spot.frame.value(spot.node.child_by_field_name("value"), spot.order, spot.guards)
    return wanted(spot.frame, table, key, spot.told) if isinstance(table, Table) else []


def of_object(tracer: "Tracer", spot: Spot) -> list[Spot]:
    """What is held under a name taken off an object of a class here: `self` of `getattr(self, "tower", None)`."""
    name = spot.take[-1] if spot.take else ""
    found = alternatives(spot.frame.value(spot.node, spot.order, spot.guards)) if name.startswith(".") else ()
    at = replace(spot, take=spot.take[:-1])
    return [s for value in found if isinstance(value, Instance) for s in tracer.member(at, value.cls, name[1:])]


def walked(frame: "Frame", binding: Binding) -> tuple[Node | None, tuple[str, ...]]:
    """What a loop's variable runs over, and which part of its elements the variable is."""
    value, index = binding.value, binding.index
    if value is not None and value.type == "call" and index >= 0:
        function = frame.body.tree.text(value.child_by_field_name("function"))
        given = arguments(value)
        if function in ("enumerate", "zip"):
            at = index - 1 if function == "enumerate" else index
            return (given[at], ("[]",)) if 0 <= at < len(given) else (None, ())
        if function.endswith(".items"):
            owner = value.child_by_field_name("function").child_by_field_name("object")  # type: ignore[union-attr]
            return (owner, ("[]",)) if index == 1 else (None, ())
    return value, ((str(index), "[]") if index >= 0 else ("[]",))


def part_of(frame: "Frame", binding: Binding) -> tuple[str, ...]:
    """Which part of its value a name receives, as `Spot.take` has it: `model, tokenizer = load()`."""
    apart = binding.taken == "part" and not gives_first(frame.body.tree, binding)
    return (str(binding.index),) if apart else ()


def given(frame: "Frame", binding: Binding, value: Node) -> Spot:
    """What a name receives, where that is the value or a part of it."""
    return Spot(frame, value, binding.order, binding.guards, part_of(frame, binding))
