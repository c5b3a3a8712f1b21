"""Whether a call may start several workers that do the same: work handed to a pool, or a start inside a loop."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.facts import Call
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame

_POOLED = words(
    """submit map starmap imap imap_unordered apply_async map_async starmap_async spawn start_processes
    notebook_launcher"""
)
_LOOPS = frozenset({"for", "while", "comprehension"})


def is_many(calls: Iterable[Call], call: Call, at: "tuple[Frame, CallStep] | None") -> bool:
    """Whether `call`, with its body and event, starts many; a pool of one worker does one thing after the other."""
    if call.name.rpartition(".")[2] in _POOLED:
        pools = [made for made in calls if made.name == call.receiver]
        return not pools or not all(_workers(made) == "1" for made in pools)
    return at is not None and any(guard.kind in _LOOPS for guard in at[1].guards)


def _workers(pool: Call) -> str:
    """The number of workers that a pool is made with, as written."""
    named = dict(pool.keywords)
    return named.get("max_workers", named.get("processes", next(iter(pool.arguments), "")))
