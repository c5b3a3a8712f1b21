"""How modalities meet, told from the code of what is called: the operations of a module, its attention, its callers."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.wording import title
from retrieval.census.modalities.attention_scores import Scores, collected, repeated, run_classes, scores_of, wholes
from retrieval.census.modalities.fusions import meetings_of
from retrieval.census.modalities.mixed import Mixed
from retrieval.census.modalities.mixing import mixed_in
from retrieval.census.modalities.operands import Meeting
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit
from retrieval.parse import Node, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Place = tuple[str, str, int, int]
CALL, STEPS, WRITTEN = 70, 7, 60
_ELSEWHERE = re.compile(r" \((?:line \d+|[\w./-]+(?::\d+)?)\)|; `.*$")  # places, by which alone copies differ
_SORTS = {
    "joined": "concatenation",
    "added": "sums",
    "multiplied": "products",
    "attended": "attention",
    "compared": "products",
    "written": "writing into chosen places",
}


@once
def inside(roster: Roster, frame: "Frame", meeting: Meeting) -> tuple[Mixed, ...]:
    """What the module of the repository that a meeting calls does with both; none for an operation of a library."""
    if meeting.node.type != "call" or meeting.how == "given":
        return ()
    given = {written: item.group for written, item in meeting.operands}
    return tuple(mixed_in(frame, meeting.node, given, run_classes(roster, frame, meeting.node)))


def module(roster: Roster, frame: "Frame", node: Node) -> str:
    """ "`FuseModule`": the class of the object that a call runs, as it is made where that is seen; "" for none."""
    classes = run_classes(roster, frame, node)
    if len(classes) != 1:
        return ""
    name = classes[0].definition.name
    holder = frame.body.tree.text(node.child_by_field_name("function"))
    for method in frame.program.methods(frame.owner, frame.owner) if frame.owner is not None else ():
        for binding in method.bound(holder):
            written = method.body.tree.text(binding.value) if binding.value is not None else ""
            if written.startswith(f"{name}(") and len(written) < WRITTEN:
                return f"`{one_line(written, WRITTEN)}`"
    return f"`{name}`"


def sorts(mixed: "tuple[Mixed, ...]") -> str:
    """ "concatenation, sums and writing into chosen places": the operations of a module in two or three words."""
    told = list(dict.fromkeys(_SORTS[one.sort] for one in mixed if one.sort in _SORTS))
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def steps(mixed: "tuple[Mixed, ...]") -> str:
    """The operations in order, each with its place where that changes: "`F.fuse()` (a.py:3) concatenates …"."""
    told, last = [], ""
    for one in mixed[:STEPS]:
        name = name_of(one.frame)
        where = f" (line {first_line(one.node)})"
        told.append(f"{'' if name == last else f'{name} '}{one.text}{where}")
        last = name
    return ", then ".join(told)


def name_of(frame: "Frame") -> str:
    """ "`load()` (app.py)", or "the script app.py"."""
    where = f" ({frame.path})"
    return f"`{title(frame.definition)}`{where}" if frame.definition is not None else f"the script {frame.path}"


def short(frame: "Frame") -> str:
    """A body without its file: "load()", or the path of a script."""
    return title(frame.definition) if frame.definition is not None else frame.path


def called_by(codebase: "Codebase", frame: "Frame") -> "tuple[str, Place] | None":
    """Who runs a body, the main programs' code first: "called by `__call__()` (pipeline.py:706)"."""
    found = [(around, step) for around, step, _ in roster_of(codebase).tracer.holders.callers(frame)]
    found = [(a, s) for a, s in found if a.path != frame.path or a.symbol != frame.symbol]
    found.sort(key=lambda item: not _runs(codebase, item[0], item[1].node))
    if not found:
        return None
    around, step = found[0]
    place = ("called", around.path, step.start, step.end)
    return f"called by {_at_line(around, step.start)}", place


def _at_line(frame: "Frame", line: int) -> str:
    who = f"`{title(frame.definition)}`" if frame.definition is not None else "the script"
    return f"{who} ({frame.path}:{line})"


def _runs(codebase: "Codebase", frame: "Frame", node: Node) -> bool:
    lines = first_line(node), last_line(node)
    hit = hit_at(codebase, frame.path, lines, symbol=frame.symbol, name="", text="")
    return reach_of(codebase).has(hit) and hit.role == "source"


