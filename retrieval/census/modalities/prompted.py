"""Where what was found in an image is put into the prompt of a model as text: boxes, layouts, results of OCR.

Names are followed inside one body, through assignments, f-strings and what lists are given.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.spots import Spot
from retrieval.census.modalities.modalities import Told
from retrieval.census.modalities.operands import Meeting
from retrieval.census.modalities.worked_with import sees
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_PROMPT = re.compile(r"(?i)(?:^|[_.])(?:\w*prompt|instruction|user_message|system_message)$")
_FOUND = re.compile(
    r"(?i)^(?:parsed|screen|ocr|detections?|detected|layout|bbox(?:es)?|box(?:es)?|landmarks?|keypoints?|regions?)(?:_\w+)?$"
)
_BUILDS = re.compile(r"(?i)prompt|instruction")
_NO_DATA = re.compile(r"(?i)_(?:prompt|model|dir|path|size|threshold|format|template|enabled?|options?|config)$")
_TEXT = re.compile(r"(?:^|\.)(?:join|format|replace|str|dumps|repr)$")
BUILT = ("binary_operator", "string", "concatenated_string")
MOST = 80


def prompted(frame: "Frame") -> Iterator[Meeting]:
    """At most one meeting of a body: the prompt that it builds, and what was found in an image that goes into it."""
    for name, value, order in _prompts(frame):
        built = value.type in BUILT or (value.type == "call" and _is_text(frame, value)) or name.endswith("()")
        found = _found(frame, value) if built else None
        if found is not None:
            if not sees(frame.program):
                return
            spot, seen = Spot(frame, value, order), Spot(frame, found, order)
            yield Meeting("prompted", value, ((name, Told("prompt", spot)), (seen.text(), Told("boxes", seen))))
            return


def _prompts(frame: "Frame") -> Iterator[tuple[str, Node, int]]:
    """What a body binds to a prompt, and what it returns when its own name says that it builds one."""
    for binding in frame.body.bindings:
        if binding.value is not None and _PROMPT.search(binding.name):
            yield binding.name, binding.value, binding.order
    if _BUILDS.search(frame.symbol.rpartition(".")[2]):
        for event in frame.body.exits:
            if event.kind == "return" and event.value is not None:
                yield frame.symbol.rpartition(".")[2] + "()", event.value, event.order


def _found(frame: "Frame", value: Node) -> Node | None:
    """The name, inside an expression or behind the names in it, that says something found in an image."""
    text = frame.body.tree.text
    waiting, seen, left = [value], set[str](), MOST
    while waiting and left:
        left -= 1
        for node in descendants(waiting.pop(0)):
            name = text(node) if node.type == "identifier" else ""
            if not name or name in seen or _is_called(node):
                continue
            seen.add(name)
            if _FOUND.match(name) and not _NO_DATA.search(name) and _in_text(frame, node) and _is_data(frame, name):
                return node
            stores = (store for store in frame.body.stores if store.name == name)
            values = [b.value for b in (*frame.bound(name), *stores) if b.value is not None]
            waiting += [v for v in values if v.type != "call" or _is_text(frame, v)]
    return None


def _in_text(frame: "Frame", node: Node) -> bool:
    """Whether a name stands in an f-string, or in a call that makes a text of it."""
    around = node.parent
    while around is not None and not around.type.endswith("statement"):
        if around.type == "interpolation" or (around.type == "call" and _is_text(frame, around)):
            return True
        around = around.parent
    return False


def _is_text(frame: "Frame", call: Node) -> bool:
    return _TEXT.search(frame.body.tree.text(call.child_by_field_name("function"))) is not None


def _is_called(node: Node) -> bool:
    """Whether a name is that of a function, of a keyword or of a part: `f(x)`, `size=x`, `x.size`."""
    around = node.parent
    if around is None or around.type not in ("call", "keyword_argument", "attribute"):
        return False
    part = {"call": "function", "keyword_argument": "name", "attribute": "attribute"}[around.type]
    own = around.child_by_field_name(part)
    return own is not None and own.id == node.id


def _is_data(frame: "Frame", name: str) -> bool:
    """Whether a name is a parameter, or bound to something that is worked out."""
    values = [b.value for b in frame.bound(name) if b.value is not None]
    return name in frame.parameters or any(v.type not in ("string", "integer", "true", "false", "none") for v in values)
