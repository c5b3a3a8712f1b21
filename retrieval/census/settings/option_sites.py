"""Where command lines are parsed, and which names hold the options there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Unit, call_name, own_nodes, units, written
from retrieval.census.settings.dispatchers import dispatched

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

PARSING = re.compile(
    r"\.(?:parse_args|parse_known_args|parse_intermixed_args|parse_args_into_dataclasses|parse_json_file)$"
    r"|(?:^|\.)(?:tyro\.cli|simple_parsing\.parse|pyrallis\.parse|draccus\.parse|CliApp\.run)$"
)
_COMMANDS = re.compile(
    r"(?:^|\.)(?:command|group|callback|option|argument)$|hydra\.main$|(?:^|\.)hydra_main$|(?:pyrallis|draccus)\.wrap$"
)
_WRAPPED = re.compile(r"(?:^|\.)hydra_main$|(?:^|\.)hydra\.main$|(?:^|\.)(?:pyrallis|draccus)\.wrap$")
_LIBRARIES = frozenset(["click", "typer", "rich_click", "cyclopts", "asyncclick", "hydra", "pyrallis", "draccus"])


@dataclass(frozen=True, slots=True)
class Site:
    """A body that parses: where, what is said of it, and which names hold the options ("" for all of them)."""

    path: str
    symbol: str
    lines: tuple[int, int]
    said: str
    names: dict[str, str]


Places = dict[tuple[str, str], Site]  # path and name of a function that gives back what it parses


def sites(codebase: Codebase) -> Iterator[Site]:
    """Bodies that parse a command line, those that call such a body for its result, and click or typer commands."""
    returning: Places = {}
    for unit in units(codebase, r"parse_|tyro|click|typer|hydra|pyrallis|draccus|CliApp"):
        for body, symbol in [(unit.tree, ""), *unit.functions()]:
            if (site := _parsing(codebase, unit, body, symbol)) is not None:
                if symbol and _gives_back(body, site.names):
                    returning[site.path, symbol.rpartition(".")[2]] = site
                yield site
    yield from _dispatched(codebase)
    names = sorted({name for _, name in returning})
    for unit in units(codebase, rf"\b(?:{'|'.join(map(re.escape, names))})\b") if names else ():
        for body, symbol in [(unit.tree, ""), *unit.functions()]:
            yield from _asking(codebase, unit, body, symbol, returning)


def _dispatched(codebase: Codebase) -> Iterator[Site]:
    runs = ((*run.found, run.call.name, run.through) for run in dispatched(codebase) if run.found)
    for path, item, call, through in {run[:2]: run for run in runs}.values():
        names = (p.split(":")[0].split("=")[0].strip().lstrip("*") for p in item.parameters)
        given = {name: name for name in names if name not in ("", "self", "cls")}
        by = f"`{through}()`, which gives it to a library of command lines" if through else f"`{call}()`"
        said = f"is run by {by}: its {len(given)} parameters are the options"
        if given and item.kind != "class":
            yield Site(path, item.symbol, (item.head_start, item.head_start), said, given)


def _gives_back(body: ast.AST, names: dict[str, str]) -> bool:
    """Whether a body returns what it has parsed."""
    returned = [node.value for node in own_nodes(body) if isinstance(node, ast.Return) and node.value is not None]
    return any(
        written(part) in names or (isinstance(part, ast.Call) and PARSING.search(written(part.func)))
        for value in returned
        for part in ast.walk(value)
        if isinstance(part, ast.Call | ast.Name)
    )


def _parsing(codebase: Codebase, unit: Unit, body: ast.AST, symbol: str) -> Site | None:
    if isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef):
        decorators = [d.func if isinstance(d, ast.Call) else d for d in body.decorator_list]
        wrapped = next((d for d in body.decorator_list if _WRAPPED.search(written(getattr(d, "func", d)))), None)
        if wrapped is not None and (parameters := _parameters(body)):
            said = f"is given the whole configuration by `@{written(wrapped)[:90].replace(chr(96), chr(39))}`"
            lines = unit.row(body.lineno), unit.row(body.lineno)
            return Site(unit.path, symbol, lines, f"{said} as `{parameters[0]}`", {parameters[0]: ""})
        if any(_COMMANDS.search(written(d)) and _is_command(codebase, unit, written(d)) for d in decorators):
            given = {name: name for name in _parameters(body)}
            lines = unit.row(body.lineno), unit.row(body.lineno)
            said = f"is a command: its {len(given)} parameters are the options" if given else "is a command"
            return Site(unit.path, symbol, lines, said, given)
    for node in own_nodes(body):
        if isinstance(node, ast.Call) and PARSING.search(written(node.func)) and "super()" not in written(node.func):
            names = _targets(unit, node)
            kept = f" into {' and '.join(f'`{name}`' for name in names)}" if names else " and gives the result back"
            return Site(unit.path, symbol, unit.lines(node), f"parses with `{written(node.func)}()`{kept}", names)
    return None


def _is_command(codebase: Codebase, unit: Unit, name: str) -> bool:
    """Whether a decorator such as `app.command` is one of a library for command lines, not of a web framework."""
    libraries = {item.module.partition(".")[0] for item in codebase.facts[unit.path].imports}
    return "." not in name or bool(libraries & _LIBRARIES) or not name.startswith(("app.", "self."))


def _parameters(body: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = body.args
    listed = [*given.posonlyargs, *given.args, *given.kwonlyargs, *([given.kwarg] if given.kwarg else [])]
    return [item.arg for item in listed if item.arg not in ("self", "cls", "ctx")]


def _targets(unit: Unit, node: ast.AST) -> dict[str, str]:
    """The names that the result of a call is bound to."""
    current: ast.AST | None = node
    while current is not None and not isinstance(current, ast.stmt):
        current = unit.parents.get(current)
    if isinstance(current, ast.Assign | ast.AnnAssign):
        targets = current.targets if isinstance(current, ast.Assign) else [current.target]
        found = [n for t in targets for n in ast.walk(t) if isinstance(n, ast.Name | ast.Attribute)]
        return {written(n): "" for n in found if not (isinstance(n, ast.Name) and n.id in ("_", "self", "unknown"))}
    return {}


def _asking(codebase: Codebase, unit: Unit, body: ast.AST, symbol: str, returning: Places) -> Iterator[Site]:
    for node in own_nodes(body):
        name = call_name(node)
        called = any(name == known for _, known in returning)
        if called and isinstance(node, ast.Call) and (names := _targets(unit, node)):
            found = codebase.resolve_local(unit.path, written(node.func))
            if found is not None and (found[0], name) in returning:
                said = f"takes the options from `{name}()` into {' and '.join(f'`{n}`' for n in names)}"
                yield Site(unit.path, symbol, unit.lines(node), said, names)
