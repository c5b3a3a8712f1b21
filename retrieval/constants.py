"""Reads facts about constants: string, compare, env_var, table (dictionaries of things) and subscript_call.

A docstring or any other statement that is only a string is no `string` fact.
"""

from retrieval.definitions import literal
from retrieval.parse import Node
from retrieval.reader import Context, Handler, Observer, Reader, Steps, parts

LONG = 2000
STRINGS = frozenset(["string", "concatenated_string"])
GROUPS = frozenset(["tuple", "list", "set"])
AFFIX = frozenset(["startswith", "endswith"])
ENVIRON = "os.environ"
READERS = frozenset(["os.getenv", "os.environ.get", "os.environ.pop", "os.environb.get"])
WRITERS = frozenset(["os.putenv", "os.environ.setdefault", "os.unsetenv"])
METHODS = frozenset(name.rpartition(".")[2] for name in READERS | WRITERS)
VALUE_FORMS = {
    "identifier": "name",
    "attribute": "name",
    "lambda": "function",
    "call": "call",
    "integer": "number",
    "float": "number",
    "dictionary": "dictionary",
    "list": "list",
    "tuple": "tuple",
}


def on_string(reader: Reader, node: Node, context: Context) -> Steps:
    """Puts the string off; only what an f-string interpolates is read further."""
    reader.later(late_string, node, context)
    pieces = parts(node) if node.type == "concatenated_string" else [node]
    inner = context.plain() if context.passing() else context
    return [(child, inner) for piece in pieces for child in piece.named_children if child.type == "interpolation"]


def late_string(reader: Reader, node: Node, context: Context) -> None:
    """`string`: name is the value (an f-string with its braces); detail form."""
    statement = context.statement
    if statement.type == "expression_statement" and statement.byte_range == node.byte_range:
        return
    value, form = string_value(reader, node)
    if value:
        reader.fact("string", value[:LONG], node, context, detail={"form": form})


def string_value(reader: Reader, node: Node) -> tuple[str, str]:
    """The value of a string node and its form: "plain", "f-string" or "bytes"."""
    if node.type == "concatenated_string":
        pieces = [string_value(reader, p) for p in node.named_children if p.type == "string"]
        forms = {form for _, form in pieces}
        form = next((f for f in ("f-string", "bytes") if f in forms), "plain")
        return "".join(value for value, _ in pieces), form
    source = reader.tree.text(node)
    prefix = source[: len(source) - len(source.lstrip("rRbBuUfFtT"))].lower()
    form = "f-string" if {"f", "t"} & set(prefix) else "bytes" if "b" in prefix else "plain"
    if form == "plain":
        return literal(source) or "", form
    body = source[len(prefix) :]
    quote = 3 if body[:3] in ('"""', "'''") else 1
    return body[quote:-quote], form


def see_comparison(reader: Reader, node: Node, context: Context) -> None:
    """`compare`: one per string constant that is compared; detail left, operator, against."""
    operands = parts(node)
    operators = [reader.text(item) for item in node.children_by_field_name("operators")]
    operator = " ".join(operators)
    if len(operands) == 2 and operator in ("in", "not in"):
        _environment_test(reader, node, operands, context)
    for position, operand in enumerate(operands):
        others = [reader.short(o) for i, o in enumerate(operands) if i != position]
        for value in _strings(reader, operand):
            detail = {"left": ", ".join(others), "operator": operator}
            reader.fact("compare", value, node, context, text=reader.short(node), detail=detail)


def _strings(reader: Reader, node: Node) -> list[str]:
    items = parts(node) if node.type in GROUPS else [node]
    return [string_value(reader, item)[0] for item in items if item.type in STRINGS]


def see_case(reader: Reader, node: Node, context: Context) -> None:
    """`compare` of a `case "text":` pattern."""
    for pattern in parts(node):
        if pattern.type in STRINGS:
            detail = {"left": "match", "operator": "case"}
            reader.fact("compare", string_value(reader, pattern)[0], node, context, detail=detail)


def see_call(reader: Reader, node: Node, context: Context) -> None:
    """`env_var` by function, `compare` by startswith/endswith, and `subscript_call`."""
    callee = node.child_by_field_name("function")
    listed = node.child_by_field_name("arguments")
    if callee is None or listed is None:
        return
    method = ""
    if callee.type == "attribute":
        method = reader.tree.text(callee.child_by_field_name("attribute"))
        if method in AFFIX:
            _affix(reader, node, callee, listed, context)
    if callee.type in ("subscript", "call"):
        _dispatch(reader, node, callee, context)
    if callee.type == "identifier" or method in METHODS:
        name = reader.name(callee, context)
        if name in READERS or name in WRITERS:
            _environment(reader, node, parts(listed), name, context)


