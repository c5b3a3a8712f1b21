"""What goes from call to call in the bodies of the main programs: a sentence per body, those with models first."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import Focus
from retrieval.census.flow.spine import HandOver, hand_overs, spine_of
from retrieval.census.handover.model_bodies import leading_bodies
from retrieval.census.handover.model_flow import handed_names, said_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.wording import caller
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, BODIES, MOST_BODIES, PLACED, CHAIN, LOOKED, LIGHT = 8, 3, 4, 6, 6, 12, 1.0
LEAD = "Steps pass results on as return values and arguments. "
Place = tuple[str, int, int]


def bodies_that_pass(codebase: "Codebase", focus: Focus) -> Iterator[CensusHit]:
    """What flows into the models and on from them; then the hand-overs of the first other bodies of the spine."""
    told: list[tuple[str, list[Place]]] = []
    first = leading_bodies(codebase, BODIES)
    bodies = [body for number, body in enumerate(first) if number + 1 < BODIES or body.weight >= LIGHT]
    for body in bodies:
        said, at = said_of(body)
        told += [(said, at)] if at else []
    known = {(body.frame.path, body.frame.symbol) for body in bodies}
    for frame in spine_of(focus):
        chain = _chain(hand_overs(focus, frame)) if (frame.path, frame.symbol) not in known else []
        if len(chain) > 1 and len(told) < MOST_BODIES:
            where = f" ({frame.path})" if frame.definition else ""
            steps = "; ".join(_handed(item) for item in chain)
            told.append((f"In {caller(frame)}{where} {steps}", [(frame.path, h.line, h.line) for h in chain]))
    for number, (text, places) in enumerate(told):
        yield sentence(codebase, "arguments", text if number else f"{LEAD}{text}", places)


def places_that_pass(codebase: "Codebase", focus: Focus) -> CensusHit | None:
    """The functions in which context is handed on, those of the models first, with what goes through each."""
    parts, places, known = [], [], set()
    for body in leading_bodies(codebase, PLACED):
        if names := handed_names(body):
            known.add((body.frame.path, body.frame.symbol))
            place = f"{body.frame.path}: " if body.frame.symbol else ""
            parts.append(f"{caller(body.frame)} ({place}{some([f'`{n}`' for n in names], CHAIN)})")
            places += said_of(body)[1][:3]
    for frame in spine_of(focus)[:LOOKED]:
        names = list(dict.fromkeys(item.value for item in hand_overs(focus, frame)))
        if names and (frame.path, frame.symbol) not in known and len(parts) < PLACED:
            where = f"{frame.path}: " if frame.definition else ""
            parts.append(f"{caller(frame)} ({where}{some([f'`{n}`' for n in names], CHAIN)})")
            places += [(frame.path, h.line, h.line) for h in hand_overs(focus, frame)[:3]]
    if not parts:
        return None
    text = f"Results are handed from call to call in {'; '.join(parts)}"
    return sentence(codebase, "places", text, places)


def _handed(item: HandOver) -> str:
    return f"{' or '.join(f'`{name}`' for name in item.makers[:2])} gives `{item.value}` to `{item.taker}`"


def _chain(found: list[HandOver]) -> list[HandOver]:
    """At most `CHAIN` hand-overs, with models first and every taker once before twice, in order of execution."""
    takers: dict[str, int] = {}
    ranked = []
    for item in found:
        takers[item.taker] = takers.get(item.taker, 0) + 1
        ranked.append((not item.leading, takers[item.taker] > 1, item))
    kept = [item for *_, item in sorted(ranked, key=lambda row: row[:2])[:CHAIN]]
    return [item for item in found if item in kept]


def sentence(codebase: "Codebase", name: str, text: str, places: Sequence[Place]) -> CensusHit:
    """A sentence at its first place, with the other ones."""
    path, first, last = places[0]
    related = tuple(("place", *place) for place in dict.fromkeys(places[1:]))
    return hit_at(codebase, path, (first, last), symbol="", name=name, text=text, related=related)


def some(names: list[str], most: int = SHOWN) -> str:
    """ "a, b and 3 more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
