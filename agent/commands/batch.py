"""`batch`: audits of many repositories, and what came of them."""

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from agent.commands import batch_views
from agent.commands.options import Budget, Embedder, budget_bytes
from agent.commands.plain import write

if TYPE_CHECKING:
    from agent.batch.course import BatchOptions, BatchResult

DEFAULT_COMMAND = "run"


class EngineName(StrEnum):
    """Where the work is done."""

    local = "local"
    ray = "ray"


class FailOn(StrEnum):
    """What makes the exit code 1."""

    failed = "failed"
    unresolved = "unresolved"


Workers = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        show_default="1 model, or without a model one audit per core",
        help="Models side by side, each with a share of the memory.",
    ),
]


class BatchGroup(TyperGroup):
    """A group whose first word may be a SOURCE: then the batch is run, with that command's options and help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front of a source or an option."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Any) -> str:
        """The help of the default command, and the names of the others."""
        command = self.commands[DEFAULT_COMMAND]
        inner = command.make_context(ctx.info_name, [], parent=ctx.parent, resilient_parsing=True)
        formatter = ctx.make_formatter()
        self.format_commands(ctx, formatter)
        return f"{command.get_help(inner)}\n\n{formatter.getvalue().rstrip()}"


app = typer.Typer(
    help="Audit many repositories and compare what was found.",
    cls=BatchGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(DEFAULT_COMMAND, hidden=True)
def run(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A repository, a folder of them, an archive (.tar.gz, .zip), a bare clone, a git URL, or a list file.",
        ),
    ],
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Where each repository gets its folder; also a URL that fsspec knows.")
    ] = "audits",
    workers: Workers = 0,
    stages: Annotated[str, typer.Option(metavar="FILE", help="A stage pack of your own.")] = "",
    only: Annotated[str, typer.Option(metavar="IDS", help="Only these stages and questions, as 2,11.3.")] = "",
    model: Annotated[
        str,
        typer.Option(
            metavar="ALIAS|FILE",
            help="A model of the catalogue, a GGUF file, or none (census only).  [default: qwen2.5-coder-1.5b]",
        ),
    ] = "",
    memory_budget: Budget = "",
    max_attempts: Annotated[int | None, typer.Option(metavar="N", min=1, max=9, help="Drafts per question.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do everything again, also what is finished.")] = False,
    embedder: Embedder = "",
    engine: Annotated[
        EngineName, typer.Option(metavar="local|ray", help="Processes of this machine, or of a Ray cluster.")
    ] = EngineName.local,
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The Ray cluster.  [default: one on this machine]")
    ] = "",
    fail_on: Annotated[
        FailOn, typer.Option(metavar="failed|unresolved", help="What makes the exit code 1.")
    ] = FailOn.failed,
) -> None:
    """Audit every repository of the sources; the same command continues, and redoes only what changed."""
    from agent.batch.course import BatchOptions
    from agent.batch.task import Choices
    from agent.settings import load_settings

    settings = load_settings()
    choices = Choices(
        stages=stages,
        only=tuple(part.strip() for part in only.split(",") if part.strip()),
        model=model or settings.model,
        embedder=embedder or settings.embedder,
        memory_budget=budget_bytes(memory_budget),
        max_attempts=max_attempts,
        fresh=fresh,
    )
    result = _run(BatchOptions(tuple(sources), out, choices, workers, engine.value, address))
    write(f"{result.out}/SUMMARY.md")
    raise typer.Exit(_code(result, fail_on))


app.command("status")(batch_views.status)
app.command("compare")(batch_views.compare)
app.command("diff")(batch_views.diff)


def _run(options: "BatchOptions") -> "BatchResult":
    from agent.batch.course import run_batch
    from agent.batch.progress import Progress
    from agent.console import LiveTable
    from agent.situation import clock

    began = time.monotonic()
    progress = Progress(began)

    def headline() -> str:
        left = progress.seconds_left(time.monotonic())
        return progress.headline() + (f"; about {clock(left)} left" if left else "")

    with LiveTable(headline, progress.rows) as table:
        result = run_batch(options, lambda message: table.say(progress.update(message)))
        table.say(headline())
    return result


def _code(result: "BatchResult", fail_on: FailOn) -> int:
    """0 when every repository is finished, and with "unresolved" every question answered too."""
    return 1 if result.failed or (fail_on is FailOn.unresolved and result.unresolved) else 0
