"""`search`: the code search on its own, for one query or for a file of them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Embedder, Json, Repo, budget_bytes, open_snapshot
from agent.commands.plain import write, write_json
from agent.errors import UserError

if TYPE_CHECKING:
    from retrieval.chunk import Hit
    from retrieval.index import Index

_LINE = 'each line must be an object such as {"id": 1, "query": "where is the model loaded"}'


def search(
    repo: Repo,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for, in words.", show_default=False)] = "",
    queries: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='JSON lines {"id", "query"} instead of QUERY; - is stdin.'),
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, max=1000, help="Results per query.")] = 10,
    embedder: Embedder = "",
    as_json: Json = False,
) -> None:
    """Find the pieces of code nearest to a query, by meaning and by words."""
    if bool(query) == bool(queries):
        raise UserError("search needs a QUERY or --queries FILE", "give one of the two")
    asked = list(_read_queries(queries)) if queries else []
    with _open_index(repo, embedder) as index:
        index.prepare([text for _number, text in asked] or [query])
        index.release()
        for number, text in asked:
            write_json({"id": number, "results": _results(index, text, k)}, indent=None)
        if queries:
            return
        if as_json:
            write_json({"query": query, "results": _results(index, query, k)})
            return
        for hit in index.search([query], k=k):
            symbol = f"  {hit.chunk.symbol}" if hit.chunk.symbol else ""
            write(f"{hit.span}  {hit.score:.4f}{symbol}")


def _open_index(repo: Path, embedder: str) -> "Index":
    from agent.catalogue import find_model
    from agent.console import Console
    from agent.events import Progress
    from agent.settings import load_settings, repository_cache
    from retrieval.embed import SentenceEmbedder
    from retrieval.index import open_index

    spec = find_model(embedder or load_settings().embedder, "embedder")
    snapshot = open_snapshot(repo)
    with Console() as console:
        return open_index(
            snapshot,
            folder=repository_cache(repo) / "index",
            embedder=lambda: SentenceEmbedder(spec.require(), spec.alias, budget_bytes("")),
            embedder_name=spec.alias,
            on_progress=lambda done, total: console.listen(Progress("embed", done, total)),
        )


def _results(index: "Index", text: str, k: int) -> list[dict[str, object]]:
    return [_result(hit) for hit in index.search([text], k=k)]


def _result(hit: "Hit") -> dict[str, object]:
    span = hit.span
    return {"path": span.path, "start": span.start, "end": span.end, "score": round(hit.score, 6)}


def _read_queries(path: Path) -> Iterator[tuple[object, str]]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {reason}", _LINE) from None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            yield entry["id"], str(entry["query"])
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{path}, line {number} is no query", _LINE) from None
