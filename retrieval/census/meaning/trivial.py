"""Calls that a reader of a flow can do without: tiny functions that call nothing, and tests in conditions."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.callgraph import Site, entered
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

TINY_LINES = 5
TEST_LINES = 12
DEEPEST = 4
_CONDITIONS = frozenset({"if_statement", "elif_clause", "while_statement", "conditional_expression", "if_clause"})
_LOGIC = frozenset({"boolean_operator", "not_operator", "parenthesized_expression", "comparison_operator"})


def is_trivial(program: "Program", site: Site) -> bool:
    """Whether a site runs only functions of at most 5 lines without further calls (calls of such functions
    aside), or tests a condition with functions of at most 12 lines that call nothing else of the repository."""
    if site.handed or site.overridden or site.called is not None:
        return False
    most = TEST_LINES if _is_test(site.step.node) else 0
    return all(isinstance(t, FunctionRef) and _small(program, t, most, DEEPEST) for t in site.targets)


def _small(program: "Program", target: FunctionRef, most: int, left: int) -> bool:
    """`most` is the length up to which calls out of the repository are allowed."""
    frame = entered(program, target)
    if frame is None or left <= 0:
        return False
    definition = target.definition
    length = definition.end - max(definition.head_end, definition.doc_end)
    if length > max(most, TINY_LINES) or any(item.kind == "yield" for item in frame.body.exits):
        return False
    sites = program.sites(frame)
    inner = [t for site in sites for t in site.targets]
    outer = len(frame.body.calls) - len(sites)
    if (outer and length > most) or any(isinstance(t, ClassRef) or t == target for t in inner):
        return False
    return all(isinstance(t, FunctionRef) and _small(program, t, most, left - 1) for t in inner)


def _is_test(node: Node) -> bool:
    """Whether a call is (part of) the condition of an `if`, a `while` or a ternary."""
    child, holder = node, node.parent
    while holder is not None and holder.type in _LOGIC:
        child, holder = holder, holder.parent
    if holder is None or holder.type not in _CONDITIONS:
        return False
    if holder.type == "conditional_expression":
        return len(holder.named_children) == 3 and holder.named_children[1] == child
    return holder.type == "if_clause" or holder.child_by_field_name("condition") == child
