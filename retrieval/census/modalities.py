"""Which modality a value is of: image, video, audio, text, prompt, motion …, told by names and loaders on its way.

A value is traced backwards to the nearest name, key, loader or encoder that says one modality; sizes and shapes that
are taken from other values are not followed.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.known_models import known_model
from retrieval.census.spots import Spot, arguments
from retrieval.census.tracing import Tracer
from retrieval.census.values import External, ExternalObject
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.frame import Frame

_WORDS: dict[str, frozenset[str]] = {
    "image": words(
        """image images img imgs pixel pixels visual visuals vision picture pictures photo photos rgb vit clipvision
        imread face faces crop crops backbone"""
    ),
    "video": words("video videos frame frames decord"),
    "audio": words(
        """audio audios audiox mel mels wav wavs waveform waveforms speech sound spectrogram spectrograms mfcc fbank
        librosa torchaudio soundfile wav2vec hubert voice"""
    ),
    "text": words(
        """text texts txt caption captions question questions sentence sentences instruction instructions bert
        language llm word words tokenizer transcript sentence_embeddings"""
    ),
    "prompt": words("prompt prompts"),
    "motion": words("coeff coeffs pose poses 3dmm motion smpl flame gaze blink"),
    "landmarks": words("landmark landmarks keypoint keypoints bbox bboxes boxes"),
    "depth": words("depthmap depths"),
    "point cloud": words("lidar pointcloud pointclouds pcd"),
    "sensor": words("imu thermal accelerometer eeg ecg tabular"),
}
GROUPS = {"video": "image", "landmarks": "image", "prompt": "text"}
"""Modalities that are of the same kind when it is asked whether two differ."""
_PHRASES = (
    ("input_ids", "text"),
    ("embed_tokens", "text"),
    ("tok_embeddings", "text"),
    ("depth_map", "depth"),
    ("depth_image", "depth"),
    ("depth_token", "depth"),
    ("depth_stem", "depth"),
    ("depth_embed", "depth"),
    ("depth_feat", "depth"),
)
_WEAK = re.compile(r"^(?:(?:text|input|target|decoder|prompt)_)?(?:tokens|token_ids|token_embeddings?|wte)$")
_NOT = re.compile(
    r"(?i)(?:image|img|text|audio|video|mel|frame|word|pixel|prompt)s?_?(?:size|len\w*|width|height|mask|dir|path|file|"
    r"name|num|count|id|idx|index|rate|dim\w*|start|end|shape|std|mean|res\w*|token_id|token_index|pos\w*)s?$"
    r"|^(?:num|n|max|min|len)_|face_?recon|interface|surface|config$"
)
_IMAGES = (
    r"^(?:PIL\.Image\.(?:open|fromarray)|cv2\.(?:imread|imdecode)|skimage\.io\.imread|torchvision\.io\.read_image)$"
)
_SOUNDS = r"^(?:(?:librosa|torchaudio)\.\w+(?:\.\w+)*|soundfile\.read|scipy\.io\.wavfile\.read|whisper\.load_audio)$"
_LOADERS = (
    (re.compile(_IMAGES), "image"),
    (re.compile(r"^(?:cv2\.VideoCapture|decord\.\w+|av\.open|torchvision\.io\.read_video)$"), "video"),
    (re.compile(_SOUNDS), "audio"),
)
_SHAPING = words(
    """view reshape repeat expand permute transpose unsqueeze squeeze flatten chunk split float half to type cuda cpu
    contiguous detach clone numpy copy size astype long int bool repeat_interleave expand_as view_as type_as unbind
    mean sum max min norm softmax t mT narrow"""
)
_FRESH = re.compile(
    r"(?:^|\.)(?:zeros|ones|rand|randn|randint|arange|empty|full|eye|linspace|len|range|zeros_like|ones_like|randn_like|"
    r"full_like|empty_like|size|isinstance|getattr)$"
)
_SETTINGS = re.compile(r"(?:^|\.)\w*Config(?:\.\w+)?$")  # what is computed from settings is no data of a modality
_MEASURES = words("shape device dtype ndim")
MOST = 70


@dataclass(frozen=True)
class Told:
    """A modality, and the spot whose name or loader tells it."""

    modality: str
    spot: Spot

    @property
    def group(self) -> str:
        """The kind of modality."""
        return GROUPS.get(self.modality, self.modality)


def named(name: str) -> str:
    """The one modality that a name says, "" for none and for several kinds."""
    if _NOT.search(name):
        return ""
    lowered = name.lower()
    found = {modality for phrase, modality in _PHRASES if phrase in lowered}
    parts = re.findall(r"3dmm|wav2vec|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+", name)
    pieces = {part.lower() for part in parts}
    found |= {modality for modality, known in _WORDS.items() if pieces & known}
    kinds = {GROUPS.get(modality, modality) for modality in found}
    return min(found) if len(kinds) == 1 and len(found) == 1 else _nearest(found, kinds)


def _nearest(found: set[str], kinds: set[str]) -> str:
    return sorted(found)[-1] if len(kinds) == 1 and found else ""


def modalities(tracer: Tracer, spot: Spot, most: int = MOST) -> list[Told]:
    """The modalities of a value, nearest evidence first, each once."""
    waiting, seen, found = deque([spot]), {spot.key}, dict[str, Told]()
    weak: list[Told] = []
    while waiting and most > 0:
        at = waiting.popleft()
        most -= 1
        told = _told(at)
        if told:
            found.setdefault(told, Told(told, at))
            continue
        weak += [Told("text", at)] if not weak and _is_weak(at) else []
        for source in data_sources(tracer, at):
            if source.key not in seen:
                seen.add(source.key)
                waiting.append(source)
    return list(found.values()) or weak


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
            return named(text(node))
        case "attribute":
            return named(text(node.child_by_field_name("attribute")))
        case "subscript":
            key = node.child_by_field_name("subscript")
            return named(text(key).strip("\"'")) if key is not None and key.type == "string" else ""
        case "call":
            return _call(spot, node)
    return ""


def _call(spot: Spot, node: Node) -> str:
    """What a call says: its name, the loader that it is, or the encoder on which it is made."""
    function = node.child_by_field_name("function")
    written = spot.frame.body.tree.text(function)
    if written.rpartition(".")[2] in _SHAPING or _FRESH.search(written) or _SETTINGS.search(written):
        return ""
    value = spot.frame.value(function, spot.order, spot.guards)
    if isinstance(value, External):
        told = next((modality for pattern, modality in _LOADERS if pattern.match(value.name)), "")
        if told:
            return told
    maker = value.maker if isinstance(value, ExternalObject) else ""
    known = known_model(maker) if maker else None
    if known is not None and len(known.takes) == 1 and known.gives == "embedding":
        return known.takes[0]
    pieces = written.split(".")
    return named(pieces[-1]) or (named(pieces[-2]) if len(pieces) > 1 and pieces[-2] not in ("self", "cls") else "")


def data_sources(tracer: Tracer, spot: Spot) -> list[Spot]:
    """What the data of a value comes from, one step back: no sizes, no devices, no fresh tensors."""
    node, text = spot.node, spot.frame.body.tree.text
    if node.type == "attribute" and text(node.child_by_field_name("attribute")) in _MEASURES:
        return []
    if node.type == "call":
        function = node.child_by_field_name("function")
        written = text(function)
        if _FRESH.search(written) or _SETTINGS.search(written):
            return []
        if function is not None and function.type == "attribute" and written.rpartition(".")[2] in _SHAPING:
            owner = function.child_by_field_name("object")
            value = spot.frame.value(owner, spot.order, spot.guards)
            return spot.inner(owner) if not isinstance(value, External) else _first(spot, node)
    return [source for source, _computed in tracer.sources(spot)]


def _first(spot: Spot, node: Node) -> list[Spot]:
    given = arguments(node)
    return spot.inner(given[0], take=()) if given else []


def of_parameters(frame: "Frame") -> list[str]:
    """The modalities that the parameters of a function name, each once."""
    return list(dict.fromkeys(filter(None, (named(name) for name in frame.parameters))))
