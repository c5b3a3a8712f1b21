"""Reads facts of ordinary statements: assign, name, delete, yield, await, with, loop, if, return, global and more.

Every function here is an observer: it runs after the walk, once per node of its type, and records facts.
"""

from retrieval.calls import TUPLES, with_items
from retrieval.definitions import SEPARATORS, parameter_name
from retrieval.parse import Node, first_line, last_line
from retrieval.reader import Context, Observer, Reader, parts

MUTABLE = frozenset(["list", "dictionary", "set", "list_comprehension", "dictionary_comprehension"])
MUTABLE_CALLS = frozenset(["list", "dict", "set", "collections.defaultdict", "collections.deque"])


def see_assignment(reader: Reader, node: Node, context: Context) -> None:
    """`assign`: one per name bound; detail value (cut at 200), operator, annotation, where."""
    is_walrus = node.type == "named_expression"
    left = node.child_by_field_name("name" if is_walrus else "left")
    right = node.child_by_field_name("value" if is_walrus else "right")
    operator = reader.text(node.child_by_field_name("operator")) or (":=" if is_walrus else "=")
    annotation = reader.text(node.child_by_field_name("type"))
    while right is not None and right.type == "assignment":
        right = right.child_by_field_name("right")
    for target, value in _pairs(left, right):
        name = reader.text(target).lstrip("*")
        detail = {"value": reader.short(value), "operator": operator, "scope": context.scope.kind}
        if value is not None and value.type == "call":
            callee = value.child_by_field_name("function")
            detail["constructor"] = reader.name(callee, context) if callee else ""
        if annotation:
            detail["annotation"] = annotation
        reader.fact("assign", name, node, context, text=reader.short(node), detail=detail)
        _name(reader, target, node, context, annotation)


def _pairs(left: Node | None, right: Node | None) -> list[tuple[Node, Node | None]]:
    if left is None:
        return []
    if left.type not in TUPLES:
        return [(left, right)]
    targets = parts(left)
    values = parts(right) if right is not None and right.type in ("expression_list", "tuple") else []
    if len(values) == len(targets):
        return [pair for t, v in zip(targets, values, strict=True) for pair in _pairs(t, v)]
    return [pair for target in targets for pair in _pairs(target, right)]


def _name(reader: Reader, target: Node, node: Node, context: Context, annotation: str = "") -> None:
    """`name`: the first time a scope binds a variable, or a file an attribute."""
    if target.type in TUPLES:
        for part in parts(target):
            _name(reader, part, node, context)
        return
    if target.type not in ("identifier", "attribute", "list_splat_pattern"):
        return
    name = reader.text(target).lstrip("*")
    scope = context.scope.outer_names.get(name, context.scope)
    if (scope.symbol, name) not in reader.named:
        reader.named.add((scope.symbol, name))
        form = "attribute" if target.type == "attribute" else "variable"
        detail = {"form": form, "annotation": annotation}
        reader.fact("name", name, target, context, text=reader.line_text(node), detail=detail)


