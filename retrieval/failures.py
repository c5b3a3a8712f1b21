"""Reads how code fails and what it does about it: raise, catch, try, assert.

A `catch` says what its handler does and what happens next; `handlers.py` judges that.
"""

from retrieval.actions import LOG_METHODS as LOG_METHODS
from retrieval.handlers import Handler, shown_calls, told
from retrieval.parse import Node, first_line, last_line
from retrieval.reader import Context, Observer, Reader, parts


def see_raise(reader: Reader, node: Node, context: Context) -> None:
    """`raise`: name is the resolved exception, "" for a bare `raise`; detail message, cause."""
    cause = node.child_by_field_name("cause")
    value = next((part for part in parts(node) if part != cause), None)
    callee = value.child_by_field_name("function") if value and value.type == "call" else None
    name = reader.name(callee or value, context) if value is not None else ""
    listed = value.child_by_field_name("arguments") if value and callee else None
    message = reader.short(next(iter(parts(listed)), None)) if listed is not None else ""
    detail = {"message": message, "cause": reader.short(cause)}
    reader.fact("raise", name, node, context, text=reader.short(node), detail=detail)


def see_try(reader: Reader, node: Node, context: Context) -> None:
    """`try` over the whole statement, and a `catch` per `except` clause, on the clause's lines."""
    clauses = [c for c in parts(node) if c.type in ("except_clause", "except_group_clause")]
    caught = ", ".join(_catch(reader, clause, context, node) for clause in clauses)
    closing = any(child.type == "finally_clause" for child in parts(node))
    detail = {"caught": caught, "finally": "yes" if closing else ""}
    reader.fact("try", caught, node, context, detail=detail)


def _catch(reader: Reader, clause: Node, context: Context, statement: Node) -> str:
    block = next((child for child in parts(clause) if child.type == "block"), None)
    head = [child for child in parts(clause) if child != block]
    value = head[0] if head else None
    alias = reader.text(head[1]) if len(head) > 1 else ""  # Python 2: `except X, e`
    if value is not None and value.type == "as_pattern":
        alias = reader.text(value.child_by_field_name("alias"))
        value = parts(value)[0]
    types = _types(reader, value, context)
    body = statement.child_by_field_name("body")
    said = told(reader, Handler(statement, block, alias, types), context)
    written = reader.short(value)
    where = f"in `{context.symbol}`" if context.symbol else "at module level"
    covers = f" (covers {shown_calls(said.covers)})" if said.covers else ""
    detail = {
        "types": ", ".join(types),
        "alias": alias,
        "what": said.what,
        "action": said.says,
        "covers": ", ".join(said.covers),
        "again": said.again,
        "loop": f"{first_line(said.loop)}-{last_line(said.loop)}" if said.loop is not None else "",
        "try_start": str(first_line(statement)),
        "try_end": str(first_line(clause) if body is None else last_line(body)),
        "body": reader.line_text(block) if block is not None else "",
    }
    text = f"`except{' ' + written if written else ''}` {where}{covers}: {said.says}"
    reader.fact("catch", types[0] if types else "", clause, context, text=text, detail=detail)
    return ", ".join(types) or "everything"


def _types(reader: Reader, value: Node | None, context: Context) -> list[str]:
    """Resolved names of what is caught; a name bound to a tuple stands for the tuple's members."""
    if value is None:
        return []
    if value.type == "identifier":
        binding = context.scope.find(reader.tree.text(value), value.start_byte)
        if binding and binding.kind == "value" and binding.node and binding.node.type == "tuple":
            value = binding.node
    listed = parts(value) if value.type == "tuple" else [value]
    inner = [parts(item)[0] if item.type == "list_splat" else item for item in listed]
    return [reader.name(item, context) for item in inner]


def see_assert(reader: Reader, node: Node, context: Context) -> None:
    """`assert`: name is the condition; detail message."""
    said = parts(node)
    message = reader.short(said[1]) if len(said) > 1 else ""
    name = reader.short(said[0]) if said else ""
    text = reader.short(node)
    reader.fact("assert", name, node, context, text=text, detail={"message": message})


OBSERVERS: dict[str, Observer] = {
    "raise_statement": see_raise,
    "try_statement": see_try,
    "assert_statement": see_assert,
}
