"""What functions set in the arguments that they are given: entries of dictionaries and attributes, by parameter.

A function that gives nothing back hands its work on this way: `add_words(rows)` sets `rows[i]["words"]`.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.traces import traces_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST = 8
_TOOLS = re.compile(r"(?i)(?:^|_)(?:model|net|tokenizer|processor|logger|optimizer|scheduler|parser|module|layer)s?$")
Place = tuple[str, str]


@once
def filled_of(codebase: Codebase) -> dict[Place, dict[str, dict[str, int]]]:
    """Function → parameter → entries and attributes that the function sets in it, with the line; options and what
    functions work with are left out."""
    found: dict[Place, dict[str, dict[str, int]]] = {}
    for trace in traces_of(codebase).traces:
        data = trace.parameter and trace.sets and not (OPTIONS.search(trace.name) or _TOOLS.search(trace.name))
        if data:
            found.setdefault(trace.place, {})[trace.name] = trace.sets
    return found


def filled_by(codebase: Codebase, site: Site, call: ast.Call) -> list[tuple[ast.expr, list[str]]]:
    """The arguments of a call in which the called function sets something, with what it sets."""
    found: list[tuple[ast.expr, list[str]]] = []
    for target in site.targets:
        table = filled_of(codebase).get((target.path, target.definition.symbol), {})
        if not table:
            continue
        names = [re.split(r"[:=]", text)[0].strip() for text in target.definition.parameters]
        names = [name for name in names if name not in ("self", "cls", "/")]
        given = dict(zip(names[: names.index("*")] if "*" in names else names, call.args, strict=False))
        given |= {item.arg: item.value for item in call.keywords if item.arg}
        found += [(given[name], list(sets)[:MOST]) for name, sets in table.items() if name in given]
    return found
