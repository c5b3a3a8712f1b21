"""The places where modalities meet, each in words: by an operation, a condition, a request, a model that takes both."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.onward import onward
from retrieval.census.meaning.prose import listed
from retrieval.census.modalities.attention_scores import run_classes, scores_of
from retrieval.census.modalities.conditioning import conditioners, joined_conditions, made_classes
from retrieval.census.modalities.fusion_ways import Place, inside, module, name_of, short, sorts
from retrieval.census.modalities.fusions import meetings_of
from retrieval.census.modalities.meetings import FUSING
from retrieval.census.modalities.mixed import axis
from retrieval.census.modalities.modality_names import GROUPS
from retrieval.census.modalities.multimodal_messages import Message, messages, sender
from retrieval.census.modalities.multimodal_models import Multimodal, gives_two, models_of_two
from retrieval.census.modalities.operands import Meeting
from retrieval.census.modalities.placed import CHOOSING, WRITING
from retrieval.census.modalities.placeholders import placeholders
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.run_by import users_of
from retrieval.parse import Node, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

FUSED, STEERED = ("joined", "attended", "routed", "merged"), ("conditions", "conditioned")
TOGETHER, APART = ("given", "message", "model", "prompted"), ("apart", "compared")
CALL, LIKEWISE, STEPS = 70, 6, 4


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
    put: bool = False  # whether values are written among others
    own: bool = False  # whether code of the repository does it, where a model conditions what it generates
    users: int = 0  # how many classes have it run through an object that they hold


def places_of(codebase: "Codebase") -> list[Said]:
    """Every place where modalities meet, those that the main programs run first."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found = [_meeting(roster, frame, meeting) for frame, meeting in meetings_of(roster)]
    found += [_message(message) for message in messages(roster)]
    found += [_used(model) for model in models_of_two(roster) if model.conditions or gives_two(roster, model)]
    found += _conditions(roster)
    told = []
    for frame, said in found:
        hit = hit_at(codebase, frame.path, said.place[2:], symbol=frame.symbol, name="", text="")
        told.append(replace(said, run=reach.has(hit), source=hit.role == "source", who=short(frame)))
    runs = any(said.run for said in told if said.sort[0] == "conditions")  # steps of one way, from the joins to layers
    joins = {one.places[0] for one in joined_conditions(roster) if one.frame.owner in made_classes(roster)}
    told = [
        replace(said, run=runs and (said.place in joins or not joins)) if said.sort[0] == "conditions" else said
        for said in told
    ]
    order = {sort: place for place, sort in enumerate((*FUSED, *STEERED, *TOGETHER, *APART))} | dict.fromkeys(FUSED, 0)
    pictured = any("image" in said.pair for said in told)  # then the hint for a speech recogniser is the least

    def rank(said: Said) -> tuple[bool, bool, bool, int, bool, int]:
        hint = pictured and said.pair == "audio and text" and said.sort[0] == "given"
        return not said.run, not said.source, hint, order[said.sort[0]], not said.put, -said.users

    return sorted(told, key=rank)  # writes are the surest


def _conditions(roster: Roster) -> "Iterator[tuple[Frame, Said]]":
    """The bodies that join conditions to what is generated, when the conditions are embedded by classes that tell."""
    kinds = conditioners(roster)
    pair = " and ".join(sorted(set(kinds.values())))
    embedded = listed([f"`{cls.definition.name}` ({kind})" for cls, kind in kinds.items()], LIKEWISE)
    for number, one in enumerate(joined_conditions(roster)):
        text = f"{name_of(one.frame)} {', '.join(dict.fromkeys(told for told, _ in one.steps[:STEPS]))}"
        text += f"; conditions are embedded by {embedded}" if number == 0 else ""
        yield one.frame, Said(pair, text, ("conditions", one.frame.symbol), one.places[0])


