"""Census kind `conflicts`: declared versions held against known constraint sets, or against one requirement.

The sets stand in `data/constraints.yaml`, each entry with its source. A conflict is reported when no version can
satisfy both ranges, when two distributions install the same package, when no declared Python version is served, or
when the code imports a module that no longer exists. What fits, and how closely, is `compatibility`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from retrieval.census.dependencies.code_conflicts import by_code
from retrieval.census.dependencies.fitting import compatible, excludes, of_program, short
from retrieval.census.dependencies.imported import third_party
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.codebase import Codebase
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.manifests import Declaration, Manifests, canonical
from retrieval.manifests.distributions import distribution_of
from retrieval.manifests.wording import shown

_DATA = Path(__file__).parents[2] / "data" / "constraints.yaml"


@kind(
    "conflicts",
    summary="declared dependencies that cannot stand beside a given version or package",
    example="conflicts: torch==2.3.0, imagebind",
    reads="text",
    ordered=True,
)
def conflicts(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Each pattern names a constraint set or is a requirement (`numpy<2`); without patterns, every known set."""
    for constraint in asked_for(query):
        yield from found_conflicts(codebase, constraint)


def found_conflicts(codebase: Codebase, constraint: dict[str, Any]) -> list[CensusHit]:
    """What cannot stand beside one constraint set; declarations first."""
    manifests = of_program(codebase)
    imports = list(_imports(codebase, constraint))
    told = {(hit.path, hit.start) for hit in imports}
    found = [
        *_ranges(codebase, manifests, constraint),
        *(hit for hit in by_code(codebase, constraint) if (hit.path, hit.start) not in told),
        *_clashes(codebase, manifests, constraint),
        *_python(codebase, manifests, constraint),
        *imports,
        *_indexes(codebase, manifests, constraint),
        *_breaks(codebase, manifests, constraint),
    ]
    roles = codebase.snapshot.by_path
    found.sort(key=lambda hit: (roles[hit.path].role not in ("source", "config", "generated"), hit.path.count("/")))
    return list(together(found))


def together(hits: Iterable[CensusHit]) -> Iterator[CensusHit]:
    """Hits that say the same of several files as one."""
    groups: dict[str, list[CensusHit]] = {}
    for hit in hits:
        groups.setdefault(hit.text, []).append(hit)
    for first, *more in groups.values():
        yield replace(first, related=(*first.related, *(("again", h.path, h.start, h.end) for h in more)))


@cache
def constraint_sets() -> list[dict[str, Any]]:
    """The sets of `data/constraints.yaml`, as they stand there."""
    return yaml.safe_load(_DATA.read_text(encoding="utf-8"))["sets"]


def asked_for(query: Query) -> list[dict[str, Any]]:
    """The constraint sets that the query names, all without a name; a requirement becomes a set of its own.

    Raises QueryError for a name that is neither.
    """
    known = {item["name"].lower(): item for item in constraint_sets()}
    names = query.names() or tuple(known)
    return [known.get(name.lower()) or _single(name) for name in names]


def _single(text: str) -> dict[str, Any]:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        known = ", ".join(item["name"] for item in constraint_sets())
        raise QueryError(
            f"{text!r} is neither a constraint set nor a requirement",
            hint=f"known sets: {known}; or write a requirement such as numpy<2",
        ) from error
    need = {"need": text, "why": "the requirement asked about", "source": "the query"}
    return {"name": text, "title": f"`{text}`", "requires": [need]}


