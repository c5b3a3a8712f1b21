"""Kind `weight_tables`: tables in the code that name weights - files, addresses, repositories - by key."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.exports import all_frames
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.program import program_of
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.wording import title
from retrieval.facts import CensusHit
from retrieval.parse import Node, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

LEAST, MOST_KEYS, MOST_FILES = 2, 8, 6
WEIGHTS = re.compile(
    r"(?i)(?:^|[\w}])\.(?:pt|pth|ckpt|safetensors|gguf|onnx|pkl|h5|tflite|engine|dfm|trt|plan|mlmodel)(?:\?.*)?$"
)


@kind(
    "weight_tables",
    summary="dictionaries and lists in the code that name files of weights by key",
    example="weight_tables",
    reads="python",
    ordered=True,
)
def weight_tables(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per outermost literal that names at least two files of weights; patterns match its name."""
    found = []
    for frame, _depth in all_frames(program_of(codebase)):
        for name, node in _literals(frame):
            files = [text for text in _texts(frame, node) if WEIGHTS.search(text)]
            if len(set(files)) >= LEAST and query.matches(name):
                found.append(_hit(codebase, frame, name, (node, files)))
    reach = reach_of(codebase)
    yield from sorted(found, key=lambda hit: not reach.has(hit))


def _literals(frame: "Frame") -> Iterator[tuple[str, Node]]:
    """Names and the dictionaries or lists that they are bound to, and what a function returns as one."""
    literal = ("dictionary", "list", "tuple")
    for binding in frame.body.bindings:
        if binding.value is not None and binding.value.type in literal and binding.taken == "whole":
            yield binding.name, binding.value
    for item in frame.body.exits:
        if item.kind == "return" and item.value is not None and item.value.type in literal and frame.definition:
            yield title(frame.definition), item.value


def _texts(frame: "Frame", node: Node) -> Iterator[str]:
    for inner in descendants(node):
        if inner.type == "string":
            yield frame.body.tree.text(inner).lstrip("rRbBfFuU").strip("\"'")


def _hit(codebase: "Codebase", frame: "Frame", name: str, told: tuple[Node, list[str]]) -> CensusHit:
    node, files = told
    names = list(dict.fromkeys(f"`{PurePosixPath(text.partition('?')[0]).name}`" for text in files))
    text = frame.body.tree.text
    pairs = [child for child in node.named_children if child.type == "pair"]
    keys = ["`" + text(pair.child_by_field_name("key")).strip("\"'") + "`" for pair in pairs]
    by = f" under {listed(keys, MOST_KEYS)}" if keys else ""
    said = f"`{name}` ({frame.path}) names {counted(len(names), 'file')} of weights{by}: {listed(names, MOST_FILES)}"
    return hit_at(
        codebase, frame.path, (first_line(node), last_line(node)), symbol=frame.symbol, name=name, text=said,
        detail={"files": str(len(names))},
    )  # fmt: skip
