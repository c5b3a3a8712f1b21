"""Functions that can load another model in place of one that is held, while the program runs."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Called
from retrieval.census.meaning.wording import caller
from retrieval.census.models.made_models import Made
from retrieval.census.models.model_entries import Entry
from retrieval.census.models.roster import Roster
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

SHOWN, MOST_CITED, DEPTH = 8, 12, 3
_PATH = re.compile(r"(?i)path|ckpt|checkpoint|weights?|(?:^|_)(?:model|name)(?:_|$)")
_ONCE = re.compile(r"\bis None\b|\bnot (?:\w+\.)*_?(?:is_)?(?:model|initiali[sz]ed|loaded)\w*\b|not hasattr\(|not in\b")
_DONE = re.compile(r"^(?:\w+\.)*_?(?:is_)?(?:initiali[sz]ed|loaded|ready)\w*$|\bis not None\b|^hasattr\(|^[\w.]+ in\b")
"""Tests behind whose `return` a model is made for the first time."""


def swapped(roster: Roster, entries: list[Entry]) -> Iterator[CensusHit]:
    """One hit for all such functions, none without one."""
    swaps = _swaps(roster, entries)
    if not swaps:
        return
    told = listed([f"{caller(made.frame)} ({made.frame.path})" for made in swaps], SHOWN)
    text = f"While the program runs, {told} can load another model in place of the one that is held"
    first, *rest = swaps
    related = tuple(("swap", made.frame.path, made.step.start, made.step.end) for made in rest[:MOST_CITED])
    yield hit_at(roster.codebase, first.frame.path, (first.step.start, first.step.end), symbol=first.frame.symbol,
                 name="replaceable", text=text, related=related)  # fmt: skip


def _swaps(roster: Roster, entries: list[Entry]) -> list[Made]:
    """The functions that put a model which they are given the path or name of into an attribute or a global."""
    found: dict[tuple[str, str], Made] = {}
    for made in (made for entry in entries for made in entry.made):
        frame, node = made.frame, made.step.node
        initial = frame.definition is None or frame.definition.name == "__init__"
        if initial or _first_only(frame, made.step.guards) or not any(map(_PATH.search, frame.parameters)):
            continue
        kept = any(
            b.value is not None and b.value.start_byte <= node.start_byte and node.end_byte <= b.value.end_byte
            and (b.name.startswith("self.") or b.name in frame.body.not_local)
            for b in frame.body.bindings
        )  # fmt: skip
        if kept and _is_called_later(roster, made):
            found.setdefault((frame.path, frame.symbol), made)
    return list(found.values())


def _first_only(frame: "Frame", guards: tuple[Guard, ...]) -> bool:
    """Whether the conditions let the first load alone through: `if x is None:`, or behind `if x: return`."""
    for guard in guards:
        if guard.kind == "past":
            leaving = next((item for item in frame.body.exits if item.line == guard.line), None)
            inner = [g for g in leaving.guards if g.kind == "if"] if leaving is not None else []
            if inner and _DONE.search(inner[-1].text):
                return True
        elif (_DONE if guard.kind == "else" else _ONCE).search(guard.text):
            return True
    return False


def _is_called_later(roster: Roster, made: Made) -> bool:
    """Whether anything calls the function after the object that holds the model was made and filled."""
    return _reaches(roster, roster.tracer.holders.callers(made.frame), made.frame.symbol, DEPTH)


def _reaches(roster: Roster, calls: list[Called], symbol: str, depth: int) -> bool:
    """Whether a call is neither in a constructor nor behind a test for the first time, nor reached by such alone."""
    for frame, step, _ in calls:
        name = frame.symbol.rpartition(".")[2]
        if name == "__init__" or _first_only(frame, step.guards) or frame.symbol == symbol:
            continue
        outer = roster.tracer.holders.callers(frame) if depth and name.startswith("_") else []
        if not outer or _reaches(roster, outer, frame.symbol, depth - 1):
            return True
    return False
