"""List files: one repository a line, as `SOURCE [name=NAME] [only=IDS] [stages=FILE] [max-attempts=N]`.

SOURCE is what it is on the command line, except that a folder always is one repository; a path is relative to the
list's own folder. Words are split as a shell splits them, `#` begins a comment. Knows this format only.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

from agent.batch.source import Source, named, with_choices
from agent.errors import UserError

_LARGEST = 10_000_000
_CHOICES = ("name", "only", "stages", "max-attempts")


def read_list(path: Path) -> Iterator[Source]:
    """The repositories of a list file. Raises UserError naming the line that cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path} is too large for a list of repositories", "one repository a line")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a list of repositories: {error}", "one repository a line") from None
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise UserError(f"{path}:{number}: {error}", "quote names that hold spaces, as in a shell") from None
        if words:
            yield _source(words, path.absolute(), number)


def _source(words: list[str], path: Path, number: int) -> Source:
    where = f"{path}:{number}"
    choices: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals or key not in _CHOICES or not value:
            raise UserError(f"{where}: {word!r} is no option", f"options are {', '.join(_CHOICES)}, as name=NAME")
        choices[key] = value
    source = named(words[0], path.parent, choices.get("name", ""))
    return with_choices(
        source,
        only=tuple(part.strip() for part in choices.get("only", "").split(",") if part.strip()),
        stages=str(path.parent / choices["stages"]) if "stages" in choices else "",
        max_attempts=_attempts(choices.get("max-attempts", ""), where),
    )


def _attempts(text: str, where: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= 9:
        raise UserError(f"{where}: max-attempts={text} is not a number from 1 to 9")
    return int(text)