def _ranges(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    for entry in constraint.get("requires", ()):
        need = Requirement(entry["need"])
        own = [item for item in manifests.declarations if distribution_of(item) == canonical(need.name)]
        told = False
        for item in own:
            if item.scope not in ("build", "lock") and excludes(item, need):
                told = True
                text = (
                    f"`{shown(item)}` conflicts with {constraint['title']}: it excludes "
                    f"`{short(need)}` ({entry['why']}){_besides(manifests, item, need)}"
                )
                yield declaration_hit(codebase, item, constraint, entry, text)
        if not told and any(item.scope != "lock" for item in own):
            yield from _locked(codebase, [item for item in own if item.scope == "lock"], own, constraint, entry)


def _locked(
    codebase: Codebase,
    locked: list[Declaration],
    own: list[Declaration],
    constraint: dict[str, Any],
    entry: dict[str, Any],
) -> Iterator[CensusHit]:
    """A lock file that fixes other versions of a package, whose declared ranges would admit what is needed."""
    need = Requirement(entry["need"])
    if locked and all(excludes(item, need) for item in locked):
        versions = listed(list(dict.fromkeys(item.exact for item in locked)))
        declared = dict.fromkeys(f"`{shown(d)}` ({d.path}:{d.start})" for d in own if d.specifier and d.scope != "lock")
        admits = f", though {listed(list(declared), 2)} admits it" if declared else ""
        text = (
            f"`{locked[0].path}` fixes `{distribution_of(locked[0])}` {versions}: an installation from the lock file "
            f"excludes `{short(need)}` of {constraint['title']} ({entry['why']}){admits}"
        )
        yield replace(
            declaration_hit(codebase, locked[0], constraint, entry, text),
            related=tuple(("again", item.path, item.start, item.end) for item in locked[1:]),
        )


def _besides(manifests: Manifests, item: Declaration, need: Requirement) -> str:
    """Other ways to install a package that do admit what is needed."""
    others = [d for d in manifests.of(item.key) if d.exact and d is not item and not excludes(d, need)]
    exact = dict.fromkeys(f"`{shown(d)}` ({d.path}:{d.start})" for d in others)
    return f"; it is one of several ways to install, of which {listed(list(exact), 3)} fit" if exact else ""


def _clashes(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    for entry in constraint.get("clashes", ()):
        for item in manifests.declarations:
            if distribution_of(item) == entry["distribution"]:
                text = f"`{shown(item)}` collides with {constraint['title']}: {entry['why']}"
                yield declaration_hit(codebase, item, constraint, entry, text)


def _python(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    entry = constraint.get("python")
    if entry is None:
        return
    served = SpecifierSet(entry["need"])
    for item in manifests.declarations:
        if not item.is_interpreter or not item.specifier:
            continue
        if not compatible(SpecifierSet(item.specifier), served):
            text = f"`{shown(item)}` cannot be met with {constraint['title']}: {entry['why']}"
            yield declaration_hit(codebase, item, constraint, entry, text)


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


def _indexes(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    """Install commands that take a package from a wheel index without builds of that version."""
    entry = constraint.get("indexes")
    for item in manifests.declarations if entry else ():
        index = item.group if item.scope == "command" else ""
        if index and entry and distribution_of(item) in entry["packages"] and index not in entry["have"]:
            if item.exact and not _excludes_version(item, constraint):
                continue
            text = f"`{shown(item)}` is taken from the index `{index}`, which has no build of it: {entry['why']}"
            yield declaration_hit(codebase, item, constraint, entry, text)


def _excludes_version(item: Declaration, constraint: dict[str, Any]) -> bool:
    """Whether an exact version is reported by its range already."""
    needs = [Requirement(entry["need"]) for entry in constraint.get("requires", ())]
    return not any(canonical(need.name) == distribution_of(item) and excludes(item, need) for need in needs)


def _breaks(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    """Declared or imported packages that import something that is gone."""
    for entry in constraint.get("breaks", ()):
        found = [item for item in manifests.declarations if distribution_of(item) == entry["distribution"]]
        for item in found:
            fixed = item.url or not compatible(SpecifierSet(item.specifier), SpecifierSet(entry.get("versions", "")))
            if not fixed and item.scope not in ("lock", "build"):
                text = f"`{shown(item)}` fails beside {constraint['title']}: {entry['why']}"
                yield declaration_hit(codebase, item, constraint, entry, text)
        for path, item in third_party(codebase).get(entry["module"], ())[:1] if not found else ():
            text = f"importing `{entry['module']}` fails beside {constraint['title']}: {entry['why']}"
            detail = {"constraint": constraint["name"], "source": entry["source"]}
            lines = (item.start, item.end)
            yield hit_at(codebase, path, lines, symbol=item.symbol, name=entry["module"], text=text, detail=detail)


def declaration_hit(
    codebase: Codebase,
    item: Declaration,
    constraint: dict[str, Any],
    entry: dict[str, Any],
    text: str,
) -> CensusHit:
    """The hit of one declaration held against one entry of a constraint set."""
    return hit_at(
        codebase,
        item.path,
        (item.start, item.end),
        symbol="",
        name=distribution_of(item),
        text=text,
        detail={"constraint": constraint["name"], "source": entry["source"]},
    )
