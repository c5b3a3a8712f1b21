"""What the code itself uses or asks for, held against a constraint set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from retrieval.census.dependencies.code_needs import code_needs
from retrieval.census.dependencies.fitting import compatible, short
from retrieval.census.dependencies.refused_versions import CodeNeed
from retrieval.census.language import hit_at
from retrieval.facts import CensusHit
from retrieval.manifests import canonical

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, CODE = 8, "the code"
_CUDA = re.compile(r"cu(\d{2,3})$")


def by_code(codebase: Codebase, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    """What the code itself uses or asks for that the set excludes: one hit for each need of the set."""
    found: dict[tuple[str, str], list[tuple[CodeNeed, str]]] = {}
    for item in code_needs(codebase):
        entry, clause = _excluded(item, constraint)
        if entry:
            found.setdefault((item.name, clause), []).append((item, f"{clause} ({entry['why']})"))
    for places in found.values():
        item, clause = places[0]
        text = f"{item.subject} conflicts with {constraint['title']}: it {item.does}{clause}"
        related = tuple(("again", one.path, *one.lines) for one, _ in places[1:SHOWN])
        detail = {"constraint": constraint["name"], "source": CODE}
        yield hit_at(
            codebase, item.path, item.lines, symbol=item.symbol, name=item.name, text=text, related=related,
            detail=detail,
        )  # fmt: skip


def _excluded(item: CodeNeed, constraint: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The entry of a constraint set that a need of code does not go with, and the end of the sentence."""
    none: tuple[dict[str, Any], str] = ({}, "")
    if item.name == "python":
        entry = constraint.get("python")
        return (entry, "") if entry and not compatible(item.passing, SpecifierSet(entry["need"])) else none
    if item.name == "cuda":
        entry = constraint.get("indexes")
        built = [found[1] for one in entry["have"] if (found := _CUDA.match(one))] if entry else []
        fits = any(item.passing.contains(f"{one[:-1]}.{one[-1]}") for one in built)
        return (entry, "") if entry and built and not fits else none
    for entry in constraint.get("requires", ()):
        need = Requirement(entry["need"])
        if canonical(need.name) == item.name and need.specifier and not compatible(item.passing, need.specifier):
            return entry, f", which excludes `{short(need)}`"
    return none
