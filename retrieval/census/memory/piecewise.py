"""Kind `piecewise`: what keeps the device small while a program runs: inputs that go there piece by piece, results
that are taken back, hooks and caches that are dropped after use.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep, Guard, one_line
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.moves import moved_tensors
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

NAMES = ("inputs", "results", "dropped")
_LOOPS = frozenset({"for", "while"})
_HELD = re.compile(r"(?i)cache[sd]?\b|cache[sd]?$|_?hooks?$|_backend$|past_|buffer$|_resources?$")
_OWN = re.compile(r"(?i)cache|hook|past_")
_CLOSING = words("remove clear close unload release")
_BEGINNING = words("__init__ __new__ __post_init__ __enter__ setup build reset_parameters")


@kind(
    "piecewise",
    summary="inputs moved to the device inside a loop, results taken back to the CPU there, caches and hooks dropped",
    example="piecewise: inputs, dropped",
    reads="python",
    ordered=True,
)
def piecewise(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function and sort; patterns are inputs, results and dropped."""
    told = set[tuple[str, str, str]]()
    for name, frame, lines, text in (*_moved(codebase), *_dropped(codebase)):
        if query.matches(name) and (key := (name, frame.path, frame.symbol)) not in told:
            told.add(key)
            subject = caller(frame)
            said = f"{subject[0].upper()}{subject[1:]} {text}"
            yield hit_at(codebase, frame.path, lines, symbol=frame.symbol, name=name, text=said)


def _moved(codebase: "Codebase") -> "Iterator[tuple[str, Frame, tuple[int, int], str]]":
    for frame, step, to, shown in moved_tensors(codebase):
        loop = _loop(step.guards)
        if loop is not None and to in ("device", "cpu") and not _is_made_there(step):
            name = "inputs" if to == "device" else "results"
            said = "moves what it works on to the device piece by piece" if to == "device" else "takes back to the CPU"
            around = f", for each `{one_line(loop.text, 60)}`" if loop.kind == "for" else ""
            yield name, frame, (step.start, step.end), f"{said}{around}: `{shown}`"


def _is_made_there(step: CallStep) -> bool:
    """Whether a small tensor is only brought to where others are, `torch.tensor([t]).to(x)`: no input moves."""
    return re.match(r"(?:torch\.)?(?:tensor|full|arange|Tensor|LongTensor)\(", step.written) is not None


def _loop(guards: tuple[Guard, ...]) -> Guard | None:
    return next((guard for guard in reversed(guards) if guard.kind in _LOOPS), None)


def _dropped(codebase: "Codebase") -> "Iterator[tuple[str, Frame, tuple[int, int], str]]":
    """Attributes named as caches that are emptied after use, and hooks that are removed."""
    for frame, _depth in roster_of(codebase).frames:
        if frame.definition is None or frame.definition.kind == "class" or frame.definition.name in _BEGINNING:
            continue
        for step in frame.body.calls:
            if _removes(frame, step):
                shown = one_line(frame.body.tree.text(step.node), 60)
                yield "dropped", frame, (step.start, step.end), f"drops what it kept: `{shown}`"
        for binding in frame.body.bindings:
            text = frame.body.tree.text(binding.value) if binding.value is not None else ""
            own = "." in binding.name and text in ("{}", "[]", "None", "dict()", "list()")
            if own and _HELD.search(binding.name) and not _fills(frame, binding.name):
                shown = f"{binding.name} = {text}"
                yield "dropped", frame, (binding.line, binding.line), f"drops what it kept: `{shown}`"


def _removes(frame: "Frame", step: CallStep) -> bool:
    """`hook.remove()`, `self._cache.clear()`, `page._backend.unload()`: calls without arguments on what was kept."""
    holder, _, method = step.written.rpartition(".")
    given = step.node.child_by_field_name("arguments")
    empty = given is not None and not given.named_children
    kept = _HELD if "." in holder else _OWN  # a variable named `buffer` is a file in memory as a rule
    return empty and method in _CLOSING and bool(kept.search(holder))


def _fills(frame: "Frame", name: str) -> bool:
    """Whether the same body fills what it empties: a beginning, not an end."""
    return any(store.name.partition("[")[0] == name for store in frame.body.stores) or any(
        binding.name == name and binding.value is not None and binding.value.type == "call"
        for binding in frame.body.bindings
    )