def see_for(reader: Reader, node: Node, context: Context) -> None:
    """`loop`: name is what is iterated over; detail target, form; an `async for` is an `await` too."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    is_async = any(child.type == "async" for child in node.children)
    if node.type == "for_statement":
        form = "async for" if is_async else "for"
        detail = {"form": form, "target": reader.short(left)}
        reader.fact("loop", reader.short(right), node, context, detail=detail)
    if is_async and right is not None:
        _await(reader, right, node, context, "async for")
    if left is not None:
        _name(reader, left, node, context)


def see_while(reader: Reader, node: Node, context: Context) -> None:
    """`loop` of a `while`: name is the condition."""
    condition = reader.short(node.child_by_field_name("condition"))
    reader.fact("loop", condition, node, context, detail={"form": "while", "target": ""})


def see_with(reader: Reader, node: Node, context: Context) -> None:
    """`with`: one per item, on the lines of the whole statement; detail as, expression, form."""
    is_async = any(child.type == "async" for child in node.children)
    form = "async with" if is_async else "with"
    for clause in (child for child in parts(node) if child.type == "with_clause"):
        for item in with_items(clause):
            value = parts(item)[0] if item.type == "as_pattern" else item
            alias = item.child_by_field_name("alias") if item.type == "as_pattern" else None
            callee = value.child_by_field_name("function") if value.type == "call" else None
            detail = {"form": form, "as": reader.text(alias), "expression": reader.short(value)}
            name = reader.name(callee or value, context)
            if name == "()":
                name = reader.resolver.type_of(value, context.scope) or name
            text = f"{form} {reader.short(clause)}"
            reader.fact("with", name, node, context, text=text, detail=detail)
            if is_async:
                _await(reader, value, node, context, form)
            for target in parts(alias) if alias is not None else ():
                _name(reader, target, node, context)


def see_await(reader: Reader, node: Node, context: Context) -> None:
    """`await`: name is the resolved callee of what is awaited."""
    for value in parts(node)[:1]:
        _await(reader, value, node, context, "await")


def _await(reader: Reader, value: Node, node: Node, context: Context, form: str) -> None:
    callee = value.child_by_field_name("function") if value.type == "call" else None
    name = reader.name(callee or value, context)
    end = last_line(node) if form == "await" else first_line(node)
    reader.fact("await", name, node, context, end=end, detail={"form": form})


def see_yield(reader: Reader, node: Node, context: Context) -> None:
    """`yield`: name is what is handed out, as written; detail form."""
    form = "yield from" if any(child.type == "from" for child in node.children) else "yield"
    value = next(iter(parts(node)), None)
    text = reader.short(node)
    reader.fact("yield", reader.short(value), node, context, text=text, detail={"form": form})


def see_return(reader: Reader, node: Node, context: Context) -> None:
    """`return`: name is the value as written."""
    value = next(iter(parts(node)), None)
    reader.fact("return", reader.short(value), node, context, text=reader.short(node))


def see_delete(reader: Reader, node: Node, context: Context) -> None:
    """`delete`: one per target; detail type is what the target is known to hold."""
    for listed in parts(node):
        for target in parts(listed) if listed.type in ("expression_list", "tuple") else [listed]:
            held = reader.resolver.type_of(target, context.scope)
            reader.fact("delete", reader.short(target), node, context, detail={"type": held})


def see_global(reader: Reader, node: Node, context: Context) -> None:
    """`global`: one per name; detail form is `global` or `nonlocal`."""
    form = "global" if node.type == "global_statement" else "nonlocal"
    for name in parts(node):
        reader.fact("global", reader.text(name), node, context, detail={"form": form})


def see_if(reader: Reader, node: Node, context: Context) -> None:
    """`if`: name is the condition; detail form (if, elif, ternary, match), else line, main guard."""
    if node.type == "match_statement":
        subject = ", ".join(reader.short(s) for s in node.children_by_field_name("subject"))
        reader.fact("if", subject, node, context, detail={"form": "match"})
        return
    if node.type == "conditional_expression":
        condition = parts(node)[1:2]
        name = reader.short(condition[0]) if condition else ""
        reader.fact("if", name, node, context, detail={"form": "ternary"})
        return
    condition = reader.short(node.child_by_field_name("condition"))
    form = "elif" if node.type == "elif_clause" else "if"
    others = [child for child in parts(node) if child.type == "else_clause"]
    detail = {"form": form, "else": str(first_line(others[0])) if others else ""}
    body = node.child_by_field_name("consequence")
    end = last_line(body) if body is not None else first_line(node)
    reader.fact("if", condition, node, context, end=end, detail=detail)


def see_parameters(reader: Reader, node: Node, context: Context) -> None:
    """`name` of each parameter, and `mutable_default` where its default is shared between calls."""
    listed = node.child_by_field_name("parameters")
    own = reader.text(node.child_by_field_name("name"))
    symbol = ".".join(filter(None, (context.symbol, own)))
    for item in parts(listed) if listed is not None else ():
        name = parameter_name(reader, item) if item.type not in SEPARATORS else ""
        if not name:
            continue
        value = item.child_by_field_name("value")
        annotation = reader.text(item.child_by_field_name("type"))
        detail = {"form": "parameter", "annotation": annotation, "default": reader.short(value)}
        told = {"text": reader.short(item), "detail": detail, "symbol": symbol}
        reader.fact("name", name, item, context, **told)
        if value is not None and _is_mutable(reader, value, context):
            reader.fact("mutable_default", name, item, context, **told)


def _is_mutable(reader: Reader, value: Node, context: Context) -> bool:
    if value.type == "call":
        callee = value.child_by_field_name("function")
        return callee is not None and reader.name(callee, context) in MUTABLE_CALLS
    return value.type in MUTABLE


OBSERVERS: dict[str, Observer] = {
    "assignment": see_assignment,
    "augmented_assignment": see_assignment,
    "named_expression": see_assignment,
    "for_statement": see_for,
    "for_in_clause": see_for,
    "while_statement": see_while,
    "with_statement": see_with,
    "await": see_await,
    "yield": see_yield,
    "return_statement": see_return,
    "delete_statement": see_delete,
    "global_statement": see_global,
    "nonlocal_statement": see_global,
    "if_statement": see_if,
    "elif_clause": see_if,
    "match_statement": see_if,
    "conditional_expression": see_if,
    "function_definition": see_parameters,
    "lambda": see_parameters,
}
