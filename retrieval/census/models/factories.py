"""Kind `factories`: functions that return a model which they or what they call have made, and who calls them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Called, Spot
from retrieval.census.meaning.wording import caller
from retrieval.census.models.made_models import Made
from retrieval.census.models.model_entries import plain
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

LEVELS, SHOWN = 3, 5
_SEVERAL = ("expression_list", "tuple", "list")


@kind(
    "factories",
    summary="functions that return a model that they have made, which one, and who calls them",
    example="factories, or factories: load_*",
    reads="python",
    ordered=True,
)
def factories(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function, those that main programs may run first; patterns match its name."""
    roster = roster_of(codebase)
    reach = reach_of(codebase)
    found = [item for item in _found(roster) if codebase.snapshot.by_path[item[0].path].role == "source"]
    found.sort(key=lambda item: not reach.has(plain(codebase, item[0], _line(item[0]))))
    for frame, models in found:
        if query.matches(frame.symbol, frame.symbol.rpartition(".")[2]):
            yield _hit(codebase, frame, models, _callers(roster, frame))


def _found(roster: Roster) -> list[tuple["Frame", tuple[Made, ...]]]:
    """Bodies that return models: where these are made, then their callers, LEVELS deep."""
    waiting = [made.frame for made in roster.made]
    seen: set[int] = set()
    found = []
    for _ in range(LEVELS):
        later = []
        for frame in waiting:
            if id(frame) in seen or frame.definition is None or frame.definition.name.startswith("__"):
                continue
            seen.add(id(frame))
            models = _given(roster, frame)
            if models and not (frame.owner is not None and roster.family.is_model(frame.owner)):
                found.append((frame, models))
                later += [call[0] for call in _callers(roster, frame)]
        waiting = later
    return found


def _given(roster: Roster, frame: "Frame") -> tuple[Made, ...]:
    found: dict[Made, None] = {}
    for item in frame.body.exits:
        if item.kind != "return" or item.value is None:
            continue
        parts = item.value.named_children if item.value.type in _SEVERAL else [item.value]
        for part in parts:
            found.update(dict.fromkeys(roster.of(Spot(frame, part, item.order, item.guards))))
    return tuple(found)


def _callers(roster: Roster, frame: "Frame") -> list[Called]:
    roles = roster.program.snapshot.by_path
    return [call for call in roster.tracer.holders.callers(frame) if roles[call[0].path].role == "source"]


def _line(frame: "Frame") -> int:
    return frame.definition.head_start if frame.definition is not None else 1


def _hit(codebase: "Codebase", frame: "Frame", models: tuple[Made, ...], calls: list[Called]) -> CensusHit:
    names = listed([f"`{name}`" for name in dict.fromkeys(made.name for made in models)], SHOWN)
    text = f"{caller(frame)} ({frame.path}) gives {names}"
    places = dict.fromkeys(f"{caller(call[0])} ({call[0].path})" for call in calls)
    text += f"; called in {listed(list(places), SHOWN)}" if places else ""
    item = frame.definition
    lines = (item.head_start, item.head_end) if item is not None else (1, 1)
    related = tuple(("called", call[0].path, call[1].start, call[1].end) for call in calls[:SHOWN])
    return hit_at(codebase, frame.path, lines, symbol=frame.symbol, name=frame.symbol, text=text, related=related)
