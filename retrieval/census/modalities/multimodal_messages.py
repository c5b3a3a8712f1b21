"""Kind `multimodal_messages`: requests that put images, video or sound beside text for a model that reads both."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.spots import arguments, key_of
from retrieval.census.meaning.wording import caller
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit
from retrieval.parse import Node, Tree, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_MAY = re.compile(
    rb"image_url|input_image|video_url|input_audio|inline_data|[\"']images?[\"']|mime_type|media_type|multi_?modal_data|image_data"
)
_TYPES = {
    "image_url": "image", "input_image": "image", "image": "image", "video_url": "video", "video": "video",
    "input_audio": "audio", "audio_url": "audio", "audio": "audio",
}  # fmt: skip
_HOLDING = ("image_url", "source", "image", "input_audio", "video", "video_url", "audio", "audio_url", "inline_data")
_BESIDE = ("multi_modal_data", "multimodal_data")  # what engines and servers take beside a prompt
_PARTS = re.compile(r"(?:^|\.)Part\.from_(?:bytes|data|uri|image)$|(?:^|\.)Image\.(?:from_bytes|load_from_file)$")
_MIME = re.compile(r"[\"'](image|video|audio)/")
_SENDING = re.compile(
    r"(?:^|\.)(?:create|parse|generate_content\w*|post|chat|completions?|acompletion|apply_chat_template|a?invoke|stream|"
    r"generate|infer|send_message|batch_infer)$"
)
_PAYLOADS = ("multimodal_data", "multi_modal_data", "image_data", "images")
_ENCODED = re.compile(r"(?i)b(?:ase)?64|\bpil_|^\{")
SHOWN = 90
_FOUND: "Beside[Roster, list[Message]]" = Beside()


@dataclass(frozen=True)
class Message:
    """A part of a message that is no text: what it is, where it is built, the text beside it and who sends both."""

    frame: "Frame"
    node: Node
    modality: str
    text: Node | None
    sent: Node | None

    @property
    def written(self) -> str:
        """The part as written."""
        return one_line(self.frame.body.tree.text(self.node), SHOWN)


@kind(
    "multimodal_messages",
    summary="messages and requests that put an image, video or sound beside text for a model that reads both",
    example="multimodal_messages",
    reads="python",
    ordered=True,
)
def multimodal_messages(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per place that builds such a part; patterns match "image + text" and the like."""
    for message in messages(roster_of(codebase)):
        name = f"{message.modality} + text"
        if query.matches(name):
            yield _hit(codebase, message, name)


def messages(roster: Roster) -> list[Message]:
    """Every part of a message that is no text, one per body, those that programs reach first; worked out once."""
    if roster not in _FOUND:
        may = {file.path for file in roster.program.snapshot.files if _MAY.search(file.data)}
        frames = [frame for frame, _ in roster.frames if frame.path in may]
        _FOUND[roster] = [message for frame in frames for message in _of_frame(frame)]
    return _FOUND[roster]


def _of_frame(frame: "Frame") -> Iterator[Message]:
    tree = frame.body.tree
    inside = list(_nodes(frame))
    parts = [(node, told) for node in inside if (told := _part(tree, node))]
    if not parts:
        return
    text = next((node for node in inside if _is_text(tree, node)), None)
    sent = next((step.node for step in frame.body.calls if _SENDING.search(step.written)), None)
    node, told = parts[0]
    if text is not None or sent is not None or node.type == "call" or _holds(tree, node):
        yield Message(frame, node, told, text, sent)


def _nodes(frame: "Frame") -> Iterator[Node]:
    """The dictionaries and calls of a body, without those of inner functions."""
    events = (*frame.body.bindings, *frame.body.stores, *frame.body.exits)
    whole = [event.value for event in events if event.value is not None] + [step.node for step in frame.body.calls]
    seen: set[int] = set()
    for value in whole:
        for node in descendants(value):
            if node.type in ("dictionary", "call") and node.id not in seen:
                seen.add(node.id)
                yield node


def _pairs(tree: Tree, node: Node) -> dict[str, Node]:
    listed = [pair for pair in node.named_children if pair.type == "pair"]
    found = {key_of(tree.text(p.child_by_field_name("key"))).strip("'"): p.child_by_field_name("value") for p in listed}
    return {key: value for key, value in found.items() if value is not None}


def _part(tree: Tree, node: Node) -> str:
    """The modality of a part that is no text: `{"type": "image_url", …}`, `{"prompt": …, "images": …}`, a `Part`."""
    if node.type == "call":
        written = tree.text(node.child_by_field_name("function"))
        mime = _MIME.search(tree.text(node))
        return mime[1] if _PARTS.search(written) and mime else "image" if written.endswith("Part.from_image") else ""
    pairs = _pairs(tree, node)
    told = _TYPES.get(tree.text(pairs["type"]).strip("\"'"), "") if "type" in pairs else ""
    if told and any(key in pairs for key in _HOLDING):
        return told
    beside = next((pairs[key] for key in _BESIDE if key in pairs), None)
    if beside is not None and any(key.startswith("prompt") for key in pairs):
        keys = _pairs(tree, beside) if beside.type == "dictionary" else {}
        return next((_TYPES[key] for key in keys if key in _TYPES), "image")
    asks = "images" in pairs and ("prompt" in pairs or "content" in pairs) and ("model" in pairs or "role" in pairs)
    if asks or "inline_data" in pairs or "inlineData" in pairs:
        return "image"
    payload = next((pairs[key] for key in _PAYLOADS if key in pairs), None)
    prompted = any(key.startswith(("prompt", "text", "content")) for key in pairs)
    if payload is None or not prompted or not _ENCODED.search(tree.text(payload)):
        return ""
    return next((told for told in ("audio", "video") if f'"{told}' in tree.text(payload)), "image")


def _holds(tree: Tree, node: Node) -> bool:
    pairs = _pairs(tree, node)
    return any(key in pairs for key in ("image_url", "source", *_PAYLOADS))


def _is_text(tree: Tree, node: Node) -> bool:
    if node.type != "dictionary":
        return False
    pairs = _pairs(tree, node)
    return ("type" in pairs and tree.text(pairs["type"]).strip("\"'") in ("text", "input_text")) or (
        "prompt" in pairs and "images" in pairs
    )


def _hit(codebase: "Codebase", message: Message, name: str) -> CensusHit:
    frame, tree = message.frame, message.frame.body.tree
    subject = caller(frame)
    text = f"{subject[0].upper()}{subject[1:]} builds the {message.modality} part `{message.written}`"
    if message.text is not None and message.text is not message.node:
        text += f" beside the text part `{one_line(tree.text(message.text), 50)}`"
    if message.sent is not None:
        text += f", sent by `{sender(message)}`"
    nodes = [node for node in (message.text, message.sent) if node is not None]
    return hit_at(
        codebase, frame.path, (first_line(message.node), last_line(message.node)), symbol=frame.symbol, name=name,
        text=text, related=tuple(("beside", frame.path, first_line(node), last_line(node)) for node in nodes),
    )  # fmt: skip


def sender(message: Message) -> str:
    """The call that sends a message, without most of its arguments; "" when none stands in the body."""
    if message.sent is None:
        return ""
    text = message.frame.body.tree.text
    given = arguments(message.sent, keywords=True)
    return f"{text(message.sent.child_by_field_name('function'))}({'…' if given else ''})"
