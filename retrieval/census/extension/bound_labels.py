"""Labels of models that code binds to an enumeration: a model with other labels raises an error or is cut down.

`Label[name]` where a KeyError ends in an error, and tables with an entry for each of several members: thresholds,
renamings, colours.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator

from retrieval.census.meaning.units import Unit, written

LEAST = 4
ERROR = "or an error"
_LABEL = re.compile(r"(?i)label|class(?:es|_?id|_?name|_)|categor")
_ENUM = re.compile(r"^(?:[a-z_]\w*\.)*[A-Z]\w*(?:Label|Class|Category|Kind|Type|Entity)s?\w*$")
Found = tuple[str, str, ast.AST]


def bound_labels(unit: Unit) -> Iterator[Found]:
    """Rank "bound", text and node for each look-up that ends in an error and each table keyed by members."""
    for node in unit.nodes:
        if isinstance(node, ast.Try):
            yield from _looked_up(node)
        elif isinstance(node, ast.Dict):
            yield from _keyed(unit, node)


def _looked_up(node: ast.Try) -> Iterator[Found]:
    raised = [part for handler in node.handlers for part in ast.walk(handler) if isinstance(part, ast.Raise)]
    if not raised:
        return
    error = written(raised[0].exc).partition("(")[0] if isinstance(raised[0].exc, ast.Call) else ""
    told = f"{ERROR} (`{error}`)" if error else ERROR
    for part in (part for stmt in node.body for part in ast.walk(stmt)):
        key = enum = None
        if isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Load):
            enum, key = part.value, part.slice
        elif isinstance(part, ast.Call) and len(part.args) == 1:
            enum, key = part.func, part.args[0]
        if enum is None or not isinstance(key, ast.Name | ast.Call | ast.Attribute) or not _LABEL.search(written(key)):
            continue
        if isinstance(enum, ast.Name | ast.Attribute) and _ENUM.match(written(enum)):
            yield "bound", f"a label of the model only as a member of `{written(enum)}`, {told}", part


def _keyed(unit: Unit, node: ast.Dict) -> Iterator[Found]:
    owners = Counter(written(key.value) for key in node.keys if isinstance(key, ast.Attribute))
    for owner, count in owners.most_common(1):
        around = unit.parents.get(node)
        target = around.targets[0] if isinstance(around, ast.Assign) else getattr(around, "target", None)
        named = _ENUM.match(owner) and "abel" in owner and count >= LEAST
        if named and isinstance(target, ast.Name | ast.Attribute):
            yield "bound", f"`{written(target)}` (an entry for {count} members of `{owner}`)", node
