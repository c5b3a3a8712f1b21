"""Models that packages keep to themselves: run by a function that is given the name of one, or standing in a module.

`run_file_with_model(path, model_name=…)` makes and runs a model inside the package; `tables.load_agent()` puts one into
the module, from where code takes it: `tables.agent.predict(image)`. What such a model is for, words of the package say.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import Tracer
from retrieval.census.meaning.values import External
from retrieval.census.models.known_models import Known, known_model, may_make

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

NEAR = 12
_MODEL_NAME = re.compile(r"^(?:\w+_)?model_(?:name|id|path|type)$")
_COMPUTES = re.compile(
    r"(?:^|_)(?:with_model|by_model|predict\w*|infer|inference|recogni[sz]e|transcribe|detect|segment|classify|ocr)(?:_|$)"
)
_RUNS = re.compile(r"(?:^|_)(?:predict|infer|recogni[sz]e|transcribe|detect|segment|classify|generate|ocr)(?:_|$)")
_LOADS = re.compile(r"^(?:load|init|initiali[sz]e|setup)(?:_\w+)?$")
_FETCHES = re.compile(r"^(?:get|load|create|build)_(?:\w+_)?model$")
_MODELS = re.compile(r"\.(?:models?|inference|predictors?)\.")
_PURPOSES = (
    (re.compile(r"layout"), "layout detection", ("image",), "layout"),
    (re.compile(r"tables?(?:_|\b)|table_?former"), "table structure recognition", ("image",), "layout"),
    (re.compile(r"(?<![a-z])ocr|text_?recogni"), "text recognition (OCR)", ("image",), "text"),
    (re.compile(r"yolo|detectron|object_?detect"), "object detection", ("image",), "boxes"),
)


@dataclass(frozen=True)
class Packaged:
    """A model inside a package: the outside name that tells it, its kind, and from where code takes it, if any."""

    maker: str
    known: Known
    standing: str = ""


def packaged(tracer: Tracer, frames: "Iterable[Frame]") -> dict[tuple[str, int], Packaged]:
    """Such models by the path and node of the calls that make or run them."""
    listed, found = list(frames), dict[tuple[str, int], Packaged]()
    standing: dict[str, tuple[str, str]] = {}  # the module, and what it is taken from with the method that runs it
    loading: dict[str, list[tuple[Frame, CallStep]]] = {}
    for frame in listed:
        for step in frame.body.calls:
            name = step.written.rpartition(".")[2]
            if _COMPUTES.search(name) or _FETCHES.match(name) or _names_model(frame, step):
                found |= _given_name(tracer, frame, step)
            if _LOADS.match(name) and isinstance(value := frame.callee(step), External) and may_make(value.name):
                loading.setdefault(value.name.rpartition(".")[0], []).append((frame, step))
    for frame in listed if loading else ():
        for step in frame.body.calls:
            for taken in _taken(tracer, frame, step):
                standing.setdefault(taken.rpartition(".")[0], (taken, step.written.rpartition(".")[2]))
    for module, (taken, method) in standing.items():
        for frame, step in loading.get(module, ()):
            known = _known(module, frozenset({method}))
            found[frame.path, step.node.id] = Packaged(f"{module}.{step.written.rpartition('.')[2]}", known, taken)
    return found


def _names_model(frame: "Frame", step: CallStep) -> bool:
    keys = (child for child in arguments(step.node, keywords=True) if child.type == "keyword_argument")
    return any(_MODEL_NAME.match(frame.body.tree.text(key.child_by_field_name("name"))) for key in keys)


def _given_name(tracer: Tracer, frame: "Frame", step: CallStep) -> dict[tuple[str, int], Packaged]:
    """The call as one that runs a model by its name, or fetches one, if the function is a package's."""
    function = step.node.child_by_field_name("function")
    if function is None or function.type not in ("identifier", "attribute"):
        return {}
    given = arguments(step.node, keywords=True)
    named = _names_model(frame, step)
    for name in _outside(tracer, Spot(frame, function, step.order, step.guards)) if given else ():
        last = name.rpartition(".")[2]
        fetched = _FETCHES.match(last) is not None and _MODELS.search(name) is not None
        if fetched or (named and _COMPUTES.search(last) and len(given) > 1):
            return {(frame.path, step.node.id): Packaged(name, _known(name, frozenset(), immediate=not fetched))}
    return {}


def _outside(tracer: Tracer, spot: Spot) -> Iterator[str]:
    """The unknown outside functions that an expression may be: itself, or what callers give as it."""
    for at in tracer.walk(spot, computed=False, most=NEAR):
        value = at.frame.value(at.node, at.order, at.guards)
        unknown = isinstance(value, External) and may_make(value.name) and known_model(value.name) is None
        if isinstance(value, External) and unknown and not own_package(tracer, at, value.name):
            yield value.name


def own_package(tracer: Tracer, spot: Spot, name: str) -> bool:
    """Whether a name that no file here defines is one of the repository's own package all the same."""
    return tracer.program.codebase.locate(name.partition(".")[0], spot.frame.path) is not None


def _taken(tracer: Tracer, frame: "Frame", step: CallStep) -> Iterator[str]:
    """What stands in outside modules and is run by a call: `pkg.tables.agent` for `agent.predict(image)`."""
    function = step.node.child_by_field_name("function")
    owner = function.child_by_field_name("object") if function is not None and function.type == "attribute" else None
    if owner is not None and _RUNS.search(step.written.rpartition(".")[2]) and arguments(step.node, keywords=True):
        for name in _outside(tracer, Spot(frame, owner, step.order, step.guards)):
            if name.rpartition(".")[2][:1].islower() and name.count(".") > 1:
                yield name


def _known(name: str, runs: frozenset[str], *, immediate: bool = False) -> Known:
    """What words of a dotted name say of a model."""
    for pattern, does, takes, gives in _PURPOSES:
        if pattern.search(name.lower()):
            return Known((), does, takes, gives, runs, immediate=immediate)
    return Known((), runs=runs, immediate=immediate)
