"""`serve`: the report in a browser, with the progress of a running audit and a box to ask."""

import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Budget, Embedder, budget_bytes
from agent.commands.plain import write
from agent.errors import UserError

if TYPE_CHECKING:
    from agent.conversation import Conversation

PORT = 8017


def serve(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the report, as given to run.")],
    repo: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The repository, to ask about it; it is only read.")
    ] = None,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0 takes any free one.")] = PORT,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; other than this machine only with --token.")
    ] = "127.0.0.1",
    token: Annotated[
        str, typer.Option(metavar="SECRET", help="What a visitor must show; 16 characters or more.", show_default=False)
    ] = "",
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
    """Show a report in the browser: the page as it grows while an audit runs, and a box to ask.

    Listens on this machine alone. Ctrl-C ends it.
    """
    from agent.extras import require

    require("serve")
    import uvicorn

    from agent.guard import SHORTEST_TOKEN, is_loopback
    from agent.serve import Served, build_app

    if token and len(token) < SHORTEST_TOKEN:
        raise UserError(f"--token has {len(token)} characters", f"take {SHORTEST_TOKEN} or more that nobody can guess")
    if not is_loopback(host) and not token:
        raise UserError(f"--host {host} lets others in", "say with --token what they must know, or leave --host out")
    if not out.is_dir():
        raise UserError(f"{out} is no folder", "give --out the folder that run writes into")
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(host, port))
        conversation = None
        if repo is not None:
            conversation = stack.enter_context(_conversation(repo, model, memory_budget, embedder))
        address = f"[{host}]" if ":" in host else host
        own = listening.getsockname()[1]
        names = {f"{address}:{own}", f"localhost:{own}"} if is_loopback(host) else {f"{address}:{own}"}
        write(f"http://{address}:{own}/" + (f"?token={token}" if token else ""))
        sys.stdout.flush()
        app = build_app(Served(out, conversation), frozenset(names), token)
        config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        with suppress(KeyboardInterrupt):  # the way to end it
            uvicorn.Server(config).run(sockets=[listening])


def _conversation(repo: Path, model: str, memory_budget: str, embedder: str) -> "Conversation":
    from agent.conversation import Conversation
    from agent.options import AuditOptions
    from agent.settings import load_settings
    from retrieval.walk import take_snapshot

    take_snapshot(repo)  # a bad path is told now, not at the first question
    settings = load_settings()
    return Conversation(
        AuditOptions(
            repo=repo,
            model=model or settings.model,
            memory_budget=budget_bytes(memory_budget),
            embedder=embedder or settings.embedder,
        )
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host} port {port}: {error.strerror}", "choose another with --port"
        ) from None
