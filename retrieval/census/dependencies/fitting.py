"""Whether declared ranges and what is asked about go together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from retrieval.manifests import Declaration, Manifests, read_manifests
from retrieval.manifests.wording import CI

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


def of_program(codebase: Codebase) -> Manifests:
    """What the manifests declare, without the commands of continuous integration, which install what they test."""
    manifests = read_manifests(codebase.snapshot)
    kept = tuple(item for item in manifests.declarations if item.scope != "command" or not CI.search(item.path))
    return replace(manifests, declarations=kept)


def short(need: Requirement) -> str:
    """The requirement without extras and marker."""
    return f"{need.name} @ {need.url}" if need.url else f"{need.name}{need.specifier}"


def excludes(item: Declaration, need: Requirement) -> bool:
    """Whether nothing can satisfy both; False when it cannot be told."""
    if need.url:
        return bool(item.exact) and item.exact not in need.url
    if item.ecosystem not in ("python", "conda") or not need.specifier:
        return False
    return not compatible(SpecifierSet(item.specifier), need.specifier)


def compatible(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Whether some version satisfies both sets."""
    return not (one & other).is_unsatisfiable()
