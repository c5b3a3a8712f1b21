"""What a call gives to a model: each value by itself, through keywords, dictionaries and what a processor made."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.spots import Spot, arguments, key_of
from retrieval.census.meaning.tracing import Tracer
from retrieval.census.modalities.modality_names import named
from retrieval.census.models.roster import Use
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_LITERALS = ("string", "integer", "float", "true", "false", "none", "comment", "concatenated_string", "lambda")
SWITCH = re.compile(
    r"^(?:num|n|max|min|use|is|do|return|output|with|no|has|only)_|(?:^|_)(?:max|min|num)_|_(?:scale|ratio|prob|seed|dpi|steps?|size|length|type|name|params|config|kwargs)$"
)
NEAR = 12
Input = tuple[str, Spot]  # the modality that the parameter's or the key's name says, and the value


def inputs_of(tracer: Tracer, use: Use) -> list[Input]:
    """The values that a call gives to the model, with the modality that each parameter's name says."""
    place = Spot(use.frame, use.step.node, use.step.order, use.step.guards)
    if _is_session_run(use.step):  # what comes first are the names of the outputs
        return _pairs(place, arguments(use.step.node)[1])
    return inputs_at(tracer, place)


def inputs_at(tracer: Tracer, place: Spot) -> list[Input]:
    """The values that are given to a call."""
    text = place.frame.body.tree.text
    found: list[Input] = []
    for child in arguments(place.node, keywords=True):
        if child.type == "keyword_argument":
            found += _keyword(place, text(child.child_by_field_name("name")), child.child_by_field_name("value"))
        elif child.type == "dictionary":
            found += _pairs(place, child)
        elif child.type == "dictionary_splat":
            found += _splat(tracer, place, child)
        elif child.type not in _LITERALS:
            found += [("", spot) for spot in place.inner(child, take=())]
    return found


def _keyword(place: Spot, name: str, value: Node | None) -> list[Input]:
    if value is None or value.type in _LITERALS or SWITCH.search(name):
        return []
    return [(named(name), spot) for spot in place.inner(value, take=())]


def _pairs(place: Spot, node: Node) -> list[Input]:
    text = place.frame.body.tree.text
    found: list[Input] = []
    for pair in node.named_children:
        if pair.type == "pair":
            name = pair.child_by_field_name("key")  # a key that is no literal says nothing of its value
            key = key_of(text(name)).strip("'") if name is not None and name.type == "string" else ""
            found += _keyword(place, key, pair.child_by_field_name("value"))
    return found


def _splat(tracer: Tracer, place: Spot, child: Node) -> list[Input]:
    """What `**inputs` holds: a dictionary that was written out, or what a processor was given."""
    for at in tracer.walk(place.inner(child.named_children[0], take=())[0], computed=False, most=NEAR):
        if at.node.type == "dictionary":
            spread = [part for part in at.node.named_children if part.type == "dictionary_splat"]
            return [*_pairs(at, at.node), *(item for part in spread for item in _splat(tracer, at, part))]
        if at.node.type == "call" and (found := [item for item in inputs_at(tracer, at) if item[0]]):
            return found
    return []


def session_runs(frame: "Frame") -> list[CallStep]:
    """Calls of the form `session.run(None, {"input": x})`, as inference sessions take them, whatever holds those."""
    return [step for step in frame.body.calls if _is_session_run(step)]


def _is_session_run(step: CallStep) -> bool:
    given = arguments(step.node)
    return step.written.endswith(".run") and len(given) == 2 and given[1].type == "dictionary"
