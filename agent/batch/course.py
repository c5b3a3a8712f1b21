"""The main path of a batch: every repository of the sources, claimed, handed out, recorded and summed up.

    run_batch → enrol → (claim → engine → record) for each repository → summary

Whoever else works on the same folder is met only through the board's locks and records. Prints nothing: a listener
gets every sign and outcome.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from agent.batch.board import Board
from agent.batch.local import memory_share, open_engine
from agent.batch.record import failed_record
from agent.batch.source import Source, find_sources
from agent.batch.summary import write_summary
from agent.batch.task import Choices, Outcome, Sign, Task
from agent.errors import MachineError, UserError
from agent.options import NO_MODEL

SUMMARY_SECONDS = 60.0
POLL_SECONDS = 1.0
Message = Sign | Outcome
Listener = Callable[[Message], None]


class Engine(Protocol):
    """Whatever works on tasks: processes of this machine, or of a cluster."""

    @property
    def room(self) -> int:
        """How many more tasks it wants now."""
        ...

    def submit(self, task: Task, lock: int | None = None) -> None:
        """Take a task."""
        ...

    def poll(self, seconds: float) -> Sequence[Message]:
        """What happened; waits up to `seconds` for it."""
        ...

    def close(self) -> None:
        """End everything."""
        ...


@dataclass(frozen=True)
class BatchOptions:
    """One batch: SOURCEs, the output folder, what is chosen for every repository, and who does the work.

    `out` is a path or a URL. `workers` 0 leaves their number to the engine; `address` is that of a Ray cluster, "" for
    one on this machine.
    """

    sources: tuple[str, ...]
    out: str
    choices: Choices
    workers: int = 0
    engine: str = "local"
    address: str = ""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How the repositories of one call ended, by slug; `out` as it was given; `unresolved` counts questions."""

    out: str
    done: tuple[str, ...]
    failed: tuple[str, ...]
    unchanged: tuple[str, ...]
    unresolved: int


def ignore(message: Message) -> None:
    """The listener of those who do not listen."""


def enrol(options: BatchOptions) -> tuple[Board, list[Task]]:
    """The board of the output folder and a task for each repository of the sources.

    Raises UserError for sources, a pack or a model that cannot be used, MachineError for a model that is not here.
    """
    sources = find_sources(options.sources)
    board = _board(options.out)
    _require_outside(board.out, sources)
    choices = _checked(options)
    board.open()
    return board, board.enrol(sources, choices)


def _board(out: str) -> Board:
    from agent.batch.remote import RemoteBoard, is_url

    return RemoteBoard(out) if is_url(out) else Board(Path(out).expanduser().absolute())


def run_batch(options: BatchOptions, listener: Listener = ignore) -> BatchResult:
    """Audit every repository of the sources and write the summary.

    A repository that fails is a row of the summary. What is finished and unchanged is not done again; what another
    batch works on in the same folder is waited for. Raises what `enrol` raises, and MachineError when the machine
    cannot do it for any repository; the same call continues.
    """
    board, tasks = enrol(options)
    for task in tasks:
        listener(Sign(task.slug, "queued"))
    return follow(board, tasks, _engine(options, tasks[0].choices), listener)


def _engine(options: BatchOptions, choices: Choices) -> Engine:
    prepares = choices.model != NO_MODEL or bool(choices.double)
    if options.engine == "ray":
        from agent.batch.cluster import RayEngine

        return RayEngine(choices, options.address, options.workers, prepares=prepares)
    return open_engine(choices, options.workers, prepares=prepares)


def follow(board: Board, tasks: Sequence[Task], engine: Engine, listener: Listener = ignore) -> BatchResult:
    """Bring every task to its end on `engine`, which is closed then, and write the summary."""
    course = Course(board, tasks, engine, listener)
    try:
        course.run()
    finally:
        engine.close()
    write_summary(board)
    return course.result()


