"""`run`: one audit of one repository, from start or from where it was interrupted."""

from pathlib import Path
from typing import Annotated

import typer

from agent.commands.options import Budget, Embedder, Repo, budget_bytes
from agent.commands.plain import write


def run(
    repo: Repo,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the report is written.  [default: audits/<repository name>]"),
    ] = None,
    stages: Annotated[Path | None, typer.Option(metavar="FILE", help="A stage pack of your own.")] = None,
    only: Annotated[str, typer.Option(metavar="IDS", help="Only these stages and questions, as 2,11.3.")] = "",
    model: Annotated[
        str,
        typer.Option(
            metavar="ALIAS|FILE",
            help="A model of the catalogue, a GGUF file, or none (census only).  [default: qwen2.5-coder-1.5b]",
        ),
    ] = "",
    memory_budget: Budget = "",
    judge: Annotated[
        str,
        typer.Option(metavar="ALIAS|FILE", help="A second model that may refuse sentences.  [default: none]"),
    ] = "",
    max_attempts: Annotated[int | None, typer.Option(metavar="N", min=1, max=9, help="Drafts per question.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first question that stays unresolved.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over instead of continuing an interrupted run.")
    ] = False,
    embedder: Embedder = "",
) -> None:
    """Ask a repository every question of the questionnaire and write the verified answers."""
    from agent.audit import AuditOptions, run_audit
    from agent.console import Console
    from agent.settings import load_settings

    settings = load_settings()
    options = AuditOptions(
        repo=repo,
        out=out,
        stages=stages,
        only=tuple(part.strip() for part in only.split(",") if part.strip()),
        model=model or settings.model,
        memory_budget=budget_bytes(memory_budget),
        max_attempts=max_attempts,
        strict=strict,
        fresh=fresh,
        embedder=embedder or settings.embedder,
        judge=judge,
    )
    with Console() as console:
        result = run_audit(options, console.listen)
    write(str(result.out / "ANSWERS.md"))
    raise typer.Exit(result.exit_code)
