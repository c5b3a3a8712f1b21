"""Census kinds over declared dependencies: `dependencies`, `pins`.

One hit per declaration, on its own line. Lock files are one hit each, except for packages that are asked for
by name or declared by hand.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from retrieval.census.language import Query, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.manifests import Declaration, Include, Manifests, read_manifests
from retrieval.manifests.distributions import distribution_of
from retrieval.manifests.wording import sentence

_ORDER = ("runtime", "extra", "image", "command", "constraint", "build", "dev", "lock")


@kind(
    "dependencies",
    summary="every declared dependency with its version range, from every manifest",
    example="dependencies: torch, torchvision",
    reads="text",
    ordered=True,
)
def dependencies(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Declarations, includes (`-r`), manifests that do not parse, and a summary of each lock file."""
    manifests = read_manifests(codebase.snapshot)
    named = any(not pattern.excluding for pattern in query.patterns)
    commands: dict[tuple[str, str], list[Declaration]] = {}
    for item in in_order(manifests.declarations):
        if item.scope == "command" and fits(query, item):
            commands.setdefault((item.path, item.written), []).append(item)
        elif (item.scope != "lock" or named) and fits(query, item):
            yield declared(codebase, item)
    for items in commands.values():
        yield _installed(codebase, items)
    if not named:
        yield from (_included(codebase, include) for include in manifests.includes)
        yield from _locks(codebase, manifests)
        yield from _nothing(codebase, manifests)


def _nothing(codebase: Codebase, manifests: Manifests) -> Iterator[CensusHit]:
    for item in manifests.properties:
        if item.name == "no dependencies":
            text = f"`{item.path}` declares no run-time dependency: `{item.value}` is empty"
            lines = (item.start, item.end)
            yield hit_at(codebase, item.path, lines, symbol="", name=item.value, text=text)
    for broken in manifests.broken:
        text = f"`{broken.path}` could not be read: {broken.reason}"
        yield hit_at(codebase, broken.path, (1, 1), symbol="", name=broken.path, text=text)


@kind(
    "pins",
    summary="dependencies fixed to exactly one version: `==`, a commit, a Docker tag, a locked version",
    example="pins: torch, transformers",
    reads="text",
    ordered=True,
)
def pins(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Exact versions written by hand, then what lock files fix for the packages that were declared."""
    manifests = read_manifests(codebase.snapshot)
    wanted = {item.key for item in manifests.declarations if item.scope != "lock"}
    named = any(not pattern.excluding for pattern in query.patterns)
    for item in in_order(manifests.declarations):
        listed = item.scope != "lock" or named or item.key in wanted
        if item.exact and not item.is_interpreter and listed and fits(query, item):
            yield declared(codebase, item)


def in_order(items: Iterable[Declaration]) -> list[Declaration]:
    """Declarations by importance of their scope, those of outer folders first, then by place."""
    return sorted(items, key=lambda item: (_ORDER.index(item.scope), item.path.count("/"), item.path, item.start))


def fits(query: Query, item: Declaration) -> bool:
    """Whether the query's patterns mean this distribution, under any of its names."""
    return query.matches(item.name, item.key, distribution_of(item))


def declared(codebase: Codebase, item: Declaration) -> CensusHit:
    """The hit of one declaration; `detail` holds its parts."""
    detail = {
        "specifier": item.specifier,
        "exact": item.exact,
        "scope": item.scope,
        "group": item.group,
        "marker": item.marker,
        "ecosystem": item.ecosystem,
    }
    return hit_at(
        codebase,
        item.path,
        (item.start, item.end),
        symbol="",
        name=distribution_of(item),
        text=sentence(item),
        detail={key: value for key, value in detail.items() if value},
    )


def _installed(codebase: Codebase, items: list[Declaration]) -> CensusHit:
    """One hit for a package that several commands of one file install."""
    hit = declared(codebase, items[0])
    return replace(hit, related=tuple(("again", i.path, i.start, i.end) for i in items[1:]))


def _included(codebase: Codebase, include: Include) -> CensusHit:
    known = include.target in codebase.snapshot.by_path
    where = f"`{include.target}`" if known else f"`{include.target}`, which is not in the repository"
    verb = "takes version constraints" if include.constraint else "takes requirements"
    return hit_at(
        codebase,
        include.path,
        (include.start, include.end),
        symbol="",
        name=include.target,
        text=f"`{include.path}` {verb} from {where}",
        detail={"scope": "include"},
    )


def _locks(codebase: Codebase, manifests: Manifests) -> Iterator[CensusHit]:
    locked: dict[str, list[Declaration]] = {}
    for item in manifests.declarations:
        if item.scope == "lock":
            locked.setdefault(item.path, []).append(item)
    for path, items in locked.items():
        names = {item.key for item in items}
        yield hit_at(
            codebase,
            path,
            (items[0].start, items[0].end),
            symbol="",
            name=path,
            text=f"`{path}` locks {len(names)} packages to exact versions",
            detail={"scope": "lock", "count": str(len(names))},
        )
