"""Kinds `modal_programs`, `model_handovers`, `multimodal_functions`: where a program deals with several modalities."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.handover.model_inputs import SWITCH
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import FunctionRef
from retrieval.census.meaning.wording import caller, title
from retrieval.census.memory.kept_models import inside
from retrieval.census.memory.residency import made_by
from retrieval.census.modalities.modalities import data_sources, modalities
from retrieval.census.modalities.modality_names import GROUPS, named
from retrieval.census.models.families import snake
from retrieval.census.models.fillers import is_unread, reads
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster, Use, roster_of
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.models.model_entries import Entry
    from retrieval.codebase import Codebase

DEEP, MOST = 60, 6
_ANY_INPUT = words("x input inputs data batch samples sample im t src features feat out y args kwargs hidden_states")
_NO_DATA = re.compile(
    r"(?i)threshold|timestamps?|channels?|params|styles?|processor|encoder|decoder|model|tower|cfg|config|args|language|"
    r"dataset|loader|transform|factor|scale|tokenizer|prob|kwargs|fn$|func|type|format|version|weights?$|loss|seed|ratio"
    r"|_(?:dim|size|stride|heads|blocks|layers|rate|frames)s?$|^(?:use|is|no|with|length|condition|has|return|do|enable|show|save|print|word)_"
)


def takes(roster: Roster, made: Made) -> list[str]:
    """The modalities that a model takes: of a library model as known, else by its parameters, calls and name."""
    if made.known is not None and made.known.takes:
        return list(made.known.takes)
    found = [m for use in roster.uses_of(made)[:3] for m in _of_arguments(roster, use)]
    if made.cls is not None:
        method = roster.program.method(made.cls, "forward")
        frame = entered(roster.program, FunctionRef(method[0].path, method[1], method[0], made.cls)) if method else None
        inputs = list(frame.parameters)[1:] if frame is not None else []
        said = [named(name) for name in inputs if frame is not None and reads(frame, name) and not SWITCH.search(name)]
        heard = "audio" in found and not {"image", "video"} & {*found}  # what is given counts before what it is called
        said = [one for one in said if not heard or one not in ("image", "video")]
        told = not inputs or any(said) or any(name in _ANY_INPUT for name in inputs)
        found = [*filter(None, said), *(found if told else [])]
    own = named(snake(made.name))
    return list(dict.fromkeys(found or ([own] if own else [])))


def taken_by(roster: Roster, entry: "Entry") -> list[str]:
    """The modalities that a model of the list takes; of a runtime's session, what its calls are given."""
    if not entry.only:
        return takes(roster, entry.made[0])
    found = [modality for use in entry.only[:3] for modality in _of_arguments(roster, use)]
    own = named(entry.name)
    return list(dict.fromkeys(found or ([own] if own else [])))


def _of_arguments(roster: Roster, use: Use) -> Iterator[str]:
    for child in arguments(use.step.node, keywords=True)[:MOST]:
        node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        plain = node is None or node.type in ("string", "integer", "float", "true", "false", "none")
        if node is not None and not plain and not is_unread(roster, use, node):
            told = modalities(roster.tracer, Spot(use.frame, node, use.step.order, use.step.guards), DEEP)
            yield from (item.modality for item in told[:1])


