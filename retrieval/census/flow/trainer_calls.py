"""Calls that hand the course to the training loop of a library: `trainer.train()` of a trainer with a model."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.hooks import outside_bases
from retrieval.census.meaning.values import ExternalObject, Instance
from retrieval.census.models.outside import Outside

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

LOOPS = frozenset({"train", "fit"})


def trained_by(frame: "Frame", event: Site | Outside) -> str:
    """The class of a library, or derived from one, whose training loop a call runs; "" for other calls."""
    head, _, method = event.step.written.rpartition(".")
    node = event.step.node.child_by_field_name("function")
    if method not in LOOPS or not head or node is None or node.type != "attribute":
        return ""
    value = frame.value(node.child_by_field_name("object"), event.step.order, event.step.guards)
    if isinstance(value, ExternalObject):
        return value.maker.rpartition(".")[2] if value.maker.endswith("Trainer") else ""
    bases = outside_bases(frame.program, value.cls) if isinstance(value, Instance) else []
    own = any(base.endswith("Trainer") for base in bases)
    return value.cls.definition.symbol if own and isinstance(value, Instance) else ""
