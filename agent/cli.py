"""The command line: which commands there are, and how every failure ends.

Exit codes: 0 everything answered and verified, 1 finished with some unresolved, 2 the user's
mistake, 3 the machine cannot do it, 130 interrupted. A mistake is one line and a hint on standard
error, never a traceback. Heavy libraries are imported inside the commands, so that `--help` answers
at once.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from agent.commands import ask, batch, census, mcp, models, run, search, serve, stages, step, verify
from agent.errors import AuditError, Paused
from retrieval.errors import QueryError, RepositoryError, RetrievalError

INTERRUPTED = 130

app = typer.Typer(
    name="deposition",
    help="Question a code repository stage by stage; every answer names the lines that prove it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deposition {version('deposition')}")
        raise typer.Exit


@app.callback()
def _whole(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """The options that no command has."""


app.command("run")(run.run)
app.command("ask")(ask.ask)
app.add_typer(batch.app, name="batch")
app.command("step")(step.step)
app.command("search")(search.search)
app.command("verify")(verify.verify)
app.command("census", cls=census.CensusCommand)(census.census)
app.add_typer(models.app, name="models")
app.command("stages")(stages.stages)
app.command("serve")(serve.serve)
app.command("mcp")(mcp.mcp)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` default to the process's own."""
    try:
        code = app(args=arguments, prog_name="deposition", standalone_mode=False)
        sys.stdout.flush()
    except (AuditError, RetrievalError) as error:
        return _stopped(str(error), error.hint, _exit_code(error))
    except typer.TyperException as error:
        return _misused(error)
    except Paused:
        sys.stderr.write("stopped here; the same command continues, and so does run\n")
        return INTERRUPTED
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return 0
    if code == INTERRUPTED:  # typer turns an interrupt into this code by itself
        return _stopped("interrupted", "the same command continues where it stopped", INTERRUPTED)
    return int(code or 0)


def _exit_code(error: AuditError | RetrievalError) -> int:
    if isinstance(error, AuditError):
        return error.exit_code
    return 2 if isinstance(error, (QueryError, RepositoryError)) else 3


def _misused(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    if context and type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(context.get_help() + "\n")
        return 2
    message = getattr(error, "format_message", error.__str__)()
    command = context.command_path if context else "deposition"
    return _stopped(message or f"{command} needs a command", f"see {command} --help", 2)


def _stopped(message: str, hint: str, code: int) -> int:
    from agent.report.markup import one_line

    sys.stderr.write(f"error: {one_line(message)}\n")
    if hint:
        sys.stderr.write(f"hint: {one_line(hint)}\n")
    return code


def _silence_stdout() -> None:
    """The reader of a pipe has gone: keep the interpreter from complaining about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
