"""`mcp`: search, census, ask and verify as tools for other assistants, over standard input and output."""

from typing import Annotated

import typer

from agent.commands.options import Budget, Embedder, Repo, budget_bytes


def mcp(
    repo: Repo,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="ALIAS|FILE",
            help="A model of the catalogue, a GGUF file, or none (facts only).  [default: qwen2.5-coder-1.5b]",
        ),
    ] = "",
    memory_budget: Budget = "",
    embedder: Embedder = "",
) -> None:
    """Offer verified evidence about a repository to other assistants (Model Context Protocol, stdio).

    An assistant starts this command by itself; the model is loaded at the first question that facts do not settle.
    """
    from agent.extras import require

    require("mcp")
    from agent.assets import prompts_folder
    from agent.mcp_server import build_server
    from agent.options import AuditOptions
    from agent.prompts import Prompts
    from agent.settings import load_settings
    from agent.tools import Tools, kinds_of_query
    from retrieval.walk import take_snapshot

    settings = load_settings()
    options = AuditOptions(
        repo=repo,
        model=model or settings.model,
        memory_budget=budget_bytes(memory_budget),
        embedder=embedder or settings.embedder,
    )
    name = take_snapshot(repo).name
    with Tools(options) as tools:
        build_server(tools, name, Prompts(prompts_folder()).assistant(name, kinds_of_query())).run("stdio")
