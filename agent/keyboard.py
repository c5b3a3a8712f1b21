"""What a person types at a terminal: lines with history and editing. The one import of prompt_toolkit.

Prompts go to standard error, so that standard output stays data. Ctrl-D ends the input (None), Ctrl-C raises
KeyboardInterrupt. Decides nothing about what the words mean.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output import create_output


def at_terminal() -> bool:
    """Whether a person can type: input and error output are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Keyboard:
    """Reads lines. `history` is a file that keeps them from one session to the next; a folder is made for it."""

    def __init__(self, history: Path | None = None) -> None:
        self._session: PromptSession[str] = PromptSession(
            history=_history(history), output=create_output(stdout=sys.stderr), enable_history_search=True
        )

    def line(self, prompt: str, *, text: str = "", words: Sequence[str] = ()) -> str | None:
        """The next line without blanks around it, None after Ctrl-D; `text` stands there already, to be edited.
        `words` are completed with Tab."""
        completer = WordCompleter(list(words), sentence=True) if words else None
        try:
            typed = self._session.prompt(prompt, default=text, completer=completer, complete_while_typing=False)
        except EOFError:
            return None
        return typed.strip()


def _history(path: Path | None) -> History:
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
