"""Which modality a value is of: image, video, audio, text, prompt, motion …, told by names and loaders on its way.

A value is traced backwards to the nearest name, key, loader or encoder that says one modality; sizes and shapes that
are taken from other values are not followed.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import Tracer, tracer_of
from retrieval.census.meaning.values import External, ExternalObject, Instance
from retrieval.census.modalities.modality_names import CONTEXT, GROUPS, documented, named
from retrieval.census.modalities.worked_with import hears_only, reads_text, works_with_audio
from retrieval.census.models.families import RUNNING, snake
from retrieval.census.models.known_models import known_model
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

_WEAK = re.compile(r"^(?:(?:text|input|target|decoder|prompt)_)?(?:tokens|token_ids|token_embeddings?|wte)$")
_IMAGES = (
    r"^(?:PIL\.Image\.(?:open|fromarray)|cv2\.(?:imread|imdecode)|skimage\.io\.imread|torchvision\.io\.read_image)$"
)
_SOUNDS = r"^(?:(?:librosa|torchaudio)\.\w+(?:\.\w+)*|soundfile\.read|scipy\.io\.wavfile\.read|whisper\.load_audio)$"
_LOADERS = (
    (re.compile(_IMAGES), "image"),
    (re.compile(r"^(?:cv2\.VideoCapture|decord\.\w+|av\.open|torchvision\.io\.read_video)$"), "video"),
    (re.compile(_SOUNDS), "audio"),
)
SHAPING = words(
    """view reshape repeat expand permute transpose unsqueeze squeeze flatten chunk split float half to type cuda cpu
    contiguous detach clone numpy copy size astype long int bool repeat_interleave expand_as view_as type_as unbind
    mean sum max min norm softmax t T mT narrow"""
)
_FRESH = re.compile(
    r"(?:^|\.)(?:zeros|ones|rand|randn|randint|arange|empty|full|eye|linspace|len|range|zeros_like|ones_like|randn_like|"
    r"full_like|empty_like|size|isinstance|getattr)$"
)
_SETTINGS = re.compile(r"(?:^|\.)\w*Config(?:\.\w+)?$")  # what is computed from settings is no data of a modality
_CONSTANT = re.compile(r"^(?:\w+\.)*[A-Z][A-Z_]+$")  # a key that an enumeration or a module names
_EMBEDDING = re.compile(r"\bEmbedding\(\s*(?:num_embeddings\s*=\s*)?([A-Za-z_][\w.]*)")
_COUNTED = re.compile(r"^(?:num|n)_|(?:_vocab(?:ulary)?)?_size$|^vocab(?:ulary)?_size_|_vocab$")
_ZERO = re.compile(r"^0(?:\.0*)?$")
_MEASURES = words("shape device dtype ndim")
_SEMANTIC = re.compile(
    r"codebook\b|(?:^|_)semantic_(?:tokens?|history|prompt|codes?|ids)|(?:^|_)(?:pred|prompt|x)_semantic$"
)
_GIVEN = ("text", "image", "audio", "video")
_WHOLE = re.compile(r"^(?!.*bert)(\w+)_(?:encoder|model|net|network|extractor|tower|transformer|backbone)$")
_TAKEN_OFF: "Beside[Program, frozenset[str]]" = Beside()
MOST, NEAR, FAR = 70, 60, 120


@dataclass(frozen=True)
class Told:
    """A modality, and the spot whose name or loader tells it."""

    modality: str
    spot: Spot

    @property
    def group(self) -> str:
        """The kind of modality."""
        return GROUPS.get(self.modality, self.modality)


def modalities(tracer: Tracer, spot: Spot, most: int = MOST) -> list[Told]:
    """The modalities of a value, nearest evidence first, each once.

    What only a name like `tokens` or `prompt` says counts where nothing else does.
    """
    waiting, seen, found = deque([spot]), {spot.key}, dict[str, Told]()
    weak: list[Told] = []
    while waiting and most > 0:
        at = waiting.popleft()
        most -= 1
        told = _heard(at, _told(at))
        if told and told != "prompt":
            found.setdefault(told, Told(told, at))
            continue
        weak += [Told(told or "text", at)] if not weak and (told or _is_weak(at)) else []
        for source in data_sources(tracer, at):
            if source.key not in seen:
                seen.add(source.key)
                waiting.append(source)
    sure = bool(weak) and not _is_spoken(spot, weak) and reads_text(spot.frame.program, weak[0].spot.frame.path)
    return list(found.values()) or (weak if sure else [])


def nearest(tracer: Tracer, spot: Spot) -> list[Told]:
    """The modalities of a value: those near it, and those further off when nothing near tells any."""
    return modalities(tracer, spot, NEAR) or modalities(tracer, spot, FAR)


def _is_spoken(spot: Spot, weak: list[Told]) -> bool:
    """Whether prompts may be of sound: in code that works with audio."""
    return bool(weak) and weak[0].modality == "prompt" and works_with_audio(spot.frame.program)


def taken_off(program: "Program") -> frozenset[str]:
    """Names of parts that code takes off a finished model: `net.embeddings.words = None`."""
    if program not in _TAKEN_OFF:
        frames = tracer_of(program).holders.frames
        bound = [b for frame in frames for b in frame.body.bindings if b.name.count(".") > 1]
        none = [b.name for b in bound if b.value is not None and b.value.type == "none"]
        _TAKEN_OFF[program] = frozenset(name.rpartition(".")[2] for name in none)
    return _TAKEN_OFF[program]


def _removed(spot: Spot, written: str) -> bool:
    """Whether what is called is a part that is taken off the finished model."""
    return written.startswith("self.") and written.rpartition(".")[2] in taken_off(spot.frame.program)


def _is_weak(spot: Spot) -> bool:
    """Whether a name says tokens, which are of text where nothing says otherwise."""
    node = spot.node
    named_by = {"attribute": "attribute", "call": "function"}.get(node.type, "")
    part = node.child_by_field_name(named_by) if named_by else node
    written = spot.frame.body.tree.text(part).rpartition(".")[2]
    return node.type in ("identifier", "attribute", "call") and _WEAK.match(written) is not None


def _told(spot: Spot) -> str:
    text, node = spot.frame.body.tree.text, spot.node
    match node.type:
        case "identifier":
            return _of_name(spot, text(node))
        case "attribute":
            return _said(spot, text(node.child_by_field_name("attribute")))
        case "subscript":
            key = node.child_by_field_name("subscript")
            named_by = key is not None and (key.type == "string" or _CONSTANT.search(text(key)) is not None)
            return _said(spot, text(key).strip("\"'").rpartition(".")[2]) if named_by else ""
        case "call":
            return _call(spot, node)
    return ""


def _heard(spot: Spot, told: str) -> str:
    """What is told of a value, but pictures in code without any."""
    return "" if GROUPS.get(told, told) == "image" and hears_only(spot.frame.program) else told


def _said(spot: Spot, name: str) -> str:
    """What a name says; semantic tokens are of speech where code works with audio."""
    audible = works_with_audio(spot.frame.program)
    told = "audio" if audible and _SEMANTIC.search(name) else named(name)
    return "" if audible and told == "latents" else told


def _of_name(spot: Spot, name: str) -> str:
    """What a name says, and what the annotation or the docstring says of it when it is a parameter."""
    frame = spot.frame
    told = _said(spot, name)
    if told or name not in frame.parameters or frame.definition is None:
        return told
    annotation = frame.parameters[name]
    kinds = {named(word) for word in re.findall(r"\w+", annotation)} - {""}
    return min(kinds) if len(kinds) == 1 else documented(frame.definition.docstring, name)


def _call(spot: Spot, node: Node) -> str:
    """What a call says: its name, the loader that it is, or the encoder on which it is made."""
    function = node.child_by_field_name("function")
    written = spot.frame.body.tree.text(function)
    last = written.rpartition(".")[2]
    if (
        attends(spot, node)
        or last in SHAPING
        or _FRESH.search(written)
        or _SETTINGS.search(written)
        or _removed(spot, written)
    ):
        return ""
    value = spot.frame.value(function, spot.order, spot.guards)
    if isinstance(value, External):
        told = next((modality for pattern, modality in _LOADERS if pattern.match(value.name)), "")
        if told:
            return told
    maker = value.maker if isinstance(value, ExternalObject) else ""
    known = known_model(maker) if maker else None
    if known is not None and known.gives:
        embeds = known.gives == "embedding" and len(known.takes) == 1
        return known.takes[0] if embeds else known.gives if known.gives in _GIVEN else ""
    whole = _WHOLE.match(snake(value.cls.definition.name)) if isinstance(value, Instance) else None
    if whole is not None and (told := named(whole[1])):
        return told
    if told := _table(spot, function):
        return told
    pieces = written.split(".")
    last = "" if pieces[-1] == "bert" else _said(spot, pieces[-1])  # a Q-Former keeps its layers in a `bert`
    return last or (_said(spot, pieces[-2]) if len(pieces) > 1 and pieces[-2] not in ("self", "cls") else "")


def attends(spot: Spot, node: Node) -> bool:
    """Whether a call is given the states of another encoder beside its own input: `block(x, context=y)`."""
    named_ = [c for c in arguments(node, keywords=True) if c.type == "keyword_argument"]
    text = spot.frame.body.tree.text
    held = [c.child_by_field_name("value") for c in named_ if text(c.child_by_field_name("name")) in CONTEXT]
    return any(value is not None and value.type not in ("none", "false") for value in held) and bool(arguments(node))


def _table(spot: Spot, function: Node | None) -> str:
    """What a table of embeddings is of, by the name of its size where it is made: `Embedding(num_audio_tokens, …)`."""
    text, frame = spot.frame.body.tree.text, spot.frame
    while function is not None and function.type == "subscript":
        function = function.child_by_field_name("value")
    holder = text(function) if function is not None else ""
    if frame.owner is None or not holder.startswith("self."):
        return ""
    made = [b for m in frame.program.methods(frame.owner, frame.owner) for b in m.bound(holder) if b.value is not None]
    sizes = [size[1] for b in made for size in _EMBEDDING.finditer((b.value.text or b"").decode("utf-8", "replace"))]  # type: ignore[union-attr]
    told = {named(_COUNTED.sub("", size.rpartition(".")[2].lower())) for size in sizes} - {""}
    return told.pop() if len(told) == 1 else ""


def data_sources(tracer: Tracer, spot: Spot) -> list[Spot]:
    """What the data of a value comes from, one step back: no sizes, no devices, no fresh tensors."""
    node, text = spot.node, spot.frame.body.tree.text
    if node.type == "attribute" and text(node.child_by_field_name("attribute")) in _MEASURES:
        return []
    if node.type == "binary_operator" and _is_nothing(node, text):
        return []
    if node.type == "call":
        function = node.child_by_field_name("function")
        written = text(function)
        if _removed(spot, written) or _FRESH.search(written) or _SETTINGS.search(written):
            return []
        if attends(spot, node):  # what attends to a context stays of its own modality
            return _first(spot, node)
        if not spot.take and is_module(tracer, spot):
            return [inner for child in arguments(node, keywords=True) for inner in spot.inner(child, take=())]
        if function is not None and function.type == "attribute" and written.rpartition(".")[2] in SHAPING:
            owner = function.child_by_field_name("object")
            value = spot.frame.value(owner, spot.order, spot.guards)
            return spot.inner(owner) if not isinstance(value, External) else _first(spot, node)
        if _runs_model(spot, function) and (given := arguments(node)):
            return [inner for child in given for inner in spot.inner(child, take=())]
    return [source for source, _computed in tracer.sources(spot)]


def _is_nothing(node: Node, text: Callable[[Node | None], str]) -> bool:
    """`0. * features`: a product that carries nothing, by which code keeps weights in a graph of gradients."""
    sides = (node.child_by_field_name("left"), node.child_by_field_name("right"))
    return text(node.child_by_field_name("operator")) == "*" and any(_ZERO.match(text(side)) for side in sides)


def _runs_model(spot: Spot, function: Node | None) -> bool:
    """Whether a method of a library's object computes: what it gives is made of its arguments, not of the weights."""
    if function is None or function.type != "attribute":
        return False
    owner = spot.frame.value(function.child_by_field_name("object"), spot.order, spot.guards)
    name = spot.frame.body.tree.text(function.child_by_field_name("attribute"))
    return isinstance(owner, ExternalObject) and name in RUNNING


def is_module(tracer: Tracer, spot: Spot) -> bool:
    """Whether a call runs an object with a `forward`: what it gives is made of all that it is given.

    A module that may have lost a part is looked into.
    """
    value = spot.frame.value(spot.node.child_by_field_name("function"), spot.order, spot.guards)
    method = tracer.program.method(value.cls, "forward") if isinstance(value, Instance) else None
    frame = tracer.program.frame(method[0].path, method[1]) if method is not None else None
    lost = {f"self.{name}" for name in taken_off(tracer.program)}
    return frame is not None and not any(step.written in lost for step in frame.body.calls)


def _first(spot: Spot, node: Node) -> list[Spot]:
    given = arguments(node)
    return spot.inner(given[0], take=()) if given else []
