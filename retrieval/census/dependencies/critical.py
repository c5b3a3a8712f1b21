"""Kind `critical`: for each framework the reasons in the repository that make its version matter, in one sentence.

Reasons are names that came with a release, names that a later release no longer has, switches by version, imports
from inside a library, extensions compiled against it, and what stands beside a declaration. A framework that is
declared with a version and has no such reason is said to have none stated. Uses that a test guards are no reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from retrieval.census.dependencies.imported import third_party
from retrieval.census.dependencies.locked import ASKED
from retrieval.census.dependencies.optional_features import BROUGHT
from retrieval.census.dependencies.version_reasons import Reason, reasons
from retrieval.census.dependencies.version_switches import switches
from retrieval.census.dependencies.versions import FRAMEWORKS
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.meaning.prose import listed
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.manifests import read_manifests
from retrieval.manifests.distributions import distribution_of, usual_provider
from retrieval.manifests.wording import shown

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_PROGRAM = re.compile(r"[A-Za-z][\w.+-]*")
_ALWAYS = words(
    """python python3 pip sh bash cd export source set cmd git rm cp mv ls cat echo mkdir kill pkill open xdg-open clear
    cls which start chmod touch tar unzip"""
)
_LOCAL = words("main util utils config configs common models model data tools lib src test tests")
_BY_HAND = ("runtime", "extra", "constraint")
_FRAGILE = (4, 5)  # ranks of reasons that any newer release may break: private parts and inner modules
REASONS, PINS, DECLARED, PROGRAMS = 6, 14, 3, 10


@kind(
    "critical",
    summary="frameworks whose version matters, each with the reasons that the repository gives for it",
    example="critical, or critical: torch",
    reads="text",
    ordered=True,
)
def critical(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per framework with reasons, the asked ones first; then one about those without. Patterns match names."""
    found: dict[str, list[Reason]] = {}
    for reason in (*reasons(codebase), *_done_without(codebase)):
        found.setdefault(reason.distribution, []).append(reason)
    order = [*ASKED, "python", *sorted(FRAMEWORKS)]
    capped = {name for name in found if _cap(codebase, name)}
    names = sorted(
        found, key=lambda n: (n != "torch", n not in capped, order.index(n) if n in order else len(order), n)
    )
    for name in names:
        if query.matches(name):
            yield _framework(codebase, name, found[name])
    if query.matches("torch") and "torch" not in found:
        yield from _without_torch(codebase)
    if query.matches("programs"):
        yield from _programs(codebase)
    if query.matches("undeclared"):
        yield from _missing(codebase)
    if query.matches("unexplained"):
        yield from _unexplained(codebase, set(found))


