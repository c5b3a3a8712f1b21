"""The object that a call is made on, and the outside object at its root."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.values import ExternalObject, Instance

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame


def invoked(frame: "Frame", step: CallStep) -> Instance | ExternalObject | None:
    """The object a call is made on or the object called: `model` in `model(x)` and `model.encode(x)`."""
    node = step.node.child_by_field_name("function")
    if node is None:
        return None
    value = frame.value(node, step.order, step.guards)
    if not isinstance(value, Instance | ExternalObject) and node.type == "attribute":
        value = frame.value(node.child_by_field_name("object"), step.order, step.guards)
    return value if isinstance(value, Instance | ExternalObject) else None


def root_object(frame: "Frame", step: CallStep) -> ExternalObject | None:
    """The outside object at the root of a call: `client` in `client.chat.completions.create(…)`."""
    node = step.node.child_by_field_name("function")
    while node is not None and node.type == "attribute":
        node = node.child_by_field_name("object")
        value = frame.value(node, step.order, step.guards)
        if isinstance(value, ExternalObject):
            return value
    return None
