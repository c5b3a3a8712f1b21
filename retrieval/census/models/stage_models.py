"""Which stage of a pipeline holds which models, from which weights, what defaults choose first: in sentences.

The stages are objects that constructors give to their own (`object_sets.py`), in the order of `stage_order.py`; weights
are the names of a hub that the class of a stage writes itself, or that the options it takes have as their defaults.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.built_stages import taken_types
from retrieval.census.flow.default_targets import NAMED, chosen_by
from retrieval.census.language import hit_at, run_query
from retrieval.census.meaning.class_fields import class_node
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.object_sets import Stage, staged
from retrieval.census.models.chosen_loaders import chosen_apart
from retrieval.census.models.made_models import Made
from retrieval.census.models.preset_engines import preset_models
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.census.meaning.values import ClassRef
    from retrieval.codebase import Codebase

MOST, MOST_STAGES, MOST_MODELS, MOST_WEIGHTS, LEAST = 4, 10, 5, 3, 2
_OFF = re.compile(r"^(?:off by default|only if )")


def stage_models(codebase: Codebase) -> list[CensusHit]:
    """One sentence per pipeline that defaults or code choose, the default one first, each stage told once; none without
    such pipelines."""
    told, hits = set[str](), list[CensusHit]()
    for cls, stages in chosen_stages(codebase):
        rows = {said: stage for stage in stages if (said := _said(codebase, stage)) not in told}
        told |= rows.keys()
        hits += [_hit(codebase, cls, rows)] if rows else []
    return hits[:MOST]


def staged_names(codebase: Codebase) -> list[str]:
    """The models of these pipelines in the order of the stages, those that are there by default first."""
    every = [stage for _, stages in chosen_stages(codebase) for stage in stages]
    every.sort(key=lambda stage: _OFF.match(stage.when) is not None)
    return list(dict.fromkeys(name for stage in every for name in (*stage.chosen, *stage.models)))


@once
def chosen_stages(codebase: Codebase) -> tuple[tuple[ClassRef, list[Stage]], ...]:
    """The pipelines that defaults or code choose, the default one first, with the stages that hold models in order."""
    hits = run_query(codebase, "stage_order").hits
    orders = {name: hit.detail["stages"].split(",") for hit in hits for name in hit.detail["classes"].split(",")}
    rows = []
    for cls, stages in staged(codebase):
        order, own = orders.get(cls.definition.symbol, []), [stage for stage in stages if stage.classes]
        own.sort(key=lambda stage: order.index(stage.name) if stage.name in order else len(order))
        rank = chosen_by(codebase, cls.definition.name).rank
        rows += [(rank < NAMED, cls, own)] if own and rank else []
    rows = [(cls, own) for _, cls, own in sorted(rows, key=lambda row: row[0])]
    return tuple(rows) if any(len(stages) >= LEAST for _, stages in rows) else ()


def _hit(codebase: Codebase, cls: ClassRef, rows: dict[str, Stage]) -> CensusHit:
    chosen = chosen_by(codebase, cls.definition.name).said
    on = [said for said, stage in rows.items() if not _OFF.match(stage.when)]
    off = [said for said, stage in rows.items() if _OFF.match(stage.when)]
    told = ["; ".join(on[:MOST_STAGES])] if on else []
    told += [f"where turned on, {'; '.join(off[:MOST_STAGES])}"] if off else []
    spans = [("made", stage.path, stage.line, stage.line) for stage in rows.values()][:MOST_STAGES]
    return hit_at(
        codebase, cls.path, (cls.definition.head_start, cls.definition.head_end), symbol="", name="stages",
        text=f"Models by stage of a `{cls.definition.symbol}`{f' ({chosen})' if chosen else ''} - {'; '.join(told)}",
        related=tuple(dict.fromkeys(spans)),
    )  # fmt: skip


def _said(codebase: Codebase, stage: Stage) -> str:
    """ "`layout`: by default `Layout` with one of `Net`, `Small` from `owner/name`, else `Other`; off by default"."""
    first = stage.first
    own = stage.chosen or (stage.models if first is not None else ())
    weights = _weights(codebase, first) if first is not None else []
    filled = f" from {listed(weights, MOST_WEIGHTS)}" if weights else ""
    named = first is not None and first.definition.symbol != stage.name
    by = f"{'by default ' if stage.preset else ''}`{first.definition.symbol}` with " if named and first else ""
    every = dict.fromkeys((*stage.models, *_called(roster_of(codebase), stage)))
    rest = [name for name in every if name not in own]
    preset, field = preset_models(roster_of(codebase), first, own) if first is not None else ([], "")
    if preset:  # the default of an option chooses among what objects of the class may run
        rest = [*(name for name in own if name not in preset), *rest]
        filled += f" (as `{field}` says by default)"
        own = tuple(preset)
    told = [f"{by}{_together(roster_of(codebase), own)}{filled}"] if own or by else []
    told += [f"else {_one_of(rest)}" if own else _one_of(rest)] if rest else []
    return f"`{stage.name}`: {', '.join(told)}{f' ({stage.when})' if stage.when else ''}"


def _one_of(names: tuple[str, ...] | list[str]) -> str:
    told = listed([f"`{name}`" for name in names], MOST_MODELS)
    return f"one of {told}" if len(names) > 1 else told or "no model of its own"


def _together(roster: Roster, names: tuple[str, ...] | list[str]) -> str:
    """All models that one body makes one after the other; "one of" them where conditions choose or nothing tells."""
    made = [[m for m in roster.made if m.name == name] for name in names]
    every = all(any(_beside(roster, one, other) for one in some for other in others) for some, others in pairwise(made))
    return listed([f"`{name}`" for name in names], MOST_MODELS) if names and every else _one_of(names)


def _beside(roster: Roster, one: Made, other: Made) -> bool:
    same = (one.frame.path, one.frame.symbol) == (other.frame.path, other.frame.symbol)
    return same and one.key != other.key and not chosen_apart(roster, one, other)


def _weights(codebase: Codebase, cls: ClassRef) -> list[str]:
    """The names of a hub that the class of a stage and its bases write, else those that its options have by default."""
    program, hubs = roster_of(codebase).program, run_query(codebase, "hub_models").hits
    own = [f"`{hit.name}`" for hit in hubs for at in program.line(cls) if _within(hit, at)]
    options = [
        found
        for name in sorted(taken_types(roster_of(codebase), cls))
        if (found := program.named_class(cls.path, name)) is not None
    ]
    read = {word for at in options for word in _read(codebase, at)} - {""}
    preset = [f"`{hit.name}`" for hit in hubs if read & {*re.findall(r"\w+", hit.detail["constants"])}]
    preset += [f"`{hit.name}`" for hit in hubs for at in options if _within(hit, at)]
    return list(dict.fromkeys(own or preset))


def _within(hit: CensusHit, cls: ClassRef) -> bool:
    return hit.path == cls.path and cls.definition.start <= hit.start <= cls.definition.end


def _read(codebase: Codebase, cls: ClassRef) -> Iterator[str]:
    """The names that the defaults of a class's fields read."""
    node = class_node(codebase, cls.path, cls.definition)
    for field in node.body if node is not None else ():
        if isinstance(field, ast.AnnAssign) and field.value is not None:
            for inner in ast.walk(field.value):
                yield from [dotted(inner).rpartition(".")[2]] if isinstance(inner, ast.Name) else []
                yield from [inner.attr] if isinstance(inner, ast.Attribute) else []


def _called(roster: Roster, stage: Stage) -> list[str]:
    """The models that classes of a stage do not keep: functions of libraries that make and run one in one call."""
    owners = {owner for cls in stage.classes for owner in roster.program.line(cls)}
    found = (made for made in roster.made if made.known is not None and made.known.immediate)
    return [made.name for made in found if made.frame.owner in owners]
