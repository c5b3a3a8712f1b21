"""`ask`: free questions about one repository, one at a time or in a session that keeps the model loaded."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Budget, Embedder, Json, Repo, budget_bytes
from agent.commands.plain import write_json
from agent.errors import AuditError, UserError
from agent.report.markup import one_line
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from agent.ask import Inquirer, Reply
    from agent.console import Paper

PROMPT = "ask> "


def ask(
    repo: Repo,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="What to find out; without it, a session.", show_default=False)
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
    as_json: Json = False,
) -> None:
    """Answer a question of your own from the code: facts with their places, then cited sentences of the model.

    Names of code are recognised ("where is empty_cache called", "what does DecodingTask.run return"), and so are
    subjects ("is there any multiprocessing", "which files are written", "how are errors handled"). The model is
    loaded only for questions that facts do not settle. Without QUESTION each line of the input is one, and "it"
    means the name asked about before.
    """
    from agent.ask import Inquirer
    from agent.console import Console, Paper
    from agent.options import AuditOptions
    from agent.settings import load_settings

    settings = load_settings()
    options = AuditOptions(
        repo=repo,
        model=model or settings.model,
        memory_budget=budget_bytes(memory_budget),
        embedder=embedder or settings.embedder,
    )
    if not question.strip() and question:
        raise UserError("QUESTION is empty", 'ask something, as "where is the model loaded"')
    with Console(lines=False) as console, Inquirer(options, console.listen) as inquirer:
        answer = partial(_answer, inquirer, Paper(console.pause), as_json=as_json)
        if question:
            raise typer.Exit(1 if answer(question) == "unresolved" else 0)
        inquirer.codebase  # noqa: B018 - read now, so that a bad path ends the session before the first question
        console.pause()
        for line in _lines():
            _try(answer, line)


def _try(answer: Callable[[str], str], question: str) -> None:
    """Answer one question of a session; a mistake or an interrupt ends the question, not the session."""
    try:
        answer(question)
    except (AuditError, RetrievalError) as error:
        sys.stderr.write(f"error: {one_line(str(error))}\n" + (f"hint: {one_line(error.hint)}\n" if error.hint else ""))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; Ctrl-D ends the session\n")


def _answer(inquirer: "Inquirer", paper: "Paper", question: str, *, as_json: bool) -> str:
    """Print one answer, its facts as soon as they are there; returns its status."""
    from agent.report.reply import reply_json, reply_lines, searched_line

    if as_json:
        reply = inquirer.ask(question)
        paper.clear()
        write_json(reply_json(reply), indent=None)
        return reply.answer.status
    shown: list[tuple[str, str]] = []

    def show(reply: "Reply") -> None:
        lines = list(reply_lines(reply, inquirer.intents))
        for role, text in lines[len(shown) :]:
            paper.line(role, text)
        shown.extend(lines[len(shown) :])

    reply = inquirer.ask(question, show)
    show(reply)
    paper.line("note", searched_line(reply))
    return reply.answer.status


def _lines() -> Iterator[str]:
    """The questions of a session: typed, with history, or the lines of standard input."""
    if not sys.stdin.isatty():
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    from agent.keyboard import Keyboard
    from agent.settings import load_settings

    keyboard = Keyboard(load_settings().cache.expanduser() / "ask.history")
    interrupts = 0
    while interrupts < 2:
        try:
            line = keyboard.line(PROMPT)
        except KeyboardInterrupt:
            interrupts += 1
            sys.stderr.write("Ctrl-C again, or Ctrl-D, ends the session\n" if interrupts == 1 else "")
            continue
        if line is None:
            return
        interrupts = 0
        if line:
            yield line
