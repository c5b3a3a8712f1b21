"""Which models take images or video, and which argument of a call that runs one is the image."""

import re
from typing import TYPE_CHECKING

from retrieval.census.handover.model_inputs import inputs_of
from retrieval.census.meaning.spots import Spot, arguments, default
from retrieval.census.meaning.values import External
from retrieval.census.modalities.modal_flow import takes
from retrieval.census.modalities.modalities import modalities
from retrieval.census.modalities.modality_names import named
from retrieval.census.models.made_models import SERVED, Made
from retrieval.census.models.roster import Roster, Use
from retrieval.census.vision.pictures import has_pictures, of_pictures

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.vision.vision_calls import Run

SEEN = ("image", "video")
_NO_RUN = re.compile(r"(?i)^(?:before|after|on|prepare|init|load|get_context|log|configure|set_)_?|loss|optimizer")
_EMBEDS = re.compile(r"set_(?:torch_)?image(?:_batch)?")
_MIXED = re.compile(r"[\"']multi_modal_data[\"']|[\"']pixel_values[\"']")  # what goes into a language model with text
_MADE_OF = re.compile(r"(?i)(?:^|[._])\w*(?:embed|embs?\b|_feat|features?\b|tokens?\b|hidden_states)\w*(?:\[.*)?$")
_PUTS = re.compile(r"(?i)(?:read|set|load|put|feed)_?(?:the_)?(?:image|img|picture|frame|input)s?$")
MOST_ARGUMENTS = 6


def sees(roster: Roster, made: Made) -> bool:
    """Whether a model takes images or video: a library's as known, a class of the repository first of all."""
    taken = takes(roster, made)
    if made.known is not None:
        return any(modality in SEEN for modality in taken)
    if not taken:
        return made.cls is not None and of_pictures(roster, made.cls)
    return taken[0] in SEEN and has_pictures(roster) and not _reads_embedded(roster, made)


def _reads_embedded(roster: Roster, made: Made) -> bool:
    """Whether all that a class here takes of images is what others made of them: `image_embs`."""
    method = roster.program.method(made.cls, "forward") if made.cls is not None else None
    frame = roster.program.frame(method[0].path, method[1], made.cls) if method is not None else None
    names = [name for name in frame.parameters if named(name) in SEEN] if frame is not None else []
    return bool(names) and all(_MADE_OF.search(name) for name in names)


def image_input(roster: Roster, use: Use) -> Spot | None:
    """The argument of a call that is an image or a video; the first one when the model is known to take such."""
    if _ruled_out(roster, use):
        return None
    if use.made and use.made[0].maker.startswith(("http.", SERVED)):
        return _posted(use)
    seeing = (not use.made and use.method != "run") or any(sees(roster, made) for made in use.made)
    seeing = seeing or (bool(use.made) and _MIXED.search(_source(use.frame)) is not None)
    if (mixed := _mixed(use)) is not None:
        return mixed
    first: Spot | None = None
    over = _is_given_over(use)
    if seeing and (before := _put_in(use)) is not None:
        return before
    for said, spot in inputs_of(roster.tracer, use)[:MOST_ARGUMENTS]:
        if _MADE_OF.search(spot.text()) or _is_switch(spot):
            continue  # what is made of an embedding is no image
        told = [said] if said else [item.modality for item in modalities(roster.tracer, spot)]
        if told and (told[0] == "image" or (told[0] == "video" and seeing)):
            return spot
        if told and told[0] == "audio":
            return None  # a network for images that is given pictures of sound
        first = first or (spot if not told else None)
    if over or not seeing:
        return spread(use) if over else None
    return _handed(use) or (None if _reads_text(use) else first)


def _posted(use: Use) -> Spot | None:
    """The body of a request to a model that reads images: what goes with the address."""
    place, text = Spot(use.frame, use.step.node, use.step.order, use.step.guards), use.frame.body.tree.text
    for child in arguments(use.step.node, keywords=True):
        name = text(child.child_by_field_name("name")) if child.type == "keyword_argument" else ""
        if re.search(r"json|data|body|payload|query|content", name or text(child)):
            node = child.child_by_field_name("value") if name else child
            return place.inner(node, take=())[0] if node is not None else None
    return None


