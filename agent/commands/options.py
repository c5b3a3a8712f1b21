"""Options that several commands share, and the opening of a repository."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.snapshot import Snapshot

Repo = Annotated[Path, typer.Option("--repo", metavar="PATH", help="The repository folder; it is only read.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Embedder = Annotated[
    str,
    typer.Option(
        "--embedder",
        metavar="ALIAS|FOLDER",
        help="The embedding model of the code search, also owner/name on the hub.  [default: all-MiniLM-L6-v2]",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="ALIAS|FILE",
        help="A model of the catalogue or a GGUF file.  [default: qwen2.5-coder-1.5b]",
    ),
]
Budget = Annotated[
    str,
    typer.Option(
        "--memory-budget",
        metavar="SIZE",
        help="The most memory the model may take, as 6GiB.  [default: what is free]",
    ),
]


def budget_bytes(text: str) -> int | None:
    """The flag, else the environment's setting, in bytes; None leaves it to the memory plan."""
    from agent.settings import load_settings, parse_size

    chosen = text or load_settings().memory_budget
    return parse_size(chosen) if chosen else None


def open_snapshot(repo: Path) -> "Snapshot":
    """The files of the repository. Raises RepositoryError."""
    from retrieval.walk import take_snapshot

    return take_snapshot(repo)


def open_codebase(repo: Path) -> "Codebase":
    """The repository's parsed code, from the cache where nothing changed."""
    from agent.settings import repository_cache
    from retrieval.codebase import read_codebase

    return read_codebase(open_snapshot(repo), repository_cache(repo) / "facts")
