"""`census`: run queries of the census language over a repository."""

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from agent.commands.options import Json, Repo, open_codebase
from agent.commands.plain import write, write_json

if TYPE_CHECKING:
    from retrieval.facts import CensusResult

WIDTH = 100


class CensusCommand(TyperCommand):
    """The command with a help text that lists the registered kinds."""

    def get_help(self, ctx: Any) -> str:
        """The usual help, then one line per kind of query."""
        from retrieval.census import KINDS, language

        syntax, patterns = (language.__doc__ or "").split("\n\n")[:2]
        lines = [_entry(kind.name, kind.summary) for _, kind in sorted(KINDS.items())]
        examples = [f"  {kind.example}" for _, kind in sorted(KINDS.items()) if kind.example]
        parts = [super().get_help(ctx), "", syntax, "", patterns, ""]
        return "\n".join([*parts, "Kinds of query:", *lines, "", "Examples:", *examples])


def _entry(name: str, summary: str) -> str:
    """One line for a kind, continued under itself."""
    return textwrap.fill(summary, WIDTH, initial_indent=f"  {name:<14} ", subsequent_indent=" " * 17)


def census(
    repo: Repo,
    queries: Annotated[list[str], typer.Argument(metavar="QUERY", help="As 'calls: gc.collect'.")],
    as_json: Json = False,
) -> None:
    """Find every place in the code that a query describes, and say how many files were searched."""
    from retrieval.census import parse_query, run_query

    for query in queries:
        parse_query(query)
    codebase = open_codebase(repo)
    results = [run_query(codebase, query) for query in queries]
    if as_json:
        write_json({"queries": [_as_dict(result) for result in results]})
        return
    for result in results:
        _print(result)


def _as_dict(result: "CensusResult") -> dict[str, object]:
    return {
        "query": result.query,
        "files_searched": result.files_searched,
        "unread": [asdict(unread) for unread in result.unread],
        "hits": [asdict(hit) for hit in result.hits],
    }


def _print(result: "CensusResult") -> None:
    write(f"{result.query}: {len(result.hits)} hits, {result.files_searched} files searched")
    for hit in result.hits:
        lines = str(hit.start) if hit.start == hit.end else f"{hit.start}-{hit.end}"
        where = f" in {hit.symbol}" if hit.symbol else ""
        role = "" if hit.role == "source" else f" [{hit.role}]"
        write(f"  {hit.path}:{lines}{where}{role}: {hit.text}")
    for unread in result.unread:
        write(f"  not read: {unread.path}: {unread.reason}")
