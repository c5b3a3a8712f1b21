"""Kind `multimodal`: in sentences, whether modalities meet, how and where, and whether their features are compared."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.language import Query, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.modalities.fusing_models import apart_or_not
from retrieval.census.modalities.fusion_ways import at, compared_inside, ways
from retrieval.census.modalities.multimodal_places import APART, FUSED, STEERED, TOGETHER, Said, places_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

PARTS = ("whether", "how", "embeddings")
SHOWN, WAYS, BESIDES, LIKEWISE = 3, 3, 2, 6


@kind(
    "multimodal",
    summary="in sentences: whether modalities meet in the code (part=whether), how and where, embeddings of both",
    example="multimodal: part=whether",
    reads="python",
    options=("part",),
    ordered=True,
)
def multimodal(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """At most four sentences; none where no two modalities meet. Raises QueryError for an unknown part."""
    part = query.choice("part", PARTS, "whether")
    found = places_of(codebase)
    if part == "embeddings":
        yield from _embeddings(codebase, found)
    elif part == "how":
        yield from _how(codebase, found)
    elif found:
        yield from _whether(codebase, found)


def _whether(codebase: "Codebase", found: list[Said]) -> Iterator[CensusHit]:
    """Whether and where modalities are fused, else where they go together, else that they are only compared."""
    kinds = [[said for said in found if said.sort[0] in sort] for sort in (FUSED, STEERED, TOGETHER, APART)]
    fused = "are merged by time" if all(said.sort[0] == "merged" for said in kinds[0]) else "are fused"
    openings = (
        fused,
        "condition what is generated",
        "go together",
        "are not fused, only compared or embedded by themselves",
    )
    first = next(at_ for at_, kind_ in enumerate(kinds) if kind_)
    if first < 3 and not any(said.run or (first == 0 and said.source) for said in kinds[first]):
        first = next((at_ for at_, kind_ in enumerate(kinds[:3]) if any(said.run for said in kind_)), first)
    others = [at_ for at_ in (1, 2) if any(said.run for said in kinds[at_])]
    if first == 0 and fused != "are fused" and others:  # a list in the order of time is the least of them
        first = others[0]
    lead = kinds[first]
    yes = "Yes" if first < 3 else "No"
    pairs, opening = _pairs(lead), openings[first]
    opening = opening.replace("condition ", "conditions ") if not re.search(r",| and ", pairs) else opening
    begins = f"{yes}, {pairs} {opening}: "
    if yes == "Yes" and not any(said.run for said in lead):
        begins = f"Only in code to which no way from the main programs was traced: {pairs} {opening}: "
    yield _sentence(codebase, begins, lead, join="; ")
    besides = [said for at_, kind_ in enumerate(kinds[:3]) if at_ != first for said in kind_ if said.run]
    if besides:
        yield _sentence(codebase, "Besides, ", besides, join="; ", most=BESIDES)
    yield from (at(codebase, text, places) for text, places in apart_or_not(codebase))
    if first < 3 and not any("image" in said.pair for said in found):
        yield _at(codebase, "Images and video take no part in it", lead[:1])
    yield from _idle_code(codebase, found)


def _how(codebase: "Codebase", found: list[Said]) -> Iterator[CensusHit]:
    """The operations, and for what goes into a model or a request whole, where that is put together."""
    merged = [said for said in found if said.sort[0] == "merged"]  # a list in the order of time is the least of them
    fused = [said for said in found if said.sort[0] in FUSED and said not in merged]
    steered = [said for said in found if said.sort[0] in (*STEERED, *TOGETHER)]
    told = list(ways(codebase, WAYS))
    lead = fused or steered or merged or found
    if lead:
        yield _sentence(codebase, "", lead, join="; ")
    for text, places in told:
        yield at(codebase, text, places)
    for others in (steered if fused else [], merged if lead is not merged else []):
        if others:
            yield _sentence(codebase, "Besides, ", others, join="; ", most=BESIDES)


def _pairs(found: list[Said]) -> str:
    run = [said for said in found if said.run]
    return ", ".join(list(dict.fromkeys(said.pair for said in run or found))[:3])


def _several(found: Sequence[Said], most: int) -> list[Said]:
    """The first of each sort, those that stand for different pairs and operations before others."""
    first = {said.sort: said for said in reversed(found)}
    kept = [said for said in found if first[said.sort] is said]
    spread = {(said.pair, said.sort[0]): said for said in reversed(kept)}
    ahead = [said for said in kept if spread[said.pair, said.sort[0]] is said]
    return [*ahead, *(said for said in kept if said not in ahead)][:most]


def _sentence(codebase: "Codebase", opening: str, found: list[Said], *, join: str, most: int = SHOWN) -> CensusHit:
    run = [said for said in found if said.run]
    shown = _several(run or found, most)
    alike = {id(said): _alike(said, run or found, shown) for said in shown}
    names = {one.who for one in shown}
    told = {one.who for one in (*shown, *(other for others in alike.values() for other in others))}
    more = len([one for one in run or found if one.who not in told])
    body = join.join(f"{said.text}{_likewise(alike[id(said)], names)}" for said in shown)
    capital = not opening
    text = f"{opening}{body[0].upper() + body[1:] if capital else body}"
    text += f"; {counted(more, 'more place')} below" if more else ""
    others = (
        {s.pair: s for s in reversed(found) if not s.run and s.pair not in {one.pair for one in run}} if run else {}
    )
    text += "".join(f"; in code that no main program is seen to run {said.text}" for said in [*others.values()][:2])
    return _at(codebase, text, [*shown, *others.values()])


def _alike(said: Said, found: Sequence[Said], shown: Sequence[Said]) -> list[Said]:
    """What does the same with the same modalities elsewhere, and is not told by itself."""
    sort = (said.sort[0], said.pair)
    first = next(one for one in shown if (one.sort[0], one.pair) == sort)
    told = {(one.who, one.place[1]) for one in shown}
    others = [other for other in found if (other.sort[0], other.pair) == sort and other not in shown]
    return [other for other in others if (other.who, other.place[1]) not in told] if first is said else []


def _likewise(alike: Sequence[Said], told: set[str]) -> str:
    """The others by name, one of a name that is told already with its file."""
    names = list(dict.fromkeys(f"`{s.who}`{f' ({s.place[1]})' if s.who in told else ''}" for s in alike))
    return f" (likewise in {listed(names, LIKEWISE)})" if names else ""


def _at(codebase: "Codebase", text: str, shown: Sequence[Said]) -> CensusHit:
    return at(codebase, text, [said.place for said in shown])


def _idle_code(codebase: "Codebase", found: list[Said]) -> Iterator[CensusHit]:
    """Code that the main programs do not run, in one sentence, when other code does it too."""
    idle = [said for said in found if not said.run]
    if idle and len(idle) < len(found):
        pairs = ", ".join(list(dict.fromkeys(said.pair for said in idle))[:3])
        text = (
            f"{counted(len(idle), 'more place')} where they meet {'stands' if len(idle) == 1 else 'stand'} in code to "
        )
        text += f"which no way from the main programs was traced ({pairs})"
        yield _at(codebase, text, idle)


def _embeddings(codebase: "Codebase", found: list[Said]) -> Iterator[CensusHit]:
    """Whether features of two modalities are combined, and whether they are compared."""
    compared = [said for said in found if said.sort[0] == "compared"]
    within = [said for said in found if said.sort[0] == "conditioned" and said.own]
    combined = [said for said in found if said.sort[0] in (*FUSED, "conditions") and said.sort[0] != "merged"] or within
    apart = [said for said in found if said.sort[0] == "apart"]
    outside = [said for said in found if said.sort[0] in ("conditioned", *TOGETHER)]
    if combined:
        yield _sentence(codebase, f"Yes, they are combined{_idle(combined)}: ", combined, join="; ")
    elif outside:
        opening = f"Not by code of this repository; they are combined inside a model that takes both{_idle(outside)}: "
        yield _sentence(codebase, opening, outside, join="; ")
    elif apart:
        yield _sentence(codebase, f"They are not combined{_idle(apart)}: ", apart, join="; ")
    if compared:
        yield _sentence(codebase, f"Yes, they are compared{_idle(compared)}: ", compared, join="; ")
    scores = [] if compared else [at(codebase, text, places) for text, places in compared_inside(codebase)]
    yield from scores
    if (outside or combined) and not (compared or scores):
        beside = (
            " outside of attention" if any(said.sort[0] in ("attended", "conditioned") for said in combined) else ""
        )
        text = f"They are not compared: no product or similarity{beside} has features of two modalities"
        yield at(codebase, text, [(combined or outside)[0].place])


def _idle(found: list[Said]) -> str:
    return "" if any(said.run for said in found) else " (no way from the main programs to this code was traced)"
