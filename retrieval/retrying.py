"""Whether a handler makes the same work be tried again: by the loop around it, by itself, or by recursion.

Only what the statements show: a loop counts when the `try` leaves it on success, or when its words or a wait in
the handler say that attempts are counted.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.actions import CLEANUP, LOG_METHODS, SILENT, called_name, own_nodes
from retrieval.languages import words
from retrieval.parse import Node, descendants
from retrieval.reader import Context, Reader, parts
from retrieval.resume import enclosing_function, ending

if TYPE_CHECKING:
    from retrieval.handlers import Handler

ATTEMPT = re.compile(r"(?i)(?:^|_|\b)(?:attempts?|retry|retries|retrying|tries|n?_?tried)(?:$|_|\b)")
# Models encode, decode and translate too.
CONTAINER_METHODS = frozenset(name for kind in (list, dict, str, set, bytes) for name in dir(kind)) - words(
    "encode decode translate"
)
TIMEOUT = re.compile(r"(?:^|\.)(?:TimeoutExpired|TimeoutError|timeout|Empty|Full|BlockingIOError)$")
COUNTED = re.compile(r"^(?:\w+\.)*(?:range|count|repeat)\(")


def retried(reader: Reader, handler: "Handler", loop: Node, context: Context) -> bool:
    """Whether the next round of `loop` repeats the work of the `try` rather than taking the next item.

    Waiting in short steps until something is there is no repetition of failed work.
    """
    if handler.types and all(TIMEOUT.search(name) for name in handler.types) and loop.type == "while_statement":
        return False
    if _says_attempt(reader, loop):
        return True
    if loop.type == "for_statement":
        if not _leaves(handler, loop):
            return False
        over = reader.text(loop.child_by_field_name("right"))
        unused = not (_words(reader, loop.child_by_field_name("left")) & _words(reader, handler.body))
        return unused or bool(COUNTED.match(over))
    if handler.has("wait"):
        return True
    renewed = _bound(reader, handler.block) & _words(reader, handler.body)
    return not renewed and (_leaves(handler, loop) or _settles(reader, handler, loop))


def alternatives(reader: Reader, handler: "Handler", loop: Node) -> bool:
    """Whether the loop goes through alternatives until one of them works."""
    used = _words(reader, loop.child_by_field_name("left")) & _words(reader, handler.body)
    return loop.type == "for_statement" and bool(used) and _leaves(handler, loop)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A call of the `try` that its handler makes too: with the same arguments, and in the same statement."""

    written: str
    same_call: bool
    same: bool


def repeats(reader: Reader, body: Node | None, block: Node, context: Context) -> Repeated | None:
    """The call of the `try` that the handler makes again, one with other arguments first.

    A function that calls itself in a handler repeats too.
    """
    before = _calls(reader, body, context)
    nodes = [node for listed in before.values() for node in listed]
    calls, statements = {reader.text(n) for n in nodes}, {_whole(reader, n) for n in nodes}
    own = reader.resolver.qualified(context.symbol) if enclosing_function(block) is not None else ""
    found: list[Repeated] = []
    for name, again in _calls(reader, block, context).items():
        for node in again:
            written = reader.text(node.child_by_field_name("function"))
            redone = name in before and _matters(written) and _redoes(reader, node, before[name])
            if name == own or redone:
                same = reader.text(node) in calls
                found.append(Repeated(written, same, same and _whole(reader, node) in statements))
    return min(found, key=lambda item: item.same_call, default=None)


def _redoes(reader: Reader, again: Node, before: list[Node]) -> bool:
    """Whether a call does the work of an earlier one anew: its result goes where that one's went, and it tells nothing.

    A message, an answer that is built for the caller and a part of a larger expression repeat no work.
    """
    use = _use(reader, again)
    given = again.child_by_field_name("arguments") or again
    if not parts(given) and use[0] == "bound" and "." in use[1]:
        return False  # a time stamp, a new identifier
    written = reader.text(again.child_by_field_name("function")).rpartition(".")[2]
    if use[0] == "part" or use not in [_use(reader, node) for node in before]:
        return False
    if use[0] == "return" and written[:1].isupper():
        return False
    return use[0] != "plain" or not any(map(_is_message, descendants(given)))