def _affix(reader: Reader, node: Node, callee: Node, listed: Node, context: Context) -> None:
    for argument in parts(listed)[:1]:
        for value in _strings(reader, argument):
            left = reader.short(callee.child_by_field_name("object"))
            method = reader.text(callee.child_by_field_name("attribute"))
            detail = {"left": left, "operator": method}
            reader.fact("compare", value, node, context, text=reader.short(node), detail=detail)


def _dispatch(reader: Reader, node: Node, callee: Node, context: Context) -> None:
    """`table[key](…)`, `table.get(key)(…)`, `getattr(x, name)(…)`."""
    if callee.type == "subscript":
        value = callee.child_by_field_name("value")
        keys = callee.children_by_field_name("subscript")
        table, key = (
            reader.name(value, context) if value else "",
            ", ".join(map(reader.short, keys)),
        )
    else:
        inner = callee.child_by_field_name("function")
        table = reader.name(inner, context) if inner is not None else ""
        key = reader.short(callee.child_by_field_name("arguments"))[1:-1]
        if not (table == "getattr" or table.endswith(".get")):
            return
    reader.fact("subscript_call", table, node, context, text=reader.short(node), detail={"key": key})


def _environment(reader: Reader, node: Node, arguments: list[Node], how: str, context: Context) -> None:
    if not arguments:
        return
    default = reader.short(arguments[1]) if len(arguments) > 1 else ""
    mode = "write" if how in WRITERS else "read"
    detail = {"how": how, "default": default, "mode": mode}
    reader.fact("env_var", _key(reader, arguments[0]), node, context, detail=detail)


def _environment_test(reader: Reader, node: Node, operands: list[Node], context: Context) -> None:
    if reader.name(operands[1], context) == ENVIRON:
        detail = {"how": "in os.environ", "default": "", "mode": "test"}
        reader.fact("env_var", _key(reader, operands[0]), node, context, detail=detail)


def _key(reader: Reader, node: Node) -> str:
    if node.type in STRINGS:
        return string_value(reader, node)[0]
    return reader.short(node)


def see_subscript(reader: Reader, node: Node, context: Context) -> None:
    """`env_var` of `os.environ["X"]`, a write when it is assigned or deleted."""
    value = node.child_by_field_name("value")
    if value is None or value.type not in ("identifier", "attribute"):
        return
    if reader.name(value, context) != ENVIRON:
        return
    for key in node.children_by_field_name("subscript")[:1]:
        statement = context.statement
        at_start = statement.start_byte == node.start_byte
        writes = statement.type == "delete_statement" or (
            at_start and statement.type == "expression_statement" and _is_assigned(statement)
        )
        detail = {"how": ENVIRON, "default": "", "mode": "write" if writes else "read"}
        reader.fact(
            "env_var",
            _key(reader, key),
            node,
            context,
            text=reader.line_text(statement),
            detail=detail,
        )


def _is_assigned(statement: Node) -> bool:
    return any(child.type.endswith("assignment") for child in statement.named_children)


def see_table(reader: Reader, node: Node, context: Context) -> None:
    """`table`: a name bound to a dictionary literal; detail size, values (forms), keys, entries."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None or right.type != "dictionary":
        return
    pairs = [item for item in parts(right) if item.type == "pair"]
    values = [item.child_by_field_name("value") for item in pairs]
    forms = {VALUE_FORMS.get(v.type, v.type) for v in values if v is not None}
    strings = [v for v in values if v is not None and v.type in STRINGS]
    forms |= {"url"} if any("://" in reader.short(v) for v in strings) else set()
    names = {reader.name(v, context) for v in values if v is not None and v.type in ("identifier", "attribute")}
    detail = {
        "size": str(len(pairs)),
        "forms": ", ".join(sorted("string" if f in STRINGS else f for f in forms)),
        "keys": ", ".join(reader.short(i.child_by_field_name("key")) for i in pairs[:40]),
        "names": ", ".join(sorted(names)[:60]),
        "scope": context.scope.kind,
    }
    reader.fact("table", reader.text(left), node, context, detail=detail)


HANDLERS: dict[str, Handler] = {"string": on_string, "concatenated_string": on_string}
OBSERVERS: dict[str, tuple[Observer, ...]] = {
    "comparison_operator": (see_comparison,),
    "case_pattern": (see_case,),
    "call": (see_call,),
    "subscript": (see_subscript,),
    "assignment": (see_table,),
}
