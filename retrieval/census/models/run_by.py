"""Which classes have objects of other classes run what they hold: stages that call an engine by its base class."""

import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.values import ClassRef, FunctionRef, alternatives
from retrieval.census.models.roster import Roster
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_TRAINS = re.compile(r"(?i)train|loss|evaluat|bench|test|dataset")
_RUNS = re.compile(r"_?(?:predict|infer|detect|recogni|classif|process|run|embed|encode|generate|caption|segment)\w*$")
_RUNNING = words("__call__ forward get_text readtext ocr")


@once
def run_by(roster: Roster) -> dict[ClassRef, tuple[ClassRef, ...]]:
    """The classes of the sources that call a method which runs something, by the class of the object it belongs to."""
    roles = roster.codebase.snapshot.by_path
    found: dict[ClassRef, dict[ClassRef, None]] = {}
    for frame, _ in roster.frames:
        if frame.owner is None or _TRAINS.search(frame.owner.definition.name) or roles[frame.path].role != "source":
            continue
        for receiver in _receivers(frame):
            found.setdefault(receiver, {})[frame.owner] = None
    return {cls: tuple(users) for cls, users in found.items()}


def users_of(roster: Roster, cls: ClassRef) -> list[ClassRef]:
    """Who has an object of a class run, called by its own class or by one that it extends, but for its relatives."""
    line = roster.program.line(cls)
    users = dict.fromkeys(user for one in line for user in run_by(roster).get(one, ()))
    return [user for user in users if user not in line and not set(line[-1:]) & set(roster.program.line(user))]


def _receivers(frame: "Frame") -> list[ClassRef]:
    called = [value for step in frame.body.calls for value in alternatives(frame.callee(step))]
    runs = [value for value in called if isinstance(value, FunctionRef) and _is_run(value.definition.name)]
    return [value.receiver for value in runs if value.receiver is not None]


def _is_run(method: str) -> bool:
    return method in _RUNNING or _RUNS.match(method) is not None
