"""Census kinds that hold imports against manifests: `undeclared`, `unused`.

Knows the standard library, the repository's own modules, and which distributions provide a module. It does not
know what a declared package brings along itself: a module that only arrives that way is undeclared here.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable

from retrieval.beside import once
from retrieval.census.dependencies.dependencies import declared, in_order
from retrieval.census.language import Query, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, Import
from retrieval.languages import words
from retrieval.manifests import Declaration, canonical, read_manifests
from retrieval.manifests.distributions import (
    distribution_of,
    modules_of,
    providers,
    unimported,
    usual_provider,
)

_FORMER = words(
    """distutils imp asyncore asynchat smtpd lib2to3 binhex formatter parser symbol macpath cPickle StringIO
    urllib2 urlparse ConfigParser Queue __builtin__ httplib _winreg"""
)
_STANDARD = frozenset(sys.stdlib_module_names) | _FORMER | {"setuptools", "pkg_resources", "pip"}
_TOLERANT = ("runtime", "extra", "dev", "build", "constraint", "command", "image")

Place = tuple[str, Import]


@kind(
    "undeclared",
    summary="third-party modules that the code imports and no manifest declares",
    example="undeclared",
    reads="python",
)
def undeclared(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """One hit per module, at its first import; the other imports are `related`."""
    known = _declared_names(codebase)
    for module, places in third_party(codebase).items():
        if known & _providers(places) or not query.matches(module):
            continue
        path, first = places[0]
        files = len({where for where, _item in places})
        yield hit_at(
            codebase,
            path,
            (first.start, first.end),
            symbol=first.symbol,
            name=module,
            text=_undeclared_text(module, files, places),
            related=_elsewhere(places),
            detail={"files": str(files)},
        )


@kind(
    "unused",
    summary="declared run-time dependencies that no Python file imports",
    example="unused",
    reads="python",
)
def unused(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """One hit per declaration; development and build tools are left out, nobody imports them."""
    manifests = read_manifests(codebase.snapshot)
    provided = frozenset().union(*map(_providers, third_party(codebase).values()))
    own = {canonical(item.value) for item in manifests.properties if item.name == "name"}
    for item in in_order(manifests.declarations):
        if item.scope not in ("runtime", "extra") or item.ecosystem not in ("python", "conda"):
            continue
        name = distribution_of(item)
        skipped = name in provided or name in unimported() or name in own or name == "python"
        if skipped or name.startswith("types-") or not query.matches(name, item.name):
            continue
        searched = " or ".join(f"`{module}`" for module in modules_of(name))
        hit = declared(codebase, item)
        text = f"`{item.name}` is declared, but no Python file imports {searched}"
        yield hit_at(codebase, hit.path, (hit.start, hit.end), symbol="", name=name, text=text)


def _undeclared_text(module: str, files: int, places: list[Place]) -> str:
    where = f"imported in {_files(files)} and declared in no manifest"
    return f"{_with_distribution(module)} is {where}{_note(places)}"


def _with_distribution(module: str) -> str:
    distribution = usual_provider(module)
    known_by_name = distribution == canonical(module)
    return f"`{module}`" if known_by_name else f"`{module}` (distribution `{distribution}`)"


def _elsewhere(places: list[Place]) -> tuple[tuple[str, str, int, int], ...]:
    """The first import in each further file."""
    first: dict[str, Import] = {}
    for path, item in places:
        first.setdefault(path, item)
    return tuple(("import", path, i.start, i.end) for path, i in list(first.items())[1:])


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _note(places: list[Place]) -> str:
    if all(item.guarded for _path, item in places):
        return " (only inside `try` or `if TYPE_CHECKING`)"
    return ""


def _declared_names(codebase: Codebase) -> frozenset[str]:
    items = read_manifests(codebase.snapshot).declarations
    names = {distribution_of(item) for item in items if item.scope in _TOLERANT}
    # `python-bidi` holds `bidi`, `beaker-py` holds `beaker`
    names |= {name.removeprefix("python-").removesuffix("-python").removesuffix("-py") for name in names}
    # a repository that is installed by its address may hold a module under the last part of its name
    names |= {
        name.rpartition("-")[2] for item in items if item.url and not item.wheel for name in [distribution_of(item)]
    }
    return frozenset(names) | frozenset(_base_image(item) for item in items if item.ecosystem == "docker")


def _base_image(item: Declaration) -> str:
    return canonical(item.name.rpartition("/")[2]) if item.name else ""


@once
def third_party(codebase: Codebase) -> dict[str, list[Place]]:
    """Top-level module → its imports, source files first; modules of the repository and Python's own left out."""
    local = _local_names(codebase)
    found: dict[str, list[Place]] = defaultdict(list)
    files = codebase.snapshot.by_path
    for path in sorted(codebase.facts, key=lambda p: (files[p].role != "source", p)):
        for item in codebase.facts[path].imports:
            top = item.module.split(".")[0]
            if not top or top in _STANDARD or top in local or _is_local(codebase, path, item):
                continue
            found[top].append((path, item))
    return dict(sorted(found.items()))


def _is_local(codebase: Codebase, path: str, item: Import) -> bool:
    if item.module.startswith("."):
        return True
    return codebase.locate(item.module.split(".")[0], path) is not None or (
        codebase.locate(item.module, path) is not None
    )


def _local_names(codebase: Codebase) -> frozenset[str]:
    """Top-level names of the repository's own modules and of packages without `__init__.py`."""
    names = {module.split(".")[0] for module in codebase.modules}
    names -= _shadowed(codebase, names)
    for file in codebase.snapshot.files:
        if file.language in ("python", "cython") and "/" in file.path:
            names |= set(file.path.split("/")[:2][:1]) - {"src", "lib", "python"}
    own = [i.value for i in read_manifests(codebase.snapshot).properties if i.name == "name"]
    return frozenset(names) | frozenset(name.replace("-", "_") for name in own)


def _shadowed(codebase: Codebase, names: set[str]) -> set[str]:
    """Names of folders deep inside that are also declared distributions: elsewhere the distribution is meant."""
    declared_ = {distribution_of(item) for item in read_manifests(codebase.snapshot).declarations}
    top = {path.removeprefix("src/").split("/")[0].removesuffix(".py") for path in codebase.facts}
    return {name for name in names if name not in top and canonical(name) in declared_}


def _providers(places: list[Place]) -> frozenset[str]:
    dotted = {f"{item.module}.{item.name}" if item.name else item.module for _p, item in places}
    names = frozenset().union(*map(providers, dotted))
    # `pyannote.audio` is a module and a distribution
    names |= {canonical("-".join(name.split(".")[:length])) for name in dotted for length in (2, 3)}
    return names | providers(places[0][1].module.split(".")[0])
