"""Kind `served_ways`: where the inputs of predictors and the values of web controls go: which function is given them,
and to which calls it hands them on.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.served_inputs import predictors
from retrieval.census.flow.served_wiring import wires
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import units
from retrieval.census.settings.option_flow import Given, flow
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_RAISED = re.compile(r"(?:Error|Exception|Warning)$")
CALLS, NAMES, EVENTS = 8, 14, 3
Place = tuple[str, str]  # path and symbol of a function


@kind(
    "served_ways",
    summary="which functions get the inputs of predictors and web controls, and which calls they hand them to",
    example="served_ways",
    reads="python",
    ordered=True,
)
def served_ways(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function, those with most inputs first; patterns match its symbol."""
    reach = reach_of(codebase)
    found = sorted(_functions(codebase).items(), key=lambda i: (i[0] not in reach.units, -len(i[1][0])))
    for (path, symbol), (names, events) in found:
        if query.matches(symbol) and (hit := _hit(codebase, (path, symbol), names, events)) is not None:
            yield hit


def _functions(codebase: "Codebase") -> dict[Place, tuple[list[str], list[str]]]:
    """Function → the parameters that people set, and what runs it."""
    found: dict[Place, tuple[list[str], list[str]]] = {}
    for unit, function, symbol, name, _node in predictors(codebase):
        held = found.setdefault((unit.path, symbol), ([], ["Cog"]))
        if name not in held[0] and function.name:
            held[0].append(name)
    for unit in units(codebase, r"\bgradio\b"):
        for wire in wires(codebase, unit):
            names = [name for _, name in wire.inputs if name]
            if names:
                held = found.setdefault((wire.path, wire.symbol), ([], []))
                held[0].extend(name for name in names if name not in held[0])
                held[1].append(f"`{wire.event}()`")
    return found


def _hit(codebase: "Codebase", place: Place, names: list[str], events: list[str]) -> CensusHit | None:
    path, symbol = place
    definition = next((item for item in codebase.facts[path].definitions if item.symbol == symbol), None)
    if definition is None:
        return None
    given = [one for one in flow(codebase, path, symbol, {name: name for name in names}).given]
    given = [one for one in given if one.options and not _RAISED.search(one.callee)]
    given.sort(key=lambda one: (one.target is None, -len(one.options)))
    by = listed(list(dict.fromkeys(events)), EVENTS)
    told = listed([f"`{name}`" for name in names], NAMES)
    text = f"`{symbol}()` ({path}) is run by {by} with {counted(len(names), 'value')} that people set: {told}"
    if calls := [_call(one) for one in given[:CALLS]]:
        text += f"; it gives {listed(list(dict.fromkeys(calls)), CALLS)}"
    related = tuple(("given", path, *one.lines) for one in given[:CALLS])
    lines = (definition.head_start, definition.head_end)
    return hit_at(codebase, path, lines, symbol=symbol, name=symbol, text=text, related=related)


def _call(one: Given) -> str:
    """ "`steps` (as `num_steps`) and `seed` to `pipe()`"."""
    pairs = dict.fromkeys(one.options)
    names = [f"`{o}`" + (f" (as `{n}`)" if n and n not in (o, "**") else "") for o, n in pairs]
    return f"{' and '.join(names[:NAMES])} to `{one.callee}()`"
