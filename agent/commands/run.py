"""`run`: one audit of one repository, from start or from where it was interrupted."""

import typer

from agent.commands.options import (
    Attempts,
    Budget,
    Embedder,
    Fresh,
    Judge,
    Only,
    Out,
    Pack,
    Repo,
    Strict,
    Writer,
    audit_options,
)
from agent.commands.plain import write


def run(
    repo: Repo,
    out: Out = None,
    stages: Pack = None,
    only: Only = "",
    model: Writer = "",
    memory_budget: Budget = "",
    judge: Judge = "",
    max_attempts: Attempts = None,
    strict: Strict = False,
    fresh: Fresh = False,
    embedder: Embedder = "",
) -> None:
    """Ask a repository every question of the questionnaire and write the verified answers."""
    from agent.audit import run_audit
    from agent.console import Console

    options = audit_options(
        repo=repo,
        out=out,
        stages=stages,
        only=only,
        model=model,
        memory_budget=memory_budget,
        max_attempts=max_attempts,
        strict=strict,
        fresh=fresh,
        embedder=embedder,
        judge=judge,
    )
    with Console() as console:
        result = run_audit(options, console.listen)
    write(str(result.out / "ANSWERS.md"))
    raise typer.Exit(result.exit_code)
