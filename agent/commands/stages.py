"""`stages`: show a stage pack, which validates it."""

from pathlib import Path
from typing import Annotated

import typer

from agent.commands.plain import write


def stages(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A stage pack; the shipped one when none is named.")
    ] = None,
) -> None:
    """Show the stages and questions of a stage pack, or say what is wrong with it."""
    from agent.assets import default_pack
    from agent.stages import load_pack

    path = file or default_pack()
    pack = load_pack(path)
    questions = sum(len(stage.questions) for stage in pack.stages)
    write(f"{pack.title}: {len(pack.stages)} stages, {questions} questions, valid")
    for stage in pack.stages:
        write("")
        write(f"{stage.number} - {stage.title}")
        for question in stage.questions:
            queries = sum(len(fact.census) for fact in question.facts)
            write(f"  {question.id:<5} {question.text}")
            write(f"        {queries} census queries, {len(question.search)} search phrasings")
