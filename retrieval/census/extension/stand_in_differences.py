"""In what classes that stand in for each other differ: methods that only some have, defaults, and what methods give."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import names_given, own_nodes, units, written

if TYPE_CHECKING:
    from retrieval.census.meaning.values import ClassRef
    from retrieval.codebase import Codebase
    from retrieval.facts import Definition

SHOWN, LONGEST = 6, 30
Found = tuple[str, "Definition"]


def parted(
    codebase: Codebase, classes: tuple[ClassRef, ...], methods: list[str]
) -> tuple[list[str], dict[tuple[str, ...], list[str]]]:
    """The methods that every class defines or inherits, and by the classes that have them those that only some have."""
    program = program_of(codebase)
    common: list[str] = []
    partly: dict[tuple[str, ...], list[str]] = {}
    for method in methods:
        having = [c for c in classes if program.method(c, method) is not None]
        if len(having) in (0, len(classes)):  # what none defines comes from a class of a library
            common.append(method)
        else:
            partly.setdefault(tuple(c.definition.symbol for c in having), []).append(method)
    return common, partly


def only_some(partly: dict[tuple[str, ...], list[str]]) -> str:
    """ "; only `A` and `B` have `lock()`, which is called as well", "" when all have everything."""
    told = []
    for classes, methods in partly.items():
        names = listed([f"`{name}`" for name in classes], SHOWN)
        told.append(f"only {names} {'has' if len(classes) == 1 else 'have'} {listed([f'`{m}()`' for m in methods], 4)}")
    return f"; {'; '.join(told)}" if told else ""


def differences(codebase: Codebase, classes: tuple[ClassRef, ...], methods: list[str]) -> str:
    """What differs between the classes in methods that all have: defaults of a parameter, kinds of results; or ""."""
    program = program_of(codebase)
    told: list[str] = []
    for method in methods:
        found = [(c, own[0].path, own[1]) for c in classes if (own := program.method(c, method)) is not None]
        if len(found) < len(classes):
            continue
        defaults = [_defaults(item) for _, _, item in found]
        for name in dict.fromkeys(key for row in defaults for key in row):
            values = [row.get(name) for row in defaults]
            if None not in values and len(set(values)) > 1:
                ways = _by_value([(c.definition.symbol, f"`{v}`") for (c, _, _), v in zip(found, values, strict=True)])
                told.append(f"`{name}` of `{method}()` is by default {ways}")
        kinds = [_gives(codebase, path, item) for _, path, item in found]
        if len(set(kinds)) > 1 and all(kinds):
            ways = _by_value([(c.definition.symbol, kind) for (c, _, _), kind in zip(found, kinds, strict=True)])
            told.append(f"`{method}()` gives {ways}")
    return f"; they differ: {'; '.join(told[:SHOWN])}" if told else ""


def _by_value(rows: list[tuple[str, str]]) -> str:
    """ "`True` in `A`, `False` in `B`, `C`"."""
    groups: dict[str, list[str]] = {}
    for name, value in rows:
        groups.setdefault(value, []).append(f"`{name}`")
    return ", ".join(f"{value} in {listed(names, SHOWN)}" for value, names in groups.items())


def _defaults(item: Definition) -> dict[str, str]:
    """Parameter → its default as written, of those that have one."""
    found = {}
    for parameter in item.parameters:
        head, equals, value = parameter.partition("=")
        if equals:
            found[head.partition(":")[0].strip()] = value.strip()[:LONGEST]
    return found


def _gives(codebase: Codebase, path: str, item: Definition) -> str:
    """ "a dictionary", "a tuple", "a dictionary or a tuple": what a method returns, "" when that is something else."""
    for unit in units(codebase, path=path):
        for function, symbol in unit.functions():
            if symbol == item.symbol:
                return _returned(function)
    return ""


def _returned(function: ast.AST) -> str:
    nodes = own_nodes(function)
    bound = names_given(nodes, _is_dictionary)
    kinds = set()
    for node in nodes:
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        parts = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
        for part in parts:
            if _is_dictionary(part) or (isinstance(part, ast.Name) and part.id in bound):
                kinds.add("a dictionary")
            elif isinstance(part, ast.Tuple):
                kinds.add("a tuple")
            else:
                return ""
    return " or ".join(sorted(kinds))


def _is_dictionary(value: ast.expr) -> bool:
    return isinstance(value, ast.Dict) or (isinstance(value, ast.Call) and written(value.func) == "dict")