@kind(
    "modal_programs",
    summary="main programs that run models of different modalities, with the models of each",
    example="modal_programs",
    reads="python",
    ordered=True,
)
def modal_programs(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per main program whose models take at least two kinds of modality."""
    roster = roster_of(codebase)
    _ = roster.uses
    for start in reach_of(codebase).starts:
        by: dict[str, list[Made]] = {}
        for made in made_by(roster, start, hosted=True):
            for modality in takes(roster, made)[:1] if not inside(roster, made) else ():
                by.setdefault(modality, []).append(made)
        if len({GROUPS.get(modality, modality) for modality in by}) < 2 or not query.matches(start.name):
            continue
        told = [f"{modality} ({_names(models)})" for modality, models in by.items()]
        program = start.name[0].upper() + start.name[1:] if "`" in start.name else f"`{start.name}`"
        text = f"{program} runs models that take {'; '.join(told)}"
        first = [models[0] for models in by.values()]
        related = tuple(("made", m.frame.path, m.step.start, m.step.end) for m in first)
        yield hit_at(codebase, start.path, start.lines, symbol="", name=start.name, text=text, related=related)


def _names(models: list[Made]) -> str:
    names = list(dict.fromkeys(f"`{made.name}`" for made in models))
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


@kind(
    "model_handovers",
    summary="results of one model that are passed to another model, traced through the code between",
    example="model_handovers",
    reads="python",
    ordered=True,
)
def model_handovers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per pair of calls; patterns match the names of both models."""
    roster = roster_of(codebase)
    known = {(use.frame.path, use.step.node.id): use for use in roster.uses}
    told: set[tuple[str, str, str]] = set()
    for use in roster.uses:
        for source in _before(roster, use, known):
            one, other = source.made[0].name, use.made[0].name
            pair = (one, other, use.frame.symbol)
            if one == other or pair in told or not query.matches(one, other):
                continue
            told.add(pair)
            yield _handover(codebase, source, use)


def _before(roster: Roster, use: Use, known: dict[tuple[str, int], Use]) -> Iterator[Use]:
    """The calls of models from whose results the arguments of a call are made."""
    for child in arguments(use.step.node, keywords=True)[:MOST]:
        node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        if node is None or node.type in ("string", "integer", "float"):
            continue
        waiting, seen, left = [Spot(use.frame, node, use.step.order, use.step.guards)], set[object](), DEEP
        while waiting and left:
            at, left = waiting.pop(0), left - 1
            found = known.get((at.frame.path, at.node.id))
            if found is not None and found.step is not use.step:
                yield found
                continue
            for source in data_sources(roster.tracer, at):
                if source.key not in seen:
                    seen.add(source.key)
                    waiting.append(source)


def _handover(codebase: "Codebase", source: Use, use: Use) -> CensusHit:
    written = one_line(use.frame.body.tree.text(use.step.node), 70)
    given = one_line(source.frame.body.tree.text(source.step.node), 60)
    text = f"What `{source.made[0].name}` gives (`{given}` in {caller(source.frame)}) goes into "
    text += f"`{use.made[0].name}`: `{written}`"
    related = (("source", source.frame.path, source.step.start, source.step.end),)
    return hit_at(
        codebase, use.frame.path, (use.step.start, use.step.end), symbol=use.frame.symbol,
        name=f"{source.made[0].name} to {use.made[0].name}", text=text, related=related,
    )  # fmt: skip


@kind(
    "multimodal_functions",
    summary="functions whose parameters name at least two kinds of modality",
    example="multimodal_functions: image + text",
    reads="python",
    ordered=True,
)
def multimodal_functions(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function, those that programs reach first; patterns match "image + text" and the like."""
    for frame, _depth in roster_of(codebase).frames:
        if frame.definition is None or frame.definition.kind == "class":
            continue
        said = {name: named(name) for name in frame.parameters if not _NO_DATA.search(name)}
        told = {name: modality for name, modality in said.items() if modality}
        kinds = list(dict.fromkeys(told.values()))
        name = " + ".join(kinds)
        if len({GROUPS.get(modality, modality) for modality in kinds}) < 2 or not query.matches(name):
            continue
        pairs = " and ".join(f"{modality} (`{parameter}`)" for parameter, modality in list(told.items())[:4])
        text = f"`{title(frame.definition)}` takes {pairs}"
        lines = (frame.definition.head_start, frame.definition.head_end)
        yield hit_at(codebase, frame.path, lines, symbol=frame.symbol, name=name, text=text)
