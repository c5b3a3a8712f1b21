"""The command by which a call starts a program, as texts: literals in the call and in what its names may come from."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import tracer_of
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

SCRIPT = re.compile(r"(?<![\w.])[\w./\\-]{1,200}\.py\b")
MODULE = re.compile(r"(?:^|\s|\0)-m(?:\s|\0)+([A-Za-z_][\w.]*)")
_FIRST = re.compile(r"^[\"'\s]*([\w./\\-]+)")
_PLACED = re.compile(r"\{([A-Za-z_]\w*)\}")
_QUOTED = re.compile(r"^[rbfuRBFU]{0,2}(?=[\"'])")
MOST_TRACED, MOST_TEXTS, MOST_HEADS = 60, 40, 20


def command_texts(frame: "Frame", step: CallStep) -> list[str]:
    """The texts that a command is made of, the call's own first; the pieces of a list are joined by NUL."""
    found: list[str] = []
    for node in command_nodes(frame, step):
        found += _begun(frame, node, step.order)
        for spot in command_parts(frame, step, node):
            if spot.node.type in ("list", "tuple") and spot.node.named_children:
                found += _head(spot)
            found.append(_plain(spot))
    return list(dict.fromkeys(found))[:MOST_TEXTS]


def command_nodes(frame: "Frame", step: CallStep) -> Iterator[Node]:
    """The arguments of a call that give the command."""
    for child in arguments(step.node, keywords=True)[:2]:
        node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        if node is not None and (child.type != "keyword_argument" or _is_command(frame, child)):
            yield node


def command_parts(frame: "Frame", step: CallStep, node: Node) -> Iterator[Spot]:
    """The lists, tuples and texts that an argument which gives a command may come from."""
    start = Spot(frame, node, step.order, step.guards)
    for spot in tracer_of(frame.program).walk(start, computed=True, most=MOST_TRACED):
        if spot.node.type in ("list", "tuple", "string", "concatenated_string", "binary_operator"):
            yield spot


def _begun(frame: "Frame", node: Node, order: int) -> list[str]:
    """The list that a name is first bound to, before the body adds to it."""
    name = frame.body.tree.text(node) if node.type == "identifier" else ""
    values = [b.value for b in frame.body.bindings if name and b.name == name and b.value is not None]
    first = next((_bare_node(value) for value in values), None)
    if first is None or first.type not in ("list", "string", "concatenated_string"):
        return []
    text = _plain(Spot(frame, first, order))
    return [text, *_scripts_in(frame, text)] if first.type != "list" or first.named_children else []


def _bare_node(node: Node) -> Node:
    """An expression without the brackets around it."""
    while node.type == "parenthesized_expression" and node.named_children:
        node = node.named_children[0]
    return node


def _scripts_in(frame: "Frame", text: str) -> Iterator[str]:
    """The scripts that names within a command stand for: `{train}`, where `train` is made of a path to one."""
    holders = tracer_of(frame.program).holders
    for name in dict.fromkeys(_PLACED.findall(text)):
        bound = [b for b in frame.bound(name)] or [b for _, b in holders.globals(frame.path, name)]
        for value in (b.value for b in bound if b.value is not None):
            yield from SCRIPT.findall((value.text or b"").decode("utf-8", "replace"))[:1]


def _head(spot: Spot) -> list[str]:
    """The program at the head of a list, where it is no literal but may be one: a field with a default."""
    first = spot.node.named_children[0]
    if first.type not in ("identifier", "attribute"):
        return []
    walk = tracer_of(spot.frame.program).walk(
        Spot(spot.frame, first, spot.order, spot.guards), computed=False, most=MOST_HEADS
    )
    return [_plain(at) for at in walk if at.node.type == "string"][:1]


def _is_command(frame: "Frame", child: object) -> bool:
    name = frame.body.tree.text(child.child_by_field_name("name"))  # type: ignore[attr-defined]
    return name in ("args", "cmd", "command", "program")


def _plain(spot: Spot) -> str:
    """A text without its quotes; the items of a list one after the other."""
    text = spot.frame.body.tree.text
    if spot.node.type in ("list", "tuple"):
        return "\0".join(
            _bare(text(child))
            for child in spot.node.named_children
            if child.type not in ("comment", "line_continuation")
        )
    return _bare(text(spot.node))


def _bare(text: str) -> str:
    return _QUOTED.sub("", text, count=1).strip("\"'") if _QUOTED.match(text) else f"{{{text}}}"


def program_of_command(texts: list[str]) -> str:
    """The name of the outside program that a command starts, where its text begins with one."""
    for text in texts:
        if module := MODULE.search(text):
            return f"python -m {module[1]}"
    for text in texts[:1]:
        first = text.split("\0")[0].split() or [""]
        match = _FIRST.match(first[0])
        if match and "{" not in first[0] and match[1].lower() == match[1] and not match[1].startswith("-"):
            return PurePosixPath(match[1]).name
    return ""
