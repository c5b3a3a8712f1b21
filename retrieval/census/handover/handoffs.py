"""Kind `handoffs`: results of repository calls that are passed on to other repository calls."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.callgraph import Site, Target
from retrieval.census.meaning.origins import Origin, Origins
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef, Instance, alternatives
from retrieval.census.meaning.wording import caller, circumstances, label, spoken
from retrieval.census.models.families import MODELISH
from retrieval.census.models.models import Family, family_of
from retrieval.census.project.exports import all_frames
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Related = tuple[str, str, int, int]
ARGUMENT_LIMIT = 60
ABOUT = ("data", "value", "name", "layer", "options")
OPTIONS = re.compile(
    r"(?:^|_)(?:args?|opts?|options?|cfgs?|configs?|conf|settings|flags|hparams|params|kwargs|argv|parser|namespace)\d*$"
    r"|(?:Config|Cfg|Options|Settings|Args|Arguments|Params)$"
)
"""Names of options objects and of functions and classes that give them."""
DATA = re.compile(
    r"data|batch|image|img|audio|video|mel|token|text|prompt|feature|embed|logit|mask|result|output|segment|loss|"
    r"sample|frame|pixel|input|point|box|label|target|predict|classif|caption|answer|question|tensor"
)
"""Names of what flows through a model, and of models."""
NAMES = re.compile(
    r"(?:^|_)(?:name|names|path|paths|dir|file|filename|url|id|key|tag|schema|version|device|dtype)(?:_|$)"
)
"""Names of identifiers, places and settings."""


@kind(
    "handoffs",
    summary="results of repository calls that are passed to other repository calls",
    example="handoffs",
    reads="python",
    ordered=True,
)
def handoffs(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Data that flows between repository functions, those reached from the entry points first.

    Models, data, losses and results come first (by type or by name), then other values, then names and paths,
    then what flows between the layers inside a model, and options objects last. `detail["about"]` says which:
    "data", "value", "name", "layer" or "options". Patterns match the functions in which it happens, the
    producers and the consumers.
    """
    program = program_of(codebase)
    family = family_of(codebase, Query("models", "models", (), {}))
    found: list[CensusHit] = []
    for frame, depth in all_frames(program):
        inside = frame.owner is not None and family.is_model(frame.owner)
        finder = Origins(program, frame)
        for site in (site for site in program.sites(frame) if not site.handed):
            for keyword, node in _arguments(frame, site):
                for group in _grouped(finder.of(node, site.step)):
                    names = (frame.symbol, label(group[0].site.target), label(site.target))
                    if group[0].site.step.node.id != site.step.node.id and query.matches(
                        *(name.removesuffix("()") for name in names)
                    ):
                        about = _about(family, frame, (keyword, node), group[0], site)
                        about = "layer" if inside and about != "options" else about
                        found.append(_hit(codebase, frame, site, (keyword, node), group, (depth, about)))
    yield from sorted(found, key=lambda hit: ABOUT.index(hit.detail["about"]))


def _about(family: Family, frame: "Frame", argument: tuple[str, Node], origin: Origin, site: Site) -> str:
    """What sort of value is handed on, as in `ABOUT`."""
    keyword, node = argument
    text = frame.body.tree.text(node).lstrip("*")
    root, producer = re.split(r"\W", text, maxsplit=1)[0], label(origin.site.target)
    if OPTIONS.search(root) or OPTIONS.search(_last(producer)):
        return "options"
    ends = [t for s in (origin.site, site) for t in s.targets]
    owners = [t if isinstance(t, ClassRef) else t.receiver or t.owner for t in ends]
    runs = any(owner is not None and family.is_model(owner) for owner in owners)
    value = frame.value(node, site.step.order, site.step.guards)
    held = any(isinstance(member, Instance) and family.is_model(member.cls) for member in alternatives(value))
    named = _last(text) if re.fullmatch(r"[\w.]+", text) else keyword or _last(producer)
    if NAMES.search(named):
        return "name"
    if origin.how == "computed":
        return "value"
    return "data" if runs or held or DATA.search(named.lower()) or MODELISH.search(named) else "value"


def _last(name: str) -> str:
    return name.removesuffix("()").rpartition(".")[2]