def _use(reader: Reader, node: Node) -> tuple[str, str]:
    """What becomes of a call's result: bound to a name, returned, entered, nothing, or a part of something else."""
    around = node.parent
    while around is not None and around.type in ("await", "parenthesized_expression"):
        node, around = around, around.parent
    match around.type if around is not None else "":
        case "assignment":
            return "bound", reader.text(around.child_by_field_name("left")) if around is not None else ""
        case "return_statement":
            return "return", ""
        case "with_item" | "as_pattern":
            return "entered", ""
        case "expression_statement":
            return "plain", ""
    return "part", ""


def _is_message(node: Node) -> bool:
    """A text for people: a string of several words, or one with values in it."""
    return node.type == "string" and (
        b" " in (node.text or b"") or any(c.type == "interpolation" for c in node.children)
    )


def _calls(reader: Reader, block: Node | None, context: Context) -> dict[str, list[Node]]:
    """Resolved name → the calls in a block, without builtins and messages."""
    found: dict[str, list[Node]] = {}
    for node in own_nodes(block):
        if node.type == "call" and (name := called_name(reader, node, context, quiet=True)):
            found.setdefault(name, []).append(node)
    return found


def _whole(reader: Reader, node: Node) -> str:
    """The statement around a call: what is done again is the same only when all of it is."""
    while node.parent is not None and not node.type.endswith(("_statement", "with_clause")):
        node = node.parent
    return reader.text(node)


def _matters(written: str) -> bool:
    """Whether a call made twice is worth telling: not a method of a list, a string or a dictionary, no message."""
    owner, _, method = written.rpartition(".")
    if "(" in written or written in SILENT or method in (*LOG_METHODS, *CLEANUP):
        return False
    if method == "get":
        return "session" in owner.lower() or owner in ("requests", "httpx", "client")
    return not owner or method not in (*CONTAINER_METHODS, "exists", "isfile")


def made_up_for(reader: Reader, handler: "Handler", following: Node) -> bool:
    """Whether the statement after the `try` acts on a name that the `try` failed to bind: `if result is None:`."""
    if following.type != "if_statement":
        return False
    test = following.child_by_field_name("condition")
    text = reader.text(test)
    missing = text.startswith("not ") or text.endswith((" is None", " == None"))
    return missing and bool(_words(reader, test) & _bound(reader, handler.body))


def _says_attempt(reader: Reader, loop: Node) -> bool:
    """Whether the head of a loop says that attempts are counted."""
    fields = [loop.child_by_field_name(name) for name in ("left", "right", "condition")]
    return any(ATTEMPT.search(word) for node in fields for word in _words(reader, node))


def _leaves(handler: "Handler", loop: Node) -> bool:
    """Whether success leaves the loop: the `try`, its `else` or the rest of the round ends in break or return."""
    blocks = [handler.body, loop.child_by_field_name("body")]
    for clause in parts(handler.statement):
        if clause.type == "else_clause":
            blocks += [child for child in parts(clause) if child.type == "block"]
    return any(block is not None and ending(block, lambda _: "") in ("break", "return") for block in blocks)


def _settles(reader: Reader, handler: "Handler", loop: Node) -> bool:
    """Whether the `try` ends the loop by binding a name of its condition at its end."""
    tested = _words(reader, loop.child_by_field_name("condition"))
    last = parts(handler.body)[-1:] if handler.body is not None else []
    return any(tested & _bound(reader, node) for node in last)


def _words(reader: Reader, node: Node | None) -> set[str]:
    return {reader.tree.text(n) for n in own_nodes(node) if n.type == "identifier"}


def _bound(reader: Reader, node: Node | None) -> set[str]:
    """The names that assignments in a block bind."""
    lefts = [n.child_by_field_name("left") for n in own_nodes(node) if n.type == "assignment"]
    return {word for left in lefts for word in _words(reader, left)}
