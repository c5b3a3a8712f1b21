"""Texts that code takes from tables of messages: what `translator.get("help.model")` gives.

A table is a dictionary in the code whose nested keys end in the parts of the name; of several the one nearest to the
asking file counts.
"""

import ast
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.units import units

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ASKED = re.compile(r"""[\w.]*\(\s*["']([a-z]\w*(?:\.\w+)+)["'](?:\s*,\s*[^()]*)?\)""")
_KNOWN: "Beside[Codebase, dict[str, list[tuple[str, str]]]]" = Beside()


def message(codebase: "Codebase", path: str, source: str) -> str:
    """The text that the call `source` in the file at `path` asks for by a dotted name, "" when it is not known."""
    found = _ASKED.fullmatch(source.strip())
    if found is None:
        return ""
    *around, last = found[1].split(".")
    table = _tables(codebase, around[-1])
    texts = table.get(".".join((around[-1], last)), [])
    near = max(texts, key=lambda item: _shared(item[0], path), default=("", ""))
    return near[1]


def _shared(one: str, other: str) -> int:
    """How many leading folders two paths have in common."""
    pairs = zip(PurePosixPath(one).parts, PurePosixPath(other).parts, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _tables(codebase: "Codebase", group: str) -> dict[str, list[tuple[str, str]]]:
    """ "group.key" → (path, text), for dictionaries that stand under the key `group`."""
    known = _KNOWN.setdefault(codebase, {})
    if f"{group}." not in known:
        known[f"{group}."] = []
        for unit in units(codebase, rf"""["']{re.escape(group)}["']\s*:"""):
            for key, text in _entries(unit.tree, group):
                known.setdefault(f"{group}.{key}", []).append((unit.path, text))
    return known


def _entries(tree: ast.AST, group: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == group and isinstance(value, ast.Dict):
                for name, text in zip(value.keys, value.values, strict=True):
                    if (
                        isinstance(name, ast.Constant)
                        and isinstance(text, ast.Constant)
                        and isinstance(text.value, str)
                    ):
                        yield str(name.value), text.value
