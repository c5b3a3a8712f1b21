"""The memory of models that a server runs which the program starts: whose it is, what its flags limit, when it ends."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.released import Act
from retrieval.census.models.made_models import Made, is_served
from retrieval.census.models.model_requests import text_of
from retrieval.census.models.model_servers import engine_of
from retrieval.census.models.roster import Roster
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

MOST_TRACED, MOST_FLAGS, SHOWN = 30, 8, 60
_ENDING = words("terminate kill send_signal stop")
_FLAG = re.compile(
    r"[\"'\s](--?(?:gpu[-_]memory[-_]utilization|(?:tensor|data|pipeline|expert)[-_]parallel[-_]size"
    r"|[td]p(?:[-_]size)?|max[-_]model[-_]len|max[-_]num[-_]seqs|limit[-_]mm[-_]per[-_]prompt|mem[-_]fraction[-_]static"
    r"|context[-_]length|cpu[-_]offload[-_]gb|swap[-_]space|kv[-_]cache[-_]dtype|quantization|dtype|n[-_]gpu[-_]layers|ngl"
    r"|ctx[-_]size|device|cache[-_]max[-_]entry[-_]count|session[-_]len|num[-_]shard|cuda[-_]memory[-_]fraction"
    r"|max[-_]total[-_]tokens))[\"'\s=]"
)
"""Flags of model servers that say how much memory they take and on how many devices."""


def server_memory(made: Made) -> str:
    """Whose memory a served model takes, in words, with the flags of its command that say how much."""
    engine = engine_of(made.known)
    flags = listed([f"`{flag}`" for flag in memory_flags(made)], MOST_FLAGS)
    text = f"its weights and its cache are in the memory of the {engine} process that {caller(made.frame)} starts, "
    text += "not in that of the program"
    return f"{text}; how much that is and on how many devices, its flags say: {flags}" if flags else text


def memory_flags(made: Made) -> list[str]:
    """The flags that the body which starts a server writes and that say how much memory it takes."""
    return list(dict.fromkeys(_FLAG.findall(text_of(made.frame))))


def server_residents(roster: Roster, models: list[Made]) -> str:
    """The served models of a program, how long they are there: "`vllm serve` in the memory of a process of its own"."""
    told = []
    for made in {item.name: item for item in models if is_served(item)}.values():
        ends = [act for act in server_ends(roster) if act.frame.path == made.frame.path]
        until = listed(list(dict.fromkeys(act.said.rpartition(": ")[2] for act in ends)), 2)
        where = f"in the memory of the process that {caller(made.frame)} starts"
        told.append(f"`{made.name}` {where}{f', until {until}' if until else ', until that process ends'}")
    return "; ".join(told)


@once
def server_ends(roster: Roster) -> tuple[Act, ...]:
    """Every call that ends the process of a server which has a model in its memory."""
    served = {made.key: made for made in roster.made if is_served(made)}
    paths = {made.frame.path for made in served.values()}
    frames = [frame for frame, _depth in roster.frames if frame.path in paths] if served else []
    return tuple(act for frame in frames for act in _ends(roster, frame, served))


def _ends(roster: Roster, frame: "Frame", served: dict[tuple[str, int], Made]) -> Iterator[Act]:
    for step in frame.body.calls:
        function = step.node.child_by_field_name("function")
        owner = function.child_by_field_name("object") if function is not None else None
        if owner is None or step.written.rpartition(".")[2] not in _ENDING:
            continue
        start = Spot(frame, owner, step.order, step.guards)
        walk = roster.tracer.walk(start, computed=False, most=MOST_TRACED)
        made = next((found for at in walk if (found := served.get((at.frame.path, at.node.id)))), None)
        if made is not None:
            shown = one_line(frame.body.tree.text(step.node), SHOWN)
            said = f"ends the process that runs `{made.name}`: `{shown}`"
            yield Act("release", frame, (step.start, step.end), step.guards, said, f"`{made.name}`")
