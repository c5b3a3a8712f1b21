"""Names as a body's data flow needs them: what an expression reads, what a target stores, what a loop runs over."""

import ast

from retrieval.census.meaning.units import Function, call_name, written
from retrieval.languages import words

SETTINGS = words("device dtype non_blocking dim axis copy memory_format key desc total disable")
_WRAPPING = words("enumerate tqdm trange zip list iter sorted reversed track progress_bar log_every")


def scalars(function: Function) -> set[str]:
    """`self`, and the parameters that numbers and switches are given as, by annotation or default."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    pairs = [
        *zip(plain[::-1], given.defaults[::-1], strict=False),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    found = {
        item.arg for item, value in pairs if isinstance(value, ast.Constant) and isinstance(value.value, int | float)
    }
    typed = {i.arg: written(i.annotation) for i in (*plain, *given.kwonlyargs) if i.annotation is not None}
    return found | {"self", "cls"} | {name for name, told in typed.items() if told in ("int", "float", "bool")}


def stored_names(target: ast.expr) -> list[str]:
    """The names, attributes and entries that a target binds, as written."""
    if isinstance(target, ast.Tuple | ast.List):
        return [name for item in target.elts for name in stored_names(item)]
    if isinstance(target, ast.Starred):
        return stored_names(target.value)
    return [short(target)] if isinstance(target, ast.Name | ast.Attribute | ast.Subscript) else []


def each_of(node: ast.expr) -> str:
    """What a loop runs over, without counting and progress bars around it."""
    while isinstance(node, ast.Call) and call_name(node) in _WRAPPING and node.args:
        node = node.args[0]
    return "" if call_name(node) == "range" else f"each of `{short(node)}`"


def read_names(node: ast.expr) -> list[str]:
    """The names that an expression reads, without those that it only calls."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    aside = {
        id(inner)
        for n in ast.walk(node)
        if isinstance(n, ast.keyword) and n.arg in SETTINGS
        for inner in ast.walk(n.value)
    }
    kept = (n for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in called | aside)
    return list(dict.fromkeys(n.id for n in kept))


def short(node: ast.expr, limit: int = 48) -> str:
    """An expression as Python writes it, cut at `limit` characters, safe inside backticks."""
    text = written(node).replace("`", "'")
    return text if len(text) <= limit else text[: limit - 1] + "…"
