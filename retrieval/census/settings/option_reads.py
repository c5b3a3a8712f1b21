"""Which option an expression reads, and which expressions are all options of a command line."""

import ast
import re

from retrieval.census.meaning.units import call_name, written

_FILLING = re.compile(r"(?i)(?:fields|configs?|cfg|from_args|from_namespace|namespace|merge\w*|update_\w+)$")
SET = "!"  # what `args.x` holds after the code has given it a value of its own
METHODS = frozenset(["append", "extend", "items", "keys", "values", "update", "pop", "get"])


def is_whole(node: ast.AST, known: dict[str, str]) -> bool:
    """Whether an expression is all options: the namespace itself, `vars(args)` or `args.__dict__`."""
    if (
        isinstance(node, ast.Call)
        and call_name(node) in ("vars", "asdict", "dict", "to_dict", "deepcopy")
        and node.args
    ):
        return is_whole(node.args[0], known)
    if isinstance(node, ast.Dict):
        return any(key is None and is_whole(part, known) for key, part in zip(node.keys, node.values, strict=True))
    if isinstance(node, ast.Attribute) and node.attr == "__dict__":
        return is_whole(node.value, known)
    if isinstance(node, ast.Call) and _FILLING.search(written(node.func)):
        return any(is_whole(argument, known) for argument in (*node.args, *(k.value for k in node.keywords)))
    return isinstance(node, ast.Name | ast.Attribute) and known.get(written(node), "-") == ""


def option_of(node: ast.AST, known: dict[str, str]) -> str:
    """The option that an expression reads: `args.x`, `args["x"]`, or a name that holds one."""
    if isinstance(node, ast.Attribute) and (not isinstance(node.ctx, ast.Load) or known.get(written(node)) == SET):
        return ""
    if isinstance(node, ast.Attribute) and not node.attr.startswith("__") and node.attr not in METHODS:
        return node.attr if known.get(written(node.value), "-") == "" else known.get(written(node), "")
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value if known.get(written(node.value), "-") == "" else ""
    if isinstance(node, ast.Call) and call_name(node) in ("get", "pop") and node.args:
        key = node.args[0]
        owner = written(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        return str(key.value) if isinstance(key, ast.Constant) and known.get(owner, "-") == "" else ""
    if isinstance(node, ast.Call) and call_name(node) == "getattr" and len(node.args) > 1:
        key = node.args[1]
        return str(key.value) if isinstance(key, ast.Constant) and known.get(written(node.args[0]), "-") == "" else ""
    return known.get(node.id, "") if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""
