"""Where control goes: how a block of statements ends, and what runs after a statement that ends normally."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from retrieval.languages import words
from retrieval.parse import Node
from retrieval.reader import parts

Ending = Literal["falls", "raise", "return", "continue", "break", "exit"]
DEEPEST = 40
LOOPS = frozenset(["for_statement", "while_statement"])
FUNCTIONS = frozenset(["function_definition", "lambda"])
LEAVING: dict[str, Ending] = {
    "raise_statement": "raise",
    "return_statement": "return",
    "continue_statement": "continue",
    "break_statement": "break",
}
_SLEEP = re.compile(rb"(?:await\s+)?(?:\w+\.)?sleep\(")
EXITS = frozenset(["sys.exit", "exit", "quit", "os._exit", "os.abort"])
# What a statement belongs to when it stands in one of these parts.
ARMS = words("elif_clause else_clause except_clause except_group_clause finally_clause case_clause")


@dataclass(frozen=True, slots=True)
class Place:
    """What runs next: "after" with the next statement, "round" with the loop, or the "end" of the body."""

    kind: Literal["after", "round", "end"]
    node: Node | None = None


def ending(block: Node, name: Callable[[Node], str], depth: int = DEEPEST) -> Ending:
    """How a block ends on every path; "falls" when some path reaches its end. `name` resolves a call's callee.

    Blocks nested more than `depth` deep are taken to fall through.
    """
    inside = parts(block)
    if not inside or depth <= 0:
        return "falls"
    last = inside[-1]
    if last.type in LEAVING:
        return LEAVING[last.type]
    if last.type == "expression_statement":
        call = next(iter(parts(last)), None)
        return "exit" if call is not None and call.type == "call" and name(call) in EXITS else "falls"
    if last.type == "with_statement":
        body = last.child_by_field_name("body")
        return ending(body, name, depth - 1) if body is not None else "falls"
    return _arms(last, name, depth - 1) if last.type in ("if_statement", "try_statement") else "falls"


def _arms(statement: Node, name: Callable[[Node], str], depth: int) -> Ending:
    """The ending that all arms share; an `if` without `else` may do nothing."""
    blocks = [c for c in parts(statement) if c.type == "block"]
    clauses = [c for c in parts(statement) if c.type in ARMS]
    if statement.type == "if_statement" and not any(c.type == "else_clause" for c in clauses):
        return "falls"
    blocks += [b for c in clauses if c.type != "finally_clause" for b in parts(c) if b.type == "block"]
    found: set[Ending] = {ending(block, name, depth) for block in blocks}
    if found == {"return", "raise"}:
        return "return"
    return found.pop() if len(found) == 1 else "falls"


def place_after(statement: Node) -> Place:
    """What runs after a statement that ends normally, inside its function."""
    node = statement
    while (block := node.parent) is not None:
        if block.type in ("block", "module"):
            if (following := _following(node)) is not None:
                return Place("after", following)
            owner = block.parent
            if owner is None or owner.type in FUNCTIONS or owner.type == "class_definition":
                return Place("end")
            if owner.type in LOOPS:
                return Place("round", owner)
            if owner.type == "try_statement" and (inner := _else_of(owner)) is not None:
                return Place("after", inner)
            node = owner
        else:
            node = block  # from a clause to the statement it belongs to, from an `else` of a loop to the loop
    return Place("end")


def _following(node: Node) -> Node | None:
    following = node.next_named_sibling
    while following is not None and (following.type == "comment" or _waits(following)):
        following = following.next_named_sibling
    return following if following is not None and following.type not in ARMS else None


def _waits(statement: Node) -> bool:
    """Whether a statement only waits, as loops do between two tries: `time.sleep(5)`."""
    text = (statement.text or b"")[:200] if statement.type == "expression_statement" else b""
    return _SLEEP.match(text) is not None


def _else_of(statement: Node) -> Node | None:
    clause = next((c for c in parts(statement) if c.type == "else_clause"), None)
    block = next((c for c in parts(clause) if c.type == "block"), None) if clause is not None else None
    return next(iter(parts(block)), None) if block is not None else None


def enclosing_loop(node: Node) -> Node | None:
    """The loop that a `continue` at this place goes on with."""
    inner, current = node, node.parent
    while current is not None and current.type not in FUNCTIONS and current.type != "class_definition":
        if current.type in LOOPS and inner.type != "else_clause":
            return current
        inner, current = current, current.parent
    return None


def enclosing_function(node: Node) -> Node | None:
    """The `def` around a statement."""
    current = node.parent
    while current is not None and current.type != "function_definition":
        current = current.parent
    return current
