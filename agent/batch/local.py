"""Hands tasks out to processes of this machine: some prepare the next repositories, some answer with a resident model.

    submit → waiting → (prepared by one) → ready → (answered by one) → poll

A process that dies costs its repository one more try, in a new process; the second death is the repository's outcome.
Knows nothing of folders, locks or summaries beyond passing a lock on.
"""

from collections import deque
from dataclasses import replace
from multiprocessing.connection import wait

from agent.batch.child import SILENCE_SECONDS, Child, Died
from agent.batch.process import Job
from agent.batch.task import Choices, Outcome, Prepared, Sign, Task

AHEAD = 2
Message = Sign | Outcome


class LocalEngine:
    """`workers` processes answer; `preparers` prepare for them, none when there is no model to wait for."""

    def __init__(self, choices: Choices, workers: int, preparers: int) -> None:
        self._answering = [Child("answer", choices) for _ in range(workers)]
        self._preparing = [Child("prepare", choices) for _ in range(preparers)]
        self._waiting: deque[Job] = deque()
        self._ready: deque[Job] = deque()
        self._locks: dict[str, int] = {}
        self._deaths: dict[str, int] = {}
        self._news: list[Message] = []
        self._held = 0
        self._most = workers + (preparers + AHEAD * workers if preparers else 0)

    @property
    def room(self) -> int:
        """How many more tasks it wants now: enough to keep every process busy, no more."""
        return self._most - self._held

    def submit(self, task: Task, lock: int | None = None) -> None:
        """Take a task; `lock` is a descriptor that whoever works on it shares until it is done."""
        self._held += 1
        if lock is not None:
            self._locks[task.slug] = lock
        kind = "prepare" if self._preparing else "answer"
        (self._waiting if self._preparing else self._ready).append(Job(kind, task, locked=lock is not None))

    def poll(self, seconds: float) -> list[Message]:
        """What happened, waiting up to `seconds` for it."""
        self._hand_out()
        busy = {child.connection: child for child in self._children if child.job}
        for connection in wait(list(busy), seconds if not self._news else 0):
            self._hear(busy[connection])  # type: ignore[index]
        for child in self._children:
            if child.is_silent:
                job = child.job
                child.close()
                self._lose(child, job, f"no sign of life for {SILENCE_SECONDS / 60:.0f} minutes", again=False)
        self._hand_out()
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """End every process. What was being done is continued by the next batch."""
        for child in self._children:
            child.close()

    @property
    def _children(self) -> list[Child]:
        return [*self._preparing, *self._answering]

    def _hand_out(self) -> None:
        for children, jobs in ((self._preparing, self._waiting), (self._answering, self._ready)):
            for child in children:
                if jobs and child.job is None:
                    self._give(child, jobs.popleft())

    def _give(self, child: Child, job: Job) -> None:
        try:
            child.give(job, self._locks.get(job.task.slug))
        except Died as death:
            self._lose(child, job, str(death), again=True)

    def _hear(self, child: Child) -> None:
        job = child.job
        try:
            message = child.hear()
        except Died as death:
            self._lose(child, job, str(death), again=True)
            return
        if isinstance(message, Prepared):
            assert job is not None
            self._ready.append(replace(job, kind="answer", prepared=message))
            self._news.append(Sign(message.slug, "indexed"))
        elif isinstance(message, Outcome):
            self._finish(message)
        else:
            self._news.append(message)

    def _lose(self, child: Child, job: Job | None, reason: str, *, again: bool) -> None:
        child.job = None
        if job is None:
            return
        slug = job.task.slug
        self._deaths[slug] = self._deaths.get(slug, 0) + 1
        if again and self._deaths[slug] < 2:
            self._news.append(Sign(slug, "queued", f"{reason}; trying once more"))
            (self._waiting if job.kind == "prepare" else self._ready).appendleft(job)
        else:
            self._finish(Outcome(slug, "failed", reason))

    def _finish(self, outcome: Outcome) -> None:
        self._held -= 1
        self._locks.pop(outcome.slug, None)
        self._news.append(outcome)


def open_engine(choices: Choices, workers: int, *, prepares: bool) -> LocalEngine:
    """The engine of this machine. `workers` 0 means one model, or without a model one process per core."""
    from agent.room import usable_cores

    if prepares:
        return LocalEngine(choices, workers or 1, preparers=1)
    return LocalEngine(choices, workers or usable_cores(), preparers=0)


def memory_share(budget: int | None, workers: int) -> int | None:
    """The part of a budget that one of `workers` models may take."""
    return None if budget is None else budget // max(1, workers)
