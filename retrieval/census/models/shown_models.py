"""Models of libraries that no table lists, known by what is done with them: `net = lib.Net(); net.eval()`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import Tracer
from retrieval.census.meaning.values import ClassRef, External, FunctionRef
from retrieval.census.models.families import RUNNING
from retrieval.census.models.known_models import known_model, may_make
from retrieval.census.models.packaged import own_package
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

MOST_SPOTS = 40
_RUNS = re.compile(
    r"(?:^|_)(?:predict|infer|inference|recogni[sz]e|transcribe|detect|segment|classify|generate)(?:_|$)"
)
_NAMED = re.compile(
    r"(?:Predictor|Recogni[sz]er|Detector|Segmenter|Transcriber|Captioner|Tagger|Upscaler|Diarizer|OCR|Ocr|Net|Model)\w*$"
)
_SURE = re.compile(r"(?:[a-z]O(?:cr|CR)|Captioner|Transcriber|Upscaler|Diarizer)$")
_FACTORY = re.compile(
    r"(?:^|_)(?:load|create|build|get|init|spawn|make|setup)_(?:\w+_)?(?:model|network|predictor|detector|vocoder)$"
)
_TELLING = re.compile(
    r"(?:^|_)(?:device|weights?|checkpoint|ckpt|pretrained|repo_id|model_(?:path|name|dir|id|file|size|identifier))"
    r"(?:_path|_file|_dir)?$"
)
_FILE = re.compile(r"(?i)\w\.(?:pt|pth|ckpt|safetensors|onnx|bin|pkl|h5|task|tflite)[\"']$")
_READY = words("eval cuda half to")


@dataclass(frozen=True)
class Shown:
    """What a call makes: the outside name that it calls, and the methods that are seen to run the result."""

    maker: str
    runs: frozenset[str] = frozenset()


def shown_models(tracer: Tracer, frames: "Iterable[Frame]") -> dict[tuple[str, int], Shown]:
    """The outside makers of what is put into evaluation mode or is made with weights or a device and then run, and
    the predictors of libraries that are run, by the path and node of the call."""
    listed = list(frames)
    found: dict[tuple[str, int], Shown] = {}
    names = frozenset(name for frame in listed for name in _promising(frame))
    for frame in listed:
        for step in frame.body.calls:
            method = _method(frame, step)
            for holder in _holders(frame, step, names):
                for spot in _made(tracer, Spot(frame, holder, step.order, step.guards)):
                    if method == "eval" or _predicts(spot) or _promises(spot.frame, spot.node, _maker(spot)):
                        key = (spot.frame.path, spot.node.id)
                        known = found[key].runs if key in found else frozenset[str]()
                        ran = set() if method in _READY or holder.type != "attribute" else {method}
                        found[key] = Shown(_maker(spot), known | ran)
    return found


def _holders(frame: "Frame", step: CallStep, names: frozenset[str]) -> Iterator[Node]:
    """The expressions that a call shows to be models, if libraries made them: `net` of `net.eval()` and `net(x)`."""
    function = step.node.child_by_field_name("function")
    if function is None:
        return
    *around, _last = step.written.split(".")
    method = _method(frame, step)
    given = bool(arguments(step.node, keywords=True))
    owner = function.child_by_field_name("object") if function.type == "attribute" else None
    if owner is not None and (
        (method == "eval" and not given)
        or (given and _RUNS.search(method))
        or (bool(around) and around[-1] in names and (method in _READY or (given and method in RUNNING)))
    ):
        yield owner
    if given and method in names and not isinstance(frame.callee(step), FunctionRef | ClassRef | External):
        yield function


def _method(frame: "Frame", step: CallStep) -> str:
    """The last name that a call calls: what is written of a long chain is cut."""
    function = step.node.child_by_field_name("function")
    named = function.child_by_field_name("attribute") if function is not None else None
    return frame.body.tree.text(named) if named is not None else step.written


def _promising(frame: "Frame") -> Iterator[str]:
    """The names that a body gives to what outside calls make that may be models by what these calls are given."""
    for step in frame.body.calls:
        if _named_so(step) or _SURE.search(step.written) or _given_so(frame, step.node):
            value = frame.callee(step)
            if isinstance(value, External) and may_make(value.name) and known_model(value.name) is None:
                around = (b for b in frame.body.bindings if b.value is not None and _holds(b.value, step.node))
                yield from (binding.name.rpartition(".")[2] for binding in around)


def _holds(value: Node, node: Node) -> bool:
    return value.start_byte <= node.start_byte and node.end_byte <= value.end_byte


def _named_so(step: CallStep) -> bool:
    return _FACTORY.search(step.written.rpartition(".")[2]) is not None


def _given_so(frame: "Frame", call: Node) -> bool:
    """Whether a call is given a device, weights or the name of a model by keyword, or a file of weights."""
    text = frame.body.tree.text
    for child in arguments(call, keywords=True):
        if child.type == "keyword_argument":
            if _TELLING.search(text(child.child_by_field_name("name"))):
                return True
        elif child.type == "string" and _FILE.search(text(child)):
            return True
    return False


def _promises(frame: "Frame", call: Node, maker: str) -> bool:
    """Whether what an outside call makes may be a model by the name of the function or by what a class is given."""
    last = maker.rpartition(".")[2]
    return _FACTORY.search(last) is not None or (last[:1].isupper() and _given_so(frame, call))


def _predicts(spot: Spot) -> bool:
    """Whether a call constructs an outside object that is named as what predicts, and is given something to do so."""
    last, given = _maker(spot).rpartition(".")[2], bool(arguments(spot.node, keywords=True))
    return bool(_SURE.search(last) or (given and _NAMED.search(last)))


def _made(tracer: Tracer, spot: Spot) -> Iterator[Spot]:
    walk = tracer.walk(spot, computed=False, stop=lambda at: bool(_maker(at)), most=MOST_SPOTS)
    return (at for at in walk if _maker(at) and not at.take and not own_package(tracer, at, _maker(at)))


def _maker(spot: Spot) -> str:
    """The outside function or class that a spot calls, when it may give a model."""
    if spot.node.type != "call":
        return ""
    value = spot.frame.value(spot.node.child_by_field_name("function"), spot.order, spot.guards)
    return value.name if isinstance(value, External) and may_make(value.name) else ""
