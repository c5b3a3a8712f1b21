"""Reads imports, classes, functions, parameters and docstrings of a Python file, and binds their names."""

import ast
import inspect
import re
import warnings
from dataclasses import replace

from retrieval.facts import Definition, Import
from retrieval.parse import Node, first_line, last_line
from retrieval.reader import Context, Handler, Reader, Steps, parts
from retrieval.scopes import Scope

_PLAIN = re.compile(r"""[rRuU]?(?:(\"{3}|'{3})(.*)\1|["'](.*)["'])""", re.DOTALL)
SEPARATORS = frozenset({"positional_separator", "keyword_separator", "comment"})


def on_import(reader: Reader, node: Node, context: Context) -> Steps:
    """`import a.b as c`: binds the alias, or the first part of the module's name."""
    for item in node.children_by_field_name("name"):
        module = reader.text(item.child_by_field_name("name") or item)
        alias = reader.text(item.child_by_field_name("alias"))
        bound = alias or module.split(".")[0]
        _import(reader, node, context, (module, "", bound), target=module if alias else bound)
    return ()


def on_import_from(reader: Reader, node: Node, context: Context) -> Steps:
    """`from .a import b as c`, relative modules made absolute; `*` binds nothing."""
    written = reader.text(node.child_by_field_name("module_name")).replace(" ", "")
    module = "__future__" if node.type == "future_import_statement" else absolute(reader, written)
    if any(child.type == "wildcard_import" for child in node.named_children):
        _import(reader, node, context, (module, "*", "*"), target="")
    for item in node.children_by_field_name("name"):
        name = reader.text(item.child_by_field_name("name") or item)
        alias = reader.text(item.child_by_field_name("alias")) or name
        target = f"{module}.{name}" if module and not module.endswith(".") else f"{module}{name}"
        _import(reader, item, context, (module, name, alias), target=target)
    return ()


def absolute(reader: Reader, written: str) -> str:
    """A module as written after `from`, made absolute; a climb out of the repository keeps its dots."""
    name = written.lstrip(".")
    level = len(written) - len(name)
    if level == 0:
        return name
    package = reader.package.split(".") if reader.package else []
    if level - 1 > len(package):
        return written
    kept = package[: len(package) - (level - 1)]
    return ".".join([*kept, name] if name else kept)


def _import(reader: Reader, node: Node, context: Context, what: tuple[str, str, str], *, target: str) -> None:
    module, name, alias = what
    start, end = first_line(node), last_line(node)
    found = Import(module, name, alias, start, end, context.symbol, context.guarded)
    reader.imports.append(found)
    if target:
        reader.bind(alias, "import", context, at=node, target=target)


def on_decorated(reader: Reader, node: Node, context: Context) -> Steps:
    """Hands the decorators to the definition below them."""
    decorators = tuple(child for child in node.named_children if child.type == "decorator")
    steps: list[tuple[Node, Context]] = []
    for child in parts(node):
        if child.type == "decorator":
            reader.later(late_decorator, child, replace(context, statement=child))
            steps += [(part, replace(context, statement=child)) for part in parts(child)]
        else:
            steps.append((child, replace(context, decorators=decorators)))
    return steps


def late_decorator(reader: Reader, node: Node, context: Context) -> None:
    """A `decorator` fact named by the resolved decorator without its arguments."""
    for expression in parts(node)[:1]:
        name = _decorator_name(reader, expression, context)
        listed = expression.child_by_field_name("arguments")
        detail = {"arguments": reader.short(listed)}
        reader.fact("decorator", name, node, context, text=reader.short(node), detail=detail)


def _decorator_name(reader: Reader, expression: Node, context: Context) -> str:
    callee = expression.child_by_field_name("function") if expression.type == "call" else None
    return reader.name(callee or expression, context)


def on_definition(reader: Reader, node: Node, context: Context) -> Steps:
    """A class or function: binds its name, opens its scope, puts the Definition off."""
    outer = replace(context, decorators=(), statement=node)
    name = reader.text(node.child_by_field_name("name"))
    is_class = node.type == "class_definition"
    symbol = f"{context.symbol}.{name}" if context.symbol else name
    reader.bind(name, "definition", context, at=node.child_by_field_name("name") or node, target=symbol)
    scope = Scope("class" if is_class else "function", symbol, context.scope)
    inner = Context(scope, node, guarded=False)
    reader.later(late_definition, node, replace(context, statement=node))
    steps: list[tuple[Node, Context]] = []
    for child in parts(node):
        if child.type == "block":
            steps.append((child, inner))
        elif child.type == "parameters":
            _bind_parameters(reader, child, inner, context)
            steps += [(part, outer) for part in parts(child)]
        elif child.type != "identifier":
            steps.append((child, outer))
    if is_class:
        _bind_bases(reader, node, inner)
    return steps


