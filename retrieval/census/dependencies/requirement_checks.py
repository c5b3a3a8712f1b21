"""Checks of the machine and its versions that refuse to go on: what is missing, in the words of the message."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, subject_of, units, written
from retrieval.codebase import Codebase

_PROBE = re.compile(
    r"\b(?:sys\.platform|sys\.version_info|platform\.(?:system|machine|python_version)|torch\.version\.(?:cuda|hip)"
    r"|torch\.cuda\.(?:is_available|get_device_capability)|torch\.backends\.mps\.is_available)\b"
)
_VERSION = re.compile(r"\b(?:sys\.version_info|python_version|torch\.version)\b")
_NEEDS = r"sys\.version_info|platform\.|torch\.version|torch\.cuda|sys\.platform"
LONGEST, MESSAGES = 110, 6


@dataclass(frozen=True, slots=True)
class Check:
    """The refusals of one function in words, with the lines of the first to the last, and whose version is tested."""

    path: str
    symbol: str
    lines: tuple[int, int]
    text: str
    distribution: str


def requirement_checks(codebase: Codebase) -> Iterator[Check]:
    """One check per function that tests a version and refuses without it; tests of one device alone are none."""
    for unit in units(codebase, _NEEDS):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        raising = raising_functions(unit)
        for body, symbol in unit.functions():
            found = list(_refusals(unit, body, raising))
            tested = " ".join(test for test, _, _ in found)
            told = list(dict.fromkeys(f"“{message}”" for _, message, _ in found if message))
            if told and _VERSION.search(tested):
                last = max(node.end_lineno or node.lineno for _, _, node in found)
                lines = unit.row(min(node.lineno for _, _, node in found)), unit.row(last)
                subject = subject_of(codebase, unit.path, symbol)
                text = f"{subject} refuses to run without what it needs: {listed(told, MESSAGES)}"
                yield Check(unit.path, symbol, lines, text, "torch" if "torch." in tested else "python")


def raising_functions(unit: Unit) -> set[str]:
    """The names of the functions of a file whose last statement is `raise`."""
    return {symbol.rpartition(".")[2] for body, symbol in unit.functions() if isinstance(body.body[-1], ast.Raise)}


def _refusals(unit: Unit, body: Function, raising: set[str]) -> Iterator[tuple[str, str, ast.If]]:
    """The tests of a body that nothing else guards and that end in an error: as written, message and statement."""
    held = {
        node.targets[0].id: written(node.value)
        for node in own_nodes(body)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _PROBE.search(written(node.value))
    }
    for node in body.body:
        if not isinstance(node, ast.If) or node.orelse:
            continue
        parts = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
        tests = [" ".join((written(part), *(held[n] for n in _names(part) if n in held))) for part in parts]
        said = refusal(node.body[-1], raising)
        if said is not None and all(_PROBE.search(test) for test in tests):
            yield " ".join(tests), said, node


def _names(node: ast.AST) -> list[str]:
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]


def refusal(node: ast.stmt, raising: set[str]) -> str | None:
    """The message of a statement that raises or calls a function of the file that ends in `raise`; None for others."""
    call = node.exc if isinstance(node, ast.Raise) else node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not (isinstance(node, ast.Raise) or call_name(call) in raising):
        return None
    text = _text(call.args[0]) if call.args else ""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "…"
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return text.replace("\n", " ").replace("`", "'")
