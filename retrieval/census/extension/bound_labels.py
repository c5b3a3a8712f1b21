"""Labels of models that code binds to an enumeration: a model with other labels raises an error or is cut down.

`Label[name]` where a KeyError ends in an error, and tables with an entry for each of several members: thresholds,
renamings, colours.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Unit, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST = 4
ERROR = "or an error"
_LABEL = re.compile(r"(?i)label|class(?:es|_?id|_?name|_)|categor")
_ENUM = re.compile(r"^(?:[a-z_]\w*\.)*[A-Z]\w*(?:Label|Class|Category|Kind|Type|Entity)s?\w*$")
_MEMBER = re.compile(r"members? of `([\w.]+)`")
Found = tuple[str, str, ast.AST]


@dataclass
class Labels:
    """The enumerations by which code about models names labels, its folders, and tables by labels in other code."""

    enums: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    others: list[tuple[Unit, str, ast.AST]] = field(default_factory=list)

    def note(self, unit: Unit, text: str, at: ast.AST, about: bool) -> bool:
        """Keep what a file binds, and say whether the file is `about` models."""
        if about:
            self.enums |= members(text)
            self.folders.add(unit.path.rpartition("/")[0])
        else:
            self.others.append((unit, text, at))
        return about

    def behind(self, codebase: "Codebase") -> Iterator[tuple[Unit, str, ast.AST]]:
        """The tables by labels of models in what files beside those about models import."""
        paths = [path for path in codebase.facts if path.rpartition("/")[0] in self.folders] if self.others else []
        imported = {codebase.locate(item.module, path) for path in paths for item in codebase.facts[path].imports}
        for unit, text, at in self.others:
            if unit.path in imported and self.enums & members(text):
                yield unit, text, at


def members(text: str) -> set[str]:
    """The enumeration that a text of rank "bound" names."""
    return set(_MEMBER.findall(text))


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
