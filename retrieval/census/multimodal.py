"""Kind `multimodal`: in sentences, whether modalities meet, how and where, and whether their features are compared."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.census.body import one_line
from retrieval.census.fusing_models import apart_or_not
from retrieval.census.fusion_ways import at, compared_inside, inside, module, name_of, short, sorts, ways
from retrieval.census.fusions import meetings_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meetings import FUSING, Meeting
from retrieval.census.mixing import axis
from retrieval.census.modality_names import GROUPS
from retrieval.census.multimodal_messages import Message, messages, sender
from retrieval.census.multimodal_models import Multimodal, gives_two, models_of_two
from retrieval.census.onward import onward
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.roster import Roster, roster_of
from retrieval.facts import CensusHit
from retrieval.parse import Node, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

PARTS = ("whether", "how", "embeddings")
FUSED, STEERED = ("joined", "attended", "routed", "merged"), ("conditioned",)
TOGETHER, APART = ("message", "model", "given"), ("apart", "compared")
SHOWN, CALL, WAYS, BESIDES, LIKEWISE = 3, 70, 3, 2, 6
Place = tuple[str, str, int, int]


@dataclass(frozen=True)
class Said:
    """A place where modalities meet, in words; `sort` tells places of one kind from others."""

    pair: str
    text: str
    sort: tuple[str, str]
    place: Place
    run: bool = True
    source: bool = True
    who: str = ""


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
    found = _found(codebase)
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
    openings = (fused, "go together", "go together", "are not fused, only compared or embedded by themselves")
    first = next(at_ for at_, kind_ in enumerate(kinds) if kind_)
    if first < 3 and not any(said.run or (first == 0 and said.source) for said in kinds[first]):
        first = next((at_ for at_, kind_ in enumerate(kinds[:3]) if any(said.run for said in kind_)), first)
    lead = kinds[first]
    yes = "Yes" if first < 3 else "No"
    yield _sentence(codebase, f"{yes}, {_pairs(lead)} {openings[first]}{_idle(lead)}: ", lead, join="; ")
    besides = [said for at_, kind_ in enumerate(kinds[:3]) if at_ != first for said in kind_ if said.run]
    if besides:
        yield _sentence(codebase, "Besides, ", besides, join="; ", most=BESIDES)
    yield from (at(codebase, text, places) for text, places in apart_or_not(codebase))
    yield from _idle_code(codebase, found)


def _how(codebase: "Codebase", found: list[Said]) -> Iterator[CensusHit]:
    """The operations, and for what goes into a model or a request whole, where that is put together."""
    fused = [said for said in found if said.sort[0] in FUSED]
    steered = [said for said in found if said.sort[0] in (*STEERED, *TOGETHER)]
    told = list(ways(codebase, WAYS))
    lead = fused or steered or found
    if lead:
        yield _sentence(codebase, "", lead, join="; ")
    for text, places in told:
        yield at(codebase, text, places)
    if fused and steered:
        yield _sentence(codebase, "Besides, ", steered, join="; ", most=BESIDES)


def _pairs(found: list[Said]) -> str:
    run = [said for said in found if said.run]
    return ", ".join(list(dict.fromkeys(said.pair for said in run or found))[:3])


def _found(codebase: "Codebase") -> list[Said]:
    """Every place where modalities meet, those that the main programs run first."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found = [_meeting(roster, frame, meeting) for frame, meeting in meetings_of(roster)]
    found += [_message(message) for message in messages(roster)]
    found += [_used(model) for model in models_of_two(roster) if model.conditions or gives_two(roster, model)]
    told = []
    for frame, said in found:
        hit = hit_at(codebase, frame.path, said.place[2:], symbol=frame.symbol, name="", text="")
        told.append(replace(said, run=reach.has(hit), source=hit.role == "source", who=short(frame)))
    order = {sort: place for place, sort in enumerate((*FUSED, *STEERED, *TOGETHER, *APART))} | dict.fromkeys(FUSED, 0)
    return sorted(told, key=lambda said: (not said.run, not said.source, order[said.sort[0]]))


def _meeting(roster: Roster, frame: "Frame", meeting: Meeting) -> "tuple[Frame, Said]":
    told: dict[str, str] = {}
    for written, item in meeting.operands:
        told.setdefault(item.modality, f"{item.modality} (`{one_line(written, 40)}`)")
    steers = meeting.how == "attended" and meeting.operands[0][1].modality == "latents"
    text = f"{name_of(frame)} {_does(roster, frame, meeting, list(told.values()))}"
    owner = frame.owner.definition.symbol if frame.owner else frame.symbol
    pair = _pair(told)
    sort = "conditioned" if steers else meeting.how
    return frame, Said(pair, text, (sort, owner + pair), _place(frame, meeting.node))


