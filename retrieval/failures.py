"""Reads how code fails and what it does about it: raise, catch, try, assert.

A `catch` says what the handler does, judged from its own statements: re-raises, raises something else, logs,
retries, returns, continues, exits, sets a fallback, or nothing at all.
"""

import builtins
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.parse import Node, descendants, first_line, last_line
from retrieval.reader import Context, Observer, Reader, parts

CLOSED = frozenset(
    [
        "function_definition",
        "class_definition",
        "lambda",
        "call",
        "raise_statement",
        "assignment",
        "augmented_assignment",
    ]
)
BRANCHES = frozenset(["if_statement", "match_statement", "except_clause"])
QUOTED = 70
LOG_METHODS = frozenset(["debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print_exc"])
EFFECTS = {
    **dict.fromkeys(["sys.exit", "exit", "quit", "os._exit", "os.abort"], "exits the process"),
    **dict.fromkeys(["time.sleep", "asyncio.sleep"], "waits"),
    "print": "prints",
    "warnings.warn": "warns",
}
SILENT = frozenset(dir(builtins))
RETRY_WORDS = ("attempt", "retry", "retries", "tries")
SIDE_EFFECTS = 4


@dataclass(frozen=True, slots=True)
class _Caught:
    """What the actions of a handler are judged by."""

    alias: str
    retrying: bool


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
    actions: list[str] = []
    if block is not None:
        retrying = _retrying(reader, block, body, context)
        actions = _actions(reader, block, context, _Caught(alias, retrying))
    written = reader.short(value)
    where = f"in `{context.symbol}`" if context.symbol else "at module level"
    if not actions:
        actions = ["swallows it" if _is_empty(block) else "handles it"]
    says = " and ".join(filter(None, (", ".join(actions[:-1]), *actions[-1:])))
    detail = {
        "types": ", ".join(types),
        "alias": alias,
        "action": ", ".join(actions),
        "try_start": str(first_line(statement)),
        "try_end": str(first_line(clause) if body is None else last_line(body)),
        "body": reader.line_text(block) if block is not None else "",
    }
    text = f"`except{' ' + written if written else ''}` {where}: {says}"
    reader.fact("catch", types[0] if types else "", clause, context, text=text, detail=detail)
    return ", ".join(types) or "everything"


def _is_empty(block: Node | None) -> bool:
    """Whether a handler does nothing at all: `pass`, `...` or a bare string."""
    nothing = ("pass_statement", "ellipsis", "string")
    inside = parts(block) if block is not None else []
    return all(item.type in nothing or all(part.type in nothing for part in parts(item) or [item]) for item in inside)


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


def _own(block: Node) -> Iterator[tuple[Node, bool]]:
    """The nodes of a block in source order, and whether each runs only in some branch of it.

    Left out is what runs elsewhere (nested functions) and the parts of a call or an assignment.
    """
    stack = [(block, False)]
    while stack:
        node, branch = stack.pop()
        yield node, branch
        if node.type not in CLOSED:
            inside = branch or node.type in BRANCHES
            stack.extend((child, inside) for child in reversed(node.named_children))


def _actions(reader: Reader, block: Node, context: Context, caught: _Caught) -> list[str]:
    """What a handler does, in source order and without repetition; side effects last."""
    found: dict[str, None] = {}
    for node, branch in _own(block):
        if said := _action(reader, node, context, caught):
            found[f"{said} in one branch" if branch else said] = None
    side = [said for said in found if said.startswith(("sets ", "calls "))]
    main = [said for said in found if said not in side]
    return [*main, *side[:SIDE_EFFECTS]]


def _action(reader: Reader, node: Node, context: Context, caught: _Caught) -> str:
    first = next(iter(parts(node)), None)
    match node.type:
        case "raise_statement":
            return _raised(reader, first, context, caught.alias)
        case "return_statement":
            return f"returns `{_cut(reader.text(first))}`" if first else "returns nothing"
        case "continue_statement":
            return "retries" if caught.retrying else "continues with the next iteration"
        case "break_statement":
            return "leaves the loop"
        case "call":
            return _called(reader, node, context)
        case "import_statement" | "import_from_statement":
            return f"falls back to `{_cut(reader.line_text(node))}`"
        case "assignment" | "augmented_assignment":
            return f"sets `{_cut(reader.text(node))}`"
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def _raised(reader: Reader, value: Node | None, context: Context, alias: str) -> str:
    if value is None or (alias and reader.text(value) == alias):
        return "re-raises"
    callee = value.child_by_field_name("function") if value.type == "call" else None
    return f"raises `{reader.name(callee or value, context)}`"


def _called(reader: Reader, node: Node, context: Context) -> str:
    callee = node.child_by_field_name("function")
    if callee is None:
        return ""
    name = reader.name(callee, context)
    if name in EFFECTS:
        return EFFECTS[name]
    method = name.rpartition(".")[2]
    owner = reader.tree.text(callee).lower().rpartition(".")[0]
    if method in LOG_METHODS and ("log" in owner or name.startswith(("logging.", "traceback."))):
        return "logs"
    if not name or name in SILENT or name.startswith(("()", "str.", "super")):
        return ""
    return f"calls `{name}()`"


def _retrying(reader: Reader, block: Node, body: Node | None, context: Context) -> bool:
    """Whether the loop around a handler repeats the same work rather than taking the next item."""
    loop = context.loop_head
    if loop is None:
        return False
    head = reader.line_text(loop).lower()
    words = {reader.tree.text(n).lower() for n in descendants(block) if n.type == "identifier"}
    if any(hint in text for hint in RETRY_WORDS for text in (head, *words)):
        return True
    waits = any(n.type == "call" and _called(reader, n, context) == EFFECTS["time.sleep"] for n, _ in _own(block))
    leaves = body is not None and any(n.type in ("break_statement", "return_statement") for n, _ in _own(body))
    return waits or (leaves and loop.type == "for_statement" and " in range(" in head)


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
