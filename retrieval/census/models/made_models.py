"""Which calls make a model: constructors of the repository's model classes, and makers of libraries."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.census.files.commands import STARTING
from retrieval.census.flow.routes import requested
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.config_rows import held_by_config
from retrieval.census.meaning.configured import configured_for
from retrieval.census.meaning.registered import auto_class
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, Value, alternatives
from retrieval.census.models.known_models import Known, known_model
from retrieval.census.models.makers import FACTORY
from retrieval.census.models.model_requests import asked_model
from retrieval.census.models.model_servers import model_servers, started_server
from retrieval.census.models.models import Family
from retrieval.census.models.tiers import anatomy_of
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.census.models.shown_models import Shown

_REPEATED = re.compile(
    r"(?:Layer|Block|Stage|Attention|M[Ll][Pp]|Norm|Embed(?:ding)?s?|Head|Pool(?:er|ing)?|Unit|Conv|Timestep|(?:Up|Down)sample)\d*[dD]?$"
)
_GENERAL = words("Client AsyncClient Model Pipeline Predictor Inference")
_LAYER = re.compile(
    r"Att(?:entio)?n|Processor|Layer|Block|Embed|Norm|Hook|Pool|Conv|Linear$|Position\w*Enc|Interpolat|Pyramid|Identity"
)
_ASIDE = re.compile(r"(?:^|/)(?:metrics?|losses|criterions?)(?:/|\.py$)")  # code that compares what models make
SERVED = "server: "  # what the maker of a model begins with whose server is started as a process
MOST_NESTED, LARGE = 40, 100
_LOOPS = frozenset({"for", "while", "comprehension"})
LOADING = words(
    """from_pretrained from_config from_checkpoint load_from_checkpoint from_single_file restore_from from_hparams"""
)


@dataclass(frozen=True)
class Made:
    """One place that makes a model: a class of the repository, or what the outside `maker` gives."""

    frame: "Frame"
    step: CallStep
    maker: str
    cls: ClassRef | None
    known: Known | None
    config: tuple[str, int] = ("", 0)  # the file and line of the configuration that names the class
    parameter: str = ""  # of the class `holder` for which Hydra makes it, from an entry inside the entry of that class;
    #                      without a holder the key under which the table that the call gives has the model
    holder: ClassRef | None = None

    @property
    def name(self) -> str:
        """`FAN`, `GFPGANer`, `whisper.load_model`."""
        if self.cls is not None:
            return self.cls.definition.symbol
        if self.maker.startswith(SERVED):
            return self.maker.removeprefix(SERVED)
        if self.maker.startswith("http."):
            return self.maker.removeprefix("http.")  # the function or class that sends the requests
        parts = [part for part in self.maker.split(".") if part not in LOADING]
        if parts[-1] in _GENERAL and len(parts) > 1:
            return ".".join(parts[-2:])
        if len(parts) > 1 and parts[-2][:1].isupper() and parts[-1][:1].islower():
            return parts[-2]  # a class method that gives an object of its class
        telling = parts[-1][:1].isupper() or parts[-1].startswith(("init_", "build_")) or len(parts) < 2
        return parts[-1] if telling else ".".join(parts[-2:] if len(parts) < 4 else (parts[0], parts[-1]))

    @property
    def untrained(self) -> bool:
        """Whether a library is asked for an architecture without weights: `timm.create_model(…, pretrained=False)`."""
        if not self.maker.startswith(("timm.", "torchvision.models.")):
            return False
        text = self.frame.body.tree.text
        keys = [child for child in arguments(self.step.node, keywords=True) if child.type == "keyword_argument"]
        given = {text(key.child_by_field_name("name")): text(key.child_by_field_name("value")) for key in keys}
        asked = [given[name] for name in ("pretrained", "weights", "checkpoint_path") if name in given]
        return bool(asked) and all(value in ("False", "None", "''", '""') for value in asked)

    @property
    def key(self) -> tuple[str, int]:
        """What tells two places apart."""
        if self.parameter and self.holder is None:
            return f"{self.frame.path}[{self.parameter}]", self.step.node.id
        return f"{self.frame.path}{self.parameter and f'#{self.parameter}'}", self.step.node.id


def is_served(made: Made) -> bool:
    """Whether what is made is the process of a server which has the model in its memory."""
    return made.maker.startswith(SERVED)


def _called_value(frame: "Frame", step: CallStep, function: Node) -> Value | None:
    """What is called; the table of a library for what is taken from it: `sam_model_registry[kind](…)`."""
    value = frame.value(function, step.order, step.guards)
    held = function.child_by_field_name("value") if value is None and function.type == "subscript" else None
    table = frame.value(held, step.order, step.guards) if held is not None else None
    return table if isinstance(table, External) else value


class Makers:
    """Tells for each call whether it makes a model."""

    def __init__(self, program: "Program", family: Family) -> None:
        self.program = program
        self.family = family
        self.anatomy = anatomy_of(program, family.bases)
        self.servers = model_servers(program.codebase)

    def of(self, frame: "Frame", step: CallStep, shown: "Shown | None" = None) -> Iterator[Made]:
        """The models that a call makes: several when a variable holds one of several classes.

        `shown` is the outside name that the call calls when what it gives is used as a model, and how.
        """
        function = step.node.child_by_field_name("function")
        if function is None or function.type not in ("identifier", "attribute", "subscript", "call"):
            return
        yield from self._configured(frame, step)
        values = alternatives(_called_value(frame, step, function))
        for value in values:
            if isinstance(value, External) and (known := known_model(value.name)) is not None:
                auto = auto_class(self.program, frame, step.node, value)
                yield Made(frame, step, auto.definition.symbol if auto else value.name, auto, None if auto else known)
            elif isinstance(value, External) and shown is not None and value.name == shown.maker:
                yield Made(frame, step, value.name, None, Known((), runs=shown.runs))
            elif isinstance(value, ClassRef) and (value in self.servers or self._makes(frame, step, value)):
                yield Made(frame, step, value.definition.symbol, value, self.servers.get(value))
        yield from self._over_network(frame, step, values)
        loaded = list(dict.fromkeys(self._loaded(frame, step, function)))
        if loaded:
            yield from loaded
        elif values == (None,) and self._fetches(step) and not self._of_library(frame, step, function):
            yield Made(frame, step, f"self.{step.written}", None, Known(()))

    def _over_network(self, frame: "Frame", step: CallStep, values: tuple[Value | None, ...]) -> Iterator[Made]:
        """The model of a server that a call starts as a process, or that it asks with a request."""
        starts = any(isinstance(value, External) and STARTING.match(value.name) for value in values)
        if starts and frame.owner not in self.servers and (server := started_server(frame, step)) is not None:
            yield Made(frame, step, f"{SERVED}{server[0]}", None, server[1])
        asked = asked_model(frame, step, values)
        if asked is not None and not requested(self.program, frame, step):  # its own servers' models are met there
            name = (frame.owner.definition if frame.owner else frame.definition).name if frame.definition else ""
            yield Made(frame, step, f"http.{name or step.written}", None, asked)

    def _configured(self, frame: "Frame", step: CallStep) -> Iterator[Made]:
        """The models that a call makes as configuration files name them."""
        for named, target in configured_for(self.program, frame, step.node):
            at, key = (named.path, named.line), named.whole if named.tagged else ""
            if isinstance(target, ClassRef) and (self._counts(frame, target) or self._is_whole(target)):
                yield Made(frame, step, target.definition.symbol, target, None, at, key)
            elif isinstance(target, External) and (known := known_model(target.name)) is not None:
                yield Made(frame, step, target.name, None, known, at, key)

    def nested(self, made: "list[Made]") -> "list[Made]":
        """The models that Hydra makes for the parameters of those that configuration names, and for theirs."""
        held = held_by_config(self.program) if any(item.config[0] for item in made) else {}
        found: dict[tuple[ClassRef, str, ClassRef], Made] = {}
        waiting = [item for item in made if item.config[0] and item.cls is not None]
        while waiting and len(found) < MOST_NESTED:
            outer = waiting.pop(0)
            for (holder, parameter), entries in held.items():
                for named, cls in entries if holder == outer.cls else ():
                    if self._is_whole(cls) and (cls, parameter, holder) not in found:
                        at, name = (named.path, named.line), cls.definition.symbol
                        inner = Made(outer.frame, outer.step, name, cls, None, at, parameter, holder)
                        found[cls, parameter, holder] = inner
                        waiting.append(inner)
        return list(found.values())

    def _is_whole(self, cls: ClassRef) -> bool:
        lines, tier = cls.definition.end - cls.definition.start, self.anatomy.tier(cls)
        large = lines >= LARGE and bool(self.anatomy.parts.get(cls))
        return self.family.is_model(cls) and (tier in ("model", "part") or (tier == "layer" and large))

    def components(self, made: "list[Made]", frames: "list[Frame]") -> "list[Made]":
        """The places that make the direct parts of whole models: encoders and the like, layers left out."""
        wholes = {item.cls for item in made if item.cls is not None}
        holders = self.anatomy.holders
        wholes = {cls for cls in wholes if self.anatomy.tier(cls) == "model" and not wholes & {*holders.get(cls, ())}}
        owners = {owner for cls in wholes for owner in self.program.line(cls)}
        parts = {part for owner in owners for part in self.anatomy.parts.get(owner, ())}
        parts = {part for part in parts - wholes if not _REPEATED.search(part.definition.name)}
        parts = {part for part in parts if not _ASIDE.search(part.path)}
        wanted = {part for part in parts if self.anatomy.tier(part) in ("model", "part")}
        known = {item.key for item in made}
        return [
            found
            for frame in frames
            if wanted and (frame.owner in owners or self._helps(frame))
            for site in self.program.sites(frame)
            for cls in site.targets
            if isinstance(cls, ClassRef) and cls in wanted and not _LOOPS & {guard.kind for guard in site.step.guards}
            for found in [Made(frame, site.step, cls.definition.symbol, cls, None)]
            if found.key not in known
        ]

    def _helps(self, frame: "Frame") -> bool:
        """Whether a function runs inside model classes."""
        return frame.definition is not None and frame.definition.symbol in self.anatomy.helpers.get(frame.path, ())

    def _fetches(self, step: CallStep) -> bool:
        """Whether an unknown method is named as one that gives a model, and no function here has that name."""
        head, dot, method = step.written.rpartition(".")
        return (
            bool(dot) and head not in ("self", "cls") and bool(FACTORY.match(method)) and method not in self._functions
        )

    def _of_library(self, frame: "Frame", step: CallStep, function: Node) -> bool:
        """Whether a method is of an object that a library made, which then is what loads its weights."""
        owner = function.child_by_field_name("object")
        return owner is not None and isinstance(frame.value(owner, step.order, step.guards), ExternalObject)

    @cached_property
    def _functions(self) -> frozenset[str]:
        return frozenset(d.name for facts in self.program.facts.values() for d in facts.definitions)

    def _loaded(self, frame: "Frame", step: CallStep, function: Node) -> Iterator[Made]:
        """`Model.from_pretrained(…)` on a class here that derives from a library's, or on one of several."""
        last = step.written.rpartition(".")[2]
        if last not in LOADING and not last.startswith("from_"):
            return
        owner = function.child_by_field_name("object")
        if owner is not None and frame.body.tree.text(owner) == "cls":
            return  # which class that is, its caller says; the model is made where `cls(...)` stands
        for value in alternatives(frame.value(owner, step.order, step.guards)):
            made = isinstance(value, ClassRef) and self.family.is_model(value)
            if made and isinstance(value, ClassRef) and (last in LOADING or self._builds(value, last)):
                yield Made(frame, step, value.definition.symbol, value, None)

    def _builds(self, cls: ClassRef, method: str) -> bool:
        """Whether a class method here leaves making the object to another loader: `cls.from_config(…)`."""
        found = self.program.method(cls, method)
        frame = self.program.frame(found[0].path, found[1], cls) if found else None
        called = {step.written for step in frame.body.calls} if frame is not None else set()
        return any(name.startswith("cls.") and name[4:] in LOADING for name in called)

    def _counts(self, frame: "Frame", cls: ClassRef) -> bool:
        if not self.family.is_model(cls) or self._inside(frame):
            return False
        if _ASIDE.search(cls.path) or cls.definition.name.endswith("Dropout"):
            return False
        if self._helps(frame):
            return self.anatomy.tier(cls) == "model"
        tier = self.anatomy.tier(cls)
        return tier not in ("loss", "transform") and not (tier == "layer" and _LAYER.search(cls.definition.name))

    def _inside(self, frame: "Frame | None") -> bool:
        """Whether a body is a method of a model, or a function inside one."""
        while frame is not None:
            if frame.owner is not None and self.family.is_model(frame.owner):
                return True
            frame = frame.outer
        return False

    def _makes(self, frame: "Frame", step: CallStep, cls: ClassRef) -> bool:
        return self._is_own(frame, step, cls) or self._counts(frame, cls)

    def _is_own(self, frame: "Frame", step: CallStep, cls: ClassRef) -> bool:
        """Whether a method without an object makes one of its class: `return cls(...)`, `return Net(...)`."""
        named = step.written in ("cls", cls.definition.name)
        own = named and frame.owner == cls and next(iter(frame.parameters), "") != "self"
        return own and self.family.is_model(cls) and self.anatomy.tier(cls) == "model"
