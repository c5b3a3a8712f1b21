"""The batch's side of one child process: starts it, gives it a job, hears from it, notices its death."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Any

from agent.batch.process import Job
from agent.batch.task import Choices, Outcome, Prepared, Sign

SILENCE_SECONDS = 1_200.0


class Died(Exception):
    """The process is gone; the message says how."""


class Child:
    """One process for jobs of one `kind`. `job` is what it works on now, None when it is idle."""

    def __init__(self, kind: str, choices: Choices) -> None:
        self.kind = kind
        self.job: Job | None = None
        self._choices = choices
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._heard = 0.0

    @property
    def connection(self) -> Connection:
        """What becomes readable when there is something to hear."""
        assert self._connection is not None
        return self._connection

    def give(self, job: Job, lock: int | None) -> None:
        """Start a job, in a new process if there is none; it shares `lock` while it works. Raises Died."""
        self.job, self._heard = job, time.monotonic()
        try:
            if self._process is None:
                self._start()
            assert self._process is not None
            self.connection.send(job)
            if lock is not None:
                send_handle(self.connection, lock, self._process.pid)
        except OSError:
            raise self._death() from None

    def hear(self) -> Sign | Prepared | Outcome:
        """The next message. Raises Died."""
        try:
            message: Any = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        self._heard = time.monotonic()
        if not isinstance(message, Sign):
            self.job = None
        return message

    @property
    def is_silent(self) -> bool:
        """Whether it works and has given no sign of life for too long."""
        return self.job is not None and time.monotonic() - self._heard > SILENCE_SECONDS

    def close(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="deposition-", ignore_cleanup_errors=True)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "agent.batch.process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                pass_fds=(theirs.fileno(),),
                cwd=self._folder.name,
                env=_environment(),
            )
        self._connection = Connection(ours.detach())
        self._connection.send(self._choices)

    def _death(self) -> Died:
        process = self._process
        status = None
        if process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(timeout=5)
        self.close()
        if status is not None and status < 0:
            return Died(f"the process that worked on it was ended by {signal.Signals(-status).name}")
        return Died(f"the process that worked on it ended with code {status}")


def _environment() -> dict[str, str]:
    """The child runs in an empty folder and must find this very package, and the same cache."""
    package_parent = str(Path(__file__).resolve().parents[2])
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONSTARTUP")}
    for name in ("DEPOSITION_CACHE", "DEPOSITION_MODELS"):
        if name in kept:
            kept[name] = str(Path(kept[name]).expanduser().absolute())
    return {**kept, "PYTHONPATH": package_parent}
