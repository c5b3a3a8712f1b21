"""Kind `fusions`: where values of different modalities meet - joined, attended to, compared, or given to one model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.handover.model_inputs import session_runs
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.wording import caller
from retrieval.census.modalities.meetings import meetings
from retrieval.census.modalities.modalities import Told
from retrieval.census.modalities.operands import Meeting
from retrieval.census.models.roster import Roster, Use, roster_of
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.parse import first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

HOW = ("joined", "attended", "compared", "given", "routed", "merged", "prompted")
SHOWN = 90
_MEETINGS: "Beside[Roster, list[tuple[Frame, Meeting]]]" = Beside()


@kind(
    "fusions",
    summary="where different modalities meet; how=joined, attended, compared, routed, merged, given, prompted",
    example="fusions: how=joined",
    reads="python",
    options=("how",),
    ordered=True,
)
def fusions(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per place, those that programs reach first; patterns match "image + text" and the like.

    Raises QueryError for an unknown `how`.
    """
    asked = [word.strip() for word in query.options.get("how", "|".join(HOW)).split("|")]
    if unknown := [word for word in asked if word not in HOW]:
        raise QueryError(f"{query.text!r}: unknown how={unknown[0]}", hint=f"known: {', '.join(HOW)}")
    roster = roster_of(codebase)
    for frame, meeting in meetings_of(roster):
        name = " + ".join(dict.fromkeys(told.modality for _, told in meeting.operands))
        if meeting.how in asked and query.matches(name):
            yield _hit(codebase, frame, meeting, name)


def meetings_of(roster: Roster) -> "list[tuple[Frame, Meeting]]":
    """Every meeting of a codebase, those that programs reach first; worked out once."""
    if roster not in _MEETINGS:
        by: dict[int, list[Use]] = {}
        for use in roster.uses:  # asked for first: lets the tracer know which methods calls of models run
            by.setdefault(id(use.frame), []).append(use)
        frames = [frame for frame, _ in roster.frames]
        _MEETINGS[roster] = [(f, m) for f in frames for m in meetings(roster, f, [*by.get(id(f), ()), *_sessions(f)])]
    return _MEETINGS[roster]


def _sessions(frame: "Frame") -> list[Use]:
    return [Use(frame, step, (), "run", 0) for step in session_runs(frame)]


def _hit(codebase: "Codebase", frame: "Frame", meeting: Meeting, name: str) -> CensusHit:
    subject = caller(frame)
    told: dict[str, str] = {}
    for written, item in meeting.operands:
        told.setdefault(item.modality, f"{item.modality} (`{written}`{_why(written, item)})")
    shown = one_line(frame.body.tree.text(meeting.node), SHOWN)
    text = f"{subject[0].upper()}{subject[1:]} {_does(meeting, list(told.values()))}: `{shown}`"
    related = [
        ("evidence", i.spot.frame.path, first_line(i.spot.node), last_line(i.spot.node)) for _, i in meeting.operands
    ]
    lines = (first_line(meeting.node), last_line(meeting.node))
    return hit_at(
        codebase, frame.path, lines, symbol=frame.symbol, name=name, text=text,
        related=tuple(dict.fromkeys(related)), detail={"how": meeting.how},
    )  # fmt: skip


def _does(meeting: Meeting, told: list[str]) -> str:
    """ "joins audio (`x`) and text (`y`)"."""
    both = " and ".join(told)
    match meeting.how:
        case "joined":
            return f"joins {both}"
        case "compared":
            return f"multiplies or compares {both}"
        case "given":
            return f"gives {both} to {meeting.model or 'one model'} together"
        case "routed":
            return f"sends {both} through different weights, chosen by a mask"
        case "prompted":
            return f"puts `{meeting.operands[1][0]}`, found in an image, as text into the {told[0]}"
        case "merged":
            return f"merges {both} by time into one list"
    return f"lets {told[0]} attend to {' and '.join(told[1:])}"


def _why(written: str, told: Told) -> str:
    """What tells the modality, when the operand's own name does not."""
    shown = one_line(told.spot.text(), 50)
    return f", from `{shown}`" if shown != written and shown not in written else ""
