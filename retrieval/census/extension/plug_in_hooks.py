"""Modules that are loaded by a computed name or path, and the functions that they may define: hooks of extensions.

Which names are looked up in a loaded module is read in the file that loads it, on variables of the same name:
`hasattr(extension, "setup")`, and `hasattr(extension, name)` where callers and `partial` give the name.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN = 2, 14
_LOADERS = ("import_module", "module_from_spec")
_ASKS = ("hasattr", "getattr")


def plug_in_hooks(codebase: "Codebase") -> Iterator[Point]:
    """One point per body that loads modules by a computed name in which two or more names are looked up."""
    for unit in units(codebase, r"import_module\(|module_from_spec\("):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for body, symbol in unit.functions():
                held = _held(body)
                hooks = _hooks(unit, {name for name, _ in held}) if held else {}
                if len(hooks) >= LEAST:
                    yield _point(unit, body, symbol, ([text for _, text in held], hooks))


def _held(body: Function) -> list[tuple[str, str]]:
    """The variables of a body that hold a loaded module, each with what names it."""
    nodes = own_nodes(body)
    specs = {
        written(node.targets[0]): node.value for node in nodes
        if isinstance(node, ast.Assign) and call_name(node.value) == "spec_from_file_location"
    }  # fmt: skip
    found = []
    for node in nodes:
        value = node.value if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) else None
        if not isinstance(value, ast.Call) or call_name(value) not in _LOADERS or not value.args:
            continue
        named = value.args[0]
        spec = specs.get(written(named))
        named = spec.args[1] if isinstance(spec, ast.Call) and len(spec.args) > 1 else named
        if not isinstance(named, ast.Constant) and isinstance(node, ast.Assign):
            found.append((written(node.targets[0]), written(named)))
    return found


def _hooks(unit: Unit, variables: set[str]) -> dict[str, int]:
    """The names that are looked up in modules which variables of these names hold, with a line of each."""
    found: dict[str, int] = {}
    asked = any(call_name(n) == "hasattr" and written(n.args[0]) in variables for n in unit.nodes if _has_arguments(n))  # type: ignore[attr-defined]
    for body, _symbol in unit.functions() if asked else ():
        for node in own_nodes(body):
            asks = isinstance(node, ast.Call) and call_name(node) in _ASKS and len(node.args) > 1
            if not asks or not isinstance(node, ast.Call) or written(node.args[0]) not in variables:
                continue
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.setdefault(name.value, unit.lines(node)[0])
            elif isinstance(name, ast.Name):
                for text, line in _given(unit, body, name.id):
                    found.setdefault(text, line)
    return {name: line for name, line in found.items() if not name.startswith("__")}


def _has_arguments(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and bool(node.args)


def _given(unit: Unit, body: Function, parameter: str) -> Iterator[tuple[str, int]]:
    """The texts that calls in the file, and `partial`, give to a parameter."""
    plain = [arg.arg for arg in body.args.args]
    if parameter not in plain:
        return
    for node in unit.nodes:
        if not isinstance(node, ast.Call):
            continue
        given = node.args[1:] if call_name(node) == "partial" and node.args else node.args
        named = written(node.args[0]) if call_name(node) == "partial" and node.args else call_name(node)
        place = plain.index(parameter)
        if named == body.name and place < len(given):
            value = given[place]
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value, unit.lines(node)[0]


def _point(unit: Unit, body: Function, symbol: str, found: tuple[list[str], dict[str, int]]) -> Point:
    sources, hooks = found
    names = [f"`{name}`" for name in sorted(hooks, key=lambda name: not _runs(name))]
    loads = listed([f"`{text.replace(chr(96), chr(39))}`" for text in dict.fromkeys(sources)], 3)
    said = (
        f"By plug-in modules: `{symbol}()` ({unit.path}) loads the modules that {loads} give; the functions and values "
        f"that such a module may define are looked up in it by name: {listed(names, SHOWN)}; an own module with any of "
        "them takes part without a change of code"
    )
    short = (
        f"`{symbol}()` loads modules by name, in which {counted(len(hooks), 'hook')} are looked up ({listed(names, 5)})"
    )
    related = tuple(("looked up", unit.path, line, line) for line in list(hooks.values())[:8])
    first = unit.lines(body)[0]
    return Point("plug-in", short, said, unit.path, (first, first), symbol, related)


def _runs(name: str) -> bool:
    return any(word in name for word in ("generate", "reply", "model", "predict", "infer", "forward", "sample"))
