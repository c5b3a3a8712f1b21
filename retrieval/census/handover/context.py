"""Kind `context`: objects that are handed from function to function through the repository's calls."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.program import Program, program_of
from retrieval.census.meaning.values import Instance
from retrieval.census.meaning.wording import caller, spoken
from retrieval.census.project.exports import all_frames
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

LEAST_FUNCTIONS = 3
SHOWN = 8


@dataclass(slots=True)
class Passed:
    """One name that is passed on: the functions that receive it, and the calls that do so."""

    receivers: dict[str, None] = field(default_factory=dict)
    givers: dict[str, None] = field(default_factory=dict)
    types: list[str] = field(default_factory=list)
    calls: list[tuple[str, int, int]] = field(default_factory=list)


@kind(
    "context",
    summary="objects passed as arguments through several repository functions, most widely passed first",
    example="context",
    reads="python",
    ordered=True,
)
def context(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per name that is passed to at least three repository functions or classes.

    Only arguments that are a plain name (or `self.name`) count. Patterns match the name.
    """
    program = program_of(codebase)
    found: dict[str, Passed] = {}
    for frame, _depth in all_frames(program):
        for site in program.sites(frame):
            for node in () if site.handed else _plain_arguments(site):
                _note(program, found, (frame, site, node))
    ranked = sorted(found.items(), key=lambda item: (-len(item[1].receivers), item[0]))
    for name, passed in ranked:
        if len(passed.receivers) >= LEAST_FUNCTIONS and query.matches(name):
            yield _hit(codebase, name, passed)


def _plain_arguments(site: Site) -> Iterator[Node]:
    given = site.step.node.child_by_field_name("arguments")
    for child in given.named_children if given else ():
        node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        if node is not None and node.type in ("identifier", "attribute"):
            yield node


def _note(program: Program, found: dict[str, Passed], place: tuple["Frame", Site, Node]) -> None:
    frame, site, node = place
    text = frame.body.tree.text(node)
    name = text.removeprefix("self.")
    if "." in name or not name.isidentifier() or name.isupper() or name == "self":
        return
    value = frame.value(node, site.step.order, site.step.guards)
    if node.type == "identifier" and name not in frame.parameters and not frame.bound(name):
        return
    passed = found.setdefault(name, Passed())
    passed.receivers[f"`{spoken(site)}`"] = None
    passed.givers[caller(frame)] = None
    passed.calls.append((frame.path, site.step.start, site.step.end))
    if isinstance(value, Instance):
        passed.types.append(value.cls.definition.symbol)


def _hit(codebase: "Codebase", name: str, passed: Passed) -> CensusHit:
    receivers = list(passed.receivers)
    shown = ", ".join(receivers[:SHOWN])
    more = f" and {len(receivers) - SHOWN} more" if len(receivers) > SHOWN else ""
    kinds = list(dict.fromkeys(passed.types))
    every = len(passed.types) == len(passed.calls)
    what = f" (a `{kinds[0]}` object)" if every and len(kinds) == 1 else ""
    path, start, end = passed.calls[0]
    return hit_at(
        codebase,
        path,
        (start, end),
        symbol="",
        name=name,
        text=(
            f"An argument named `{name}`{what} is passed in {len(passed.calls)} calls to"
            f" {len(receivers)} functions and classes of the repository: {shown}{more}"
        ),
        related=tuple(("passed", *call) for call in passed.calls[1:]),
        detail={"functions": str(len(receivers)), "calls": str(len(passed.calls))},
    )
