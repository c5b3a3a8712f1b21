"""Census kind `filled_tables`: tables that start empty or short and are filled elsewhere, and who reads them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.tables import Table, Tables, Use
from retrieval.facts import CensusHit, Definition
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 8
MOST_RELATED = 24
_TELLING = re.compile(r"(?i)model|regist|factor|class|builder|handler|hook|plugin|processor|entrypoint|mapping")
_CALLABLE = re.compile(r"(?i)(?:^|_)(?:fn|func|function|cls|klass|class|callable|wrapped|factory|builder|handler)$")
_FORMS = {"dict": "dictionary", "list": "list", "set": "set"}


@kind(
    "filled_tables",
    summary="dictionaries, lists and sets of module or class level that code fills elsewhere; who fills and reads them",
    example="filled_tables, or filled_tables: *REGISTRY*, *_MODELS",
    reads="python",
    options=("holds",),
    ordered=True,
)
def filled_tables(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per table; `detail["holds"]` is "definitions" when classes or functions are put in.

    `holds=definitions` keeps these.
    """
    decorating = _decorating(codebase)
    ranked: list[tuple[tuple[object, ...], CensusHit]] = []
    for table in Tables(codebase).found():
        name = f"{table.owner}.{table.name}" if table.owner else table.name
        if not query.matches(name, table.name, f"{codebase.facts[table.path].module}.{name}"):
            continue
        holds = _holds(codebase, table, decorating)
        if query.options.get("holds") == "definitions" and not holds:
            continue
        hit = _hit(codebase, table, holds, decorating)
        rank = ROLES.index(hit.role) if hit.role in ROLES else len(ROLES)
        telling = holds or bool(_TELLING.search(name))
        ranked.append(((rank, not holds, not telling, table.form == "list", table.path, table.lines), hit))
    yield from (hit for _, hit in sorted(ranked, key=lambda item: item[0]))


def _decorating(codebase: Codebase) -> Counter[tuple[str, str]]:
    """(path, symbol) of repository functions → on how many definitions they stand as a decorator."""
    found: Counter[tuple[str, str]] = Counter()
    for path, fact in codebase.all_facts("decorator"):
        target = codebase.resolve_local(path, fact.name)
        target = target or _of_instance(codebase, path, fact.name)
        if target is not None:
            found[target[0], target[1].symbol] += 1
    return found


def _of_instance(codebase: Codebase, path: str, name: str) -> tuple[str, Definition] | None:
    """The method that `module.variable.method` names, when the variable is an object of a repository class."""
    module, _, variable = name.rpartition(".")[0].rpartition(".")
    where = codebase.locate(module, path) if module else path
    for fact in codebase.facts[where].facts if where else ():
        if where and fact.kind == "assign" and fact.name == variable and not fact.symbol:
            owner = codebase.resolve_local(where, fact.detail.get("constructor", ""))
            if owner is not None and owner[1].kind == "class":
                return codebase.member(owner, name.rpartition(".")[2])
    return None


def _holds(codebase: Codebase, table: Table, decorating: Counter[tuple[str, str]]) -> bool:
    """Whether classes or functions are among the values."""
    fills = table.of("fill")
    if any(decorating[use.path, use.symbol] for use in fills):
        return True
    if any(_CALLABLE.search(use.value) for use in fills if use.value):
        return True
    named = [(table.path, name) for name in table.held] + [(use.path, use.value) for use in fills if use.value]
    return any(codebase.resolve_local(path, name) is not None for path, name in named)


def _hit(codebase: Codebase, table: Table, holds: bool, decorating: Counter[tuple[str, str]]) -> CensusHit:
    name = f"{table.owner}.{table.name}" if table.owner else table.name
    fills, reads, removals = (table.of(how) for how in ("fill", "read", "remove"))
    filling = {(use.path, use.symbol) for use in fills}
    reads = [use for use in reads if (use.path, use.symbol) not in filling]
    text = f"`{name}` ({table.path}:{table.lines[0]}), {_start(table)}, is filled {_who(table, fills, decorating)}"
    text += f" and read {_who(table, reads, Counter())}" if reads else ""
    related = [("definition", table.path, *table.lines)]
    for label, uses in (("filled", fills), ("read", reads), ("emptied", removals)):
        related += [(label, use.path, use.line, use.line) for use in uses]
    return hit_at(
        codebase,
        table.path,
        table.lines,
        symbol=table.owner,
        name=name,
        text=text,
        related=tuple(dict.fromkeys(related))[:MOST_RELATED],
        detail={
            "form": table.form,
            "holds": "definitions" if holds else "values",
            "filled_by": ", ".join(dict.fromkeys(use.symbol or use.path for use in fills)),
            "read_by": ", ".join(dict.fromkeys(use.symbol or use.path for use in reads)),
        },
    )


def _start(table: Table) -> str:
    form = _FORMS.get(table.form, f"`{table.form}`")
    if table.size == 0:
        return f"an empty {form} at first"
    return f"a {form}" if table.size < 0 else f"a {form} of {_entries(table.size)} at first"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _who(table: Table, uses: list[Use], decorating: Counter[tuple[str, str]]) -> str:
    """ "in `a()`, `b()` (other.py)", a module's top level by its path."""
    words: dict[str, None] = {}
    for use in uses:
        place = "" if use.path == table.path else f" ({use.path})"
        stands = decorating[use.path, use.symbol] if use.symbol else 0
        on = f" (a decorator, on {counted(stands, 'definition')})" if stands else ""
        key = f" under `{use.key}`" if use.key and use.how == "fill" else ""
        said = f"in `{use.symbol}()`{place}{key}{on}" if use.symbol else f"at the top level of {use.path}{key}"
        words[said] = None
    shown = list(words)
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return f"{', '.join(shown[:SHOWN])}{more}".replace(", in `", ", `")
