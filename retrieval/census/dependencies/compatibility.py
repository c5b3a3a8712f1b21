"""Census kind `compatibility`: the declared dependencies that a constraint set also names, and how they fit.

The counterpart of `conflicts`, with the same sets: one hit per declaration whose range admits what the set
needs, and per declared Python version that the set does not serve.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from retrieval.census.dependencies.conflicts import asked_for, declaration_hit, together
from retrieval.census.dependencies.fitting import compatible, of_program, short
from retrieval.census.language import Query, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.manifests import Declaration, Manifests, canonical
from retrieval.manifests.declaration import exact_version
from retrieval.manifests.distributions import distribution_of
from retrieval.manifests.wording import shown

_PYTHON = re.compile(r"(?i)\bpython[ -]?(?:version )?(?:>=|==|=)?\s*\(?v?(3\.\d+)\b")


@kind(
    "compatibility",
    summary="how declared dependencies and Python versions fit a given version or package",
    example="compatibility: torch==2.3.0",
    reads="text",
    ordered=True,
)
def compatibility(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Python versions first, then one hit per fitting declaration; what does not fit is a conflict."""
    manifests = of_program(codebase)
    for constraint in asked_for(query):
        yield from together(_fitting(codebase, manifests, constraint))


def _fitting(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    yield from _python(codebase, manifests, constraint)
    yield from _named_in_readme(codebase, constraint)
    for entry in constraint.get("requires", ()):
        need = Requirement(entry["need"])
        for item in manifests.declarations:
            if item.scope in ("build", "lock") or distribution_of(item) != canonical(need.name):
                continue
            if text := _fit(item, need, entry["why"]):
                yield declaration_hit(codebase, item, constraint, entry, text)


def _fit(item: Declaration, need: Requirement, why: str) -> str:
    """How the declaration admits what is needed, "" when it does not or when it cannot be told."""
    if item.url or need.url or item.ecosystem not in ("python", "conda") or item.variable:
        return ""
    if not need.specifier:
        return f"`{shown(item)}` is needed in no particular version ({why})"
    if all(part.operator == "!=" for part in need.specifier):
        return ""
    exact = exact_version(str(need.specifier))
    wanted = f"{need.name} {exact}" if exact else f"`{short(need)}`"
    if not compatible(SpecifierSet(item.specifier), need.specifier):
        return ""
    unbound = "" if item.specifier else " has no version constraint and"
    return f"`{shown(item)}`{unbound} admits {wanted} ({why})"


def _python(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    entry = constraint.get("python")
    if entry is None:
        return
    served = SpecifierSet(entry["need"])
    for item in manifests.declarations:
        if item.is_interpreter and item.specifier and compatible(SpecifierSet(item.specifier), served):
            lowest = _unserved_lowest(item.specifier, served)
            beyond = f", though not for Python {lowest}, which it also admits" if lowest else ""
            text = f"`{shown(item)}` can be met{beyond}: {entry['why']}"
            yield declaration_hit(codebase, item, constraint, entry, text)
    for item in manifests.properties:
        version = item.value.rpartition(":: ")[2]
        if item.name == "classifier" and not served.contains(f"{version}.0"):
            text = f"the classifiers list Python {version}, but {entry['why']}"
            lines = (item.start, item.end)
            detail = {"constraint": constraint["name"], "source": entry["source"]}
            yield hit_at(codebase, item.path, lines, symbol="", name="python", text=text, detail=detail)


def _named_in_readme(codebase: Codebase, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    """Versions of Python that the README at the root names and that the set does not serve, each once."""
    entry = constraint.get("python")
    seen: set[str] = set()
    for file in codebase.snapshot.files if entry else ():
        readme = "/" not in file.path and file.path.lower().startswith("readme")
        for number, line in enumerate(file.lines if readme else (), 1):
            for found in _PYTHON.finditer(line):
                version = found[1]
                if entry and version not in seen and not SpecifierSet(entry["need"]).contains(f"{version}.0"):
                    seen.add(version)
                    text = f"the README names Python {version}, but {entry['why']}"
                    detail = {"constraint": constraint["name"], "source": entry["source"]}
                    spot = (number, number)
                    yield hit_at(codebase, file.path, spot, symbol="", name="python", text=text, detail=detail)


def _unserved_lowest(specifier: str, served: SpecifierSet) -> str:
    """The lowest declared minor version of Python when it lies outside `served`, else ""."""
    for part in SpecifierSet(specifier):
        if part.operator in (">=", "~="):
            major, minor = (*Version(part.version).release, 0)[:2]
            return "" if served.contains(f"{major}.{minor}.99") else f"{major}.{minor}"
    return ""