def embeds_at_once(use: "Use | Run") -> bool:
    """Whether a call gives an image to a library's model that embeds it there and then and keeps what it made."""
    known = use.made[0].known if use.made else None
    return known is not None and _EMBEDS.fullmatch(use.step.written.rpartition(".")[2]) is not None


def _is_switch(spot: Spot) -> bool:
    """Whether a value is a parameter that is a truth value or a number where no call gives it."""
    preset = default(spot.frame, spot.text()) if spot.node.type == "identifier" else None
    return preset is not None and preset.type in ("true", "false", "integer", "float")


def _put_in(use: Use) -> Spot | None:
    """The image that a call before put into the object, where the call itself is given no value: `helper.read_image(x)`
    before `helper.get_landmarks(only_largest=True)`."""
    holder, text = use.step.written.rpartition(".")[0], use.frame.body.tree.text
    if not holder or arguments(use.step.node):
        return None
    earlier = [
        step
        for step in use.frame.body.calls
        if step.order < use.step.order and step.written.rpartition(".")[0] == holder
        and _PUTS.match(step.written.rpartition(".")[2]) and arguments(step.node)
    ]  # fmt: skip
    if not earlier:
        return None
    step, node = earlier[-1], arguments(earlier[-1].node)[0]
    return Spot(use.frame, node, step.order, step.guards) if text(node) else None


def _mixed(use: Use) -> Spot | None:
    """What a model is given first in a body that writes texts and images together under the key that vLLM reads."""
    if not use.made or "multi_modal_data" not in _source(use.frame):
        return None
    given = [
        node for node in arguments(use.step.node) if node.type in ("identifier", "attribute", "list", "dictionary")
    ]
    place = Spot(use.frame, use.step.node, use.step.order, use.step.guards)
    return place.inner(given[0], take=())[0] if given else None


def _reads_text(use: Use) -> bool:
    """Whether nothing tells whether a model that embeds images and texts is given a text: `model.ln_final(x)`."""
    known = [made.known for made in use.made if made.known is not None]
    both = bool(known) and all("text" in item.takes and item.gives == "embedding" for item in known)
    return both and not re.search(r"(?i)image|visual|vision", use.step.written)


def _source(frame: "Frame") -> str:
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    return frame.body.tree.text(node) if node is not None else ""


def _is_given_over(use: Use) -> bool:
    """Whether the call is of an outside function that is given the model to run it."""
    own = any((use.frame.path, use.step.node.id) == made.key for made in use.made)
    return not use.method and bool(use.made) and not own and isinstance(use.frame.callee(use.step), External)


def _handed(use: Use) -> Spot | None:
    """What a known model that reads images is handed as a whole: `model.generate(**inputs)`."""
    known = [made.known for made in use.made if made.known is not None]
    if not any(item.immediate is False and set(item.takes) & {*SEEN} for item in known):
        return None
    return spread(use)


def spread(use: Use) -> Spot | None:
    """`inputs` of a call that is given `**inputs`."""
    place = Spot(use.frame, use.step.node, use.step.order, use.step.guards)
    splats = [child for child in arguments(use.step.node, keywords=True) if child.type == "dictionary_splat"]
    return place.inner(splats[0].named_children[0], take=())[0] if splats else None


def _ruled_out(roster: Roster, use: Use) -> bool:
    """Whether the call runs no model on images: of classes that take other things, and of methods that only prepare."""
    if use.method and _NO_RUN.search(use.method) and not embeds_at_once(use):
        return True
    if not use.made:
        return False
    made, known = use.made[0], use.made[0].known
    if made.cls is not None:
        return not any(sees(roster, one) for one in use.made)
    hosted = known is not None and known.hosted and not set(known.takes) & {*SEEN}
    other = known is not None and bool(known.takes) and not set(known.takes) & {*SEEN, "text", "latents"}
    return hosted or other
