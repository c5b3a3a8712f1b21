"""Versions that code refuses to run with: tests of a version that end in an error, as the range that passes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from retrieval.census.dependencies.constraints import version_names, version_of
from retrieval.census.dependencies.requirement_checks import raising_functions, refusal
from retrieval.census.meaning.units import Unit, subject_of, units
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_TITLES = {"torch": "torch", "cuda": "CUDA", "python": "Python"}
_OPPOSITE: dict[type[ast.cmpop], str] = {
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.NotEq: "==",
    ast.Eq: "!=",
}
_SAME: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_PARSERS = ("parse", "Version", "StrictVersion", "LooseVersion", "parse_version", "tuple")


@dataclass(frozen=True, slots=True)
class CodeNeed:
    """What of `name` (a distribution, cuda or python) serves the code, and what the code does, in words after "it"."""

    name: str
    passing: SpecifierSet
    does: str
    subject: str
    path: str
    symbol: str
    lines: tuple[int, int]


def refused_versions(codebase: Codebase) -> Iterator[CodeNeed]:
    """Every such test in source files."""
    for unit in units(codebase, r"version"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        carriers, raising = version_names(unit.tree), raising_functions(unit)
        excused = {id(part) for node in unit.nodes if isinstance(node, ast.ExceptHandler) for part in ast.walk(node)}
        for node in unit.nodes:
            if id(node) in excused:  # there something else is missing, and the version only chooses the words
                continue
            if isinstance(node, ast.Assert):
                found, message = [(node.test, _SAME)], ast.unparse(node.msg).strip("'\"") if node.msg else ""
            elif isinstance(node, ast.If) and (said := refusal(node.body[-1], raising)) is not None:
                either = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or)
                parts = node.test.values if either and isinstance(node.test, ast.BoolOp) else [node.test]
                found, message = [(part, _OPPOSITE) for part in parts], said
            else:
                continue
            for test, signs in found:
                name, passing = _passing(test, signs, carriers)
                if name in _TITLES and passing is not None:
                    yield _refusal(codebase, unit, node, name, passing, message)


def _refusal(
    codebase: Codebase, unit: Unit, node: ast.stmt, name: str, passing: SpecifierSet, message: str
) -> CodeNeed:
    symbol = unit.symbols.get(node, "")
    said = f"; it says “{message}”" if message else ""
    does = f"ends in an error unless {_TITLES[name]} is {str(passing).removeprefix('==')}{said}"
    return CodeNeed(name, passing, does, subject_of(codebase, unit.path, symbol), unit.path, symbol, unit.lines(node))


def _passing(
    test: ast.expr, signs: dict[type[ast.cmpop], str], carriers: dict[str, str]
) -> tuple[str, SpecifierSet | None]:
    """Whose version a test asks for and the range that it lets pass; None for what is no plain comparison."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _passing(test.operand, _SAME if signs is _OPPOSITE else _OPPOSITE, carriers)
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "startswith":
        literal = _literal(test.args[0]) if test.args else ""
        sign = "==" if signs is _SAME else "!="
        return version_of(test.func.value, carriers), _range(sign, literal.rstrip("."), series=True)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in signs:
        part = test.left.slice if isinstance(test.left, ast.Subscript) else None
        whole = part is None or isinstance(part, ast.Slice)
        literal = _literal(test.comparators[0]) if whole else ""
        sign, series = signs[type(test.ops[0])], isinstance(part, ast.Slice)
        return version_of(test.left, carriers), _range(sign, literal, series=series)
    return "", None


def _literal(node: ast.expr) -> str:
    """ "3.12" of a text, of a tuple of numbers, or of a call that parses one of them; "" for anything else."""
    if isinstance(node, ast.Call) and node.args and dotted(node.func).rpartition(".")[2] in _PARSERS:
        return _literal(node.args[0])
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Tuple) and all(isinstance(p, ast.Constant) and isinstance(p.value, int) for p in node.elts):
        return ".".join(ast.unparse(part) for part in node.elts)
    return ""


def _range(sign: str, literal: str, *, series: bool) -> SpecifierSet | None:
    try:
        return SpecifierSet(f"{sign}{literal}{'.*' if series and sign in ('==', '!=') else ''}") if literal else None
    except InvalidSpecifier:
        return None
