"""What tells a model of a program to a reader: the name of its weights, and whether it is there by default."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spelled import spelled
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.models.made_models import Made
from retrieval.census.models.model_entries import Entry
from retrieval.census.models.model_sources import FILES, filled
from retrieval.census.models.roster import Roster
from retrieval.census.models.weight_tables import table_of
from retrieval.census.models.weights import Weights, refused
from retrieval.census.settings.presets import is_off
from retrieval.census.settings.set_defaults import off_by_default as refuses

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

SHOWN, DEEPEST, MOST_CALLERS = 4, 3, 12
_HUB = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
_MODEL_KEYS = ("model", "model_name", "model_id", "engine", "deployment_name", "azure_deployment")
_PLAIN = re.compile(r"^[\w.+-]+$")
_ADDRESS = re.compile(r"^(?!https?:|file:)\w+://[\w./+-]+$")  # where a loader of the repository finds its weights


def weights_named(codebase: "Codebase", roster: Roster, entry: Entry) -> str:
    """ "`big/model` or `net.pth`": the files and names that fill a model, as far as the code writes them out."""
    apart = {(m.frame.path, m.frame.symbol) for m in entry.made if m.frame.owner is None}
    apart = apart if any(made.frame.owner is not None for made in entry.made) else set()  # scripts beside classes
    known = [w for w in filled(codebase, roster, entry) if (w.frame.path, w.frame.symbol) not in apart]
    found = [name for weights in known for name in _names(weights)]
    names = list(dict.fromkeys(found))
    told = [table_of(codebase, name) for name in names]
    keys = next((f" (keys of `{table}`, which has {count})" for table, count in told if count > len(names)), "")
    return listed([f"`{name}`" for name in names], SHOWN) + keys


def _names(weights: Weights) -> list[str]:
    loads = not weights.reader.startswith(("PyTorch", "safetensors", "NumPy", "pickle", "timm"))
    return [name for value in weights.values if (name := _name(value, loads))] if not weights.resumed else []


def _name(value: str, loads: bool) -> str:
    """A file by its name, a model of a hub by its whole name, the plain name that a loader is given; "" for others."""
    if re.search(FILES, value) or value.endswith(".bin"):
        name = PurePosixPath(value).name
        return name if re.search(r"\w", re.sub(r"\{[^{}]*\}", "", PurePosixPath(name).stem)) else ""
    if _HUB.match(value) or _ADDRESS.match(value):
        return value
    return value if loads and _PLAIN.match(value) and re.search(r"[A-Za-z]", value) else ""


def hosted_names(roster: Roster, entries: Iterable[Entry]) -> dict[str, Spot]:
    """The names of hosted models that calls are given as `model=`, with the place that writes one."""
    found: dict[str, Spot] = {}
    for entry in entries:
        places = [(made.frame, made.step) for made in entry.made]
        places += [(use.frame, use.step) for use in entry.uses(roster)]
        for frame, step in places:
            for spot in _model_argument(frame, step):
                for name in spelled(roster.codebase, roster.tracer, spot):
                    if re.search(r"[A-Za-z]", re.sub(r"\{[^{}]*\}", "", name)):
                        found.setdefault(name, spot)
    return found


def _model_argument(frame: "Frame", step: CallStep) -> list[Spot]:
    text = frame.body.tree.text
    return [
        Spot(frame, value, step.order, step.guards)
        for child in arguments(step.node, keywords=True)
        if child.type == "keyword_argument" and text(child.child_by_field_name("name")) in _MODEL_KEYS
        and (value := child.child_by_field_name("value")) is not None
    ]  # fmt: skip


def off_by_default(codebase: "Codebase", roster: Roster, entry: Entry) -> bool:
    """Whether no place makes the model when nobody sets an option or a variable."""
    return all(refused(roster, made) or _off(codebase, roster, made) for made in entry.made)


def _off(codebase: "Codebase", roster: Roster, made: Made) -> bool:
    frame, guards, seen = made.frame, made.step.guards, set[int]()
    for _ in range(DEEPEST):
        if is_off(codebase, frame, guards) or refuses(codebase, guards, frame):
            return True
        callers = roster.tracer.holders.callers(frame)[:MOST_CALLERS]
        if len(callers) != 1 or id(frame) in seen:
            return bool(callers) and all(is_off(codebase, around, step.guards) for around, step, _ in callers)
        seen.add(id(frame))
        frame, guards = callers[0][0], callers[0][1].guards
    return False
