"""Kind `option_globals`: parsed options that are put into variables of modules, and who reads them there.

Programs often copy `args.x` to `settings.x` once and read the module's variable everywhere else. Reads are of the
module as each file imports it; an attribute of the same name on another object does not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, subject_of, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 8
Variable = tuple[str, str]  # path of the module, name of its variable
Place = tuple[str, str, int]  # path, symbol, line


@kind(
    "option_globals",
    summary="parsed command-line options kept in variables of modules, with every function that reads them",
    example="option_globals: execution_provider*",
    reads="python",
    ordered=True,
)
def option_globals(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per option that is put into a module's variable; patterns match the option or the variable."""
    kept: dict[Variable, tuple[str, str, Place]] = {}
    for variable, found_at in _kept(codebase):
        kept.setdefault(variable, found_at)
    readers = _readers(codebase, set(kept))
    for variable, (option, written, place) in kept.items():
        if not query.matches(option, variable[1]):
            continue
        found = [r for r in readers.get(variable, []) if r[:2] != place[:2]]
        users = list(dict.fromkeys(f"{subject_of(codebase, path, symbol)}" for path, symbol, _ in found))
        read = f"read by {listed(users, SHOWN)}" if users else "read nowhere else"
        text = f"the option `{option}` is put into `{written}` by {subject_of(codebase, *place[:2])}; it is {read}"
        yield hit_at(
            codebase,
            place[0],
            (place[2], place[2]),
            symbol=place[1],
            name=option,
            text=text,
            related=tuple(("reads", path, line, line) for path, _, line in found[:SHOWN]),
        )


def _kept(codebase: Codebase) -> Iterator[tuple[Variable, tuple[str, str, Place]]]:
    for unit in units(codebase, r"\bparse_(?:known_)?args\b"):
        for body, symbol in [(unit.tree, ""), *unit.functions()]:
            spaces = set(_namespaces(body))
            for node in own_nodes(body) if spaces else ():
                if isinstance(node, ast.Assign) and (option := _option(node.value, spaces)):
                    for target in node.targets:
                        variable = _variable(codebase, unit, body, target)
                        if variable is not None:
                            yield variable, (option, dotted(target), (unit.path, symbol, unit.row(node.lineno)))


def _namespaces(body: ast.AST) -> Iterator[str]:
    """The names that a body binds to parsed options."""
    for node in own_nodes(body):
        if isinstance(node, ast.Assign) and call_name(node.value) in ("parse_args", "parse_known_args"):
            yield from (n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name))


def _option(value: ast.expr, spaces: set[str]) -> str:
    """The first option that an expression reads."""
    for node in ast.walk(value):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in spaces:
            return node.attr
    return ""


def _variable(codebase: Codebase, unit: Unit, body: ast.AST, target: ast.expr) -> Variable | None:
    if isinstance(target, ast.Name):
        shared = {n for node in own_nodes(body) if isinstance(node, ast.Global) for n in node.names}
        top = not isinstance(body, Function)
        return (unit.path, target.id) if target.id in shared and not top else None
    return module_variable(codebase, unit.path, dotted(target)) if isinstance(target, ast.Attribute) else None


def module_variable(codebase: Codebase, path: str, chain: str) -> Variable | None:
    """The variable of a repository module that `chain` names in the file at `path`, a name that is imported too."""
    head, _, rest = chain.partition(".")
    for item in codebase.facts[path].imports:
        if item.alias != head:
            continue
        if not rest:
            located = codebase.locate(item.module, path) if item.name else None
            return (located, item.name) if located is not None else None
        whole = f"{item.module}.{item.name}" if item.name else item.module
        plain = not item.name and item.alias == item.module.split(".")[0]
        module, _, name = (chain if plain else f"{whole}.{rest}").rpartition(".")
        located = codebase.locate(module, path)
        if located is not None:
            return located, name
    return None


def _readers(codebase: Codebase, wanted: set[Variable]) -> dict[Variable, list[Place]]:
    """Who reads each variable: of other modules by attribute, of the own module by name."""
    names = {name for _, name in wanted}
    found: dict[Variable, list[Place]] = {}
    if not names:
        return found
    for unit in units(codebase, rf"\b(?:{'|'.join(sorted(map(re.escape, names)))})\b"):
        for node in unit.nodes:
            variable = _read(codebase, unit, node, names)
            if variable in wanted:
                found.setdefault(variable, []).append((unit.path, unit.symbols.get(node, ""), unit.lines(node)[0]))
    return found


def _read(codebase: Codebase, unit: Unit, node: ast.AST, names: set[str]) -> Variable | None:
    if isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.ctx, ast.Load):
        return module_variable(codebase, unit.path, dotted(node))
    if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
        return unit.path, node.id
    return None
