"""Kind `removed_apis`: uses of library names that a later release no longer has, which bounds the version.

The names stand in `data/removed.yaml`. Each hit says from which release on the code fails, and what the repository
declares of that library. Uses that a handler or a version test guards are told as such by their lines only.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, units
from retrieval.facts import CensusHit, FileFacts
from retrieval.manifests import Declaration, read_manifests
from retrieval.manifests.declaration import canonical
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ABSENCE = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"})
_VERSION_TEST = re.compile(r"(?i)version|hasattr|__dict__|\bdir\(")
TABLE = Path(__file__).parents[2] / "data" / "removed.yaml"


@dataclass(frozen=True, slots=True)
class Removal:
    """Names of one distribution that are gone `since` a release; `methods` and `keywords` belong to
    calls on objects of the module `of`."""

    distribution: str
    since: str
    source: str
    names: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    of: str = ""
    until: str = ""  # the release that has them again


@lru_cache(maxsize=1)
def _removals() -> tuple[Removal, ...]:
    entries = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["removed"]
    return tuple(
        Removal(
            distribution=entry["distribution"],
            since=entry["since"],
            source=entry["source"],
            names=tuple(entry.get("names", ())),
            methods=tuple(entry.get("methods", ())),
            keywords=tuple(entry.get("keywords", ())),
            of=entry.get("of", ""),
            until=entry.get("until", ""),
        )
        for entry in entries
    )


@kind(
    "removed_apis",
    summary="uses of library names that a later release no longer has, with the release and what is declared",
    example="removed_apis: numpy.*",
    reads="python",
)
def removed_apis(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per line and name; patterns match the dotted name or the distribution."""
    last = {
        name.rpartition(".")[2]
        for removal in _removals()
        for name in (*removal.names, *removal.methods, *removal.keywords)
    }
    for unit in units(codebase, rf"\b(?:{'|'.join(sorted(map(re.escape, last)))})\b"):
        found: dict[str, tuple[Removal, list[ast.AST]]] = {}
        for node, name, removal in _uses(unit, codebase, codebase.facts[unit.path]):
            if query.matches(name, removal.distribution) and not _is_tolerated(unit, node):
                found.setdefault(name, (removal, []))[1].append(node)
        for name, (removal, nodes) in found.items():
            yield _hit(codebase, unit, nodes, name, removal)


def _uses(unit: Unit, codebase: "Codebase", facts: FileFacts) -> Iterator[tuple[ast.AST, str, Removal]]:
    names = _names(codebase, facts)
    imported = {item.module.split(".")[0] for item in facts.imports}
    near = [removal for removal in _removals() if removal.of in imported]
    for node in unit.nodes:
        if isinstance(node, ast.Attribute) and not isinstance(unit.parents.get(node), ast.Attribute):
            head, _, rest = dotted(node).partition(".")
            if head in names and rest and (removal := _gone(f"{names[head]}.{rest}")):
                yield node, f"{names[head]}.{rest}", removal
        elif isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                outside = codebase.locate(f"{module}{alias.name}".split(".")[0], unit.path) is None
                if outside and (removal := _gone(f"{module}{alias.name}")):
                    yield node, f"{module}{alias.name}", removal
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from ((node, f"{one.of}: .{node.func.attr}()", one) for one in near if node.func.attr in one.methods)
        if isinstance(node, ast.Call) and node.keywords:
            yield from _keywords(node, near)


def _names(codebase: "Codebase", facts: FileFacts) -> dict[str, str]:
    """Name bound by an import → the outside module or name it stands for."""
    found: dict[str, str] = {}
    for item in facts.imports:
        if item.alias and codebase.locate(item.module, facts.path) is None:
            whole = f"{item.module}.{item.name}" if item.name else item.module
            found[item.alias] = whole if item.name or item.alias != item.module.split(".")[0] else item.alias
    return found


def _gone(name: str) -> Removal | None:
    for removal in _removals():
        if any(name == gone or name.startswith(f"{gone}.") for gone in removal.names):
            return removal
    return None


def _keywords(node: ast.Call, near: Sequence[Removal]) -> Iterator[tuple[ast.AST, str, Removal]]:
    for removal in near:
        for keyword in node.keywords:
            if keyword.arg in removal.keywords:
                yield node, f"{removal.of}: {keyword.arg}=", removal


def _is_tolerated(unit: Unit, node: ast.AST) -> bool:
    """Whether the use stands in a `try` that an absent name does not break, or under a test of versions."""
    child, parent = node, unit.parents.get(node)
    while parent is not None:
        if isinstance(child, ast.ExceptHandler) and _catches_absence(child):
            return True
        inside = isinstance(parent, ast.Try) and child in parent.body
        if inside and any(map(_catches_absence, getattr(parent, "handlers", []))):
            return True
        if (
            isinstance(parent, ast.If | ast.IfExp)
            and child is not parent.test
            and _VERSION_TEST.search(ast.unparse(parent.test))
        ):
            return True
        child, parent = parent, unit.parents.get(parent)
    return False


def _catches_absence(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind_ is None or dotted(kind_) in _ABSENCE for kind_ in kinds)


def _hit(codebase: "Codebase", unit: Unit, nodes: list[ast.AST], name: str, removal: Removal) -> CensusHit:
    title = "Python" if removal.distribution == "python" else removal.distribution
    declared = [d for d in read_manifests(codebase.snapshot).of(canonical(removal.distribution)) if d.specifier]
    said = listed([f"`{d.written.strip()}` ({d.path}:{d.start})" for d in declared], 3) or "no version"
    text = f"`{name}` does not exist in {title} {removal.since} "
    text += f"up to {removal.until}" if removal.until else "and later"
    text += f", so the code needs {title}<{removal.since}" + (f" or >={removal.until}" if removal.until else "")
    text += f" ({removal.source}); declared: {said}{_judged(declared, removal)}"
    first, last = unit.lines(nodes[0])
    again = dict.fromkeys(unit.lines(node)[0] for node in nodes[1:])
    return hit_at(
        codebase,
        unit.path,
        (first, last if last - first < 6 else first),
        symbol=unit.symbols.get(nodes[0], ""),
        name=name,
        text=text,
        related=(
            *(("again", unit.path, line, line) for line in again if line != first),
            *(("declared", d.path, d.start, d.end) for d in declared[:3]),
        ),
        detail={"distribution": removal.distribution, "since": removal.since},
    )


def _judged(declared: list[Declaration], removal: Removal) -> str:
    """Whether the declared versions keep the removal out, where that can be said."""
    exact = [Version(d.exact) for d in declared if d.exact and re.fullmatch(r"[\d.]+", d.exact)]
    if exact:
        return ", which fits" if max(exact) < Version(removal.since) else ", which does not have it"
    ranges = [SpecifierSet(d.specifier) for d in declared]
    if ranges and not any(r.contains(removal.since) for r in ranges) and not any(r.contains("9999") for r in ranges):
        return ", which keeps later releases out"
    return ", which does not keep later releases out"
