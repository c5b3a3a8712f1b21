"""What stands in for the costly parts of a batch: models, named as "tests.doubles:NAME", and an engine without
processes, for tests of what the batch itself decides."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from agent.batch.jobs import Desk
from agent.batch.process import Job, perform
from agent.batch.task import Choices, Outcome, Prepared, Sign, Task
from agent.testing import ScriptedChat
from retrieval.embed import HashEmbedder

Double = tuple[ScriptedChat, HashEmbedder]


def _double(answer: Callable[[str], str]) -> Double:
    def script(messages: list[BaseMessage], metadata: Mapping[str, Any]) -> str:
        del metadata
        return answer("\n".join(str(message.content) for message in messages))

    return ScriptedChat(answers=script), HashEmbedder()


def talkative() -> Double:
    """Says something of whatever it is shown."""
    return _double(lambda prompt: f"E1: This tool has {len(prompt)} characters of evidence.")


def deadly() -> Double:
    """Its process dies at the sight of a certain repository."""

    def die(prompt: str) -> str:
        if "collector" in prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        return "E1: Nothing."

    return _double(die)


def slow() -> Double:
    """Takes a second for an answer, and no processor."""

    def wait(prompt: str) -> str:
        time.sleep(1.0)
        return f"E1: This tool has {len(prompt)} characters of evidence."

    return _double(wait)


def faulty() -> Double:
    """Has a fault that shows at the sight of a certain repository."""
    return _double(lambda prompt: str(1 // ("collector" not in prompt)))


class Inline:
    """An engine that does each task at once, in this very process; it is the line to itself."""

    def __init__(self, choices: Choices) -> None:
        self._desk = Desk(choices)
        self._news: list[Sign | Prepared | Outcome] = []
        self.room = 1

    def submit(self, task: Task, lock: int | None = None) -> None:
        """Do the task."""
        del lock
        line: Any = self
        self._news.append(perform(self._desk, Job("answer", task), line))

    def tell(self, message: Sign | Prepared | Outcome) -> None:
        """Take one message from the work itself."""
        self._news.append(message)

    def poll(self, seconds: float) -> list[Any]:
        """What happened."""
        del seconds
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Nothing is held."""
