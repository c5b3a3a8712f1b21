"""Where models are met: an expression that may be one, with the way it came, and a call that runs one."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.spots import Called, arguments
from retrieval.census.models.made_models import Made
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame


@dataclass(frozen=True)
class Sighting:
    """A model that an expression may be: the calls through which it came, and the literal key it was got by.

    `injected` when only the type or the name of a parameter tells it.
    """

    made: Made
    stack: tuple[Called, ...]
    key: str = ""
    injected: bool = False


@dataclass(frozen=True)
class Use:
    """A call that runs one of `made`; `method` is "" when the object itself is called."""

    frame: "Frame"
    step: CallStep
    made: tuple[Made, ...]
    method: str
    depth: int
    seen: "tuple[Sighting, ...]" = ()

    @property
    def key(self) -> str:
        """The literal under which the model is got out of a container, "" for none."""
        return next((sighting.key for sighting in self.seen if sighting.key), "")


MOST_HANDED = 4
_COMPUTING = re.compile(
    r"(?:^|_)(?:generate|generation|sampl\w+|predict\w*|infer|inference|filling|decode|encode|forward|transcribe|translate|denoise"
    r"|detect|segment|inpaint|chat|(?:apply|run|call)_(?:model|net|network))(?:_|$)"
)
_TELLS = re.compile(r"_(?:map|shape|dtype|type|schema|signature|framework|config|batch_size|device)$")  # about a model


def use_of(frame: "Frame", step: CallStep, seen: tuple[Sighting, ...], method: str, depth: int) -> Use | None:
    """The call as one that runs what was seen; None when nothing was."""
    made = tuple(dict.fromkeys(sighting.made for sighting in seen))
    return Use(frame, step, made, method, depth, seen) if made else None


def hands_over(step: CallStep) -> list[Node]:
    """The names that a call gives to a function whose own name says that it computes with a model."""
    last = step.written.rpartition(".")[2]
    if last[:1].isupper() or not _COMPUTING.search(last) or _TELLS.search(last):
        return []
    listed = arguments(step.node, keywords=True)[:MOST_HANDED]
    given = [node.child_by_field_name("value") if node.type == "keyword_argument" else node for node in listed]
    return [node for node in given if node is not None and node.type in ("identifier", "attribute")]


def methods_given(step: CallStep) -> list[Node]:
    """The attributes that a call is given as they are: `model.generate` of `Thread(target=model.generate)`."""
    listed = arguments(step.node, keywords=True)[:MOST_HANDED]
    given = [node.child_by_field_name("value") if node.type == "keyword_argument" else node for node in listed]
    return [node for node in given if node is not None and node.type == "attribute"]
