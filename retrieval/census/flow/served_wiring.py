"""Which function a web interface runs with which of its controls: `button.click(fn, inputs=[…], outputs=[…])`.

Knows controls by the names they are bound to in the file that makes them; says nothing of what the function does.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Function, Unit, call_name, written
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

EVENTS = words(
    "click submit change input upload then success release select load stop Interface ChatInterface blur edit clear"
)


@dataclass(frozen=True, slots=True)
class Wire:
    """One event: the function it runs, at `path` and `symbol`, which control fills which parameter, what it shows."""

    path: str
    symbol: str
    event: str
    node: ast.Call
    inputs: tuple[tuple[ast.AST, str], ...]  # control → parameter, "" for one that is not known
    outputs: tuple[ast.AST, ...]


def wires(codebase: "Codebase", unit: Unit) -> list[Wire]:
    """The events of one file whose function is known, in the order of the file."""
    bound = _bound(unit)
    found = [wire for node in unit.nodes if isinstance(node, ast.Call) for wire in _wire(codebase, unit, node, bound)]
    return sorted(found, key=lambda wire: wire.node.end_lineno or 0)


def _bound(unit: Unit) -> dict[str, ast.expr]:
    """Name → the call, or the list of names, that it is bound to."""
    found: dict[str, ast.expr] = {}
    for node in unit.nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call | ast.List):
            found |= {written(target): node.value for target in node.targets if not isinstance(target, ast.Tuple)}
        elif isinstance(node, ast.With):
            pairs = [(item.optional_vars, item.context_expr) for item in node.items]
            found |= {written(n): v for n, v in pairs if n is not None and isinstance(v, ast.Call)}
    return found


def _wire(codebase: "Codebase", unit: Unit, node: ast.Call, bound: dict[str, ast.expr]) -> Iterator[Wire]:
    if call_name(node) not in EVENTS:
        return
    given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    given |= dict(zip(("fn", "inputs", "outputs"), node.args, strict=False))
    function = given.get("fn")
    if not isinstance(function, ast.Name | ast.Attribute) or not {"inputs", "outputs"} & given.keys():
        return
    found = _target(codebase, unit, written(function))
    if found is None:
        return
    path, symbol, parameters = found
    inputs = [_control(item, bound) for item in _items(given.get("inputs"), bound)]
    names = [*parameters, *[""] * len(inputs)]
    pairs = [(control, name) for control, name in zip(inputs, names, strict=False) if control is not None]
    outputs = [
        control for item in _items(given.get("outputs"), bound) if (control := _control(item, bound)) is not None
    ]
    event = f"{written(node.func.value)}.{node.func.attr}" if _is_plain(node) else call_name(node)  # type: ignore[attr-defined]
    yield Wire(path, symbol, event, node, tuple(pairs), tuple(outputs))


def _is_plain(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)


def _items(value: ast.expr | None, bound: dict[str, ast.expr]) -> list[ast.expr]:
    if isinstance(value, ast.Name) and isinstance(bound.get(value.id), ast.List):
        value = bound[value.id]
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return list(value.elts)
    return [] if value is None or (isinstance(value, ast.Constant)) else [value]


def _control(item: ast.expr, bound: dict[str, ast.expr]) -> ast.AST | None:
    found = item if isinstance(item, ast.Call) else bound.get(written(item))
    return found if isinstance(found, ast.Call) else None


def _target(codebase: "Codebase", unit: Unit, name: str) -> tuple[str, str, list[str]] | None:
    """The function of a name: of this file, inner ones too, else of another file of the repository."""
    last = name.rpartition(".")[2]
    for function, symbol in unit.functions():
        if function.name == last and name.partition(".")[0] in (last, "self", "cls"):
            return unit.path, symbol, _parameters(function)
    found = codebase.resolve_local(unit.path, name)
    if found is None or found[1].kind not in ("function", "method"):
        return None
    names = [text.split(":")[0].split("=")[0].strip() for text in found[1].parameters]
    return found[0], found[1].symbol, [name for name in names if name not in ("self", "cls", "*")]


def _parameters(function: Function) -> list[str]:
    listed = [*function.args.posonlyargs, *function.args.args]
    names = [item.arg for item in listed if item.arg not in ("self", "cls")]
    kinds = {item.arg: written(item.annotation) for item in listed if item.annotation is not None}
    return [name for name in names if not kinds.get(name, "").endswith(("Request", "Progress"))]
