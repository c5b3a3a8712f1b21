"""What becomes of a failed model run by default, in one plain sentence: skipped, replaced, raised, or it aborts.

Each handler around a run has one fate; a run that no handler stands around goes up through its callers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.census.flow.starts import LIBRARY
from retrieval.census.meaning.prose import listed

if TYPE_CHECKING:
    from retrieval.facts import CensusHit

SHOWN = 3
_FATES = {
    "retry": "tried again",
    "skip": "skipped, and the work goes on with the next one",
    "mark": "marked on its item, and the work goes on with the others",
    "fallback": "replaced by another way or value",
    "return": "answered with what the handler returns",
    "log": "only logged, after which the code goes on",
    "swallow": "passed over in silence",
    "cleanup": "followed by a clean-up, after which the code goes on",
    "reraise": "raised again as another error",
}


def fates(runs: Iterable[CensusHit], marks: Iterable[CensusHit]) -> str:
    """ "skipped, and the work goes on with the next one, in `cli()`; raised again as another error in `load()`"."""
    marked = {(hit.path, hit.symbol) for hit in marks}
    groups: dict[str, dict[str, None]] = {}
    for hit in runs:
        what = hit.detail["what"]
        what = "mark" if (hit.path, hit.symbol) in marked and what not in ("skip", "retry", "reraise") else what
        place = f"`{hit.symbol}()`" if hit.symbol else hit.path
        fate = _FATES.get(what, _FATES["swallow"])
        fate = "only logged, and the function ends" if what == "log" and _ends(hit) else fate
        groups.setdefault(fate, {})[place] = None
    return "; ".join(f"{fate}{_comma(fate)} in {_some(list(places))}" for fate, places in groups.items())


def _ends(hit: CensusHit) -> bool:
    return hit.text.endswith("()` ends")


def _comma(fate: str) -> str:
    return "," if "," in fate else ""


def _some(places: list[str]) -> str:
    return listed(places, SHOWN)


def led(
    runs: list[CensusHit], marks: list[CensusHit], calls: list[CensusHit], ends: str, policy: tuple[str, str] = ("", "")
) -> str:
    """The sentence: what aborts first where no handler stands around most of the places that run a model.

    A policy is what switches are by default in programs, and in what is called as a library (see raise_switches).
    """
    bare = [hit for hit in calls if hit.detail["covered"] == "no"]
    told = fates(runs, marks)
    where = _some(list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else hit.path for hit in bare)))
    if bare and len(bare) * 2 >= len(calls):
        abort = f"By default a failed model run aborts: at {len(bare)} of the {len(calls)} places that run a model "
        return f"{abort}({where}) no handler goes on, and the error {ends}. Elsewhere a failed run is {told}"
    rest = f" No handler that goes on stands around {where}: an error there {ends}" if bare else ""
    lead, subject = ("", "A failed model run") if runs and all(map(_ends, runs)) else _lead(calls, ends, *policy)
    return f"{lead}{subject} is {told}.{rest}".rstrip(".")


def _lead(calls: list[CensusHit], ends: str, program: str, library: str) -> tuple[str, str]:
    """What is said before the fates, and what they are said of: who gets the error that no handler meets."""
    if program:
        plain = f"A failed model run does not abort by default where {program}"
        return f"{plain}; called as a library it does: {library}. ", "Where it does not abort, it"
    open_to = {name: None for hit in calls for name in hit.detail["through"].split("|") if name}
    programs = [f"`{name}`" for name in open_to if not name.startswith(LIBRARY)]
    if programs:
        told = (
            f"In {listed(programs, SHOWN)} a failed model run aborts where no handler meets its error, which {ends}. "
        )
        return told, "Elsewhere it"
    if open_to:
        return (
            f"Whoever calls {listed(list(open_to), SHOWN)} gets the error of a failed model run. ",
            "Where it is met, it",
        )
    return "", "A failed model run"
