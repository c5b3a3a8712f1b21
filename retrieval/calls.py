"""Reads calls and the bindings that give their receivers a type: assignments, `with … as`, loops, `except … as`."""

from dataclasses import replace

from retrieval.facts import Call
from retrieval.parse import Node, first_line, last_line
from retrieval.reader import Context, Handler, Reader, Steps, parts
from retrieval.scopes import Bindings

TUPLES = frozenset({"pattern_list", "tuple_pattern", "list_pattern"})
CONSTANTS = frozenset({"none", "true", "false", "ellipsis"})


def on_call(reader: Reader, node: Node, context: Context) -> Steps:
    """Puts the call off until names are known; its parts are read as plain expressions."""
    reader.later(late_call, node, context)
    inner = context.plain() if context.passing() else context
    return [(child, inner) for child in node.named_children]


def late_call(reader: Reader, node: Node, context: Context) -> None:
    """The Call with resolved name and receiver."""
    callee = node.child_by_field_name("function")
    if callee is None:
        return
    owner = callee.child_by_field_name("object") if callee.type == "attribute" else None
    positional, keywords = _arguments(reader, node)
    reader.calls.append(
        Call(
            name=reader.name(callee, context),
            written=reader.short(callee),
            receiver=_receiver(reader, owner, context),
            start=first_line(node),
            end=last_line(node),
            symbol=context.symbol,
            arguments=positional,
            keywords=keywords,
            assigned=context.assigned,
            awaited=context.awaited,
            in_with=context.item,
            in_loop=context.loop,
            text=reader.line_text(context.statement),
            instance=reader.resolver.type_of(callee, context.scope),
        )
    )


def _receiver(reader: Reader, owner: Node | None, context: Context) -> str:
    """The type of the object that a method is called on."""
    return reader.resolver.type_of(owner, context.scope) if owner is not None else ""


def _arguments(reader: Reader, node: Node) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    listed = node.child_by_field_name("arguments")
    if listed is None:
        return (), ()
    if listed.type != "argument_list":
        return (reader.short(listed),), ()
    positional: list[str] = []
    keywords: list[tuple[str, str]] = []
    for item in parts(listed):
        if item.type == "keyword_argument":
            value = item.child_by_field_name("value")
            keywords.append((reader.text(item.child_by_field_name("name")), reader.short(value)))
        elif item.type == "dictionary_splat":
            keywords.append(("**", reader.short(item)[2:]))
        else:
            positional.append(reader.short(item))
    return tuple(positional), tuple(keywords)


def on_assignment(reader: Reader, node: Node, context: Context) -> Steps:
    """`x = value`, `x: T = value`, `a, b = value`, `self.x = value`, chained and `:=` too."""
    named = "name" if node.type == "named_expression" else "left"
    left = node.child_by_field_name(named)
    right = node.child_by_field_name("value" if named == "name" else "right")
    annotation = node.child_by_field_name("type")
    if left is None:
        return [(child, context) for child in parts(node)]
    final = right
    while final is not None and final.type == "assignment":
        final = final.child_by_field_name("right")
    bind_target(reader, left, final, context, at=node, annotation=annotation)
    assigned = (*context.assigned, *target_names(reader, left))
    steps = [(left, context.plain())]
    if annotation is not None:
        steps.append((annotation, context.plain()))
    if right is not None:
        steps.append((right, replace(context, assigned=assigned)))
    return steps


def target_names(reader: Reader, target: Node) -> tuple[str, ...]:
    """The names of an assignment target as written: `a, self.b` gives ("a", "self.b")."""
    if target.type in TUPLES:
        return tuple(name for part in parts(target) for name in target_names(reader, part))
    return (reader.text(target).lstrip("*"),)


def bind_target(
    reader: Reader,
    target: Node,
    value: Node | None,
    context: Context,
    *,
    at: Node,
    annotation: Node | None = None,
    index: int = -1,
) -> None:
    """Bind every name of a target to its share of `value` (opaque when None)."""
    if target.type in TUPLES:
        shares = parts(value) if value is not None and value.type in ("expression_list", "tuple") else []
        items = parts(target)
        paired = len(shares) == len(items)
        for position, item in enumerate(items):
            share = shares[position] if paired else value
            bind_target(reader, item, share, context, at=at, index=-1 if paired else position)
        return
    if annotation is not None and (value is None or value.type != "call"):
        kind, node = "annotation", annotation
    elif value is None or value.type in CONSTANTS:
        kind, node = "opaque", None
    else:
        kind, node = ("value" if index < 0 else "element"), value
    if target.type == "identifier":
        reader.bind(reader.text(target), kind, context, at=at, node=node, index=index)
    elif target.type == "attribute":
        _bind_attribute(reader, target, context, at, (kind, node, index))


def _bind_attribute(reader: Reader, target: Node, context: Context, at: Node, what: tuple) -> None:
    owner = target.child_by_field_name("object")
    if owner is None or owner.type != "identifier":
        return
    binding = context.scope.find(reader.text(owner), owner.start_byte)
    if binding is None or binding.kind != "self":
        return
    kind, node, index = what
    name = reader.text(target.child_by_field_name("attribute"))
    bound = reader.bind(f"self.{name}", kind, context, at=at, node=node, index=index)
    binding.scope.attributes.setdefault(name, Bindings()).add(bound)


