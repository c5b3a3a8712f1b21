"""What kind of thing a model class is: a complete model, a part of one, a layer, a loss or a transform.

Says so from what the code composes and constructs, not from sizes of weights. The rule stands in `Anatomy.tier`.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from retrieval.beside import Beside
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.results import returned
from retrieval.census.meaning.values import (
    ClassRef,
    External,
    FunctionRef,
    Instance,
    Items,
    Table,
    Value,
    alternatives,
)
from retrieval.census.models.families import COMPANIONS, LOADING, MODELISH, library, snake
from retrieval.census.project.exports import exports, packages
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

Tier = Literal["model", "part", "layer", "loss", "transform"]
TIERS: tuple[Tier, ...] = ("model", "part", "layer", "loss", "transform")
LARGE = 60  # lines from which a class without parts, held by a complete model, is a part and not a layer
_LOSS = re.compile(r"(?:Loss(?:es)?|(?:[a-z0-9]|^)(?:Criterion|Objective))\d*$|(?:^|_)loss$|^Loss(?![a-z])")
_LOSS_VALUE = re.compile(r"(?:\w+_)?loss(?:es)?(?:\.(?:mean|sum)\(\))?")
_TRANSFORM = re.compile(
    r"(?:Crop|Pad|Resize|Flip|Rotat|Jitter|Blur|Augment|Normalize|ToTensor|ToPIL|Gray[Ss]cale|ColorSpace|Solarize"
    r"|Transform)(?:s|ed|e|ing|ion)?(?=[A-Z\d]|$)(?<!Transforme)|(?:Spectrogram|MelSpec|STFT|Stft|MFCC|Mfcc|Fbank|FilterBank|MelScale|Resampl\w*|NoiseGate|TorchGate)$"
)
_TRANSFORM_FILE = re.compile(r"(?:^|[/_])(?:\w*_)?(?:transforms?|augment\w*|preprocess\w*)(?:_\w+)?(?:/|\.py$)")
_LAYERS = re.compile(r"(?:torch\.nn|keras\.layers|tensorflow\.keras\.layers|flax\.linen|paddle\.nn|mlx\.nn)\.[^.]*\w$")
_WHOLE = re.compile(r"PreTrainedModel$|LightningModule$|\.Model$|ModelMixin$|Pipeline$|ForCausalLM$")
_WEIGHTLESS = words("Sequential ModuleList ModuleDict Identity Dropout Fold Unfold Flatten ReLU Softmax Sigmoid")
_CONTAINERS = words("Module Sequential ModuleList ModuleDict Layer Parameter Model Cell")

_KNOWN: "Beside[Program, Anatomy]" = Beside()


def anatomy_of(program: "Program", models: dict[ClassRef, str]) -> "Anatomy":
    """The anatomy of a program's whole family of models, worked out once."""
    if program not in _KNOWN:
        _KNOWN[program] = Anatomy(program, models)
    return _KNOWN[program]


