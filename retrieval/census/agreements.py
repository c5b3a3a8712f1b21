"""Kind `agreements`: the interfaces that several parts of the main programs keep, with who keeps them.

Three sorts: base classes with methods that subclasses must bring, lists of names that the code tests modules for
(`hasattr(module, name)`), and functions of one name and the same parameters in several modules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.hierarchies import hierarchies
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.people import people
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.screens import is_screen
from retrieval.census.units import units
from retrieval.facts import CensusHit, Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN, PLACES = 3, 6, 20
_COMMON = words("main run forward setup init render listen test parse_args get_parser build load __init__ __call__")


@kind(
    "agreements",
    summary="interfaces that several parts keep: abstract bases, lists of names modules must have, equal signatures",
    example="agreements, or agreements: sort=bases",
    reads="python",
    options=("sort",),
    ordered=True,
)
def agreements(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per interface: base classes first, then lists of names, then equal signatures. Patterns match names."""
    tellers = {"bases": _bases, "lists": _lists, "signatures": _signatures}
    for name in query.options.get("sort", "|".join(tellers)).split("|"):
        for hit in tellers[name](codebase) if name in tellers else ():
            if query.matches(hit.name):
                yield hit


def _bases(codebase: Codebase) -> Iterator[CensusHit]:
    """Base classes that leave methods to at least two subclasses, those with most subclasses first."""
    reach = reach_of(codebase)
    found = [
        hit
        for hit in hierarchies(codebase, Query("", "hierarchies", (), {}))
        if hit.detail["abstract"] and hit.role == "source" and reach.has(hit)
    ]
    for hit in sorted(found, key=lambda hit: -len(hit.detail["members"].split(", "))):
        members = hit.detail["members"].split(", ")
        if len(members) < 2:
            continue
        left = [f"`{name}()`" for name in hit.detail["abstract"].split(", ")]
        text = (
            f"base class `{hit.name}` ({hit.path}), which leaves {listed(left, SHOWN)} to {len(members)} subclasses: "
        )
        text += listed([f"`{name}`" for name in members], SHOWN)
        related = tuple(place for place in hit.related if place[0] == "subclass")[:PLACES]
        detail = {"said": f"`{hit.name}` ({counted(len(members), 'subclass')}, {listed(left, 3)})"}
        lines = (hit.start, hit.end)
        yield hit_at(
            codebase, hit.path, lines, symbol=hit.symbol, name=hit.name, text=text, related=related, detail=detail
        )


def _lists(codebase: Codebase) -> Iterator[CensusHit]:
    """Constant lists of names that a function tests modules or classes for."""
    top = _module_functions(codebase)
    for unit in units(codebase, r"\bhasattr\("):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        tested = {
            node.iter.id
            for node in unit.nodes
            if isinstance(node, ast.For) and isinstance(node.iter, ast.Name) and "hasattr(" in ast.unparse(node)
        }
        for node in unit.tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id in tested and isinstance(value, ast.List | ast.Tuple):
                names = [item.value for item in value.elts if isinstance(item, ast.Constant)]
                keepers = [path for path, own in top.items() if names and set(names) <= own]
                if keepers:
                    shown = listed([f"`{name}()`" for name in names], 12)
                    text = f"the list `{target.id}` ({unit.path}) of the functions that a module must have: {shown}; "
                    text += f"{counted(len(keepers), 'module')} {'have' if len(keepers) > 1 else 'has'} them: "
                    text += listed(keepers, SHOWN)
                    lines = unit.lines(node)
                    related = tuple(("module", path, 1, 1) for path in keepers[:PLACES])
                    detail = {"names": ", ".join(map(str, names))}
                    detail["said"] = (
                        f"`{target.id}` ({counted(len(keepers), 'module')}, {listed(shown.split(', '), 3)})"
                    )
                    yield hit_at(
                        codebase, unit.path, lines, symbol="", name=target.id, text=text, related=related, detail=detail
                    )


def _module_functions(codebase: Codebase) -> dict[str, set[str]]:
    """Path of a source file → the functions at its top level."""
    found: dict[str, set[str]] = {}
    for path, item in codebase.all_definitions():
        if item.kind == "function" and "." not in item.symbol and codebase.snapshot.by_path[path].role == "source":
            found.setdefault(path, set()).add(item.name)
    return found


def _signatures(codebase: Codebase) -> Iterator[CensusHit]:
    """Functions of one name and the same parameters in at least three modules, outside of screens."""
    reach = reach_of(codebase)
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[str, Definition]]] = {}
    for path, item in codebase.all_definitions():
        main = codebase.snapshot.by_path[path].role == "source" and not is_screen(codebase, path)
        run = reach.runs((path, item.symbol))
        if item.kind == "function" and "." not in item.symbol and main and run and item.name not in _COMMON:
            names = tuple(parameter.split(":")[0].split("=")[0].strip() for parameter in item.parameters)
            if names and not item.name.startswith("_"):
                groups.setdefault((item.name, names), []).append((path, item))
    told = {name for hit in _lists(codebase) for name in hit.detail["names"].split(", ")}
    kept = [(k, found) for k, found in groups.items() if k[0] not in told and len({p for p, _ in found}) >= LEAST]
    for (name, names), found in sorted(kept, key=lambda row: -len(row[1])):
        paths = [path for path, _ in found]
        first = found[0][1]
        given = f" -> {first.returns}" if first.returns else ""
        text = f"the function `{name}({', '.join(names)}){given}`, which {len(paths)} modules define with these "
        text += f"parameters: {people(codebase, [(p, d.symbol) for p, d in found], SHOWN)}"
        lines = (first.head_start, first.head_end)
        related = tuple(("definition", p, d.head_start, d.head_end) for p, d in found[1:PLACES])
        detail = {"said": f"`{name}()` ({counted(len(paths), 'module')})"}
        yield hit_at(
            codebase, paths[0], lines, symbol=first.symbol, name=name, text=text, related=related, detail=detail
        )