def _grouped(origins: list[Origin]) -> list[list[Origin]]:
    """Origins that the same function made in the same way, at one place or at several, together."""
    groups: dict[tuple[str, str, str], list[Origin]] = {}
    for origin in origins:
        key = (label(origin.site.target), origin.how, origin.stored)
        groups.setdefault(key, []).append(origin)
    return list(groups.values())


def _arguments(frame: "Frame", site: Site) -> Iterator[tuple[str, Node]]:
    given = site.step.node.child_by_field_name("arguments")
    for child in given.named_children if given else ():
        if child.type == "keyword_argument":
            value = child.child_by_field_name("value")
            if value is not None:
                yield frame.body.tree.text(child.child_by_field_name("name")), value
        elif child.type not in ("comment", "line_continuation"):
            yield "", child


def _hit(
    codebase: "Codebase",
    frame: "Frame",
    site: Site,
    argument: tuple[str, Node],
    group: list[Origin],
    place: tuple[int, str],
) -> CensusHit:
    origin, (depth, about) = group[0], place
    producer, consumer = label(origin.site.target), label(site.target)
    return hit_at(
        codebase,
        frame.path,
        (site.step.start, site.step.end),
        symbol=frame.symbol,
        name=f"{producer} -> {consumer}",
        text=_sentence(frame, site, argument, group),
        related=(
            *(("produced", o.frame.path, o.site.step.start, o.site.step.end) for o in group),
            _definition("producer", origin.site.target),
            _definition("consumer", site.target),
        ),
        detail={"producer": producer, "consumer": consumer, "depth": str(depth), "about": about}
        | ({"through": origin.stored} if origin.stored else {}),
    )


def _definition(role: str, target: Target) -> Related:
    definition = target.definition
    return role, target.path, definition.head_start, definition.head_end


def _sentence(frame: "Frame", site: Site, argument: tuple[str, Node], group: list[Origin]) -> str:
    origin = group[0]
    keyword, node = argument
    place = f"In {caller(frame)}" if frame.definition else f"At top level of {frame.path}"
    receiver = f"`{spoken(site)}`"
    if isinstance(site.target, ClassRef):
        receiver = f"the constructor of {receiver}"
    role = f" as `{keyword}`" if keyword else ""
    if origin.site.step.node.id == node.id:
        return f"{place}, {_result(origin)} is passed straight to {receiver}{role}"
    text = one_line(frame.body.tree.text(node), ARGUMENT_LIMIT)
    root = node
    while root is not None and root.type == "attribute":
        root = root.child_by_field_name("object")
    if origin.how == "part" and root is not None and root.id != node.id and OPTIONS.search(frame.body.tree.text(root)):
        # Options are set in many places: only the object is known to be what was returned.
        name = one_line(frame.body.tree.text(root), ARGUMENT_LIMIT)
        return f"{place}, `{text}` of `{name}`, which `{spoken(origin.site)}` returned, is passed to {receiver}{role}"
    around = {(guard.key, guard.arm) for guard in site.step.guards}
    only = tuple(
        guard
        for guard in origin.site.step.guards
        if (guard.key, guard.arm) not in around and guard.kind in ("if", "else", "case", "except")
    )
    when = "" if origin.stored or len(group) > 1 else circumstances(only).removeprefix(" — ")
    made = f"{_source(origin)} ({when})" if when else _source(origin)
    return f"{place}, `{text}`, {made}, is passed to {receiver}{role}"


def _result(origin: Origin) -> str:
    made = f"`{spoken(origin.site)}`"
    if isinstance(origin.site.target, ClassRef):
        return f"a new {made} object"
    return f"the return value of {made}"


def _source(origin: Origin) -> str:
    made = f"`{spoken(origin.site)}`"
    built = isinstance(origin.site.target, ClassRef)
    what = f"a {made} object" if built else f"the return value of {made}"
    words = {
        "itself": f"a new {made} object" if built else f"returned by {made}",
        "part": f"part of {what}",
        "computed": f"computed from {what}",
        "collected": f"which holds {what}",
    }[origin.how]
    if not origin.stored:
        return words
    return f"set in {caller(origin.frame)} and {words}"
