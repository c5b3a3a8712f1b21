"""Models that a parameter is given by its type or its name, where no call says which: dependency injection."""

from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.census.meaning.results import annotation
from retrieval.census.meaning.spots import Spot, key_of
from retrieval.census.meaning.tracing import Tracer
from retrieval.census.meaning.values import ExternalObject, Instance, read_annotation
from retrieval.census.models.made_models import Made

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame


class Injected:
    """Finds the models of parameters that no traced call fills."""

    def __init__(self, tracer: Tracer, made: list[Made]) -> None:
        self.tracer = tracer
        self.made = made

    def of(self, spot: Spot) -> list[Made]:
        """The models that the parameter an expression comes from may be: of its type, else kept under its name."""
        for at in self.tracer.walk(spot, computed=False, most=30):
            name = at.text() if at.node.type == "identifier" and not at.take else ""
            if name in at.frame.parameters and not at.frame.bound(name):
                typed = self._configured(at.frame, name) or self._typed(at.frame, name)
                named = not self.tracer.holders.callers(at.frame) and at.frame.symbol.endswith("__init__")
                found = typed or (self._kept.get(key_of(f"'{name}'"), []) if named else [])
                if found:
                    return found
        return []

    def _configured(self, frame: "Frame", name: str) -> list[Made]:
        """The models that configuration names for a parameter of a constructor."""
        owner = frame.owner if frame.symbol.endswith("__init__") else None
        named = [made for made in self.made if owner is not None and made.parameter == name and made.holder is not None]
        return [m for m in named if m.holder is not None and owner in self.tracer.program.line(m.holder)]

    def _typed(self, frame: "Frame", name: str) -> list[Made]:
        """The models of the class that an annotation names, when programs make it."""
        written = read_annotation(frame.parameters[name])
        told = annotation(self.tracer.program, frame.path, written) if written is not None else None
        if isinstance(told, ExternalObject):
            return [made for made in self.made if made.cls is None and made.maker == told.maker]
        if isinstance(told, Instance):
            fitting = {told.cls, *self.tracer.program.descendants(told.cls)}
            return [made for made in self.made if made.cls in fitting]
        return []

    @cached_property
    def _kept(self) -> dict[str, list[Made]]:
        """Models by the literal key of the dictionary in which they are made."""
        table: dict[str, list[Made]] = {}
        for made in self.made:
            pair = made.step.node.parent
            key = pair.child_by_field_name("key") if pair is not None and pair.type == "pair" else None
            if key is not None and key.type == "string":
                table.setdefault(key_of(made.frame.body.tree.text(key)), []).append(made)
        return table
