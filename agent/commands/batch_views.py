"""`batch status`, `batch diff` and `batch compare`: looking at what batches left in their folders."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Json
from agent.commands.plain import write, write_columns, write_json

if TYPE_CHECKING:
    from agent.batch.comparison import Found
    from agent.batch.difference import Difference, RepositoryChange

SHOWN = 5
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The output folder of a batch.")]


def status(folder: Folder, as_json: Json = False) -> None:
    """Show how the batches of a folder stand, also while they run."""
    from agent.batch.board import find_board
    from agent.batch.status import headline, seconds_left, standings

    found = standings(find_board(folder))
    if as_json:
        left = seconds_left(found)
        write_json({"repositories": [asdict(one) for one in found], "seconds_left": left})
        return
    write(headline(found))
    if found:
        write_columns([(one.slug, one.shown, one.detail) for one in found])


def compare(
    folder: Folder,
    what: Annotated[list[str], typer.Argument(metavar="WHAT", help="A question's id, or words of census queries.")],
    as_json: Json = False,
) -> None:
    """Compare one question, as 2.2, or one census fact, as empty_cache, across all repositories."""
    from agent.batch.board import find_board
    from agent.batch.comparison import QUESTION, answers_to, who_has

    board = find_board(folder)
    is_question = len(what) == 1 and QUESTION.fullmatch(what[0]) is not None
    found = answers_to(board, what[0]) if is_question else who_has(board, what)
    if as_json:
        write_json({"what": " ".join(what), "repositories": [asdict(one) for one in found]})
    elif not found:
        write(f"no repository was asked anything about {' '.join(what)}")
    elif is_question:
        write_columns([(one.slug, one.status, one.answer) for one in found])
    else:
        _show_hits(found)


def _show_hits(found: "list[Found]") -> None:
    write(f"found in {sum(bool(one.hits) for one in found)} of {len(found)} repositories")
    for one in found:
        write(f"{one.slug}: {len(one.hits) or 'no'} hits in {one.searched} files searched")
        for hit in one.hits[:SHOWN]:
            write(f"  {hit.place}  {hit.text}")
        if len(one.hits) > SHOWN:
            write(f"  and {len(one.hits) - SHOWN} more")


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The output folder of the earlier batch.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The output folder of the later batch.")],
    as_json: Json = False,
) -> None:
    """Show what changed between two batches; the exit code is 1 when anything did."""
    from agent.batch.board import find_board
    from agent.batch.difference import compare as find_changes

    difference = find_changes(find_board(old), find_board(new))
    if as_json:
        write_json(asdict(difference))
    else:
        _show_difference(difference)
    raise typer.Exit(0 if difference.is_empty else 1)


def _show_difference(difference: "Difference") -> None:
    for label, slugs in (("added", difference.added), ("removed", difference.removed)):
        if slugs:
            write(f"{label}: {', '.join(slugs)}")
    for change in difference.changed:
        _show_change(change)
    write(f"{len(difference.changed)} repositories changed, {difference.same} are the same")


def _show_change(change: "RepositoryChange") -> None:
    state = f", {change.before} before and {change.now} now" if change.before != change.now else ""
    write(f"{change.slug}: {len(change.answers)} answers changed{state}")
    for answer in change.answers:
        became = answer.now if answer.before == answer.now else f"{answer.before} -> {answer.now}"
        write(f"  {answer.question} {answer.text} [{became}]")
        for sign, texts in (("-", answer.gone), ("+", answer.new)):
            for text in texts[:SHOWN]:
                write(f"    {sign} {text}")
            if len(texts) > SHOWN:
                write(f"    {sign} and {len(texts) - SHOWN} more")
    if change.moved:
        write(f"  only the cited lines moved: {', '.join(change.moved)}")
    for query, before, now in change.facts:
        write(f"  {query}: {before} -> {now} hits")
