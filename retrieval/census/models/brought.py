"""Kind `model_additions`: models that no line here makes: parts of a library's pipeline, and what is loaded into one.

A class that derives from a pipeline of a library runs `self.unet(…)`, which the library made; `pipe.load_ip_adapter(…)`
loads further weights into a pipeline.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.hooks import outside_bases
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spelled import spelled
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller
from retrieval.census.models.families import MODELISH, SETUP
from retrieval.census.models.model_entries import plain
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

SHOWN, CALL = 10, 90
_PART = re.compile(r"^self\.(\w+?)(?:\.(?:encode|decode|forward|generate|embed\w*))?$")
_MODELS = re.compile(
    MODELISH.pattern + r"|^(?:text_encoder|image_encoder|controlnet|adapter|safety_checker|vocoder|prior|movq)\w*$"
)
_NO_PART = re.compile(r"^(?:upcast|encode|decode|denoise|run|_)")
_LOADS = re.compile(
    r"\.(?:load_(?:ip_adapter\w*|lora\w*|textual_inversion|attn_procs|adapter|controlnet\w*|\w+_adapter)|load_adapter_model)$"
)


@kind(
    "model_additions",
    summary="parts that a library's pipeline brings and code here runs, and adapters that are loaded into models",
    example="model_additions",
    reads="python",
    ordered=True,
)
def model_additions(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per class with such parts, then one per call that loads something; patterns match names of these."""
    roster = roster_of(codebase)
    for cls, parts in _brought(roster).items():
        if query.matches(cls.definition.symbol, *parts):
            yield _parts(codebase, roster, cls, parts)
    reach = reach_of(codebase)
    loads = [(frame, step) for frame, _ in roster.frames for step in frame.body.calls if _LOADS.search(step.written)]
    for frame, step in sorted(loads, key=lambda item: not reach.has(plain(codebase, item[0], item[1].start))):
        if arguments(step.node, keywords=True) and not _within(frame) and query.matches(step.written):
            yield _load(codebase, roster, frame, step)


def _within(frame: "Frame") -> bool:
    """Whether a function of such a name only hands its call on."""
    return frame.definition is not None and _LOADS.search(f".{frame.definition.name}") is not None


def _brought(roster: Roster) -> dict[ClassRef, dict[str, list[tuple["Frame", CallStep]]]]:
    """Classes that programs make → the parts that only their outside bases can have made, with the calls of each."""
    found: dict[ClassRef, dict[str, list[tuple[Frame, CallStep]]]] = {}
    for cls in dict.fromkeys(made.cls for made in roster.made if made.cls is not None):
        if not any("Pipeline" in base or "PreTrained" in base for base in outside_bases(roster.program, cls)):
            continue
        for frame in roster.program.methods(cls, cls):
            for step in frame.body.calls:
                match = _PART.match(step.written)
                if match and _is_part(match[1]) and _is_outside(roster, cls, match[1]):
                    found.setdefault(cls, {}).setdefault(match[1], []).append((frame, step))
    return found


def _is_part(name: str) -> bool:
    return bool(_MODELS.search(name)) and not SETUP.match(name) and not _NO_PART.match(name)


def _is_outside(roster: Roster, cls: ClassRef, name: str) -> bool:
    return roster.program.method(cls, name) is None and not roster.tracer.holders.attribute(cls, name)


def _parts(
    codebase: "Codebase", roster: Roster, cls: ClassRef, parts: dict[str, list[tuple["Frame", CallStep]]]
) -> CensusHit:
    bases = outside_bases(roster.program, cls)
    shown = [f"`self.{name}` (`{calls[0][1].written}(…)` in {caller(calls[0][0])})" for name, calls in parts.items()]
    text = f"`{cls.definition.symbol}` runs parts that its base class `{bases[0].rpartition('.')[2]}` of `"
    text += f"{bases[0].partition('.')[0]}` keeps: {listed(shown, SHOWN)}"
    places = [("runs", frame.path, step.start, step.end) for calls in parts.values() for frame, step in calls[:2]]
    _, path, start, end = places[0]
    return hit_at(
        codebase, path, (start, end), symbol=cls.definition.symbol, name=cls.definition.symbol, text=text,
        related=tuple(dict.fromkeys(places[1:])),
    )  # fmt: skip


def _load(codebase: "Codebase", roster: Roster, frame: "Frame", step: CallStep) -> CensusHit:
    given = arguments(step.node)
    names = [
        name
        for node in given[:1]
        for name in spelled(codebase, roster.tracer, Spot(frame, node, step.order, step.guards))
        if re.search(r"\w", re.sub(r"\{[^{}]*\}", "", name))
    ]
    what = listed([f"`{name}`" for name in names], 3) or "weights"
    written = one_line(frame.body.tree.text(step.node), CALL)
    where = f" ({frame.path})" if frame.definition is not None else ""
    text = f"{caller(frame)}{where} loads {what} into a model by `{written}`"
    return hit_at(
        codebase, frame.path, (step.start, step.end), symbol=frame.symbol, name=step.written,
        text=text[0].upper() + text[1:] if text[0] != "`" else text,
    )  # fmt: skip
