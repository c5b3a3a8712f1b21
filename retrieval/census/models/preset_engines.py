"""Which of several models a class runs by default, where its options hold the settings of an engine.

The default of a field is an object of a settings class, or a function that gives one; the engine is the class that code
makes where a field of these settings has the value that their class has by default: `if options.kind == Kind.A:`.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.census.flow.built_stages import taken_types
from retrieval.census.meaning.class_fields import Field, class_fields
from retrieval.census.meaning.values import ClassRef, Instance, alternatives
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep

_EQUAL = re.compile(r"\.(\w+) (?:==|is) ([\w.\"']+)$")
_BUILT = re.compile(r"([A-Z]\w*)\(")


def preset_models(roster: Roster, cls: ClassRef, names: Iterable[str]) -> tuple[list[str], str]:
    """Of the models that objects of a class may run, those of the engine that the defaults of its options choose, with
    the field that does; none where nothing chooses among them."""
    codebase, program = roster.codebase, roster.program
    every = list(dict.fromkeys(names))
    for name in sorted(taken_types(roster, cls)) if len(every) > 1 else ():
        options = program.named_class(cls.path, name)
        for field in class_fields(codebase, options.path, options.definition) if options is not None else ():
            settings = _given(roster, field)
            if settings is None:
                continue
            values = {f.name: f.default for f in class_fields(codebase, settings.path, settings.definition)}
            found = [
                one for one in every if any(_fits(roster, made, values) for made in roster.made if made.name == one)
            ]
            if found and len(found) < len(every):
                return found, f"{field.owner}.{field.name}"
    return [], ""


def _given(roster: Roster, field: Field) -> ClassRef | None:
    """The class of the object that a field has by default."""
    if built := _BUILT.match(field.default):
        return roster.program.named_class(field.path, built[1])
    found = roster.codebase.resolve_local(field.path, field.default) if field.default.isidentifier() else None
    frame = roster.program.frame(*found) if found is not None and found[1].kind != "class" else None
    if found is not None and found[1].kind == "class":
        return ClassRef(found[0], found[1])
    exits = [e.value for e in frame.body.exits if e.kind == "return" and e.value is not None] if frame else []
    values = [value for node in exits for value in alternatives(frame.value(node))] if frame is not None else []
    classes = [value.cls for value in values if isinstance(value, Instance)]
    return classes[0] if len(classes) == 1 else None


def _fits(roster: Roster, made: Made, values: dict[str, str]) -> bool:
    """Whether code makes the class that runs a model where a field of the settings has its default."""
    owner = made.frame.owner
    start = roster.program.method(owner, "__init__") if owner is not None else None
    frame = roster.program.frame(start[0].path, start[1], owner) if start is not None else None
    calls = roster.tracer.holders.callers(frame) if frame is not None else []
    return any(
        owner is not None and step.written.rpartition(".")[2] == owner.definition.name and _asks(step, values)
        for _around, step, _target in calls
    )


def _asks(step: "CallStep", values: dict[str, str]) -> bool:
    asked = (found for guard in step.guards if guard.kind == "if" and (found := _EQUAL.search(guard.text)))
    return any(values.get(found[1]) == found[2] for found in asked)