def on_with(reader: Reader, node: Node, context: Context) -> Steps:
    """`with a as b`: items are read as items, the body as usual."""
    inside = replace(context, statement=node)
    steps: list[tuple[Node, Context]] = []
    for child in parts(node):
        if child.type != "with_clause":
            steps.append((child, context))
            continue
        for item in with_items(child):
            value, alias = item, None
            if item.type == "as_pattern":
                value, alias = parts(item)[0], item.child_by_field_name("alias")
            target = next(iter(parts(alias)), None) if alias is not None else None
            names: tuple[str, ...] = ()
            if target is not None:
                names = target_names(reader, target)
                bind_target(reader, target, value, context, at=item)
            steps.append((value, replace(inside, item=True, assigned=names)))
    return steps


def with_items(clause: Node) -> list[Node]:
    """The item expressions of a `with` clause; the parenthesised form arrives as one tuple."""
    values = [item.child_by_field_name("value") or item for item in parts(clause)]
    if len(values) == 1 and values[0].type == "tuple":
        return parts(values[0])
    return values


def on_for(reader: Reader, node: Node, context: Context) -> Steps:
    """`for x in xs`: binds x to something unknown; the body is read as being in a loop."""
    left = node.child_by_field_name("left")
    if left is not None:
        bind_target(reader, left, None, context, at=left)
    head = replace(context, statement=node)
    body = replace(context, loop=True, loop_head=node)
    return [(c, body if c.type == "block" else head) for c in parts(node)]


def on_while(_reader: Reader, node: Node, context: Context) -> Steps:
    """Condition and body of `while` both run many times."""
    looped = replace(context, loop=True, loop_head=node, statement=node)
    return [(c, context if c.type == "else_clause" else looped) for c in parts(node)]


def on_comprehension(reader: Reader, node: Node, context: Context) -> Steps:
    """Everything but the first iterable runs in a loop; the variables are unknown."""
    looped = replace(context.plain(), loop=True)
    steps: list[tuple[Node, Context]] = []
    first = True
    for child in parts(node):
        if child.type != "for_in_clause":
            steps.append((child, looped))
            continue
        left = child.child_by_field_name("left")
        if left is not None:
            bind_target(reader, left, None, context, at=left)
        for part in parts(child):
            steps.append((part, context.plain() if first and part != left else looped))
        first = False
    return steps


def on_await(_reader: Reader, node: Node, context: Context) -> Steps:
    """The awaited call knows that it is awaited."""
    return [(child, replace(context, awaited=True)) for child in parts(node)]


def on_lambda(_reader: Reader, node: Node, context: Context) -> Steps:
    """The body runs elsewhere, so no loop or assignment reaches it."""
    inner = replace(context.plain(), loop=False)
    return [(child, inner) for child in parts(node)]


def on_statement(_reader: Reader, node: Node, context: Context) -> Steps:
    """Remembers the statement that the calls inside it belong to."""
    inner = replace(context, statement=node)
    return [(child, inner) for child in node.named_children]


def on_try(reader: Reader, node: Node, context: Context) -> Steps:
    """The body of a `try` with handlers is guarded, and so is what a handler does instead."""
    caught = any(child.type.startswith("except") for child in node.named_children)
    inner = replace(context, guarded=context.guarded or caught)
    return [(child, inner) for child in parts(node)]


def on_except(reader: Reader, node: Node, context: Context) -> Steps:
    """`except X as e` binds e to an X."""
    inner = replace(context, statement=node)
    for child in parts(node):
        if child.type == "as_pattern":
            alias = child.child_by_field_name("alias")
            for target in parts(alias) if alias is not None else ():
                bind_target(reader, target, None, inner, at=child, annotation=parts(child)[0])
    return [(child, inner) for child in parts(node)]


def on_if(reader: Reader, node: Node, context: Context) -> Steps:
    """Remembers the statement; what stands below `if TYPE_CHECKING` is guarded."""
    condition = reader.tree.text(node.child_by_field_name("condition"))
    head = replace(context, statement=node)
    body = replace(context, guarded=True) if "TYPE_CHECKING" in condition else head
    return [(c, body if c.type == "block" else head) for c in node.named_children]


def on_global(reader: Reader, node: Node, context: Context) -> Steps:
    """`global x` binds x in the module from here on, `nonlocal x` in the function around."""
    outer = context.scope.module()
    if node.type == "nonlocal_statement" and context.scope.parent is not None:
        outer = context.scope.parent
    for name in parts(node):
        context.scope.outer_names[reader.tree.text(name)] = outer
    return ()


COMPREHENSIONS = (
    "list_comprehension",
    "set_comprehension",
    "dictionary_comprehension",
    "generator_expression",
)
STATEMENTS = (
    "expression_statement",
    "return_statement",
    "else_clause",
    "finally_clause",
    "match_statement",
    "case_clause",
    "raise_statement",
    "assert_statement",
    "delete_statement",
    "print_statement",
    "exec_statement",
)
HANDLERS: dict[str, Handler] = {
    "call": on_call,
    "assignment": on_assignment,
    "named_expression": on_assignment,
    "with_statement": on_with,
    "for_statement": on_for,
    "while_statement": on_while,
    "await": on_await,
    "try_statement": on_try,
    "except_clause": on_except,
    "except_group_clause": on_except,
    "if_statement": on_if,
    "elif_clause": on_if,
    "global_statement": on_global,
    "nonlocal_statement": on_global,
    "lambda": on_lambda,
    **dict.fromkeys(COMPREHENSIONS, on_comprehension),
    **dict.fromkeys(STATEMENTS, on_statement),
}
