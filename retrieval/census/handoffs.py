"""Kind `handoffs`: results of repository calls that are passed on to other repository calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.body import one_line
from retrieval.census.callgraph import Site, Target
from retrieval.census.exports import all_frames
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.models import family_of
from retrieval.census.origins import Origin, Origins
from retrieval.census.program import program_of
from retrieval.census.values import ClassRef
from retrieval.census.wording import caller, circumstances, label, spoken
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

Related = tuple[str, str, int, int]
ARGUMENT_LIMIT = 60


@kind(
    "handoffs",
    summary="results of repository calls that are passed to other repository calls",
    example="handoffs",
    reads="python",
    ordered=True,
)
def handoffs(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Data that flows between repository functions, those reached from the entry points first,
    those between the layers inside a model last.

    Patterns match the functions in which it happens, the producers and the consumers.
    """
    program = program_of(codebase)
    family = family_of(codebase, Query("models", "models", (), {}))
    own_code, layers = [], []
    for frame, depth in all_frames(program):
        inside = frame.owner is not None and family.is_model(frame.owner)
        found = layers if inside else own_code
        finder = Origins(program, frame)
        for site in (site for site in program.sites(frame) if not site.handed):
            for keyword, node in _arguments(frame, site):
                for group in _grouped(finder.of(node, site.step)):
                    names = (frame.symbol, label(group[0].site.target), label(site.target))
                    if group[0].site.step.node.id != site.step.node.id and query.matches(
                        *(name.removesuffix("()") for name in names)
                    ):
                        found.append(_hit(codebase, frame, site, (keyword, node), group, depth))
    yield from own_code
    yield from layers


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
        elif child.type != "comment":
            yield "", child


def _hit(
    codebase: "Codebase",
    frame: "Frame",
    site: Site,
    argument: tuple[str, Node],
    group: list[Origin],
    depth: int,
) -> CensusHit:
    origin = group[0]
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
        detail={"producer": producer, "consumer": consumer, "depth": str(depth)}
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
