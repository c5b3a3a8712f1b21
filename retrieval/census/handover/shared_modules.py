"""Kind `shared_modules`: modules whose variables other modules set and read as attributes.

`settings.speed = 3` in one file and `settings.speed` in others make the module a store of context. Functions and
classes that are replaced that way are patches, not context; readers inside the module itself are not counted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.handover.option_globals import Place, Variable, module_variable
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, Unit, bound_names, subject_of, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST_READERS, SHOWN, PLACES = 3, 6, 40
_SET = r"(?:\s*[-+*/|&^%@]{1,2}|\s*[,:][^=\n]*)?\s*=(?!=)"
_KNOWN: Beside[Codebase, dict[str, SharedModule]] = Beside()


@dataclass(slots=True)
class SharedModule:
    """A module with the variables that others set: per name where it is set, and where functions read it."""

    path: str
    writes: dict[str, list[Place]] = field(default_factory=dict)
    reads: dict[str, list[Place]] = field(default_factory=dict)

    def readers(self) -> dict[tuple[str, str], Place]:
        """(path, symbol) of every function that reads a variable, with the first place."""
        found: dict[tuple[str, str], Place] = {}
        for places in self.reads.values():
            for place in places:
                found.setdefault(place[:2], place)
        return found


@kind(
    "shared_modules",
    summary="modules that carry context: their variables are set and read by other modules as attributes",
    example="shared_modules, or shared_modules: *globals*",
    reads="python",
    ordered=True,
)
def shared_modules(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One sentence per module that at least `LEAST_READERS` functions read, the most read first."""
    for module in shared_of(codebase).values():
        if query.matches(module.path):
            yield _hit(codebase, module)


def shared_of(codebase: Codebase) -> dict[str, SharedModule]:
    """path → shared module, the most read first; code of tests and examples does not count."""
    if codebase not in _KNOWN:
        found: dict[str, SharedModule] = {}
        for path, name, place in _writes(codebase):
            found.setdefault(path, SharedModule(path)).writes.setdefault(name, []).append(place)
        wanted = {(path, name) for path, module in found.items() for name in module.writes}
        for (path, name), place in _reads(codebase, wanted):
            found[path].reads.setdefault(name, []).append(place)
        kept = [module for module in found.values() if len(module.readers()) >= LEAST_READERS]
        _KNOWN[codebase] = {m.path: m for m in sorted(kept, key=lambda m: (-len(m.readers()), m.path))}
    return _KNOWN[codebase]


def _units(codebase: Codebase, names: str, after: str = "") -> Iterator[Unit]:
    """The parsed source files that have an attribute of an imported repository module in their text, or `getattr`."""
    for file in codebase.snapshot.files:
        heads = _heads(codebase, file.path) if file.role == "source" and file.path in codebase.facts else ()
        if heads:
            one_of = "|".join(map(re.escape, sorted(heads)))
            yield from units(codebase, rf"\b(?:{one_of})\.(?:\w+\.)*{names}\b{after}|\bgetattr\(", file.path)


def _heads(codebase: Codebase, path: str) -> set[str]:
    """The names that a file gives to modules of the repository, or to packages around them."""
    return {
        item.alias
        for item in codebase.facts[path].imports
        if codebase.locate(f"{item.module}.{item.name}" if item.name else item.module, path)
    }


def _writes(codebase: Codebase) -> Iterator[tuple[str, str, Place]]:
    """Every assignment to a variable of another module: its path, its name, the place."""
    for unit in _units(codebase, r"\w+", _SET):
        for node in unit.nodes:
            chain = dotted(node) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) else ""
            variable = module_variable(codebase, unit.path, chain) if chain else None
            if variable is None or variable[0] == unit.path or _hidden(unit, node, chain):
                continue
            if not _defined(codebase, variable):
                yield *variable, _place(unit, node)


def _defined(codebase: Codebase, variable: Variable) -> bool:
    """Whether the name is a function or class of the module, or no variable of source code at all."""
    path, name = variable
    defined = any(d.symbol == name for d in codebase.facts[path].definitions)
    return defined or codebase.snapshot.by_path[path].role != "source"


def _reads(codebase: Codebase, wanted: set[Variable]) -> Iterator[tuple[Variable, Place]]:
    """Every read of a wanted variable in a function of another module, `getattr` with a literal name included."""
    names = {name for _, name in wanted}
    for unit in _units(codebase, f"(?:{'|'.join(sorted(map(re.escape, names)))})") if names else ():
        for node in unit.nodes:
            chain = _chain(node, names)
            variable = module_variable(codebase, unit.path, chain) if chain else None
            if variable is None or variable not in wanted or _hidden(unit, node, chain):
                continue
            if variable[0] != unit.path and unit.symbols.get(node, ""):
                yield variable, _place(unit, node)


def _hidden(unit: Unit, node: ast.AST, chain: str) -> bool:
    """Whether a function around a node binds the first name of a chain itself, other than by an import."""
    head = chain.partition(".")[0]
    for scope in unit.enclosing(node):
        if isinstance(scope, Function) and head in bound_names(scope):
            aliases = {a.asname or a.name.partition(".")[0] for a in ast.walk(scope) if isinstance(a, ast.alias)}
            return head not in aliases
    return False


def _chain(node: ast.AST, names: set[str]) -> str:
    """The dotted name that a node reads, "" for all else."""
    if isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.ctx, ast.Load):
        return dotted(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        given = node.args[1] if len(node.args) > 1 else None
        if isinstance(given, ast.Constant) and given.value in names and dotted(node.args[0]):
            return f"{dotted(node.args[0])}.{given.value}"
    return ""


def _place(unit: Unit, node: ast.AST) -> Place:
    return unit.path, unit.symbols.get(node, ""), unit.lines(node)[0]


def _hit(codebase: Codebase, module: SharedModule) -> CensusHit:
    writes = [place for places in module.writes.values() for place in places]
    readers = module.readers()
    setting = dict.fromkeys(subject_of(codebase, path, symbol) for path, symbol, _ in writes)
    counts = {name: len({place[:2] for place in places}) for name, places in module.reads.items()}
    most = [f"`{name}` ({n})" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]]
    be = "is" if len(module.writes) == 1 else "are"
    text = (
        f"Context is shared through a module: {counted(len(module.writes), 'variable')} of `{module.path}` {be} set by "
        f"other modules, in {listed(list(setting), SHOWN)}, and read by {counted(len(readers), 'function')} in "
        f"{counted(len({path for path, _ in readers}), 'other file')}; most read, with the number of functions: "
        f"{', '.join(most)}"
    )
    first = writes[0]
    places = list(dict.fromkeys([*writes[1:], *readers.values()]))[:PLACES]
    return hit_at(
        codebase,
        first[0],
        (first[2], first[2]),
        symbol=first[1],
        name=module.path,
        text=text,
        related=tuple(("place", path, line, line) for path, _, line in places),
        detail={"variables": str(len(module.writes)), "readers": str(len(readers))},
    )
