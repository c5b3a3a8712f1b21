"""One operation on values of two modalities, in words, and what is told of several of them in a row."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.spots import arguments
from retrieval.parse import Node, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame


@dataclass(frozen=True)
class Mixed:
    """One operation on values of two modalities: its sort, what it does in words, and its place."""

    sort: str  # joined, added, multiplied, attended, compared, written, passed
    text: str
    frame: "Frame"
    node: Node

    @property
    def place(self) -> tuple[str, str, int, int]:
        """Where it stands."""
        return "mixes", self.frame.path, first_line(self.node), last_line(self.node)


def axis(frame: "Frame", node: Node) -> str:
    """ " along the last axis": where a concatenation puts its parts."""
    text = frame.body.tree.text
    keywords = [c for c in arguments(node, keywords=True) if c.type == "keyword_argument"]
    named = [
        text(c.child_by_field_name("value")) for c in keywords if text(c.child_by_field_name("name")) in ("dim", "axis")
    ]
    given = [*named, *(text(child) for child in arguments(node)[1:2])]
    written = given[0] if given else "0"
    if written == "-1":
        return " along the last axis"
    return f" along axis {written}" if re.fullmatch(r"-?\d+", written) else ""


def without_echo(found: list[Mixed]) -> list[Mixed]:
    """Each operation once, in order; layers are only told between other operations, several of them as one."""
    kept: list[Mixed] = []
    for one in found:
        if one.sort == "passed" and not kept:
            continue
        if any(one.node.id == other.node.id and one.frame is other.frame for other in kept):
            continue
        if one.sort == "passed" and kept[-1].sort == "passed":
            name = re.sub(r"^passes the result through ", "", one.text)
            kept[-1] = Mixed("passed", f"{kept[-1].text}, {name}", kept[-1].frame, kept[-1].node)
            continue
        kept.append(one)
    return kept
