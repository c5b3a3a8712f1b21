"""Kind `multimodal`: in sentences, whether modalities meet, how and where, and whether their features are compared."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.attention_scores import Scores, collected, repeated, scores_of, wholes
from retrieval.census.body import one_line
from retrieval.census.fusions import meetings_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meetings import FUSING, Meeting
from retrieval.census.modality_names import GROUPS
from retrieval.census.multimodal_messages import Message, messages, sender
from retrieval.census.multimodal_models import Multimodal, gives_two, models_of_two
from retrieval.census.onward import onward
from retrieval.census.prose import counted
from retrieval.census.reach import reach_of
from retrieval.census.roster import Roster, roster_of
from retrieval.census.wording import title
from retrieval.facts import CensusHit
from retrieval.parse import Node, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

PARTS = ("whether", "how", "embeddings")
SHOWN, CALL, MECHANISMS = 4, 70, 3
Place = tuple[str, str, int, int]


@dataclass(frozen=True)
class Said:
    """A place where modalities meet, in words; `sort` tells places of one kind from others."""

    pair: str
    text: str
    sort: tuple[str, str]
    place: Place
    run: bool


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
        return
    within = [said for said in found if said.sort[0] != "compared"] or found
    if within:
        yield _sentence(codebase, _opening(part, within), within, join="; ")
        yield from _mechanisms(codebase) if part == "how" else ()
        yield from _models(codebase, within)


def _opening(part: str, found: list[Said]) -> str:
    run = [said for said in found if said.run]
    pairs = list(dict.fromkeys(said.pair for said in run or found))
    named = ", ".join(pairs[:3])
    untraced = "" if run else " (no way from the main programs to this code was traced)"
    if part == "how":
        return f"Handled by{untraced}: " if untraced else ""
    return f"The modalities are {named}{untraced}. "


def _found(codebase: "Codebase") -> list[Said]:
    """Every place where modalities meet, those that the main programs run first."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found = [_meeting(frame, meeting) for frame, meeting in meetings_of(roster)]
    found += [_message(message) for message in messages(roster)]
    found += [_used(model) for model in models_of_two(roster) if model.conditions or gives_two(roster, model)]
    roles = codebase.snapshot.by_path
    told = []
    for frame, said in found:
        hit = hit_at(codebase, frame.path, said.place[2:], symbol=frame.symbol, name="", text="")
        run = reach.has(hit)
        told.append((Said(said.pair, said.text, said.sort, said.place, run), roles[frame.path].role != "source"))
    order = {"joined": 0, "attended": 0, "message": 0, "model": 1, "given": 2, "apart": 3, "compared": 4}
    return [s for s, _ in sorted(told, key=lambda item: (not item[0].run, item[1], order[item[0].sort[0]]))]


def _meeting(frame: "Frame", meeting: Meeting) -> "tuple[Frame, Said]":
    told: dict[str, str] = {}
    for written, item in meeting.operands:
        told.setdefault(item.modality, f"{item.modality} (`{one_line(written, 40)}`)")
    both = list(told.values())
    name = _name(frame)
    match meeting.how:
        case "joined":
            verb, using = _verb(frame, meeting.node)
            text = f"{name} {verb} {' and '.join(both)}{using}{onward(frame, meeting.node)}"
        case "attended":
            text = f"{name} lets {both[0]} attend to {' and '.join(both[1:])} with `{_callee(frame, meeting.node)}`"
        case "given":
            text = f"{name} gives {' and '.join(both)} to {meeting.model or 'one model'} in one call"
        case _:
            text = f"{name} multiplies or compares {' and '.join(both)}: `{_shown(frame, meeting.node)}`"
    owner = frame.owner.definition.symbol if frame.owner else frame.symbol
    pair = _pair(told)
    return frame, Said(pair, text, (meeting.how, owner + pair), _place(frame, meeting.node), True)


def _pair(told: Iterable[str]) -> str:
    """ "image and text"; landmarks and video count as images, prompts as text."""
    return " and ".join(sorted({GROUPS.get(modality, modality) for modality in told}))


def _verb(frame: "Frame", node: Node) -> tuple[str, str]:
    written = _callee(frame, node) if node.type == "call" else ""
    if written:
        how = "fuses" if FUSING.search(written) else "joins" if "stack" in written else "concatenates"
        return how, f" with `{written}`"
    return ("adds the embeddings of" if node.type == "binary_operator" else "puts together"), ""


def _message(message: Message) -> "tuple[Frame, Said]":
    frame = message.frame
    by = f", sent by `{sender(message)}`" if message.sent is not None else ""
    text = f"{_name(frame)} puts text and {message.modality} into one request (`{one_line(message.written, 60)}`){by}"
    place = _place(frame, message.node)
    return frame, Said(f"{message.modality} and text", text, ("message", frame.symbol), place, True)


def _used(model: Multimodal) -> "tuple[Frame, Said]":
    made = model.entry.made[0]
    frame, step = (model.uses[0].frame, model.uses[0].step) if model.uses else (made.frame, made.step)
    joined = "which joins them inside" if model.together else "in which the text conditions what is made"
    joined = "which embeds each of them by itself into one space and joins nothing" if model.apart else joined
    text = f"{_name(frame)} {'runs' if model.uses else 'makes'} {model.said}, {joined}"
    pair = _pair((*model.known.takes, *(() if model.together else (model.known.gives,))))
    return frame, Said(
        pair,
        text,
        ("apart" if model.apart else "model", model.entry.name),
        ("use", frame.path, step.start, step.end),
        True,
    )


def _name(frame: "Frame") -> str:
    where = f" ({frame.path})"
    return f"`{title(frame.definition)}`{where}" if frame.definition is not None else f"the script {frame.path}"


