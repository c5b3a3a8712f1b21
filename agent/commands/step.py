"""`step`: the audit of `run`, with a person at every stage."""

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent.console import Console
    from agent.dialogue import Screen
    from agent.opening import Listener
    from agent.options import AuditOptions
    from agent.report.reply import Line


def step(
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
    """Go through an audit stage by stage, seeing the evidence and the answers, and change what needs changing.

    Before a stage its questions and their evidence are shown, after it the answers. Enter accepts; h lists the
    other keys: ask again with a hint, add or drop evidence, edit, skip, go back, another model. q stops, and the same
    command continues, and so does `run`. Without a terminal the lines of the input are the keys.
    """
    from agent.audit import run_audit
    from agent.console import Console
    from agent.dialogue import Dialogue
    from agent.step import step_through

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
    with Console(lines=False, drafts=True) as console:
        person = Dialogue(_screen(console))
        walk = partial(step_through, person=person, lend=partial(_lend, options, console.listen))
        result = run_audit(options, console.listen, walk=walk)
    write(str(result.out / "ANSWERS.md"))
    raise typer.Exit(result.exit_code)


def _lend(options: "AuditOptions", listener: "Listener", alias: str, stack: ExitStack) -> "BaseChatModel":
    """The catalogued model `alias`, in a process of its own until `stack` is closed."""
    from agent.audit import chosen_pack
    from agent.catalogue import find_model
    from agent.opening import own_writer

    spec = find_model(alias)
    spec.require()
    return stack.enter_context(own_writer(spec, chosen_pack(options), options, listener))


def _screen(console: "Console") -> "Screen":
    """The terminal, page by page; the lines of the input where there is none."""
    from agent.dialogue import Screen
    from agent.keyboard import Keyboard, at_terminal

    if not at_terminal():
        return Screen(console.show, lambda prompt, text: _typed(console, prompt))
    keyboard = Keyboard()

    def ask(prompt: str, text: str) -> str | None:
        console.pause()
        return keyboard.line(prompt, text=text)

    def say(lines: "Iterable[Line]") -> None:
        console.show(lines, more=lambda: ask("-- Enter: more, q: enough -- ", "") == "")

    return Screen(say, ask)


def _typed(console: "Console", prompt: str) -> str | None:
    """The next line of the input, shown behind its prompt as if it had been typed here."""
    line = sys.stdin.readline()
    console.show([("note", f"{prompt}{line.rstrip()}")])
    return line.rstrip("\n") if line else None
