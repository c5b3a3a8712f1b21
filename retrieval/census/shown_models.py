"""Models of libraries that no table lists, known by what is done with them: `net = lib.Net(); net.eval()`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.known_models import may_make
from retrieval.census.spots import Spot, arguments
from retrieval.census.tracing import Tracer
from retrieval.census.values import External

if TYPE_CHECKING:
    from retrieval.census.frame import Frame

MOST_SPOTS = 40
_RUNS = re.compile(
    r"(?:^|_)(?:predict|infer|inference|recogni[sz]e|transcribe|detect|segment|classify|generate)(?:_|$)"
)
_NAMED = re.compile(
    r"(?:Predictor|Recogni[sz]er|Detector|Segmenter|Transcriber|Captioner|Tagger|Upscaler|Diarizer|OCR|Ocr|Net|Model)\w*$"
)


@dataclass(frozen=True)
class Shown:
    """What a call makes: the outside name that it calls, and the methods that are seen to run the result."""

    maker: str
    runs: frozenset[str] = frozenset()


def shown_models(tracer: Tracer, frames: "Iterable[Frame]") -> dict[tuple[str, int], Shown]:
    """The outside makers of what is put into evaluation mode, and the predictors of libraries that are made with
    weights, settings or a device and then run, by the path and node of the call."""
    found: dict[tuple[str, int], Shown] = {}
    for frame in frames:
        for step in frame.body.calls:
            function = step.node.child_by_field_name("function")
            owner = function.child_by_field_name("object") if function is not None else None
            method = step.written.rpartition(".")[2]
            evaluated = method == "eval" and not arguments(step.node, keywords=True)
            runs = _RUNS.search(method) is not None and bool(arguments(step.node, keywords=True))
            if owner is None or not (evaluated or runs):
                continue
            for spot in _made(tracer, Spot(frame, owner, step.order, step.guards)):
                if evaluated or _predicts(spot):
                    key = (spot.frame.path, spot.node.id)
                    known = found[key].runs if key in found else frozenset[str]()
                    found[key] = Shown(_maker(spot), known | (set() if evaluated else {method}))
    return found


def _predicts(spot: Spot) -> bool:
    """Whether a call constructs an outside object that is named as what predicts, and is given something to do so."""
    return bool(_NAMED.search(_maker(spot).rpartition(".")[2])) and bool(arguments(spot.node, keywords=True))


def _made(tracer: Tracer, spot: Spot) -> Iterator[Spot]:
    walk = tracer.walk(spot, computed=False, stop=lambda at: bool(_maker(at)), most=MOST_SPOTS)
    return (at for at in walk if _maker(at) and not at.take)


def _maker(spot: Spot) -> str:
    """The outside function or class that a spot calls, when it may give a model."""
    if spot.node.type != "call":
        return ""
    value = spot.frame.value(spot.node.child_by_field_name("function"), spot.order, spot.guards)
    return value.name if isinstance(value, External) and may_make(value.name) else ""
