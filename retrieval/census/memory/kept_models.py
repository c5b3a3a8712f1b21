"""Where the models of a program are kept, and what they are given to: attributes, variables, constructors of others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.callgraph import call_target
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, FunctionRef
from retrieval.census.models.known_models import wrappers
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame


_LOOKING = words(
    """print len isinstance hasattr getattr setattr id type str repr append extend info debug save dump summary prepare
    load_state_dict DataParallel DistributedDataParallel compile deepcopy apply release_memory free_memory
    clip_grad_norm_ clip_grad_value_ clear_device_cache"""
)


@dataclass(frozen=True)
class Kept:
    """An attribute that holds a model: `owner.name`; `inside` when the owner is a model itself, `alias` when it is what
    an attribute of another object is."""

    owner: ClassRef
    name: str
    frame: "Frame"
    line: int
    inside: bool
    alias: bool = False


@dataclass(frozen=True)
class Given:
    """A call that is given a model and keeps it: `receiver` in words; `outside` for one of a library."""

    receiver: str
    frame: "Frame"
    line: int
    outside: bool = False


_KEPT: "Beside[Roster, dict[tuple[str, int], list[Kept]]]" = Beside()
_GIVEN: "Beside[Roster, dict[tuple[str, int], list[Given]]]" = Beside()


def kept(roster: Roster, made: Made) -> list[Kept]:
    """The attributes that may hold a model."""
    if roster not in _KEPT:
        table: dict[tuple[str, int], list[Kept]] = {}
        for frame, _depth in roster.frames:
            for binding in frame.body.bindings:
                for found, at in _attributes(roster, frame, binding):
                    if at not in table.setdefault(found.key, []):
                        table[found.key].append(at)
        _KEPT[roster] = table
    return _KEPT[roster].get(made.key, [])


def _attributes(roster: Roster, frame: "Frame", binding: Binding) -> list[tuple[Made, Kept]]:
    own = next(iter(frame.parameters), "")
    head, dot, name = binding.name.partition(".")
    if not dot or head != own or frame.owner is None or binding.value is None or "." in name:
        return []
    if binding.value.type not in ("call", "identifier", "attribute", "subscript", "conditional_expression"):
        return []
    known = frame.binding_value(binding)
    layer = isinstance(known, ExternalObject) and known.maker.startswith(("torch.nn.", "tensorflow.keras.layers."))
    if layer and isinstance(known, ExternalObject) and not known.maker.endswith(".Module"):
        return []
    inside = roster.family.is_model(frame.owner)
    at = Kept(frame.owner, name, frame, binding.line, inside, binding.value.type == "attribute")
    take = (str(binding.index),) if binding.taken == "part" else ()
    spot = Spot(frame, binding.value, binding.order, binding.guards, take)
    return [(made, at) for made in roster.of(spot)]


def given_to(roster: Roster, made: Made) -> list[Given]:
    """The constructors and outside functions that are given a model."""
    if roster not in _GIVEN:
        table: dict[tuple[str, int], list[Given]] = {}
        for frame, _depth in roster.frames:
            _note_given(roster, frame, table)
        _GIVEN[roster] = table
    return _GIVEN[roster].get(made.key, [])


def _note_given(roster: Roster, frame: "Frame", table: dict[tuple[str, int], list[Given]]) -> None:
    for step in frame.body.calls:
        value = frame.callee(step)
        target = call_target(roster.program, value) if value is not None else None
        outside = value is None or isinstance(value, External)
        name = step.written.rpartition(".")[2]
        if isinstance(value, External) and value.name in wrappers():
            continue
        if isinstance(target, FunctionRef) or not (isinstance(value, ClassRef) or outside) or name in _LOOKING:
            continue
        for child in arguments(step.node, keywords=True):
            node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
            if node is None or node.type not in ("identifier", "attribute"):
                continue
            for made in roster.of(Spot(frame, node, step.order, step.guards)):
                at = Given(step.written, frame, step.start, isinstance(value, External))
                if made.step is not step and at not in table.setdefault(made.key, []):
                    table[made.key].append(at)


def inside(roster: Roster, made: Made) -> bool:
    """Whether only attributes of models hold the model."""
    held = kept(roster, made)
    if not held:  # kept by a base class: `super().__init__(backbone, head)`
        return any(given.receiver.startswith("super()") and given.frame.owner for given in given_to(roster, made))
    return all(at.inside for at in held)
