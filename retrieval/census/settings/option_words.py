"""Words of a command line that are no declared options: sub-commands, positions of `sys.argv`, and options that
are made in a loop under names worked out when the program runs.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.units import Unit, call_name, quoted, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ADDING = frozenset(["add_argument", "add_option", "Option"])


def command_words(codebase: "Codebase") -> Iterator[CensusHit]:
    """Sub-commands by `add_parser`, arguments read by position, and options with computed names."""
    for unit in units(codebase, r"\badd_parser\b|\bargv\b|\badd_argument\b|\badd_option\b|click\.Option"):
        for node in unit.nodes:
            if isinstance(node, ast.Call):
                yield from _command(codebase, unit, node)
                yield from _computed(codebase, unit, node)
            elif (
                isinstance(node, ast.Subscript)
                and written(node.value) in ("sys.argv", "argv")
                and not isinstance(node.slice, ast.Slice)
            ):
                yield from _position(codebase, unit, node)


def _command(codebase: "Codebase", unit: Unit, node: ast.Call) -> Iterator[CensusHit]:
    first = node.args[0] if node.args else None
    if call_name(node) != "add_parser" or not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    text = f"sub-command `{first.value}`"
    if (parents := given.get("parents")) is not None:
        text += f", with the options of {quoted(parents, 100)}"
    if (help_ := given.get("help")) is not None:
        said = help_.value if isinstance(help_, ast.Constant) else ""
        text += f": {' '.join(said.split())}" if isinstance(said, str) and said else f" (help {quoted(help_, 60)})"
    yield _hit(codebase, unit, node, first.value, text, "sub-command")


def _position(codebase: "Codebase", unit: Unit, node: ast.Subscript) -> Iterator[CensusHit]:
    place = written(node.slice)
    if place in ("0", "0:") or not isinstance(node.ctx, ast.Load):
        return
    statement = _statement(unit, node)
    target = ""
    if isinstance(statement, ast.Assign):
        target = f", kept as {quoted(statement.targets[0], 60)}"
    what = f"position {place}" if place.isdigit() else f"positions `{place}`"
    text = f"the command line's {what} (`{written(node)}`){target}"
    yield _hit(codebase, unit, node, written(node), text, "position")


def _computed(codebase: "Codebase", unit: Unit, node: ast.Call) -> Iterator[CensusHit]:
    """An option whose name is worked out, with the loop that it is made in."""
    name = call_name(node)
    first = node.args[0] if node.args else None
    if name not in _ADDING or first is None or (name == "Option" and not written(node.func).endswith("click.Option")):
        return
    if isinstance(first, ast.Constant) or (isinstance(first, ast.List | ast.Tuple) and _plain(first)):
        return
    loop = next((item for item in _around(unit, node) if isinstance(item, ast.For | ast.AsyncFor)), None)
    if loop is None or isinstance(first, ast.Starred):
        return
    text = (
        f"options made when the program runs, named {quoted(first, 80)}, one for each {quoted(loop.target, 60)} "
        f"of {quoted(loop.iter, 80)}"
    )
    yield _hit(codebase, unit, node, written(first), text, "computed")


def _plain(node: ast.List | ast.Tuple) -> bool:
    return all(isinstance(item, ast.Constant) for item in node.elts)


def _around(unit: Unit, node: ast.AST) -> Iterator[ast.AST]:
    while (node := unit.parents.get(node)) is not None:  # type: ignore[assignment]
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return


def _statement(unit: Unit, node: ast.AST) -> ast.AST | None:
    return next((item for item in _around(unit, node) if isinstance(item, ast.stmt)), None)


def _hit(codebase: "Codebase", unit: Unit, node: ast.Call | ast.Subscript, name: str, text: str, how: str) -> CensusHit:
    first, last = unit.lines(node)
    symbol = unit.symbols.get(node, "")
    detail = {"flags": name, "library": how}
    return hit_at(
        codebase, unit.path, (first, min(last, first + 5)), symbol=symbol, name=name, text=text, detail=detail
    )