def _does(roster: Roster, frame: "Frame", meeting: Meeting, both: list[str]) -> str:
    """What is done with the values of a meeting, as the predicate of a sentence."""
    joined = " and ".join(both)
    match meeting.how:
        case "joined" if meeting.node.type == "subscript":
            where = one_line(frame.body.tree.text(meeting.node.child_by_field_name("subscript")), 40)
            return f"writes {both[1]} into {both[0]} at `{where}`{onward(frame, meeting.node)}"
        case "joined":
            verb, using = _verb(frame, meeting.node)
            return f"{verb} {joined}{using}{_by(roster, frame, meeting)}{onward(frame, meeting.node)}"
        case "attended" if meeting.operands[0][1].modality == "latents":
            return f"lets {' and '.join(both[1:])} condition {both[0]} in `{_callee(frame, meeting.node)}`"
        case "attended":
            using = f" with `{_callee(frame, meeting.node)}`{_by(roster, frame, meeting)}"
            return f"lets {both[0]} attend to {' and '.join(both[1:])}{using}"
        case "routed":
            return f"sends {joined} through different weights, chosen by a mask: `{_shown(frame, meeting.node)}`"
        case "merged":
            return f"merges {joined} into one list by time: `{_shown(frame, meeting.node)}`"
        case "given":
            return f"gives {joined} to {meeting.model or 'one model'} in one call"
    return f"multiplies or compares {joined}: `{_shown(frame, meeting.node)}`"


def _by(roster: Roster, frame: "Frame", meeting: Meeting) -> str:
    """ " (`FuseModule(2048)`, by concatenation and sums)": the module that is called and what it does with both."""
    if meeting.node.type != "call":
        return ""
    made, how = module(roster, frame, meeting.node), sorts(inside(roster, frame, meeting))
    told = ", ".join(filter(None, (made, f"by {how}" if how else "")))
    return f" ({told})" if told else ""


def _pair(told: Iterable[str]) -> str:
    """ "image and text"; landmarks and video count as images, prompts as text."""
    return " and ".join(sorted({GROUPS.get(modality, modality) for modality in told}))


def _verb(frame: "Frame", node: Node) -> tuple[str, str]:
    written = _callee(frame, node) if node.type == "call" else ""
    if written:
        how = "fuses" if FUSING.search(written) else "joins" if "stack" in written else "concatenates"
        return how, f"{axis(frame, node) if how == 'concatenates' else ''} with `{written}`"
    return "adds the embeddings of", ""


def _message(message: Message) -> "tuple[Frame, Said]":
    frame = message.frame
    by = f", sent by `{sender(message)}`" if message.sent is not None else ""
    text = f"{name_of(frame)} puts text and {message.modality} into one request (`{one_line(message.written, 60)}`){by}"
    place = _place(frame, message.node)
    return frame, Said(f"{message.modality} and text", text, ("message", frame.symbol), place)


def _used(model: Multimodal) -> "tuple[Frame, Said]":
    made = model.entry.made[0]
    frame, step = (model.uses[0].frame, model.uses[0].step) if model.uses else (made.frame, made.step)
    joined = "which joins them inside" if model.together else "in which the text conditions what is made"
    joined = "which embeds each of them by itself into one space and joins nothing" if model.apart else joined
    text = f"{name_of(frame)} {'runs' if model.uses else 'makes'} {model.said}, {joined}"
    pair = _pair((*model.known.takes, *(() if model.together else (model.known.gives,))))
    return frame, Said(
        pair,
        text,
        ("apart" if model.apart else "model", model.entry.name),
        ("use", frame.path, step.start, step.end),
    )


def _callee(frame: "Frame", node: Node) -> str:
    return one_line(frame.body.tree.text(node.child_by_field_name("function")), CALL)


def _shown(frame: "Frame", node: Node) -> str:
    return one_line(frame.body.tree.text(node), CALL)


def _place(frame: "Frame", node: Node) -> Place:
    return "meets", frame.path, first_line(node), last_line(node)


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
    told = {one.who for one in (*shown, *(other for others in alike.values() for other in others))}
    more = len([one for one in run or found if one.who not in told])
    body = join.join(f"{said.text}{_likewise(alike[id(said)])}" for said in shown)
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
    told = {one.who for one in shown}
    others = [other for other in found if (other.sort[0], other.pair) == sort and other not in shown]
    return [other for other in others if other.who not in told] if first is said else []


def _likewise(alike: Sequence[Said]) -> str:
    names = list(dict.fromkeys(f"`{said.who}`" for said in alike))
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
    combined = [said for said in found if said.sort[0] in FUSED and said.sort[0] != "merged"]
    apart = [said for said in found if said.sort[0] == "apart"]
    outside = [said for said in found if said.sort[0] in (*STEERED, *TOGETHER)]
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
        beside = " outside of attention" if any(said.sort[0] == "attended" for said in combined) else ""
        text = f"They are not compared: no product or similarity{beside} has features of two modalities"
        yield at(codebase, text, [(combined or outside)[0].place])


def _idle(found: list[Said]) -> str:
    return "" if any(said.run for said in found) else " (no way from the main programs to this code was traced)"
