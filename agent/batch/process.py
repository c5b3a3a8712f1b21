"""One child process of a batch: takes jobs from a socket, tells what is going on, answers with what came of them.

It holds the locks of the repository it works on, handed to it with the job: so a lock is free only when nobody works
any more, even after the batch itself was killed. End of input ends the process at once. Whatever goes wrong with one
repository is caught here, and nowhere else. Run by `agent.batch.local` only.
"""

import os
import queue
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from agent.batch.fetch import forget
from agent.batch.jobs import Desk
from agent.batch.task import Outcome, Prepared, Sign, Task
from agent.errors import AuditError, MemoryRefused, ModelMissing
from retrieval.errors import RetrievalError


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: "prepare" or "answer" a task, with what its preparation gave. `locked`: a lock follows."""

    kind: str
    task: Task
    prepared: Prepared | None = None
    locked: bool = False


def perform(desk: Desk, job: Job, line: "Line") -> Prepared | Outcome:
    """Do one job; a fault of the repository, or of this program before it, becomes the repository's outcome."""
    began = time.monotonic()
    reply = _attempt(desk, job, line)
    if not isinstance(reply, Outcome):
        return reply
    forget(job.task.source)
    before = job.prepared.seconds if job.prepared else 0.0
    return replace(reply, seconds=before + time.monotonic() - began)


def _attempt(desk: Desk, job: Job, line: "Line") -> Prepared | Outcome:
    task = job.task
    try:
        if job.kind == "prepare":
            return desk.prepare(task, line.tell)
        return desk.answer(task, job.prepared, line.tell)
    except (AuditError, RetrievalError) as error:
        fatal = isinstance(error, ModelMissing | MemoryRefused)
        return Outcome(task.slug, "failed", str(error), error.hint, fatal=fatal)
    except Exception as error:  # noqa: BLE001 - the boundary of a batch: one repository never ends the others
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"  # noqa: PTH119
        reason = f"internal fault, {type(error).__name__} in {where}: {error}"
        return Outcome(task.slug, "failed", reason, "".join(traceback.format_exception(error)))


class Line:
    """The child's end of the socket. Whole messages only, from whichever thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def tell(self, message: Sign | Prepared | Outcome) -> None:
        """Send one message."""
        with self._lock:
            self._connection.send(message)

    def read_jobs(self, jobs: "queue.SimpleQueue[tuple[Job, int | None]]") -> None:
        """Put jobs with their locks into `jobs`, for ever; the end of the stream is the end of the process."""
        while True:
            try:
                job: Job = self._connection.recv()
                jobs.put((job, recv_handle(self._connection) if job.locked else None))
            except (EOFError, OSError):
                os._exit(0)


def main() -> None:
    """Entry point: the number of the socket's descriptor is the one argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the batch ends its children itself
    connection: Connection = Connection(int(sys.argv[1]))
    line = Line(connection)
    desk = Desk(connection.recv())
    jobs: queue.SimpleQueue[tuple[Job, int | None]] = queue.SimpleQueue()
    threading.Thread(target=line.read_jobs, args=(jobs,), daemon=True).start()
    while True:
        job, lock = jobs.get()
        reply = perform(desk, job, line)
        if lock is not None:
            os.close(lock)
        line.tell(reply)


if __name__ == "__main__":
    main()
