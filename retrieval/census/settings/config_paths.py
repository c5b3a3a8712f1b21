"""Which files a function that loads configuration is given: the paths that its callers write."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import tracer_of
from retrieval.facts import Call
from retrieval.parse import first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Written = tuple[str, str, int]  # a path as written, and where: file and line
_OPENING = re.compile(r"(?:^|\.)(?:open|read_text|read_bytes)$")
_CONFIG = re.compile(r"(?i)\.(?:json5?|ya?ml|toml|ini|cfg|conf)[\"']?$")
MOST_SPOTS, LONGEST = 120, 80


def opened_by(codebase: "Codebase", path: str, call: Call) -> "tuple[Frame, CallStep] | None":
    """The body in which a call stands, and the call there that opens a file; None when it opens none."""
    program = program_of(codebase)
    definition = program.definition(path, call.symbol) if call.symbol else None
    frame = program.frame(path, definition)
    opening = (step for step in frame.body.calls if _OPENING.search(step.written)) if frame else ()
    step = next(iter(opening), None)
    return (frame, step) if frame is not None and step is not None else None


def paths_given(codebase: "Codebase", path: str, call: Call) -> Iterator[Written]:
    """The paths of configuration files that reach the `open` beside a call that loads configuration."""
    found = opened_by(codebase, path, call)
    if found is None:
        return
    frame, step = found
    own = step.node.child_by_field_name("function")
    given = arguments(step.node) if step.written == "open" or step.written.endswith(".open") else []
    node = given[0] if given else own.child_by_field_name("object") if own is not None else None
    if node is None:
        return
    tracer = tracer_of(program_of(codebase))
    for spot in tracer.walk(Spot(frame, node, step.order, step.guards), computed=True, most=MOST_SPOTS):
        text = spot.text()
        if spot.node.type == "string" and _CONFIG.search(text) and len(text) <= LONGEST:
            yield text.lstrip("rRfFbBuU").strip("\"'"), spot.frame.path, first_line(spot.node)
