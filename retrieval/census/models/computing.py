"""Whether a method of a model class computes something with the model, or only prepares it or tells about it."""

import re
from typing import TYPE_CHECKING

from retrieval.census.models.families import MODELISH
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.census.meaning.values import ClassRef
    from retrieval.census.models.tiers import Anatomy

PLAIN = words(
    """append extend add update get items keys values format join split strip replace startswith endswith read write
    open close sort index count pop copy lower upper encode_plus numpy item tolist view reshape permute transpose
    unsqueeze squeeze detach size dim contiguous expand repeat sum mean max min float half to cuda cpu long int bool
    backward step zero_grad numel element_size data_ptr
    parameters named_parameters state_dict load_state_dict eval train apply modules children"""
)
"""Methods of containers, tensors and modules that run no model."""


def computes(program: "Program", frame: "Frame", depth: int, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a method has parts of the model compute, itself or in the methods that it calls, `depth` deep."""
    seen |= {frame.symbol}
    own = next(iter(frame.parameters), "self")
    for step in frame.body.calls:
        match = re.fullmatch(rf"{re.escape(own)}(?:\.(\w+)(?:\[.*\])?)?((?:\.\w+)*)", step.written)
        if match is None:
            continue
        name = match[1] or ""
        if (name in ("", "forward") and not match[2]) or (
            match[2] and MODELISH.search(name) and match[2].rpartition(".")[2] not in PLAIN
        ):
            return True
        inner = program.method(frame.owner, name) if name and frame.owner and not match[2] else None
        if inner is None and not match[2] and name not in PLAIN:
            return True
        body = program.frame(inner[0].path, inner[1], frame.receiver) if inner and depth > 1 else None
        if body is not None and body.symbol not in seen and computes(program, body, depth - 1, seen):
            return True
    return False


def is_part(anatomy: "Anatomy", owner: "ClassRef | None") -> bool:
    """Whether a class is a layer, or a model that is a part of another."""
    if owner is None or owner not in anatomy.models:
        return False
    return anatomy.tier(owner) == "layer" or any(holder != owner for holder in anatomy.holders.get(owner, ()))
