"""Census kind `docstrings`: what the code says of its own functions and classes, in their docstrings or comments.

Only the first sentence is told. What the code really does is for other kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.syntax import definition_names
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import first_sentence
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LONGEST = 220


@kind(
    "docstrings",
    summary="what docstrings, or comments above, say of functions and classes, by their names: the first sentence",
    example="docstrings: load_model, *Encoder",
    reads="python",
)
def docstrings(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every definition of a fitting name that says something of itself; lines are those of the docstring."""
    for path, item in codebase.all_definitions():
        if not query.matches(*definition_names(codebase, path, item)):
            continue
        lines, said = _said(codebase, path, item)
        if said:
            text = f"`{item.symbol}{'' if item.kind == 'class' else '()'}`: “{said}”"
            yield hit_at(codebase, path, lines, symbol=item.symbol, name=item.symbol, text=text)


def _said(codebase: Codebase, path: str, item: Definition) -> tuple[tuple[int, int], str]:
    """The lines and the first sentence of the docstring, else of the comment right above the definition."""
    if item.docstring:
        return (item.doc_start, item.doc_end), first_sentence(item.docstring, LONGEST)
    source = codebase.snapshot.by_path[path].lines
    first = item.start
    while first > 1 and source[first - 2].lstrip().startswith("#"):
        first -= 1
    comment = "\n".join(line.strip().lstrip("# ") for line in source[first - 1 : item.start - 1])
    return (first, max(first, item.start - 1)), first_sentence(comment, LONGEST)
