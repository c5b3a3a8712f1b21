"""Kind `agreements`: the interfaces that several parts of the main programs keep, with who keeps them.

Base classes with methods that subclasses must bring, lists of names that the code tests modules for (`hasattr(module,
name)`), classes and modules that one place chooses between, and functions of one name and the same parameters in
several modules that are called on a module known at run time only. Copies that nothing exchanges are no interface.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.hierarchies import every_hierarchy
from retrieval.census.extension.stand_in_differences import differences, only_some, parted
from retrieval.census.extension.stand_ins import class_stand_ins, import_stand_ins, is_exchanged
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.called_classes import called_stand_ins, common_methods, library_bases
from retrieval.census.meaning.dispatched_classes import dispatched_classes
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import units
from retrieval.census.quality.same_functions import same_functions
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN, PLACES, LONGEST = 3, 6, 20, 40
_RUNNING = re.compile(r"^(?:forward|__call__)$|encode|generate|infer|predict|decode|run")
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
    """One hit per interface, base classes first, those with one subclass last. Patterns match names."""
    tellers = {
        "bases": _bases,
        "lists": _lists,
        "classes": _classes,
        "callers": _callers,
        "tables": _tables,
        "imports": _imports,
        "signatures": _signatures,
        "libraries": _libraries,
        "single": _single,
    }
    for name in query.options.get("sort", "|".join(tellers)).split("|"):
        for hit in tellers[name](codebase) if name in tellers else ():
            if query.matches(hit.name):
                yield hit


def _bases(codebase: Codebase) -> Iterator[CensusHit]:
    """Base classes that leave methods to at least two subclasses, or whose subclasses all bring the same ones, those
    with most subclasses first."""
    left = list(_left(codebase, single=False))
    known = {(hit.path, hit.start) for hit in left}
    found = [*left, *(hit for hit in _brought(codebase) if (hit.path, hit.start) not in known)]
    yield from sorted(found, key=lambda hit: -int(hit.detail["members"]))


def _single(codebase: Codebase) -> Iterator[CensusHit]:
    """Base classes that leave methods to one subclass so far."""
    yield from _left(codebase, single=True)


def _left(codebase: Codebase, single: bool) -> Iterator[CensusHit]:
    reach = reach_of(codebase)
    found = [
        (hit, _keeping(codebase, hit))
        for hit in every_hierarchy(codebase)
        if hit.detail["abstract"] and hit.role == "source" and reach.has(hit)
    ]
    for hit, members in sorted(found, key=lambda pair: -len(pair[1])):
        if (len(members) < 2) != single:
            continue
        left = [f"`{_signed(codebase, hit, name)}`" for name in hit.detail["abstract"].split(", ")]
        text = f"base class `{hit.name}` ({hit.path}), which leaves {listed(left, SHOWN)} to "
        text += f"{counted(len(members), 'subclass')}: "
        text += listed([f"`{name}`" for name in members], SHOWN)
        related = tuple(place for place in hit.related if place[0] == "subclass")[:PLACES]
        detail = {"said": f"`{hit.name}` ({counted(len(members), 'subclass')}, {listed(left, 3)})"}
        detail |= {"single": members[0]} if single else {"members": str(len(members))}
        lines = (hit.start, hit.end)
        yield hit_at(
            codebase, hit.path, lines, symbol=hit.symbol, name=hit.name, text=text, related=related, detail=detail
        )


def _keeping(codebase: Codebase, hit: CensusHit) -> list[str]:
    """The classes below a base that have one of the methods that it leaves open; all where none was found to."""
    every, open_ones = hit.detail["members"].split(", "), hit.detail["abstract"].split(", ")
    lacking: set[str] = set()
    for _, path, line, _ in (place for place in hit.related if place[0] == "subclass"):
        item = next((d for d in codebase.facts[path].definitions if d.head_start == line and d.kind == "class"), None)
        brought = (codebase.member((path, item), name) for name in open_ones) if item is not None else ()
        if item is not None and not any(
            m and (m[0], m[1].symbol.rpartition(".")[0]) != (hit.path, hit.symbol) for m in brought
        ):
            lacking.add(item.symbol)
    return [name for name in every if name not in lacking] or every


def _brought(codebase: Codebase) -> Iterator[CensusHit]:
    """Base classes without a method left open of which all subclasses bring the same method that they lack."""
    for base, members, methods in common_methods(codebase):
        names = list(dict.fromkeys(f"`{cls.definition.symbol}`" for cls in members))
        shown = [f"`{name}()`" for name in methods]
        path, item = base.path, base.definition
        text = f"base class `{item.symbol}` ({path}), of which all {len(members)} subclasses bring "
        text += f"{listed(shown, SHOWN)}: "
        text += listed(names, SHOWN)
        related = tuple(("subclass", c.path, c.definition.head_start, c.definition.head_end) for c in members[:PLACES])
        detail = {
            "said": f"`{item.symbol}` ({counted(len(members), 'subclass')}, {listed(shown, 3)})",
            "members": str(len(members)),
        }
        lines = (item.head_start, item.head_end)
        yield hit_at(
            codebase, path, lines, symbol=item.symbol, name=item.symbol, text=text, related=related, detail=detail
        )


def _signed(codebase: Codebase, hit: CensusHit, name: str) -> str:
    """A method of a base class with its parameters and what it gives, as far as annotations tell."""
    symbol = f"{hit.symbol}.{name}"
    item = next((d for d in codebase.facts[hit.path].definitions if d.symbol == symbol), None)
    if item is None:
        return f"{name}()"
    names = [parameter.split(":")[0].split("=")[0].strip() for parameter in item.parameters]
    given = f" -> {item.returns}" if item.returns and len(item.returns) <= LONGEST else ""
    return f"{name}({', '.join(n for n in names if n not in ('self', 'cls'))}){given}"


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


def _classes(codebase: Codebase) -> Iterator[CensusHit]:
    """Classes without a common base that one place chooses between, with the methods that all of them have."""
    for found in class_stand_ins(codebase):
        names = [f"`{item.name}`" for _, item in found.classes]
        methods = [f"`{method}`" for method in found.methods]
        path, symbol, line = found.place
        text = (
            f"{listed(methods, SHOWN)}, which {listed(names, SHOWN)} all have with the same parameters and without a "
        )
        text += f"common base class; `{symbol}()` ({path}) chooses between them"
        related = tuple(("class", p, d.head_start, d.head_end) for p, d in found.classes)
        detail = {"said": f"the methods that {listed(names, 4)} share without a base ({listed(methods, 3)})"}
        yield hit_at(
            codebase, path, (line, line), symbol=symbol, name=names[0][1:-1], text=text, related=related, detail=detail
        )


def _callers(codebase: Codebase) -> Iterator[CensusHit]:
    """Methods that calls run on objects which may be of one class or another, without a base in common."""
    known = {frozenset((p, d.symbol) for p, d in found.classes) for found in class_stand_ins(codebase)}
    for found in called_stand_ins(codebase):
        if found.key in known:
            continue
        names = [f"`{cls.definition.symbol}`" for cls in found.classes]
        ranked = sorted(found.methods, key=lambda n: _RUNNING.search(n) is None)
        common, partly = parted(codebase, found.classes, ranked)
        methods = [f"`{name}()`" for name in common]
        if not methods:
            continue
        text = f"{listed(methods, SHOWN)}, called on an object that is {listed(names[:-1], SHOWN)} or {names[-1]}, by "
        text += people(codebase, [place[:2] for place in found.places], 3)
        text += differences(codebase, found.classes, common) + only_some(partly)
        related = tuple(("class", c.path, c.definition.head_start, c.definition.head_end) for c in found.classes)
        related += tuple(("call", path, line, line) for path, _, line in found.places[1:PLACES])
        detail = {"said": f"{listed(methods, 3)} of {listed(names, 4)}"}
        path, symbol, line = found.places[0]
        name = found.classes[0].definition.symbol
        yield hit_at(codebase, path, (line, line), symbol=symbol, name=name, text=text, related=related, detail=detail)


def _tables(codebase: Codebase) -> Iterator[CensusHit]:
    """Methods that the classes of a dispatch table share without a base in common."""
    for found in dispatched_classes(codebase):
        names = [f"`{cls.definition.symbol}`" for cls in found.classes]
        methods = [f"`{name}()`" for name in sorted(found.methods, key=lambda n: _RUNNING.search(n) is None)]
        path, symbol, line = found.place
        where = f"`{symbol}()` ({path})" if symbol else path
        text = (
            f"{listed(methods, SHOWN)}, which {listed(names, SHOWN)} all have without a common base class; the table "
        )
        text += f"`{found.table}` of {where} picks one of them{differences(codebase, found.classes, [*found.methods])}"
        related = tuple(("class", c.path, c.definition.head_start, c.definition.head_end) for c in found.classes)
        detail = {"said": f"{listed(methods, 3)} of {listed(names, 4)}"}
        name = found.classes[0].definition.symbol
        yield hit_at(
            codebase, path, (line, line), symbol=symbol, name=name, text=text, related=related[:PLACES], detail=detail
        )


def _libraries(codebase: Codebase) -> Iterator[CensusHit]:
    """Classes of libraries whose interface classes of the main programs take over."""
    for base, classes in library_bases(codebase):
        names = list(dict.fromkeys(f"`{item.symbol}`" for _, item in classes))
        library = base.partition(".")[0]
        text = f"the interface of `{base.rpartition('.')[2]}` ({library}), which {listed(names, SHOWN)} "
        text += f"{'takes' if len(names) == 1 else 'take'} over by deriving from it"
        path, item = classes[0]
        related = tuple(("subclass", p, d.head_start, d.head_end) for p, d in classes[1:PLACES])
        detail = {"said": f"`{base.rpartition('.')[2]}` of {library} ({listed(names, 3)})", "library": library}
        lines = (item.head_start, item.head_end)
        yield hit_at(codebase, path, lines, symbol=item.symbol, name=base, text=text, related=related, detail=detail)


def _imports(codebase: Codebase) -> Iterator[CensusHit]:
    """Functions of one name that a condition imports from one module or another."""
    for found in import_stand_ins(codebase):
        names = [f"`{name}`" for name in found.names]
        path, symbol, line = found.place
        where = f"`{symbol}()` ({path})" if symbol else path
        text = f"{listed(names, SHOWN)}, which {where} imports from {listed(list(found.modules), SHOWN)}, by condition"
        detail = {"said": f"{listed(names, 3)} ({counted(len(found.modules), 'module')}, chosen by a condition)"}
        yield hit_at(codebase, path, (line, line), symbol=symbol, name=found.names[0], text=text, detail=detail)


def _module_functions(codebase: Codebase) -> dict[str, set[str]]:
    """Path of a source file → the functions at its top level."""
    found: dict[str, set[str]] = {}
    for path, item in codebase.all_definitions():
        if item.kind == "function" and "." not in item.symbol and codebase.snapshot.by_path[path].role == "source":
            found.setdefault(path, set()).add(item.name)
    return found


def _signatures(codebase: Codebase) -> Iterator[CensusHit]:
    """Functions of one name and the same parameters in at least three modules that code calls on any of these."""
    told = {name for hit in _lists(codebase) for name in hit.detail["names"].split(", ")}
    for (name, names), found in same_functions(codebase):
        if name in told or name in _COMMON or not is_exchanged(codebase, name):
            continue
        first = found[0][1]
        given = f" -> {first.returns}" if first.returns else ""
        text = f"the function `{name}({', '.join(names)}){given}`, which {len(found)} modules define with these "
        text += f"parameters: {people(codebase, [(p, d.symbol) for p, d in found], SHOWN)}"
        lines = (first.head_start, first.head_end)
        related = tuple(("definition", p, d.head_start, d.head_end) for p, d in found[1:PLACES])
        detail = {"said": f"`{name}()` ({counted(len(found), 'module')})"}
        yield hit_at(
            codebase, found[0][0], lines, symbol=first.symbol, name=name, text=text, related=related, detail=detail
        )