def ways(codebase: "Codebase", most: int) -> Iterator[tuple[str, list[Place]]]:
    """In sentences: what the modules that fuse compute, and how cross-attention is computed, in which models."""
    roster = roster_of(codebase)
    told: dict[str, tuple[str, list[Place]]] = {}
    attending = attentions(codebase)
    found = sorted(meetings_of(roster), key=lambda item: not _runs(codebase, item[0], item[1].node))
    for frame, meeting in found:
        mixed = inside(roster, frame, meeting)
        if (meeting.how == "attended" and attending) or all(one.sort == "passed" for one in mixed):
            continue
        text, places = _way(codebase, frame, meeting, mixed)
        told.setdefault(_ELSEWHERE.sub("", text), (text, places))
    yield from [*told.values()][:most]
    if scores := attending[:most]:
        places = [place for f, m, found_ in scores for place in (found_.place, _place(f, m.node))]
        yield f"The attention is computed as {'; '.join(_mechanism(roster, *one) for one in scores)}", places


def _way(codebase: "Codebase", frame: "Frame", meeting: Meeting, mixed: "tuple[Mixed, ...]") -> tuple[str, list[Place]]:
    made = module(roster_of(codebase), frame, meeting.node)
    callee = one_line(frame.body.tree.text(meeting.node.child_by_field_name("function")), CALL)
    text = f"In `{callee}`{f', {made},' if made else ''} {steps(mixed)}"
    places = [_place(frame, meeting.node), *(one.place for one in mixed[:STEPS])]
    if (caller := called_by(codebase, frame)) is not None:
        text += f"; {name_of(frame)}, in which this stands, is {caller[0]}"
        places.append(caller[1])
    return text, places


def attentions(codebase: "Codebase") -> "list[tuple[Frame, Meeting, Scores]]":
    """One meeting for every place where queries of one modality meet keys of another, layers before their callers."""
    roster = roster_of(codebase)
    found: dict[Place, tuple[Frame, Meeting, Scores]] = {}
    order = sorted(
        ((frame, meeting) for frame, meeting in meetings_of(roster) if meeting.how == "attended"),
        key=lambda item: (
            not _runs(codebase, item[0], item[1].node),
            not repeated(roster, item[0], item[1].node),
        ),
    )
    for frame, meeting in order:
        scores = scores_of(roster, frame, meeting)
        if scores is not None:
            found.setdefault(scores.place, (frame, meeting, scores))
    return list(found.values())


def _mechanism(roster: Roster, frame: "Frame", meeting: Meeting, scores: Scores) -> str:
    callee = one_line(frame.body.tree.text(meeting.node.child_by_field_name("function")), CALL)
    text = f"{scores.said}, called by `{callee}` in {name_of(frame)}"
    text += repeated(roster, frame, meeting.node)
    holders = wholes(roster, frame)
    return text + (f"; it is part of {listed(holders, 4)}" if holders else "")


def compared_inside(codebase: "Codebase") -> Iterator[tuple[str, list[Place]]]:
    """The scores of cross-attention, which are products of two modalities, and what takes them up."""
    roster = roster_of(codebase)
    for frame, meeting, scores in attentions(codebase)[:1]:
        pair = " and ".join(dict.fromkeys(item.modality for _, item in meeting.operands))
        text = f"Yes, they are compared inside attention: its scores {scores.said} are products of {pair}"
        places = [scores.place, _place(frame, meeting.node)]
        if (hook := collected(roster, meeting, frame)) is not None:
            shown = one_line(hook[0].body.tree.text(hook[1]), CALL)
            text += f"; {name_of(hook[0])} takes them up with a forward hook: `{shown}`"
            places.append(_place(*hook))
        yield text, places


def _place(frame: "Frame", node: Node) -> Place:
    return "meets", frame.path, first_line(node), last_line(node)


def at(codebase: "Codebase", text: str, places: list[Place]) -> CensusHit:
    """A sentence with its places."""
    _, path, start, end = places[0]
    related = tuple(dict.fromkeys(places))
    return hit_at(codebase, path, (start, end), symbol="", name="multimodal", text=text, related=related)
