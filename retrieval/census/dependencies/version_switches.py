"""What code does by version: comparisons of versions and tests for a feature, with what follows on either side."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.dependencies.constraints import (
    checked_feature,
    compares_texts,
    imported_names,
    version_comparison,
    version_names,
)
from retrieval.census.meaning.units import Unit, quoted, subject_of, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, LONGEST = 2, 90
TEXTS = " - two texts are compared here, in which `1.9` is newer than `1.13`"
TORCH = f"{TEXTS} (`torch.__version__` compares as a version from torch 1.10 on)"


@dataclass(frozen=True, slots=True)
class Switch:
    """A test by version (`guard` False) or for a feature (`guard` True) of the module `name`, in words."""

    name: str
    path: str
    lines: tuple[int, int]
    text: str
    guard: bool
    feature: str = ""  # the name that a guard asks for


def switches(codebase: Codebase) -> Iterator[Switch]:
    """Every test of a version or of a library's feature in Python code, outside tests and vendored files."""
    for unit in units(codebase, r"version|hasattr"):
        if codebase.snapshot.by_path[unit.path].role not in ("source", "config"):
            continue
        carriers, modules = version_names(unit.tree), imported_names(unit.tree)
        for node in unit.nodes:
            if isinstance(node, ast.Compare) and (found := version_comparison(node, carriers)):
                first = found[0].split(".")[0]
                yield _switch(codebase, unit, node, modules.get(first, first))
            elif isinstance(node, ast.Call) and (name := checked_feature(node, modules)):
                yield _switch(codebase, unit, node, name, str(getattr(node.args[1], "value", "")))


def _switch(codebase: Codebase, unit: Unit, node: ast.expr, name: str, feature: str = "") -> Switch:
    subject = subject_of(codebase, unit.path, unit.symbols.get(node, ""))
    test, then, other = _sides(unit, node)
    text = f"{subject} tests {quoted(test, 110)}"
    text += f": if so {then}" if then else ""
    text += f"; if not {other}" if other else ""
    if isinstance(node, ast.Compare) and compares_texts(node):
        text += TORCH if name.split(".")[0] == "torch" else TEXTS
    stops = any(side.startswith(("raises", "it stops")) for side in (then, other))  # then it is asked for, not avoided
    return Switch(name.split(".")[0], unit.path, unit.lines(node), text, bool(feature) and not stops, feature)


def guarded(unit: Unit, node: ast.Attribute) -> str:
    """ "tests `hasattr(kernel, '_x')` and without it does …": what guards the use of an attribute, "" for nothing."""
    asked = f"hasattr({written(node.value)}, {node.attr!r})"
    current: ast.AST = node
    while (parent := unit.parents.get(current)) is not None:
        if isinstance(parent, ast.If | ast.IfExp) and current is not parent.test and asked in written(parent.test):
            test, _, other = _sides(unit, parent.test)
            return f"tests {quoted(test, 110)}{f' and without it {other}' if other else ''}"
        if isinstance(parent, ast.Try) and current in parent.body and parent.handlers:
            other = done(parent.handlers[0].body)
            if not other.startswith("raises"):
                return f"stands in a `try`{f' and after an error {other}' if other else ''}"
        current = parent
    return ""


def _sides(unit: Unit, node: ast.expr) -> tuple[ast.expr, str, str]:
    """The whole test, and what is done when it holds and when it does not."""
    current: ast.AST = node
    while (parent := unit.parents.get(current)) is not None and not isinstance(current, ast.stmt):
        if isinstance(parent, ast.IfExp) and current is parent.test:
            return parent.test, f"it takes {quoted(parent.body, LONGEST)}", f"{quoted(parent.orelse, LONGEST)}"
        if isinstance(parent, ast.If | ast.While) and current is parent.test:
            return parent.test, done(parent.body), done(parent.orelse)
        if isinstance(parent, ast.Assert) and current is parent.test:
            return parent.test, "it goes on", "it stops with an assertion"
        if isinstance(parent, ast.Assign):
            return node, *_kept(unit, parent)
        current = parent
    return node, "", ""


def _kept(unit: Unit, assign: ast.Assign) -> tuple[str, str]:
    """What is done by a variable that keeps the answer: the first `if` that tests it."""
    name = written(assign.targets[0])
    for node in unit.nodes:
        if isinstance(node, ast.If):
            plain = written(node.test)
            if plain == name:
                return f"(kept as `{name}`) {done(node.body)}", done(node.orelse)
            if plain == f"not {name}":
                return f"(kept as `{name}`) {done(node.orelse) or 'it goes on'}", done(node.body)
    return f"it is kept as `{name}`", ""


def flagged(unit: Unit, name: str) -> tuple[ast.expr, str, str, str] | None:
    """The first `if` that asks for a variable: the test, what is done with it and without it, and the symbol around."""
    for node in unit.nodes:
        if isinstance(node, ast.If) and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node.test)):
            plain = written(node.test)
            absent = plain.startswith(f"not {name}") or f"{name} is None" in plain
            sides = (node.orelse, node.body) if absent else (node.body, node.orelse)
            return node.test, done(sides[0]), done(sides[1]), unit.symbols.get(node, "")
    return None


def done(body: list[ast.stmt]) -> str:
    """The first statements of a branch, in words."""
    told = []
    for statement in body:
        if isinstance(statement, ast.Pass) or (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        ):
            continue
        told.append(_statement(statement))
    more = " and more" if len(told) > SHOWN else ""
    return f"{', '.join(told[:SHOWN])}{more}" if told else ""


def _statement(node: ast.stmt) -> str:
    if isinstance(node, ast.Raise):
        return f"raises {quoted(node.exc, LONGEST)}" if node.exc else "raises"
    if isinstance(node, ast.Return):
        return f"returns {quoted(node.value, LONGEST)}" if node.value else "returns"
    if isinstance(node, ast.Expr):
        return quoted(node.value, LONGEST)
    if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.FunctionDef | ast.ClassDef):
        head = written(node).split(":")[0]
        return f"`{head[:LONGEST].replace('`', chr(39))}: …`"
    return quoted(node, LONGEST)
