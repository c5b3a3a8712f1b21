"""Kind `dict_flow`: dictionaries that a step gives, with the functions further on that read and set their entries."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.spine import spine_of
from retrieval.census.flow.steps import steps_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.callgraph import Site, entered
from retrieval.census.meaning.keys import KeyUse, built_keys, key_uses
from retrieval.census.meaning.program import Program
from retrieval.census.meaning.values import FunctionRef
from retrieval.census.meaning.wording import caller, label
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

BODIES, SHOWN = 12, 12


@kind(
    "dict_flow",
    summary="dictionaries that steps of the main programs give: their keys, and who reads and sets them further on",
    example="dict_flow",
    reads="python",
    ordered=True,
)
def dict_flow(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per variable that holds a dictionary of a step. Patterns match the variable and who makes it."""
    found = list(_given(codebase, query))
    yield from sorted(found, key=lambda hit: (hit.detail["readers"] == "0", hit.detail["model"] == "no"))


def _given(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    focus = focus_of(codebase)
    program, seen = focus.program, set()
    for frame in spine_of(focus)[:BODIES]:
        for step in steps_of(focus, frame):
            keys, node = _keys(program, step.site), step.site.step.node
            name = next((b.name for b in frame.body.bindings if b.value == node and b.taken == "whole"), "")
            key = (frame.path, frame.symbol, name)
            if keys and name and key not in seen and query.matches(name, label(step.site.target).removesuffix("()")):
                seen.add(key)
                hit = _hit(codebase, frame, (step.site, name), (keys, list(key_uses(program, frame, name))))
                hit.detail["model"] = "yes" if focus.models(step.site) else "no"
                yield hit


def _keys(program: Program, site: Site) -> list[str]:
    found: dict[str, None] = {}
    for target in site.targets:
        frame = entered(program, target) if isinstance(target, FunctionRef) else None
        for item in frame.body.exits if frame is not None else ():
            if item.kind == "return":
                found.update(dict.fromkeys(built_keys(frame, item.value)))  # type: ignore[arg-type]
    return list(found)


def _hit(
    codebase: "Codebase", frame: "Frame", made: tuple[Site, str], told: tuple[list[str], list[KeyUse]]
) -> CensusHit:
    (site, name), (keys, uses) = made, told
    shown = ", ".join(f"`{key}`" for key in keys)
    by_function: dict[str, list[KeyUse]] = {}
    for use in uses:
        by_function.setdefault(caller(use.frame), []).append(use)
    parts = [words for function, used in by_function.items() if (words := _used(function, used))]
    splat = [step for step in frame.body.calls if f"**{name}" in frame.body.tree.text(step.node).split("(", 1)[-1]]
    inner = [step for step in splat if not any(other is not step and _within(other, step) for other in splat)]
    parts += [f"`{step.written}()` takes its entries as arguments of these names (`**{name}`)" for step in inner[:2]]
    unread = [f"`{key}`" for key in keys if key not in {use.key for use in uses if not use.puts}]
    text = f"`{name}` of {caller(frame)}, the dictionary that `{label(site.target)}` gives with the keys {shown}: "
    text += "; ".join(parts[:SHOWN]) if parts else "no entry is read by its name where this code passes it"
    text += f"; not read by name: {', '.join(unread)}" if parts and unread else ""
    places = dict.fromkeys(("entry", use.frame.path, use.line, use.line) for use in uses)
    return hit_at(
        codebase,
        frame.path,
        (site.step.start, site.step.end),
        symbol=frame.symbol,
        name=name,
        text=text,
        related=(
            ("definition", site.target.path, site.target.definition.head_start, site.target.definition.head_end),
            *places,
        ),
        detail={"keys": str(len(keys)), "readers": str(len(by_function) + len(splat)), "maker": label(site.target)},
    )


def _within(inner: CallStep, outer: CallStep) -> bool:
    first, last = outer.node.start_byte, outer.node.end_byte
    return first <= inner.node.start_byte and inner.node.end_byte <= last


def _used(function: str, uses: list[KeyUse]) -> str:
    """ "`f()` reads `a`, `b` and sets `c`"."""
    read = list(dict.fromkeys(f"`{use.key}`" for use in uses if not use.puts))
    put = list(dict.fromkeys(f"`{use.key}`" for use in uses if use.puts))
    parts = [f"reads {', '.join(read)}"] if read else []
    parts += [f"sets {', '.join(put)}"] if put else []
    return f"{function} {' and '.join(parts)}" if parts else ""
