"""What functions that a library offers take as device and type where the caller says nothing: `device="cpu"`."""

import re
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.starts import LIBRARY, Start
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import default
from retrieval.census.memory.devices import Choice

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 3
_TYPES = re.compile(r"^(?:torch_)?dtype$|^precision$|^compute_type$|^(?:fp|bf)16$|^half$")


def library_defaults(codebase: "Codebase", choice: Choice | None) -> str:
    """ "; called as a library, `create()` has `device='cpu'`, `precision='fp32'` by default"; "" without any.

    Only functions that the repository offers to be called from outside, each set of defaults with its first functions.
    """
    told: dict[str, list[str]] = {}
    for path, symbol, parameter in choice.offered if choice is not None else ():
        if any(part.startswith("_") and part != "__init__" for part in symbol.split(".")):
            continue
        if not any(_offers(start, path, symbol) for start in reach_of(codebase).starts):
            continue
        program = program_of(codebase)
        frame = program.frame(path, program.definition(path, symbol))
        names = [parameter, *(name for name in frame.parameters if _TYPES.match(name))] if frame is not None else []
        presets = [(name, default(frame, name)) for name in names] if frame is not None else []
        said = [f"`{name}={frame.body.tree.text(node)}`" for name, node in presets if node is not None and frame]
        told.setdefault(", ".join(said), []).append(f"`{symbol}()`")
    rows = [f"{listed(names, MOST_NAMED)} {'has' if len(names) < 2 else 'have'} {said}" for said, names in told.items()]
    return f"; called as a library, {' and '.join(rows[:2])} by default" if rows else ""


def _offers(start: Start, path: str, symbol: str) -> bool:
    """Whether a start is the public interface of a library, and has the function or its class among what it offers."""
    offered = (path, symbol) in start.units or (path, symbol.rpartition(".")[0]) in start.units
    return offered and start.name.startswith(LIBRARY)