def _callee(frame: "Frame", node: Node) -> str:
    return one_line(frame.body.tree.text(node.child_by_field_name("function")), CALL)


def _shown(frame: "Frame", node: Node) -> str:
    return one_line(frame.body.tree.text(node), CALL)


def _place(frame: "Frame", node: Node) -> Place:
    return "meets", frame.path, first_line(node), last_line(node)


def _several(found: Sequence[Said], most: int = SHOWN) -> list[Said]:
    """The first of each sort, those that stand for different pairs and operations before others."""
    first = {said.sort: said for said in reversed(found)}
    kept = [said for said in found if first[said.sort] is said]
    spread = {(said.pair, said.sort[0]): said for said in reversed(kept)}
    ahead = [said for said in kept if spread[said.pair, said.sort[0]] is said]
    return [*ahead, *(said for said in kept if said not in ahead)][:most]


def _sentence(codebase: "Codebase", opening: str, found: list[Said], *, join: str) -> CensusHit:
    run = [said for said in found if said.run]
    shown = _several(run or found)
    more = len(run or found) - len(shown)
    body = join.join(said.text for said in shown)
    capital = not opening or opening.rstrip().endswith(".")
    text = f"{opening}{body[0].upper() + body[1:] if capital else body}"
    text += f"; {counted(more, 'more place')} below" if more else ""
    others = (
        {s.pair: s for s in reversed(found) if not s.run and s.pair not in {one.pair for one in run}} if run else {}
    )
    text += "".join(f"; in code that no main program is seen to run {said.text}" for said in [*others.values()][:2])
    return _at(codebase, text, [*shown, *others.values()])


def _at(codebase: "Codebase", text: str, shown: Sequence[Said]) -> CensusHit:
    return _places(codebase, text, [said.place for said in shown])


def _places(codebase: "Codebase", text: str, places: Sequence[Place]) -> CensusHit:
    _, path, start, end = places[0]
    return hit_at(
        codebase, path, (start, end), symbol="", name="multimodal", text=text, related=tuple(dict.fromkeys(places))
    )


def _attentions(codebase: "Codebase") -> "list[tuple[Frame, Meeting, Scores]]":
    """One meeting for every place where queries of one modality meet keys of another, layers before their callers."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found: dict[Place, tuple[Frame, Meeting, Scores]] = {}
    order = sorted(
        ((frame, meeting) for frame, meeting in meetings_of(roster) if meeting.how == "attended"),
        key=lambda item: (not reach.has(_where(codebase, *item)), not repeated(roster, item[0], item[1].node)),
    )
    for frame, meeting in order:
        scores = scores_of(roster, frame, meeting)
        if scores is not None:
            found.setdefault(scores.place, (frame, meeting, scores))
    return list(found.values())


def _where(codebase: "Codebase", frame: "Frame", meeting: Meeting) -> CensusHit:
    lines = first_line(meeting.node), last_line(meeting.node)
    return hit_at(codebase, frame.path, lines, symbol=frame.symbol, name="", text="")


def _mechanisms(codebase: "Codebase") -> Iterator[CensusHit]:
    """How cross-attention is computed, in which layers of which models."""
    roster = roster_of(codebase)
    found = _attentions(codebase)[:MECHANISMS]
    told = [_mechanism(roster, *one) for one in found]
    if told:
        places = [place for f, m, scores in found for place in (scores.place, _place(f, m.node))]
        yield _places(codebase, f"The attention is computed as {'; '.join(told)}", places)


def _mechanism(roster: Roster, frame: "Frame", meeting: Meeting, scores: Scores) -> str:
    text = f"{scores.said}, called by `{_callee(frame, meeting.node)}` in {_name(frame)}"
    text += repeated(roster, frame, meeting.node)
    holders = wholes(roster, frame)
    return text + (f"; it is part of {', '.join(holders)}" if holders else "")


def _compared_inside(codebase: "Codebase") -> Iterator[CensusHit]:
    """The scores of cross-attention, which are products of two modalities, and what takes them up."""
    roster = roster_of(codebase)
    for frame, meeting, scores in _attentions(codebase)[:1]:
        pair = " and ".join(dict.fromkeys(item.modality for _, item in meeting.operands))
        text = f"Yes, they are compared inside attention: its scores {scores.said} are products of {pair}"
        places = [scores.place, _place(frame, meeting.node)]
        if (hook := collected(roster, meeting, frame)) is not None:
            text += f"; {_name(hook[0])} takes them up with a forward hook: `{_shown(*hook)}`"
            places.append(_place(*hook))
        yield _places(codebase, text, places)


def _models(codebase: "Codebase", found: list[Said]) -> Iterator[CensusHit]:
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
    combined = [said for said in found if said.sort[0] in ("joined", "attended")]
    apart = [said for said in found if said.sort[0] == "apart"]
    outside = [said for said in found if said.sort[0] in ("message", "model", "given")]
    if combined:
        yield _sentence(codebase, f"Yes, they are combined{_idle(combined)}: ", combined, join="; ")
    elif outside:
        opening = f"Not by code of this repository; they are combined inside a model that takes both{_idle(outside)}: "
        yield _sentence(codebase, opening, outside, join="; ")
    elif apart:
        yield _sentence(codebase, f"They are not combined{_idle(apart)}: ", apart, join="; ")
    if compared:
        yield _sentence(codebase, f"Yes, they are compared{_idle(compared)}: ", compared, join="; ")
    inside = [] if compared else list(_compared_inside(codebase))
    yield from inside
    if outside and not (compared or combined or inside):
        text = "The code of this repository itself has no product or similarity of features of two modalities"
        yield _at(codebase, text, outside[:1])


def _idle(found: list[Said]) -> str:
    return "" if any(said.run for said in found) else " (no way from the main programs to this code was traced)"
