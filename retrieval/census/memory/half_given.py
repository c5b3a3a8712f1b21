"""Half precision that calls are asked for by name: `fp16=self.fp16`, `{"fp16": half}`, with what sets the value."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import hit_at
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import Spot
from retrieval.census.settings.switches import switches_of
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_NAMES = words("fp16 bf16 half use_half is_half use_fp16 half_precision")
_WRITTEN = re.compile(r"\b(?:fp16|bf16|half|use_half|is_half|use_fp16|half_precision)\b[\"']?\s*[:=]")
_OFF = frozenset({"False", "None", "0"})


@once
def half_given(codebase: "Codebase") -> tuple[CensusHit, ...]:
    """One hit per function that gives a call such a setting, without what is written out as off."""
    return tuple(_found(codebase))


def _found(codebase: "Codebase") -> Iterator[CensusHit]:
    program = program_of(codebase)
    for path, facts in codebase.facts.items():
        file = codebase.snapshot.by_path[path]
        if facts.language != "python" or file.role not in ("source", "example") or not _WRITTEN.search(file.text):
            continue
        for item in (None, *facts.definitions):
            lines = file.lines[item.start - 1 : item.end] if item is not None else file.lines
            if (item is None or item.kind != "class") and any(_WRITTEN.search(str(line)) for line in lines):
                frame = program.frame(path, item)
                told = next(_settings(frame), None) if frame is not None else None
                if frame is not None and told is not None:
                    yield _hit(codebase, frame, *told)


def _settings(frame: "Frame") -> Iterator[tuple[str, Node]]:
    """The names and values that calls of a body, or dictionaries there, give."""
    text = frame.body.tree.text
    held = [step.node for step in frame.body.calls]
    held += [binding.value for binding in frame.body.bindings if binding.value is not None]
    for node in (inner for outer in held for inner in (outer, *descendants(outer))):
        key = node.child_by_field_name("name" if node.type == "keyword_argument" else "key")
        value = node.child_by_field_name("value")
        named = node.type in ("keyword_argument", "pair") and text(key).strip("\"'") in _NAMES
        if named and value is not None and text(value) not in _OFF:
            yield text(key).strip("\"'"), value


def _hit(codebase: "Codebase", frame: "Frame", name: str, value: Node) -> CensusHit:
    behind = switches_of(codebase).behind(Spot(frame, value))
    told = [switch.said for switch in behind if switch.kind in ("environment", "option")]
    said = f"`{name}`" + (f" ({'; '.join(dict.fromkeys(told))})" if told else "")
    lines = (value.start_point[0] + 1, value.end_point[0] + 1)
    return hit_at(codebase, frame.path, lines, symbol=frame.symbol, name=name, text=said)