def _bind_bases(reader: Reader, node: Node, inner: Context) -> None:
    for base in parts(node.child_by_field_name("superclasses") or node):
        if base.type in ("identifier", "attribute", "subscript", "call"):
            reader.bind("<base>", "value", inner, at=base, node=base)
            return


def _bind_parameters(reader: Reader, parameters: Node, inner: Context, outer: Context) -> None:
    is_method = outer.scope.kind == "class"
    static = any("staticmethod" in reader.text(item) for item in outer.decorators)
    for position, item in enumerate(p for p in parts(parameters) if p.type not in SEPARATORS):
        name = parameter_name(reader, item)
        if not name:
            continue
        annotation = item.child_by_field_name("type")
        if is_method and position == 0 and not static:
            reader.bind(name, "self", inner, at=item, seen_in=outer.scope)
        elif annotation is not None:
            reader.bind(name, "annotation", inner, at=item, node=annotation, seen_in=outer.scope)
        else:
            reader.bind(name, "opaque", inner, at=item)


def parameter_name(reader: Reader, item: Node) -> str:
    """The name a parameter binds, "" for separators."""
    if item.type in SEPARATORS:
        return ""
    named = item.child_by_field_name("name")
    inner = named or (item if item.type == "identifier" else next(iter(parts(item)), None))
    while inner is not None and inner.type in ("list_splat_pattern", "dictionary_splat_pattern"):
        inner = next(iter(parts(inner)), None)
    return reader.text(inner)


def late_definition(reader: Reader, node: Node, context: Context) -> None:
    """The Definition itself, with resolved bases and decorators."""
    is_class = node.type == "class_definition"
    name = reader.text(node.child_by_field_name("name"))
    body = node.child_by_field_name("body")
    doc, doc_start, doc_end = docstring(reader, body)
    kind = "class" if is_class else "method" if context.scope.kind == "class" else "function"
    decorators = [_decorator_name(reader, e, context) for d in context.decorators for e in parts(d)[:1]]
    parameters = node.child_by_field_name("parameters")
    colon = next((child for child in node.children if child.type == ":"), None)
    reader.definitions.append(
        Definition(
            kind=kind,
            name=name,
            symbol=f"{context.symbol}.{name}" if context.symbol else name,
            start=first_line(context.decorators[0] if context.decorators else node),
            end=last_line(node),
            head_start=first_line(node),
            head_end=last_line(colon) if colon else first_line(node),
            parameters=tuple(reader.short(p) for p in parts(parameters)) if parameters else (),
            returns=reader.text(node.child_by_field_name("return_type")),
            bases=_bases(reader, node, context),
            decorators=tuple(decorators),
            docstring=doc,
            doc_start=doc_start,
            doc_end=doc_end,
            is_async=any(child.type == "async" for child in node.children),
        )
    )


def _bases(reader: Reader, node: Node, context: Context) -> tuple[str, ...]:
    listed = node.child_by_field_name("superclasses")
    names: list[str] = []
    for base in parts(listed) if listed is not None else ():
        if base.type == "keyword_argument":
            value = base.child_by_field_name("value")
            if reader.text(base.child_by_field_name("name")) == "metaclass" and value is not None:
                metaclass = reader.name(value, context)
                reader.fact("metaclass", metaclass, node, context, end=first_line(node))
            continue
        target = base.child_by_field_name("function") if base.type == "call" else base
        names.append(reader.name(target or base, context).removesuffix("[]"))
    return tuple(names)


def docstring(reader: Reader, body: Node | None) -> tuple[str, int, int]:
    """The docstring of a block or module: cleaned text, first and last line; ("", 0, 0) without one."""
    first = next(iter(parts(body)), None) if body is not None else None
    if first is None or first.type != "expression_statement":
        return "", 0, 0
    string = next(iter(parts(first)), None)
    if string is None or string.type not in ("string", "concatenated_string"):
        return "", 0, 0
    value = literal(reader.tree.text(string))
    if value is None:
        return "", 0, 0
    return inspect.cleandoc(value), first_line(string), last_line(string)


def literal(source: str) -> str | None:
    """The value of a string literal as written, None for f-strings and bytes; lone surrogates stay escapes."""
    if "\\" not in source and (plain := _PLAIN.fullmatch(source)):
        return plain[2] if plain[2] is not None else plain[3]
    try:
        with warnings.catch_warnings():  # "invalid escape sequence" is the audited code's affair
            warnings.simplefilter("ignore")
            value = ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else None


HANDLERS: dict[str, Handler] = {
    "import_statement": on_import,
    "import_from_statement": on_import_from,
    "future_import_statement": on_import_from,
    "decorated_definition": on_decorated,
    "class_definition": on_definition,
    "function_definition": on_definition,
}