class Course:
    """Where each task of one call stands: still open, claimed here, or worked on elsewhere."""

    def __init__(self, board: Board, tasks: Sequence[Task], engine: Engine, listener: Listener) -> None:
        self._board = board
        self._engine = engine
        self._listener = listener
        self._open = deque(tasks)
        self._before = {task.slug: board.version(task.slug) for task in tasks}
        self._claimed: dict[str, tuple[Task, int, float]] = {}
        self._elsewhere: list[Task] = []
        self._ended: dict[str, Outcome] = {}
        self._unresolved = 0
        self._sum_up_at = time.monotonic() + SUMMARY_SECONDS

    def run(self) -> None:
        """Until every task has ended. Raises MachineError for a fault that every repository would meet."""
        while self._open or self._claimed or self._elsewhere:
            self._claim()
            for message in self._engine.poll(POLL_SECONDS):
                self._take(message)
            self._look_elsewhere()
            if time.monotonic() > self._sum_up_at:
                self._sum_up()

    def _sum_up(self) -> None:
        """Write the summary, and not again before twenty times as long has passed as that took."""
        began = time.monotonic()
        write_summary(self._board)
        self._sum_up_at = time.monotonic() + max(SUMMARY_SECONDS, 20 * (time.monotonic() - began))

    def result(self) -> BatchResult:
        """How it ended."""
        by_state: dict[str, list[str]] = {"done": [], "failed": []}
        for slug, outcome in self._ended.items():
            by_state[outcome.state].append(slug)
        return BatchResult(
            out=getattr(self._board, "url", str(self._board.out)),
            done=tuple(by_state["done"]),
            failed=tuple(by_state["failed"]),
            unchanged=tuple(slug for slug, outcome in self._ended.items() if outcome.unchanged),
            unresolved=self._unresolved,
        )

    def _claim(self) -> None:
        while self._open and self._engine.room > 0:
            task = self._open.popleft()
            lock = self._board.lock(task.slug)
            if lock is None:
                self._elsewhere.append(task)
                self._listener(Sign(task.slug, "queued", "another batch works on it"))
                continue
            if self._board.version(task.slug) != self._before[task.slug]:
                ended = self._board.record(task.slug) or {}
                os.close(lock)
                self._end(Outcome(task.slug, ended["state"], ended["reason"], record=ended, unchanged=True))
                continue
            self._claimed[task.slug] = (task, lock, time.monotonic())
            self._engine.submit(task, lock)

    def _look_elsewhere(self) -> None:
        for task in [task for task in self._elsewhere if not self._board.is_locked(task.slug)]:
            self._elsewhere.remove(task)
            self._open.appendleft(task)

    def _take(self, message: Message) -> None:
        if isinstance(message, Sign):
            self._board.show(message)
            self._listener(message)
            return
        if message.fatal:
            raise MachineError(message.reason, message.hint)
        task, lock, began = self._claimed.pop(message.slug)
        if message.state == "failed":
            seconds = message.seconds or time.monotonic() - began  # who died told nothing
            message = replace(message, record=failed_record(task, message.reason, seconds))
        if message.record:
            self._board.deliver(message.slug, message.files)
            self._board.store(message.record)
        else:  # nothing new: its record is here
            message = replace(message, record=self._board.record(task.slug) or {})
        os.close(lock)
        self._end(message)

    def _end(self, outcome: Outcome) -> None:
        self._unresolved += outcome.record.get("totals", {}).get("unresolved", 0)
        self._listener(outcome)
        self._ended[outcome.slug] = replace(outcome, record={}, files={})


def _checked(options: BatchOptions) -> Choices:
    """The choices with absolute paths, each of them usable, and each worker's share of the memory."""
    from agent.audit import chosen_model, chosen_pack
    from agent.options import AuditOptions

    choices = options.choices
    choices = replace(
        choices,
        stages=str(Path(choices.stages).expanduser().absolute()) if choices.stages else "",
        model=_absolute(choices.model),
        embedder=_absolute(choices.embedder),
        memory_budget=memory_share(choices.memory_budget, options.workers),
    )
    stages = Path(choices.stages) if choices.stages else None
    audit = AuditOptions(repo=Path(), stages=stages, only=choices.only, model=choices.model)
    chosen_pack(audit)
    if not choices.double and chosen_model(audit) is not None:
        from agent.catalogue import find_model

        find_model(choices.embedder, role="embedder").require()
    return choices


def _absolute(name: str) -> str:
    """An alias as it is, a file or folder by its absolute path: the work is done in other folders."""
    path = Path(name).expanduser()
    return str(path.absolute()) if "/" in name or path.suffix == ".gguf" else name


def _require_outside(out: Path, sources: Sequence[Source]) -> None:
    for source in sources:
        if source.kind == "folder" and out.resolve().is_relative_to(Path(source.place).resolve()):
            raise UserError(f"{out} lies inside the repository {source.place}", "name a folder outside it with --out")
