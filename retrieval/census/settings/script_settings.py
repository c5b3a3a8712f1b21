"""Kind `script_settings`: programs without a command line that values at the top of their file control.

`TEXT_PROMPT = "car."` in capitals, read further down: who wants another value edits the file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Unit, units, written
from retrieval.census.settings.options import cli_options
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, NAMES, SCRIPTS, LONGEST = 3, 6, 3, 40
Values = dict[str, tuple[int, str]]  # name → line, value as written


@kind(
    "script_settings",
    summary="programs without a command line that values at the top of their file control",
    example="script_settings",
    reads="python",
    ordered=True,
)
def script_settings(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One sentence on all such programs, those with most values first. Patterns match the path."""
    optioned = {hit.path for hit in cli_options(codebase, parse_query("cli_options"))}
    optioned |= {spot[1] for hit in cli_options(codebase, parse_query("cli_options")) for spot in hit.related}
    found: list[tuple[str, Values]] = []
    for path in sorted({*reach_of(codebase).programs} - optioned):
        file = codebase.snapshot.by_path.get(path)  # programs may also be names of commands
        own = file is not None and file.role == "source" and file.language == "python"
        values = _values(codebase, path) if own else {}
        if len(values) >= LEAST and query.matches(path):
            found.append((path, values))
    if not found:
        return
    found.sort(key=lambda item: -len(item[1]))
    told = [f"{path} ({_named(values)})" for path, values in found]
    many = f"{counted(len(found), 'program')} without a command line {'is' if len(found) == 1 else 'are'}"
    text = (
        f"{many} controlled by values that stand at the top of the file and are changed there: {listed(told, SCRIPTS)}"
    )
    spots = [(path, line) for path, values in found for line, _ in values.values()]
    (first, line), *rest = spots
    yield hit_at(codebase, first, (line, line), symbol="", name=first, text=text,
                 related=tuple(("value", path, at, at) for path, at in rest[:12]))  # fmt: skip


def _named(values: Values) -> str:
    return listed([f"`{name} = {value}`" for name, (_, value) in values.items()], NAMES)


def _values(codebase: Codebase, path: str) -> Values:
    """The names in capitals that the top level binds once to a plain value and that the file reads."""
    for unit in units(codebase, path=path):
        bound = [(node, node.targets[0]) for node in unit.tree.body if isinstance(node, ast.Assign)]
        plain = [(node, target.id) for node, target in bound if isinstance(target, ast.Name) and target.id.isupper()]
        read = {n.id for n in unit.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        return {
            name: (unit.lines(node)[0], _short(node.value))
            for node, name in plain
            if name in read and _is_plain(unit, node.value)
        }
    return {}


def _is_plain(unit: Unit, value: ast.expr) -> bool:
    """Whether a value is written out: a text, a number, a choice of the machine, or a path made of texts."""
    if isinstance(value, ast.Call):
        return written(value.func).rpartition(".")[2] == "Path" and all(isinstance(a, ast.Constant) for a in value.args)
    return isinstance(value, ast.Constant | ast.IfExp) or (
        isinstance(value, ast.UnaryOp) and _is_plain(unit, value.operand)
    )


def _short(value: ast.expr) -> str:
    text = written(value).replace("`", "'")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