@kind(
    "version_guards",
    summary="tests for a feature of a library, with what is done without it, so that older versions work too",
    example="version_guards",
    reads="python",
)
def version_guards(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per test; patterns match the module."""
    seen: set[tuple[str, str]] = set()
    for item in switches(codebase):
        local = codebase.locate(item.name, item.path) is not None
        if item.guard and not local and query.matches(item.name) and (item.path, item.text) not in seen:
            seen.add((item.path, item.text))
            yield hit_at(codebase, item.path, item.lines, symbol="", name=item.name, text=item.text)
    yield from (hit for hit in run_query(codebase, "optional_features").hits if query.matches(hit.name))


def _done_without(codebase: Codebase) -> Iterator[Reason]:
    """What came with a release and is done without where it is missing: what then runs in its place."""
    for hit in run_query(codebase, "optional_features").hits:
        if BROUGHT in hit.text and reach_of(codebase).has(hit):
            yield Reason(
                usual_provider(hit.name), hit.text[0].lower() + hit.text[1:], hit.path, (hit.start, hit.end), 1
            )


def _programs(codebase: Codebase) -> Iterator[CensusHit]:
    """Programs that must be installed beside the Python packages, because the code runs them."""
    found: dict[str, list[CensusHit]] = {}
    for hit in run_query(codebase, "started: own=no").hits:
        name = hit.detail["program"].rpartition("/")[2].removesuffix(".exe")
        if hit.role == "source" and reach_of(codebase).has(hit) and _PROGRAM.fullmatch(name) and name not in _ALWAYS:
            found.setdefault(name, []).append(hit)
    if found:
        told = [f"`{name}` (run by {_caller(hits[0])})" for name, hits in sorted(found.items())]
        text = f"Programs that must be installed beside the packages: {listed(told, PROGRAMS)}."
        first, *rest = [hit for hits in found.values() for hit in hits[:1]]
        related = tuple(("started", hit.path, hit.start, hit.end) for hit in rest)
        lines = (first.start, first.end)
        yield hit_at(codebase, first.path, lines, symbol="", name="programs", text=text, related=related)


def _caller(hit: CensusHit) -> str:
    return f"`{hit.symbol}()`, {hit.path}:{hit.start}" if hit.symbol else f"{hit.path}:{hit.start}"


def _is_guarded(codebase: Codebase, hit: CensusHit) -> bool:
    return any(item.start == hit.start and item.guarded for item in codebase.facts[hit.path].imports)


def _missing(codebase: Codebase) -> Iterator[CensusHit]:
    """Modules that main programs import and no manifest declares, so that an installation lacks them."""
    hits = [hit for hit in run_query(codebase, "undeclared").hits if hit.role == "source"]
    hits = [hit for hit in hits if reach_of(codebase).has(hit) and not _is_guarded(codebase, hit)]
    hits = [hit for hit in hits if hit.name not in _LOCAL]  # files beside the program that a checkout lacks
    if hits and read_manifests(codebase.snapshot).declarations:
        told = [f"`{hit.name}` ({hit.path}:{hit.start})" for hit in hits]
        text = f"Imported though no manifest declares it, so nothing fixes its version: {listed(told, PROGRAMS)}."
        related = tuple(("imported", hit.path, hit.start, hit.end) for hit in hits[1:PROGRAMS])
        first = hits[0]
        lines = (first.start, first.end)
        yield hit_at(codebase, first.path, lines, symbol="", name="undeclared", text=text, related=related)


def _without_torch(codebase: Codebase) -> Iterator[CensusHit]:
    """That no version of PyTorch matters, when nothing of it is declared or imported, or that none is required."""
    items = [d for d in read_manifests(codebase.snapshot).declarations if distribution_of(d) == "torch"]
    imported = third_party(codebase).get("torch", [])
    if not items and not imported and codebase.snapshot.files:
        path = codebase.snapshot.files[0].path
        text = "PyTorch is neither declared nor imported, so no version of it matters to this code."
        detail = {"scope": "repository"}
        yield hit_at(codebase, path, (1, 1), symbol="", name="torch", text=text, detail=detail)
    elif imported and not any(item.specifier for item in items):
        path, first = imported[0]
        text = "`torch` is imported without a declared version, so an installation takes the newest that fits the rest."
        yield hit_at(codebase, path, (first.start, first.end), symbol="", name="torch", text=text)


def _cap(codebase: Codebase, name: str) -> str:
    """The declared upper bound of a distribution that is no exact pin, "" for none."""
    items = [d for d in read_manifests(codebase.snapshot).declarations if distribution_of(d) == name]
    bounds = [one for d in items if d.specifier and d.scope in _BY_HAND for one in SpecifierSet(d.specifier)]
    return next((str(one) for one in bounds if one.operator in ("<", "<=")), "")


def _framework(codebase: Codebase, name: str, given: list[Reason]) -> CensusHit:
    unique = list({reason.text: reason for reason in sorted(given, key=lambda r: r.rank)}.values())
    declared = [d for d in read_manifests(codebase.snapshot).declarations if distribution_of(d) == name]
    ways = list(
        dict.fromkeys(
            f"`{shown(d)}`" for d in declared if d.scope not in ("lock", "image") and (d.specifier or d.exact)
        )
    )
    title = {"python": "Python", "cuda": "CUDA"}.get(name, f"`{name}`")
    said = f"declared as {listed(ways, DECLARED)}" if ways else "no version declared"
    told = "; ".join(reason.text for reason in unique[:REASONS])
    cap = _cap(codebase, name)
    told += f"; its upper bound `{cap}` guards against that" if cap and any(r.rank in _FRAGILE for r in unique) else ""
    more = f"; and {len(unique) - REASONS} more reasons of these kinds" if len(unique) > REASONS else ""
    spots = list(dict.fromkeys((r.path, *r.lines) for r in unique))
    path, start, end = spots[0]
    return hit_at(
        codebase,
        path,
        (start, end),
        symbol="",
        name=name,
        text=f"{title} ({said}): {told}{more}.",
        related=tuple(("reason", *spot) for spot in spots[1:12]),
        detail={"about": "repository"},
    )


def _unexplained(codebase: Codebase, explained: set[str]) -> Iterator[CensusHit]:
    wanted = (FRAMEWORKS | set(ASKED) | {"python"}) - explained
    items = [
        item
        for item in read_manifests(codebase.snapshot).declarations
        if distribution_of(item) in wanted and item.specifier and item.scope in ("runtime", "extra", "constraint")
    ]
    names = list(dict.fromkeys(f"`{shown(item)}`" for item in items))
    if names:
        text = f"No reason is stated beside the bounds of {listed(names, PINS)}."
        first = items[0]
        related = tuple(("declared", i.path, i.start, i.end) for i in items[1:PINS])
        lines = (first.start, first.end)
        yield hit_at(codebase, first.path, lines, symbol="", name="unexplained", text=text, related=related)
