"""One worker of a cluster: the engine of its machine, with results kept here until they are whole.

Audits write below this machine's cache, where their checkpoints are too; a finished one goes back as bytes. Knows
nothing of the cluster it serves in.
"""

import hashlib
import shutil
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.batch.course import Engine, Message
from agent.batch.local import open_engine
from agent.batch.record import OUTPUTS
from agent.batch.task import Choices, Outcome, Task
from agent.settings import load_settings


class Station:
    """Takes tasks whenever it is asked for news."""

    def __init__(self, choices: Choices, workers: int, *, prepares: bool) -> None:
        self._engine: Engine = open_engine(choices, workers, prepares=prepares)
        self._room = self._engine.room
        self._folders: dict[str, Path] = {}

    def facts(self) -> tuple[str, int]:
        """The machine's name, and how many tasks it wants at once: one waits while the others are worked on."""
        return socket.gethostname(), self._room + 1

    def work(self, tasks: Sequence[Task], seconds: float) -> list[Message]:
        """Take `tasks`; what happened within `seconds`."""
        for task in tasks:
            staged = _folder(task)
            self._folders[task.slug] = staged
            self._engine.submit(replace(task, out=str(staged), staged=True))
        return [self._whole(message) for message in self._engine.poll(seconds)]

    def close(self) -> None:
        """End the processes of this machine."""
        self._engine.close()

    def _whole(self, message: Message) -> Message:
        if not isinstance(message, Outcome):
            return message
        folder = self._folders.pop(message.slug)
        if message.state == "done" and not message.unchanged:
            message = replace(message, files={name: (folder / name).read_bytes() for name in OUTPUTS})
        shutil.rmtree(folder, ignore_errors=True)
        return message


def _folder(task: Task) -> Path:
    """Where the results of a task are made: always the same place, so that an interrupted audit goes on."""
    digest = hashlib.sha256(task.out.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return load_settings().cache.expanduser().absolute() / "staged" / digest / task.slug
