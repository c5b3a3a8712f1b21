"""How important a decision is: by what its arms choose, from steps that run models down to layers of one."""

import re
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import WHOLE, Focus, focus_of
from retrieval.census.meaning.body import Decision
from retrieval.census.meaning.callgraph import Target, entered
from retrieval.census.meaning.results import returned
from retrieval.census.meaning.values import ClassRef, FunctionRef, Instance, alternatives

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_FILLS = re.compile(r"(?:^|\.)init\.\w+_$")
MODELS = 1  # the lowest rank of a choice of models
_MODE = re.compile(
    r"\b\w*(?:mode|stage|phase|task|model|loss|arch|backend|kind|type|version)\w*\b.*(?:==|\bin\b)|==\s*[\"']"
)


def rank_of(codebase: "Codebase", frame: "Frame", decision: Decision, arms: list[tuple[Target, ...]]) -> int:
    """0 for a choice of whole models, or between steps of which one leads to a model; 1 for other choices of models;
    2 and 3 for choices by a mode and between functions; 4 for the rest, 5 for layers and constructors of models."""
    focus = focus_of(codebase)
    chosen = [target for arm in arms for target in arm]
    models = [target for target in chosen if isinstance(target, ClassRef) and target in focus.anatomy.models]
    whole = [cls for cls in models if focus.anatomy.tier(cls) in WHOLE]
    several = len({arm for arm in arms if arm}) > 1
    if _builds(focus, frame) or (models and not whole and len(models) == len(chosen)):
        return 5
    if len(arms) > 1 and len(set(arms)) == 1:
        return 4  # all arms do the same, only in another way
    condition = frame.body.tree.text(decision.node.child_by_field_name("condition"))
    named = _MODE.search(condition) is not None
    if whole or (several and any(_gives_model(focus, target) for target in chosen)):
        return 0
    if any(_leads(focus, target) for target in chosen):
        return 0 if several or named else 1
    if chosen and (models or several or named):
        return 2 if named else 3
    return 3 if chosen else 4


def _builds(focus: Focus, frame: "Frame") -> bool:
    """Whether a body is the constructor of a model or fills its weights by chance, or is a method of a layer."""
    made = frame.definition is not None and frame.definition.name == "__init__" and focus.in_model(frame)
    return made or focus.is_layer(frame) or any(_FILLS.search(step.written) for step in frame.body.calls)


def _leads(focus: Focus, target: Target) -> bool:
    inner = entered(focus.program, target) if isinstance(target, FunctionRef) else None
    return inner is not None and focus.leads(inner)


def _gives_model(focus: Focus, target: Target) -> bool:
    """Whether a function returns an object of a whole model class."""
    given = returned(focus.program, target) if isinstance(target, FunctionRef) else None
    members = [member for member in alternatives(given) if isinstance(member, Instance)]
    return any(focus.anatomy.tier(m.cls) in WHOLE for m in members if m.cls in focus.anatomy.models)
