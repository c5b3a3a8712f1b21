"""Kind `admitted`: in sentences, whether what is declared admits a version or a package, requirement by requirement.

The sets are those of `conflicts`. It sums up what `conflicts` and `compatibility` tell place by place.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from retrieval.census.dependencies.code_conflicts import CODE
from retrieval.census.dependencies.conflicts import asked_for, found_conflicts
from retrieval.census.dependencies.fitting import compatible, excludes, of_program, short
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.manifests import Declaration, Manifests, canonical
from retrieval.manifests.distributions import distribution_of
from retrieval.manifests.wording import shown

_TOLD = ("build", "dev", "image")
_PYTHONS = [f"3.{minor}" for minor in range(8, 30)]
SHOWN, PLACES = 6, 10


@kind(
    "admitted",
    summary="in sentences: whether what is declared and locked admits a given version or package, need by need",
    example="admitted: torch==2.3.0, imagebind",
    reads="text",
    ordered=True,
)
def admitted(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """One hit per constraint set, then one about Python versions where the set serves only some."""
    if not codebase.snapshot.files:
        return
    manifests = of_program(codebase)
    asked = asked_for(query)
    for constraint in asked:
        yield _set(codebase, manifests, constraint, {other["name"]: other["title"] for other in asked})
        yield from _python(codebase, manifests, constraint)


def _set(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any], asked: dict[str, str]) -> CensusHit:
    hits = found_conflicts(codebase, constraint)
    by_hand = [hit for hit in hits if codebase.snapshot.by_path[hit.path].role != "generated"]
    locked = [hit for hit in hits if hit not in by_hand]
    by_code = [hit for hit in by_hand if hit.detail["source"] == CODE]
    stated = [hit for hit in by_hand if hit not in by_code]
    title = constraint["title"]
    if stated:
        text = f"{title} conflicts with what is declared: {_clauses(stated, title)}"
        text += _elsewhere(manifests, constraint, stated)
    elif by_code or locked:
        text = f"{title} is not excluded by any declared range"
    else:
        text = f"{title}: nothing that is declared excludes it"
    text += f"{'; besides, some' if stated else ', but some'} code does not go with it: " if by_code else ""
    text += _clauses(by_code, title)
    if locked and not stated:
        text += f"{'; and' if by_code else ', but'} the lock file does not have it: {_clauses(locked, title)}"
    for entry in constraint.get("beside", ()):
        other = asked.get(entry["set"], "")
        said = f". Whatever is declared here, {title} as it is published does not go with {other}: {entry['why']}"
        text += said if other else ""
    text += _needs(manifests, constraint, {hit.name for hit in by_hand})
    places = [("conflict", h.path, h.start, h.end) for h in [*by_hand, *locked][:PLACES]]
    places += [("declared", d.path, d.start, d.end) for d in _declared(manifests, constraint)[:PLACES]]
    return _said(codebase, constraint, text, places)


def _clauses(hits: list[CensusHit], title: str) -> str:
    return "; ".join(dict.fromkeys(_clause(hit, title) for hit in hits[:SHOWN]))


def _elsewhere(manifests: Manifests, constraint: dict[str, Any], by_hand: list[CensusHit]) -> str:
    """What files without a conflict declare of the packages in conflict, where all of it admits the set."""
    names, paths = {hit.name for hit in by_hand}, {hit.path for hit in by_hand}
    needs = [Requirement(entry["need"]) for entry in constraint.get("requires", ())]
    others = [d for d in _declared(manifests, constraint) if distribution_of(d) in names and d.path not in paths]
    others = [d for d in others if d.scope in ("runtime", "extra", "constraint")]
    fits = [d for d in others if not any(excludes(d, n) for n in needs if canonical(n.name) == distribution_of(d))]
    told = dict.fromkeys(f"`{shown(d)}` ({d.path}:{d.start})" for d in fits)
    return f"; other files admit it, by {listed(list(told), SHOWN)}" if told and len(fits) == len(others) else ""


def _clause(hit: CensusHit, title: str) -> str:
    """A conflict in few words, with its place behind the declaration."""
    opening = f" conflicts with {title}: it"
    image = ", only in the image that this file builds" if "dockerfile" in hit.path.lower() else ""
    if opening in hit.text:
        return hit.text.replace(opening, f" ({hit.path}:{hit.start}{image})", 1)
    return hit.text.replace(": an installation from the lock file excludes", ", not", 1).replace(f" of {title}", "", 1)


def _declared(manifests: Manifests, constraint: dict[str, Any]) -> list[Declaration]:
    names = {canonical(Requirement(entry["need"]).name) for entry in constraint.get("requires", ())}
    return [d for d in manifests.declarations if distribution_of(d) in names and d.scope not in (*_TOLD, "lock")]


def _needs(manifests: Manifests, constraint: dict[str, Any], excluded: set[str]) -> str:
    """What the set needs that is declared and fits, and what it needs that is not declared at all."""
    fitting, missing = [], []
    for entry in constraint.get("requires", ()):
        need = Requirement(entry["need"])
        own = [d for d in manifests.declarations if distribution_of(d) == canonical(need.name) and d.scope not in _TOLD]
        if not own:
            missing.append(f"`{short(need)}`")
        elif canonical(need.name) not in excluded and not need.url:
            by = dict.fromkeys(shown(d) for d in own if d.scope != "lock" and not excludes(d, need))
            fitting.append(f"`{short(need)}` by {listed([f'`{one}`' for one in by], 2)}" if by else "")
    fitting = [one for one in fitting if one]
    text = f". Its needs that are declared and fit: {listed(fitting, 20)}" if fitting else ""
    if constraint["name"] == "imagebind" and missing:
        free = "" if excluded else " and nothing excludes them"
        text += f". Not declared here, so they come new{free} ({len(missing)}): {listed(missing, 20)}"
    return text


def _python(codebase: Codebase, manifests: Manifests, constraint: dict[str, Any]) -> Iterator[CensusHit]:
    """Which of the Python versions that the repository admits the set does not serve."""
    entry = constraint.get("python")
    ranges = [item for item in manifests.declarations if item.is_interpreter and item.specifier]
    if entry is None or not ranges:
        return
    served = SpecifierSet(entry["need"])
    within = [item for item in ranges if compatible(SpecifierSet(item.specifier), served)]
    first = (within or ranges)[0]
    if not within:
        text = f"`{shown(first)}` admits no Python that {constraint['title']} has wheels for: {entry['why']}"
    else:
        admits = [version for version in _PYTHONS if SpecifierSet(first.specifier).contains(f"{version}.9")]
        newer = next((version for version in admits if not served.contains(version)), "")
        text = f"Python: `{shown(first)}`; {entry['why']}"
        text += f", so an environment with it cannot use Python {newer} or later" if newer else ""
    yield _said(codebase, constraint, text, [("declared", d.path, d.start, d.end) for d in [first, *ranges][:4]])


def _said(
    codebase: Codebase, constraint: dict[str, Any], text: str, places: list[tuple[str, str, int, int]]
) -> CensusHit:
    unique = list(dict.fromkeys(places))
    _, path, start, end = unique[0] if unique else ("", codebase.snapshot.files[0].path, 1, 1)
    detail = {"about": "repository"} if unique else {"scope": "repository"}
    return hit_at(
        codebase, path, (start, end), symbol="", name=constraint["name"], text=f"{text}.",
        related=tuple(unique[1:]), detail=detail,
    )  # fmt: skip