class Anatomy:
    """How the model classes of one family are put together."""

    def __init__(self, program: "Program", models: dict[ClassRef, str]) -> None:
        self.program = program
        self.models = models
        self.parts = {cls: self._parts(cls) for cls in models}
        for whole, part in self._given():
            if part not in self.parts[whole] and part != whole:
                self.parts[whole].append(part)
        self.holders: dict[ClassRef, list[ClassRef]] = {}
        for cls, built in self.parts.items():
            for part in built:
                if cls not in program.line(part) and program.snapshot.by_path[cls.path].role != "test":
                    self.holders.setdefault(part, []).append(cls)
        self._tiers: dict[ClassRef, Tier] = {}

    # Composition

    def _parts(self, cls: ClassRef) -> list[ClassRef]:
        """The model classes that `cls` constructs in its methods or holds in its attributes, each once."""
        found: dict[ClassRef, None] = {}
        for frame in self.program.methods(cls, cls):
            for site in self.program.sites(frame):
                found |= {target: None for target in site.targets if isinstance(target, ClassRef)}
            own = f"{next(iter(frame.parameters))}."
            for name in dict.fromkeys(b.name for b in frame.body.bindings if b.name.startswith(own)):
                held = self.program.attribute(Instance(cls), name.removeprefix(own))
                found |= {part: None for part in _held(held)}
        return [part for part in found if part in self.models and part != cls]

    def _given(self) -> Iterator[tuple[ClassRef, ClassRef]]:
        """Model objects that are arguments of a constructor of a model: (the whole, the part)."""
        for frame in self._frames:
            for site in self.program.sites(frame):
                wholes = [t for t in site.targets if isinstance(t, ClassRef) and t in self.models]
                given = site.step.node.child_by_field_name("arguments") if wholes else None
                for child in given.named_children if given else ():
                    node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
                    value = frame.value(node, site.step.order, site.step.guards)
                    for part in _held(value):
                        yield from ((whole, part) for whole in wholes if part in self.models)

    def reach(self, cls: ClassRef) -> set[ClassRef]:
        """The parts of `cls`, their parts, and so on."""
        found: set[ClassRef] = set()
        waiting = [cls]
        while waiting:
            for part in self.parts.get(waiting.pop(), ()):
                if part not in found:
                    found.add(part)
                    waiting.append(part)
        return found

    @cached_property
    def _frames(self) -> "list[Frame]":
        """Every body of the repository's own code."""
        listed = [
            self.program.frame(path, definition)
            for path, facts in self.program.facts.items()
            if self.program.snapshot.by_path[path].role in ("source", "example")
            for definition in (None, *facts.definitions)
        ]
        return [frame for frame in listed if frame is not None]

    # Who makes them

    @cached_property
    def offered(self) -> set[ClassRef]:
        """Classes that a function returns objects of, when model code does not itself call that function."""
        return {
            cls
            for frame in self._frames
            if frame.definition is not None and frame.definition.kind != "class"
            for cls in self._returned(frame)
            if cls in self.models and frame.definition.symbol not in self.helpers.get(frame.path, ())
        }

    def _returned(self, frame: "Frame") -> Iterator[ClassRef]:
        definition = frame.definition
        if definition is None or definition.name in ("to", "train", "eval", "__enter__", "half", "cuda"):
            return
        static = {d.rpartition(".")[2] for d in definition.decorators} & {"classmethod", "staticmethod"}
        if frame.owner is not None and not static and frame.owner in self.models:
            return
        target = FunctionRef(frame.path, definition, frame.owner, frame.owner)
        given = _held(returned(self.program, target))
        # `cls(…)` in a class method of a base class makes objects of its subclasses.
        yield from (c for c in given if c != frame.owner or c in self._made or not self.program.descendants(c))

    @cached_property
    def helpers(self) -> dict[str, set[str]]:
        """Functions by file that run inside model classes: called by their methods, or by such helpers."""
        waiting = [f for f in self._frames if f.owner is not None and f.owner in self.models]
        found: dict[str, set[str]] = {}
        while waiting:
            for site in self.program.sites(waiting.pop()):
                for target in site.targets:
                    known = found.setdefault(target.path, set())
                    if isinstance(target, ClassRef) or target.definition.symbol in known:
                        continue
                    known.add(target.definition.symbol)
                    inner = self.program.frame(target.path, target.definition)
                    waiting.extend([inner] if inner else [])
        return found

    @cached_property
    def constructed(self) -> set[ClassRef]:
        """Classes that code outside of model classes and their helpers constructs."""
        return {
            target
            for frame in self._frames
            if (frame.owner not in self.models) and frame.symbol not in self.helpers.get(frame.path, ())
            for site in self.program.sites(frame)
            for target in site.targets
            if isinstance(target, ClassRef) and target in self.models
        }

    @cached_property
    def _exported(self) -> set[ClassRef]:
        return {
            offer.value
            for path in packages(self.program)
            for offer in exports(self.program, path)
            if isinstance(offer.value, ClassRef)
        }

    # Tiers

    def tier(self, cls: ClassRef) -> Tier:
        """The first that holds:

        - loss: the name says so (`…Loss`, `…Criterion`), or it has no parts and `forward` returns only a `loss`;
        - transform: no weights, no parts but such, and its name or its file's name says so, of images or sound;
        - layer: it derives from a layer of a library, or has neither parts, library model nor weights;
        - model: a function outside of model code returns objects of it; or it is no part of another class,
          and it is constructed by other code, exported, registered by a decorator, holds a complete model,
          derives from a base class of whole models, or is the base class of such models;
        - part: it has parts (or a library model, or is large, or is called an encoder or the like) and is a
          part of a complete model, or of nothing; or it has parts and is called an encoder or the like;
        - layer: everything else.
        """
        if cls not in self._tiers:
            self._tiers[cls] = "layer"  # for base classes that lead back here
            self._tiers[cls] = self._tier(cls)
        return self._tiers[cls]

    def _tier(self, cls: ClassRef) -> Tier:
        name, line = cls.definition.name, self.program.line(cls)
        parts = [part for owner in line for part in self.parts.get(owner, ())]
        if _LOSS.search(name) or (not parts and self._gives_loss(cls)):
            return "loss"
        weights, loads = self.makes(cls, is_layer), self.makes(cls, _is_loaded)
        named = _TRANSFORM.search(name) or _TRANSFORM_FILE.search(cls.path)
        if named and not weights and all(self.tier(part) == "transform" for part in parts):
            return "transform"
        model = any(base in self.models and self.is_base(base) and self.tier(base) == "model" for base in line[1:])
        if self._extends_layer(cls) or not (parts or weights or loads or model or self.is_base(cls)):
            return "layer"
        if cls in self.offered or ((cls not in self.holders or self.is_base(cls)) and self._whole(cls)):
            return "model"
        modelish = MODELISH.search(snake(name)) is not None
        big = parts or loads or modelish or cls.definition.end - cls.definition.start >= LARGE
        holders = self.holders.get(cls, [])
        held = not holders or any(self.tier(holder) == "model" for holder in holders if holder != cls)
        return "part" if (big and held) or (parts and modelish) else "layer"

    def _whole(self, cls: ClassRef) -> bool:
        if cls in self.constructed or cls in self._exported or cls.definition.decorators:
            return True
        if any(_WHOLE.search(base) for base in self.program.codebase.bases(cls.path, cls.definition)):
            return True
        if any(self.tier(part) == "model" for part in self.parts[cls]):
            return True
        return self.is_base(cls) and any(
            self.tier(d) == "model" for d in self.program.descendants(cls) if d in self.models
        )

    def is_base(self, cls: ClassRef) -> bool:
        """Whether a class is only derived from: other model classes are its subclasses, and nothing makes it."""
        made = cls in self._made or cls in self.offered
        return not made and any(found in self.models for found in self.program.descendants(cls))

    @cached_property
    def _made(self) -> set[ClassRef]:
        """Classes that are constructed somewhere; `cls(…)` in a class method means its subclasses too."""
        return {
            target
            for frame in self._frames
            for site in self.program.sites(frame)
            for target in site.targets
            if isinstance(target, ClassRef) and not (target == frame.owner and site.step.written == "cls")
        }

    def _extends_layer(self, cls: ClassRef) -> bool:
        return any(
            _LAYERS.match(base) and base.rpartition(".")[2] not in _CONTAINERS
            for owner in self.program.line(cls)
            for base in owner.definition.bases
        )

    def makes(self, cls: ClassRef, wanted: Callable[[str], bool]) -> bool:
        """Whether methods of a class call an outside name that is wanted."""
        return any(
            wanted(member.name)
            for owner in self.program.line(cls)
            for frame in self.program.methods(owner, cls)
            for step in frame.body.calls
            for member in _called(frame, step)
        )

    def _gives_loss(self, cls: ClassRef) -> bool:
        found = self.program.method(cls, "forward")
        body = self.program.body(found[0].path, found[1]) if found else None
        given = [body.tree.text(e.value) for e in body.exits if e.kind == "return"] if body else []
        return bool(given) and all(map(_LOSS_VALUE.fullmatch, given))


def _called(frame: "Frame", step: CallStep) -> Iterator[External]:
    node = step.node.child_by_field_name("function")
    for member in alternatives(frame.value(node, step.order, step.guards)):
        if isinstance(member, External):
            yield member


def is_layer(name: str) -> bool:
    """Whether an outside name is a layer with weights."""
    last = name.rpartition(".")[2]
    return bool(_LAYERS.match(name)) and last[:1].isupper() and last not in _WEIGHTLESS


def _is_loaded(name: str) -> bool:
    loads = name in LOADING or name.rpartition(".")[2] in LOADING
    return loads and bool(library(name)) and COMPANIONS.search(name) is None  # a tokenizer has no weights


def _held(value: Value | None) -> Iterator[ClassRef]:
    """The classes of the objects that a value is, or holds as its elements."""
    for member in alternatives(value):
        if isinstance(member, Instance):
            yield member.cls
        elif isinstance(member, Items | Table):
            yield from _held(member.element)
