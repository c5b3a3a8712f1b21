"""Uses of other definitions that no call of a body can come to: every caller gives constants that rule them out.

`text(page, engine="plain")` never comes to `score()` under `if engine == "scored":`. Only bodies that are called by
name, by callers that are all known, say so; what is handed on as a value may be called by anyone.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.feasible import refuted
from retrieval.census.meaning.naming import Naming
from retrieval.census.meaning.spots import Called
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import ClassRef
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.census.flow.starts import Unit
    from retrieval.census.meaning.callgraph import Site
    from retrieval.census.meaning.frame import Frame

MOST_CALLERS = 12
_CHOOSES = re.compile(r"^\s*(?:el)?if\b.*(?:==|!=|\bin\b|\bis\b).*:", re.M)
_FIXED = frozenset({"if", "else", "case", "past"})


def ruled_out(naming: Naming, units: frozenset["Unit"], starts: frozenset["Unit"]) -> dict["Unit", frozenset["Unit"]]:
    """By reached unit the units that it names but never comes to, of those that nothing else names."""
    named_by: dict[Unit, list[Unit]] = {}
    for unit in units:
        for other in naming.of(unit).units:
            if other != unit:
                named_by.setdefault(other, []).append(unit)
    single: dict[Unit, list[Unit]] = {}
    for other, by in named_by.items():
        if len(by) == 1 and other[1] and other not in starts:
            single.setdefault(by[0], []).append(other)
    found = {
        unit: frozenset(_never(naming, unit, others, named_by.get(unit, [])))
        for unit, others in single.items()
        if unit[1]
    }
    return {unit: others for unit, others in found.items() if others and unit not in starts}


def _never(naming: Naming, unit: "Unit", others: Iterable["Unit"], by: list["Unit"]) -> "Iterator[Unit]":
    """Of the units that a body names, `by` being the units that name it, those that no caller lets it come to."""
    program = naming.program
    definition = program.definition(*unit)
    if definition is None or definition.kind == "class" or not definition.parameters:
        return
    text = _text(naming, unit[0], definition)
    frame = program.frame(unit[0], definition) if _CHOOSES.search(text) else None
    chosen = [other for other in others if frame is not None and _is_chosen(frame, other, text)]
    if frame is None or not chosen:
        return
    callers = tracer_of(program).holders.callers(frame)
    calls = [call for call in callers if (call[0].path, call[0].symbol) in by]
    if (
        not calls
        or len(calls) > MOST_CALLERS
        or not all(_only_calls(naming, one, definition.name, calls) for one in by)
    ):
        return
    for other in chosen:
        if all(refuted(frame, site.step.guards, (call,)) for site in _sites(frame, other) for call in calls):
            yield other


def _only_calls(naming: Naming, unit: "Unit", name: str, calls: list[Called]) -> bool:
    """Whether a unit has a function's name nowhere but in the calls of it that are known."""
    definition = naming.program.definition(*unit) if unit[1] else None
    if definition is None:
        return False
    own = sum((around.path, around.symbol) == unit for around, _step, _target in calls)
    return own == len(re.findall(rf"\b{re.escape(name)}\b", _text(naming, unit[0], definition)))


def _text(naming: Naming, path: str, definition: Definition) -> str:
    """The lines of a definition, without import statements, which only name things."""
    lines = naming.program.snapshot.by_path[path].lines
    imports = naming.program.facts[path].imports
    skipped = {n for item in imports for n in range(item.start, item.end + 1)}
    return "\n".join(str(lines[n - 1]) for n in range(definition.start, definition.end + 1) if n not in skipped)


def _is_chosen(frame: "Frame", other: "Unit", text: str) -> bool:
    """Whether a body only calls what it names, each time under a condition."""
    sites = _sites(frame, other)
    name = other[1].rpartition(".")[2]
    return (
        bool(sites)
        and len(re.findall(rf"\b{re.escape(name)}\b", text)) == len(sites)
        and all(any(guard.kind in _FIXED for guard in site.step.guards) for site in sites)
    )


def _sites(frame: "Frame", other: "Unit") -> "list[Site]":
    return [
        site for site in frame.program.sites(frame)
        if any((target.path, target.definition.symbol) == other for target in site.targets)
        and not any(isinstance(target, ClassRef) and len(site.targets) > 1 for target in site.targets)
    ]  # fmt: skip
