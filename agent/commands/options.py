"""Options that several commands share, and the opening of a repository."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agent.options import AuditOptions
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

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where the report is written.  [default: audits/<repository name>]"),
]
Pack = Annotated[Path | None, typer.Option("--stages", metavar="FILE", help="A stage pack of your own.")]
Only = Annotated[str, typer.Option("--only", metavar="IDS", help="Only these stages and questions, as 2,11.3.")]
Writer = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="ALIAS|FILE",
        help="A model of the catalogue, a GGUF file, or none (census only).  [default: qwen2.5-coder-1.5b]",
    ),
]
Judge = Annotated[
    str,
    typer.Option("--judge", metavar="ALIAS|FILE", help="A second model that may refuse sentences.  [default: none]"),
]
Attempts = Annotated[int | None, typer.Option("--max-attempts", metavar="N", min=1, max=9, help="Drafts per question.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first question that stays unresolved.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over instead of continuing an interrupted run.")]


def audit_options(
    *, repo: Path, only: str, model: str, memory_budget: str, embedder: str, **others: Any
) -> "AuditOptions":
    """What a person chose for one audit, the environment's settings filled in. Raises UserError."""
    from agent.options import AuditOptions
    from agent.settings import load_settings

    settings = load_settings()
    return AuditOptions(
        repo=repo,
        only=tuple(part.strip() for part in only.split(",") if part.strip()),
        model=model or settings.model,
        memory_budget=budget_bytes(memory_budget),
        embedder=embedder or settings.embedder,
        **others,
    )


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
