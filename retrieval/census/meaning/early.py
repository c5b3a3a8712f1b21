"""Conditional exits: what follows `if x: return` in a block happens only when it did not return."""

from retrieval.census.meaning.body import Guard
from retrieval.parse import Node, first_line


def left_early(statement: Node) -> list[Guard]:
    """One guard for every arm of an `if` that ends in `return` or `continue`."""
    found = []
    for part in (statement, *statement.children_by_field_name("alternative")):
        field = "consequence" if part.type != "else_clause" else "body"
        block = part.child_by_field_name(field)
        last = _last(block)
        if last is not None and last.type in ("return_statement", "continue_statement"):
            text = last.type.removesuffix("_statement")
            found.append(Guard("past", text, first_line(last), last.id))
    return found


def _last(block: Node | None) -> Node | None:
    """The last statement of a block, that of a `with` at its end."""
    inner = [c for c in block.named_children if c.type not in ("comment", "line_continuation")] if block else []
    if not inner or inner[-1].type != "with_statement":
        return inner[-1] if inner else None
    return _last(inner[-1].child_by_field_name("body"))
