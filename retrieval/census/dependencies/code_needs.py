"""Which versions serve the code itself: names that came with a release or are gone since one, and tests that refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from retrieval.census.dependencies.introduced import condition, is_guarded, uses
from retrieval.census.dependencies.refused_versions import CodeNeed, refused_versions
from retrieval.census.dependencies.removed import removed_apis
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import parse_query
from retrieval.census.meaning.units import subject_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


def code_needs(codebase: Codebase) -> Iterator[CodeNeed]:
    """What code that main programs run needs, one per place: what guards it by a test or a `try` needs nothing."""
    for need in (*refused_versions(codebase), *_came(codebase), *_gone(codebase)):
        if runs(codebase, need.path, need.lines[0], need.symbol):
            yield need


def runs(codebase: Codebase, path: str, line: int, symbol: str) -> bool:
    """Whether main programs are seen to run a line of source or configuration."""
    hit = CensusHit(path, line, line, symbol, "", "")
    return codebase.snapshot.by_path[path].role in ("source", "config") and reach_of(codebase).has(hit)


def _came(codebase: Codebase) -> Iterator[CodeNeed]:
    for use in sorted(uses(codebase), key=lambda use: bool(use.symbol)):  # imports first
        if not is_guarded(codebase, use):
            does = f"uses `{use.name}`{condition(codebase, use)}, which came with {use.distribution} {use.since}"
            subject = subject_of(codebase, use.path, use.symbol)
            passing = SpecifierSet(f">={use.since}")
            yield CodeNeed(use.distribution, passing, does, subject, use.path, use.symbol, (use.line, use.line))


def _gone(codebase: Codebase) -> Iterator[CodeNeed]:
    for hit in removed_apis(codebase, parse_query("removed_apis")):
        name, since = hit.detail["distribution"], hit.detail["since"]
        does = f"uses `{hit.name}`, which is gone since {name} {since}"
        subject = subject_of(codebase, hit.path, hit.symbol)
        yield CodeNeed(name, SpecifierSet(f"<{since}"), does, subject, hit.path, hit.symbol, (hit.start, hit.end))
