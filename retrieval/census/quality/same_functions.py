"""Functions at the top of several modules with one name and the same parameters, and which of them are copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.census.extension.stand_ins import is_exchanged
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import is_screen
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST = 3


def same_functions(codebase: Codebase) -> list[tuple[tuple[str, tuple[str, ...]], list[tuple[str, Definition]]]]:
    """Functions at the top of at least three modules with one name and the same parameters, outside of screens."""
    reach = reach_of(codebase)
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[str, Definition]]] = {}
    for path, item in codebase.all_definitions():
        main = codebase.snapshot.by_path[path].role == "source" and not is_screen(codebase, path)
        top = item.kind == "function" and "." not in item.symbol and not item.name.startswith("_")
        if top and main and reach.runs((path, item.symbol)):
            names = tuple(parameter.split(":")[0].split("=")[0].strip() for parameter in item.parameters)
            if names:
                groups.setdefault((item.name, names), []).append((path, item))
    kept = [(key, found) for key, found in groups.items() if len({path for path, _ in found}) >= LEAST]
    return sorted(kept, key=lambda row: -len(row[1]))


def copied_functions(codebase: Codebase) -> list[tuple[str, list[tuple[str, Definition]]]]:
    """Such functions of which at least three have the same lines and that no code exchanges: copies."""
    result = []
    for (name, _), found in same_functions(codebase):
        texts: dict[str, list[tuple[str, Definition]]] = {}
        for path, item in found:
            lines = codebase.snapshot.by_path[path].lines[item.head_end : item.end]
            if len(lines) >= LEAST:
                texts.setdefault("".join("".join(map(str, lines)).split()), []).append((path, item))
        most = max(texts.values(), key=len, default=[])
        if len(most) >= LEAST and not is_exchanged(codebase, name):
            result.append((name, most))
    return result
