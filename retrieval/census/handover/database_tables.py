"""Kind `database_tables`: the tables that the code keeps, with their columns, and who works with their classes.

Classes that name a table (SQLAlchemy, SQLModel, peewee, Django) and `CREATE TABLE` in texts count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import first_sentence, listed
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

COLUMNS, NAMED = 14, 5
_COLUMN = re.compile(r"^(?:\w+\.)*(?:Column|mapped_column|relationship|\w*Field|ForeignKey)\(")
_CREATE = re.compile(r"(?is)create\s+table\s+(?:if\s+not\s+exists\s+)?[`\"\[]?(\w+)[`\"\]]?\s*\((.*)\)")


@kind(
    "database_tables",
    summary="tables of databases: classes that name one and `CREATE TABLE` texts, with columns and users",
    example="database_tables",
    reads="python",
    ordered=True,
)
def database_tables(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per table. Patterns match its name."""
    for path, item in codebase.all_definitions():
        fields = [f for f in codebase.facts[path].facts if f.kind == "assign" and f.symbol == item.symbol]
        name = next((f.detail.get("value", "") for f in fields if f.name == "__tablename__"), "").strip("'\"")
        columns = [f.name for f in fields if _COLUMN.match(f.detail.get("value", ""))]
        if item.kind == "class" and name and query.matches(name):
            yield _table(codebase, (path, item), name, columns)
    for path, fact in codebase.all_facts("string"):
        found = _CREATE.search(fact.detail.get("value", "") or fact.text)
        if found and query.matches(found[1]):
            told = [part.split()[0].strip('`"[]') for part in found[2].split(",") if part.split()]
            text = f"the table `{found[1]}` with the columns {listed([f'`{c}`' for c in told], COLUMNS)}"
            yield hit_at(codebase, path, (fact.start, fact.end), symbol=fact.symbol, name=found[1], text=text)


def _table(codebase: Codebase, place: tuple[str, Definition], name: str, columns: list[str]) -> CensusHit:
    path, item = place
    about = first_sentence(item.docstring) if item.docstring else ""
    shown = listed([f"`{column}`" for column in columns], COLUMNS)
    users = [
        (where, call.symbol)
        for where, call in codebase.all_calls()
        if any(re.search(rf"\b{re.escape(item.name)}\b", text) for text in (call.name, *call.arguments))
        and where != path
    ]
    text = f"the table `{name}` (class `{item.symbol}`{f', “{about}”' if about else ''})"
    text += f" with the columns {shown}" if columns else ""
    text += f"; used by {people(codebase, users, NAMED)}" if users else ""
    return hit_at(codebase, path, (item.start, item.end), symbol=item.symbol, name=name, text=text)
