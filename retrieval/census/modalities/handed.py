"""Calls on what no code of the repository is, which are given text beside images, sound or embeddings."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import External, ExternalObject
from retrieval.census.modalities.modalities import Told, nearest
from retrieval.census.modalities.modality_names import GROUPS, named
from retrieval.census.modalities.operands import Meeting
from retrieval.census.modalities.worked_with import hears_only, reads_text, sees
from retrieval.census.models.fillers import is_filler
from retrieval.census.models.roster import Roster
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_PROMPTS = words("input_ids prompt prompts prompt_ids")
_MEDIA = words(
    "images image pixel_values embeddings image_embeds image_embeddings videos video audios audio input_features"
)
_READ = re.compile(r"^(?:ocr_\w+|words|\w+_(?:words|ocr))$")  # what was read in an image before
_RUNS = words("predict generate infer run forward recognize")
VALUES = ("identifier", "attribute", "call", "subscript", "binary_operator")


def handed(roster: Roster, frame: "Frame", step: CallStep, place: Spot) -> Meeting | None:
    """Token ids or a prompt beside images, sound or embeddings, by keyword, to what no code of the repository is."""
    value = frame.callee(step)
    if not isinstance(value, External | ExternalObject | None) or step.written == "dict":
        return None
    text = frame.body.tree.text
    given = {text(c.child_by_field_name("name")): c for c in arguments(step.node, keywords=True) if _is_given(c)}
    told: list[tuple[str, Told]] = []
    for name, child in given.items():
        for spot in place.inner(child.child_by_field_name("value"), take=()):
            said = named(name) if name in _MEDIA else ""
            kinds = [Told(said, spot)] if said and is_sure(roster, said) else nearest(roster.tracer, spot)
            kinds = [Told("text", spot)] if name in _PROMPTS else kinds if name in _MEDIA else []
            if kinds and kinds[0].modality != "latents" and not is_filler(spot):
                told.append((one_line(spot.text(), 50), kinds[0]))
    kinds_ = {item.group for _, item in told}
    both = "text" in kinds_ and len(kinds_) > 1
    told = told if both else _beside_words(frame, step, place, given)
    return Meeting("given", step.node, tuple(told), f"`{step.written}`") if told else None


def _beside_words(frame: "Frame", step: CallStep, place: Spot, given: dict[str, Node]) -> list[tuple[str, Told]]:
    """An image, and the words that were read in it: `agent.predict(image, ocr_tokens=tokens)`."""
    read = next((child.child_by_field_name("value") for name, child in given.items() if _READ.match(name)), None)
    first = next(iter(arguments(step.node)), None)
    if read is None or first is None or step.written.rpartition(".")[2] not in _RUNS or not sees(frame.program):
        return []
    if first.type not in VALUES or named(frame.body.tree.text(first).rpartition(".")[2]) != "image":
        return []
    spots = [(Told("text", s), s) for s in place.inner(read, take=())]
    spots += [(Told("image", s), s) for s in place.inner(first, take=())]
    return [(one_line(s.text(), 50), told) for told, s in spots]


def _is_given(child: Node) -> bool:
    value = child.child_by_field_name("value") if child.type == "keyword_argument" else None
    return value is not None and value.type in (*VALUES, "conditional_expression", "list")


def is_sure(roster: Roster, said: str) -> bool:
    """Whether a parameter's name says enough: prompts are points and boxes where no text is read."""
    if GROUPS.get(said, said) == "image" and hears_only(roster.program):
        return False
    return said != "prompt" or reads_text(roster.program)
