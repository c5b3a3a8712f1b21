"""Census kind `conflicts`: declared versions held against known constraint sets, or against one requirement.

The sets stand in `data/constraints.yaml`, each entry with its source. A conflict is reported when no version can
satisfy both ranges, when two distributions install the same package, when a declared Python version cannot be
served, or when the code imports a module that no longer exists.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from retrieval.census.language import Query, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.manifests import Declaration, Manifests, canonical, read_manifests
from retrieval.manifests.distributions import distribution_of
from retrieval.manifests.wording import shown

_DATA = Path(__file__).parents[1] / "data" / "constraints.yaml"


@kind(
    "conflicts",
    summary="declared dependencies that cannot stand beside a given version or package",
    example="conflicts: torch==2.3.0, imagebind",
    reads="text",
    ordered=True,
)
def conflicts(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Each pattern names a constraint set or is a requirement (`numpy<2`); without patterns, every known set."""
    names = query.names() or tuple(item["name"] for item in _sets())
    manifests = read_manifests(codebase.snapshot)
    for name in names:
        known = next((item for item in _sets() if item["name"].lower() == name.lower()), None)
        constraint = known or _single(name)
        yield from _ranges(codebase, manifests, constraint)
        yield from _clashes(codebase, manifests, constraint)
        yield from _python(codebase, manifests, constraint)
        yield from _imports(codebase, constraint)


@cache
def _sets() -> list[dict[str, Any]]:
    return yaml.safe_load(_DATA.read_text(encoding="utf-8"))["sets"]


def _single(text: str) -> dict[str, Any]:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        known = ", ".join(item["name"] for item in _sets())
        raise QueryError(
            f"{text!r} is neither a constraint set nor a requirement",
            hint=f"known sets: {known}; or write a requirement such as numpy<2",
        ) from error
    need = {"need": text, "why": "it is the requirement in question", "source": "the query"}
    return {"name": text, "title": f"`{text}`", "requires": [need]}


def _ranges(
    codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]
) -> Iterator[CensusHit]:
    for entry in constraint.get("requires", ()):
        need = Requirement(entry["need"])
        for item in manifests.declarations:
            if item.scope == "build" or distribution_of(item) != canonical(need.name):
                continue
            reason = _clash(item, need)
            if reason:
                text = (
                    f"`{shown(item)}` conflicts with {constraint['title']}, which needs "
                    f"`{_short(need)}`: {reason} ({entry['why']})"
                )
                yield _hit(codebase, item, constraint, entry, text)


def _short(need: Requirement) -> str:
    return f"{need.name} @ {need.url}" if need.url else f"{need.name}{need.specifier}"


def _clash(item: Declaration, need: Requirement) -> str:
    """Why no version can satisfy both, "" when one can or it cannot be told."""
    if need.url:
        other = item.exact and item.exact not in need.url
        return "they fix different revisions" if other else ""
    if not item.specifier or not need.specifier or item.ecosystem not in ("python", "conda"):
        return ""
    try:
        common = SpecifierSet(item.specifier)
    except InvalidSpecifier:
        return ""
    if compatible(common, need.specifier):
        return ""
    if item.exact:
        return f"version {item.exact} is outside that range"
    return "no version satisfies both"


def compatible(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Whether some version satisfies both sets.

    Ranges only change at the versions that they name, so trying each of those, a
    little above and a little below it, decides the question.
    """
    both = one & other
    return any(both.contains(version, prereleases=True) for version in _candidates(both))


def _candidates(specifiers: SpecifierSet) -> Iterator[Version]:
    yield from (Version("0"), Version("99999"))
    for part in specifiers:
        text = part.version.removesuffix(".*")
        for candidate in (text, f"{text}.0.1", f"{text}.post1", _below(text), f"{text}.1"):
            try:
                yield Version(candidate)
            except InvalidVersion:
                continue


def _below(text: str) -> str:
    try:
        release = list(Version(text).release)
    except InvalidVersion:
        return ""
    while release and release[-1] == 0:
        release.pop()
    if not release:
        return "0"
    release[-1] -= 1
    return ".".join(map(str, [*release, 99999]))


def _clashes(
    codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]
) -> Iterator[CensusHit]:
    for entry in constraint.get("clashes", ()):
        for item in manifests.declarations:
            if distribution_of(item) == entry["distribution"]:
                text = f"`{shown(item)}` collides with {constraint['title']}: {entry['why']}"
                yield _hit(codebase, item, constraint, entry, text)


def _python(
    codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]
) -> Iterator[CensusHit]:
    entry = constraint.get("python")
    if entry is None:
        return
    served = SpecifierSet(entry["need"])
    for item in manifests.declarations:
        if item.key != "python" or not item.specifier:
            continue
        if not compatible(SpecifierSet(item.specifier), served):
            text = f"`{shown(item)}` cannot be met with {constraint['title']}: {entry['why']}"
            yield _hit(codebase, item, constraint, entry, text)
        elif lowest := _lowest(item.specifier, served):
            text = f"`{shown(item)}` also admits Python {lowest}, but {entry['why']}"
            yield _hit(codebase, item, constraint, entry, text)
    for item in manifests.properties:
        version = item.value.rpartition(":: ")[2]
        if item.name == "classifier" and not served.contains(f"{version}.0"):
            text = (
                f"the classifiers list Python {version}, which {constraint['title']} does not "
                f"serve: {entry['why']}"
            )
            yield hit_at(
                codebase,
                item.path,
                (item.start, item.end),
                symbol="",
                name="python",
                text=text,
                detail={"constraint": constraint["name"], "source": entry["source"]},
            )


def _lowest(specifier: str, served: SpecifierSet) -> str:
    """The declared lowest minor version of Python when it lies outside `served`, else ""."""
    for part in SpecifierSet(specifier):
        if part.operator in (">=", "~="):
            major, minor = (*Version(part.version).release, 0)[:2]
            return "" if served.contains(f"{major}.{minor}.99") else f"{major}.{minor}"
    return ""


def _imports(codebase: Codebase, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    for entry in constraint.get("imports", ()):
        gone = entry["module"]
        for path in sorted(codebase.facts):
            for item in codebase.facts[path].imports:
                full = f"{item.module}.{item.name}" if item.name else item.module
                if item.guarded or not f"{full}.".startswith(f"{gone}."):
                    continue
                text = f"importing `{gone}` fails with {constraint['title']}: {entry['why']}"
                yield hit_at(
                    codebase,
                    path,
                    (item.start, item.end),
                    symbol=item.symbol,
                    name=gone,
                    text=text,
                    detail={"constraint": constraint["name"], "source": entry["source"]},
                )


def _hit(
    codebase: Codebase,
    item: Declaration,
    constraint: dict[str, Any],
    entry: dict[str, Any],
    text: str,
) -> CensusHit:
    return hit_at(
        codebase,
        item.path,
        (item.start, item.end),
        symbol="",
        name=distribution_of(item),
        text=text,
        detail={"constraint": constraint["name"], "source": entry["source"]},
    )
