"""Dictionaries that hold some of the options, each under a key: `{name: args.pop(name) for name in names}`."""

import ast

from retrieval.census.meaning.units import Unit, call_name, own_nodes, written
from retrieval.census.settings.option_reads import is_whole, option_of


def parts_of(unit: Unit, value: ast.expr, known: dict[str, str]) -> tuple[dict[str, str], bool]:
    """Key → option of a dictionary that is made of options, and whether they are taken out of all options by it."""
    if isinstance(value, ast.DictComp) and len(value.generators) == 1:
        return _comprehended(unit, value, known)
    if isinstance(value, ast.Dict):
        pairs = [(k.value, option_of(v, known)) for k, v in zip(value.keys, value.values, strict=True)
                 if isinstance(k, ast.Constant) and isinstance(k.value, str)]  # fmt: skip
    elif isinstance(value, ast.Call) and written(value.func) == "dict" and not value.args:
        pairs = [(k.arg, option_of(k.value, known)) for k in value.keywords if k.arg]
    else:
        return {}, False
    return {key: option for key, option in pairs if option}, False


def _comprehended(unit: Unit, value: ast.DictComp, known: dict[str, str]) -> tuple[dict[str, str], bool]:
    """`{k: args.pop(k) for k in names}`, also with `args[k]`, `args.get(k)` and `getattr(args, k)`."""
    loop = value.generators[0]
    if not isinstance(loop.target, ast.Name) or written(value.key) != loop.target.id:
        return {}, False
    taken, name = value.value, loop.target.id
    held: ast.AST | None = None
    if isinstance(taken, ast.Subscript) and written(taken.slice) == name:
        held = taken.value
    elif isinstance(taken, ast.Call) and taken.args and call_name(taken) in ("pop", "get"):
        held = taken.func.value if isinstance(taken.func, ast.Attribute) and written(taken.args[0]) == name else None
    elif (
        isinstance(taken, ast.Call)
        and call_name(taken) == "getattr"
        and [written(a) for a in taken.args[1:2]] == [name]
    ):
        held = taken.args[0]
    if held is None or not is_whole(held, known):
        return {}, False
    names = _texts(unit, loop.iter, value)
    return {each: each for each in names}, call_name(taken) == "pop"


def _texts(unit: Unit, node: ast.expr, at: ast.AST) -> list[str]:
    """The texts of a written list, or of the one that a name is bound to in the body or at the top of the file."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    if not isinstance(node, ast.Name):
        return []
    around = [body for body in unit.enclosing(at) if isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef)]
    for made in (*(own for body in around for own in own_nodes(body)), *unit.tree.body):
        if isinstance(made, ast.Assign) and [written(t) for t in made.targets] == [node.id]:
            return _texts(unit, made.value, at) if not isinstance(made.value, ast.Name) else []
    return []
