"""On which device each object of a model is, as the calls that lead to its making give it."""

import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.ways_in import Way, bodies
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.devices import Choice, choice_of
from retrieval.census.memory.given_settings import settings_of, switched
from retrieval.census.memory.moves import Moved
from retrieval.census.memory.placements import moves_by_model, target_of
from retrieval.census.memory.unloading import acts_of
from retrieval.census.models.held_objects import Object
from retrieval.census.models.made_models import Made
from retrieval.census.settings.presets import is_off

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retrieval.codebase import Codebase

CUDA = Choice(("cuda",), (), (), ())
MOST = 4
_OFFLOADING = re.compile(r"`([\w.]+)\.(enable_(?:model|sequential)_cpu_offload)\(")


@once
def _moves(codebase: "Codebase") -> dict[str, list[Moved]]:
    return moves_by_model(codebase, frozenset())


def device_of(codebase: "Codebase", item: Object) -> Choice | None:
    """The device of an object; None when nothing on the way to it says one."""
    every = [_moved(codebase, *pair) or _told(codebase, *pair) for pair in zip(item.made, item.ways, strict=True)]
    known = [found for found in every if found is not None and found.known]
    known.sort(key=lambda found: (found.preset, not found.tests))
    return known[0] if known else None


def _told(codebase: "Codebase", made: Made, way: Way) -> Choice | None:
    """The device that the call that makes a model is given."""
    _written, node = settings_of(codebase, made)
    if node is None:
        name = switched(made)
        return Choice((name,), (), (), ()) if name else None
    return choice_of(codebase, Spot(made.frame, node, made.step.order, made.step.guards, (), way))


def _moved(codebase: "Codebase", made: Made, way: Way) -> Choice | None:
    """The device that a model is moved to in the bodies through which the program comes to its making."""
    frames = bodies(made, way)
    level = {(frame.path, frame.symbol): index for index, frame in enumerate(frames)}
    moves = [m for m in _moves(codebase).get(made.name, ()) if m.to == "device"]
    near = [m for m in moves if (m.frame.path, m.frame.symbol) in level]
    near.sort(key=lambda m: is_off(codebase, m.frame, m.step.guards))
    for move in near:
        node = target_of(move)
        if node is None:
            if move.step.written.endswith("cuda"):
                return CUDA
            continue
        above = way[: level[move.frame.path, move.frame.symbol]]
        found = choice_of(codebase, Spot(move.frame, node, move.step.order, move.step.guards, (), above))
        if found.devices == ("cpu",):  # where other ways choose between devices, this one is not certain
            every = choice_of(codebase, Spot(move.frame, node, move.step.order, move.step.guards))
            found = every if len(every.devices) > 1 and every.tests else found
        if found.known:
            return found
    return None


def devices_said(codebase: "Codebase", objects: "Iterable[Object]") -> str:
    """ "on `cuda`" or "`Net` on `cpu`, `Clip` on `cuda`"; "" when no device is known."""
    groups: dict[str, list[str]] = {}
    every = list(objects)
    for item in every:
        choice = device_of(codebase, item)
        said = _offloaded(codebase, item) or (_said(choice) if choice is not None else _later(codebase, item))
        names = groups.setdefault(said, []) if said else []
        names += [name for name in item.names if name not in names]
    told = {name for names in groups.values() for name in names}
    if len(groups) == 1 and all(name in told for item in every for name in item.names):
        return next(iter(groups))
    return listed([f"{listed([f'`{name}`' for name in names], MOST)} {said}" for said, names in groups.items()], MOST)


def _offloaded(codebase: "Codebase", item: Object) -> str:
    """That a library takes an object to the GPU part by part, where a body that makes it always asks for that."""
    name = item.bound.said.rpartition(".")[2] if item.bound is not None else ""
    where = {(f.path, f.symbol) for pair in zip(item.made, item.ways, strict=True) for f in bodies(*pair)}
    for act in acts_of(codebase) if name else ():
        asked = _OFFLOADING.search(act.said) if act.sort == "offload" else None
        sure = not any(guard.kind in ("if", "else", "case") for guard in act.guards)
        if asked and sure and asked[1].rpartition(".")[2] == name and (act.frame.path, act.frame.symbol) in where:
            return f"on the CPU, its parts on the GPU only while they run (`{asked[2]}()`)"
    return ""


def _said(choice: Choice) -> str:
    return f"on {choice.said}" if choice.devices else f"on what is {choice.said}"


def _later(codebase: "Codebase", item: Object) -> str:
    """Where a model of the repository that is made without a device is moved to one later on."""
    path = item.bound.frame.path if item.bound is not None else ""
    for made in item.made if all(made.cls is not None for made in item.made) else ():
        for move in (m for m in _moves(codebase).get(made.name, ()) if m.frame.path == path):
            node = target_of(move) if move.to == "device" and reach_of(codebase).runs(_unit(move)) else None
            choice = choice_of(codebase, Spot(move.frame, node, move.step.order, move.step.guards)) if node else None
            if choice is not None and choice.known:
                return f"on the CPU until {caller(move.frame)} moves it to {choice.said}"
    return ""


def _unit(move: Moved) -> tuple[str, str]:
    return move.frame.path, move.frame.symbol
