"""The environment variables that one expression reads, also where their names are parameters or come out of a loop."""

import re
from collections.abc import Iterator

from retrieval.census.meaning.feasible import constant
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.settings.switch import Switch
from retrieval.facts import Fact
from retrieval.parse import first_line

_LISTS = frozenset({"tuple", "list", "set"})


def read_variable(spot: Spot, fact: Fact) -> Iterator[Switch]:
    """The environment variable that is read; what an accessor is asked for is told by the call that entered it."""
    name, default = fact.name, fact.detail.get("default", "")
    if name in spot.frame.parameters:
        asked = constant(spot.frame, name, spot.stack)
        preset = constant(spot.frame, default, spot.stack) if default in spot.frame.parameters else default
        if not isinstance(asked, str):
            return
        name, default = asked, preset if isinstance(preset, str) else ""
    elif not re.search(rf"[\"']{re.escape(name)}[\"']", spot.text()):
        place = (spot.frame.path, first_line(spot.node))
        yield from (Switch("environment", one, default, place) for one in _names_held(spot, name))
        return
    yield Switch("environment", name, default, (spot.frame.path, first_line(spot.node)))


def _names_held(spot: Spot, name: str) -> list[str]:
    """The written texts that a variable holds in turn or alone: `for v in ("RANK", "PMI_RANK")`; else none."""
    frame, text = spot.frame, spot.frame.body.tree.text
    at = first_line(spot.node)
    before = [binding for binding in frame.bound(name) if binding.line <= at]
    bound = before[-1] if before else None
    if bound is None and name.isidentifier():
        bound = next((b for _around, b in tracer_of(frame.program).holders.globals(frame.path, name)), None)
    if bound is None or bound.value is None:
        return []
    listed = bound.value.named_children if bound.taken == "element" and bound.value.type in _LISTS else []
    values = [bound.value] if bound.taken == "whole" else [n for n in listed if n.type != "comment"]
    return [text(n).strip("\"'") for n in values] if all(n.type == "string" for n in values) else []