def _meeting(roster: Roster, frame: "Frame", meeting: Meeting) -> "tuple[Frame, Said]":
    told: dict[str, str] = {}
    for written, item in meeting.operands:
        told.setdefault(item.modality, f"{item.modality} (`{one_line(written, 40)}`)")
    steers = meeting.how == "attended" and meeting.operands[0][1].modality == "latents"
    text = f"{name_of(frame)} {_does(roster, frame, meeting, list(told.values()))}"
    owner = frame.owner.definition.symbol if frame.owner else frame.symbol
    pair = _pair(told)
    own = frame.symbol.endswith(".forward") or bool(run_classes(roster, frame, meeting.node))
    put = meeting.how == "joined" and bool(_put(frame, meeting, ["", ""]))
    sort = "conditioned" if steers else meeting.how
    users = users_of(roster, frame.owner) if frame.owner is not None and meeting.how == "given" else []
    text += f", run by {listed([f'`{cls.definition.name}`' for cls in users], LIKEWISE)}" if users else ""
    place = _place(frame, meeting.node)
    return frame, Said(pair, text, (sort, owner + pair), place, put=put, own=own, users=len(users))


def _does(roster: Roster, frame: "Frame", meeting: Meeting, both: list[str]) -> str:
    """What is done with the values of a meeting, as the predicate of a sentence."""
    joined = " and ".join(both)
    match meeting.how:
        case "joined" if told := _put(frame, meeting, both):
            return f"{told}{onward(frame, meeting.node)}"
        case "joined":
            verb, using = _verb(frame, meeting.node)
            at = placeholders(frame)
            return f"{verb} {joined}{using}{_by(roster, frame, meeting)}{at}{onward(frame, meeting.node)}"
        case "attended" if meeting.operands[0][1].modality == "latents":
            return f"lets {' and '.join(both[1:])} condition {both[0]} in `{_callee(frame, meeting.node)}`"
        case "attended":
            using = f" with `{_callee(frame, meeting.node)}`{_by(roster, frame, meeting)}"
            return f"lets {both[0]} attend to {' and '.join(both[1:])}{using}"
        case "routed":
            return f"sends {joined} through different weights, chosen by a mask: `{_shown(frame, meeting.node)}`"
        case "prompted":
            return f"puts `{meeting.operands[1][0]}`, found in an image, as text into the {both[0]}"
        case "merged":
            return f"merges {joined} into one list by time: `{_shown(frame, meeting.node)}`"
        case "given":
            by = f", put together by `{meeting.by}`" if meeting.by else ""
            return f"gives {joined} to {meeting.model or 'one model'} in one call{by}"
    return f"multiplies or compares {joined}: `{_shown(frame, meeting.node)}`"


def _put(frame: "Frame", meeting: Meeting, both: list[str]) -> str:
    """ "writes image (`y`) into text (`x`) at `mask`"; "" for what is no write into chosen places."""
    text, node = frame.body.tree.text, meeting.node
    if node.type == "subscript":
        owner, where = (text(node.child_by_field_name(part)) for part in ("value", "subscript"))
        if meeting.operands[0][0] != owner:
            return f"puts {' and '.join(both)} into `{one_line(owner, 40)}`, each at its own places"
        return f"writes {both[1]} into {both[0]} at `{one_line(where, 40)}`"
    written = _callee(frame, node) if node.type == "call" else ""
    if WRITING.search(written):
        return f"writes {both[1]} into {both[0]} at the places of a mask with `{written.rpartition('.')[2]}`"
    return f"chooses between {' and '.join(both)} by a mask with `{written}`" if CHOOSING.match(written) else ""


def _by(roster: Roster, frame: "Frame", meeting: Meeting) -> str:
    """ " (`FuseModule(2048)`, by concatenation and sums)": the module that is called and what it does with both."""
    if meeting.node.type != "call":
        return ""
    made, how = module(roster, frame, meeting.node), sorts(inside(roster, frame, meeting))
    if meeting.how == "attended" and "attention" not in how and scores_of(roster, frame, meeting) is not None:
        how = f"attention, then {how}" if how else "attention"
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
