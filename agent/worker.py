"""The parent's side of the model process: starts it, asks it, and turns its death into a typed
failure.

A native crash, an abort or a kill costs one request. Ending the process is what gives memory back.
One request at a time; calls from several threads wait for each other. Knows nothing of prompts.
"""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.diagnosis import diagnose, failure
from agent.engine_process import Message, write_frame
from agent.errors import WorkerFailed

# A block of 128 tokens of a 30B model takes a minute on two cores; silence beyond that is a hang.
SILENCE_SECONDS = 300.0
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}
Progress = Callable[[Mapping[str, Any]], None]


class Worker:
    """One child process. Started by the first request; dead after a failure, until the next one.

    Without `gpu` it sees no card. Only looking at one takes some 500 MiB of it, and fails where those are not free.
    """

    def __init__(self, *, gpu: bool = True) -> None:
        self.gpu = gpu
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.RLock()
        self._oom_kills = 0
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def ask(
        self,
        request: Mapping[str, Any],
        on_progress: Progress | None = None,
        *,
        deadline: float | None = None,
        silence: float = SILENCE_SECONDS,
    ) -> Message:
        """The reply to one request. Raises `WorkerFailed`.

        The process is ended `deadline` seconds after the request, or after `silence` seconds
        without a frame. A refusal (`kind` "request") leaves it alive.
        """
        with self._lock:
            process = self._running()
            until = None if deadline is None else time.monotonic() + deadline
            try:
                self._send(process, request)
                return self._receive(process, on_progress, until, silence)
            except WorkerFailed:
                raise
            except BaseException:
                # Interrupted between frames: the stream is of no use any more.
                self.close()
                raise

    def close(self) -> None:
        """End the process and wait until it is gone, its memory given back. Safe to call twice."""
        with self._lock:
            process, self._process = self._process, None
            if process:
                process.kill()
                process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream:
                        with contextlib.suppress(OSError):
                            stream.close()
            if self._folder:
                self._folder.cleanup()
                self._folder = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process and self._process.poll() is None:
            return self._process
        self.close()
        self._folder = tempfile.TemporaryDirectory(prefix="deposition-", ignore_cleanup_errors=True)
        self._oom_kills = _oom_kills()
        with Path(self._folder.name, "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "agent.engine_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._folder.name,
                env=_environment(gpu=self.gpu),
            )
        self.starts += 1
        return self._process

    def _send(self, process: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
        assert process.stdin is not None
        try:
            write_frame(process.stdin, request)  # pyright: ignore[reportArgumentType]
        except OSError:
            raise self._death() from None

    def _receive(
        self,
        process: subprocess.Popen[bytes],
        on_progress: Progress | None,
        until: float | None,
        silence: float,
    ) -> Message:
        assert process.stdout is not None
        frames = _Frames(process.stdout.fileno())
        while True:
            wait = silence if until is None else min(silence, until - time.monotonic())
            try:
                frame = frames.next(wait)
            except TimeoutError:
                self.close()
                raise failure("deadline", "the model did not answer in time") from None
            if frame is None:
                raise self._death()
            if "progress" in frame:
                if on_progress:
                    on_progress(frame["progress"])
            elif frame["ok"]:
                return frame
            else:
                raise self._refusal(frame)

    def _refusal(self, frame: Message) -> WorkerFailed:
        if frame["error"] != "request":
            self.close()
        return failure(frame["error"], frame["message"])

    def _death(self) -> WorkerFailed:
        """Why the process is gone, by its exit status, its last words and the kernel's counters."""
        assert self._process is not None and self._folder is not None
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = None
        words = _last_words(Path(self._folder.name, "stderr"))
        killed_for_memory = _oom_kills() > self._oom_kills
        self.close()
        return diagnose(status, words, killed_for_memory=killed_for_memory)


class _Frames:
    """Reads frames from a descriptor with a time limit."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()

    def next(self, seconds: float) -> Message | None:
        """The next frame, None at the end; `TimeoutError` if none is whole in time."""
        import msgpack

        until = time.monotonic() + seconds
        while True:
            size = int.from_bytes(self._buffer[:4], "big") + 4
            if len(self._buffer) >= 4 and len(self._buffer) >= size:
                frame: Message = msgpack.unpackb(bytes(self._buffer[4:size]))
                del self._buffer[:size]
                return frame
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                raise TimeoutError
            got = os.read(self._descriptor, 1 << 16)
            if not got:
                return None
            self._buffer += got


def _environment(*, gpu: bool) -> dict[str, str]:
    """The child runs in an empty folder and must find this very package."""
    package_parent = str(Path(__file__).resolve().parent.parent)
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSTARTUP")}
    # Threads that wait by sleeping: on a shared machine spinning ones take the cores they wait for.
    kept.setdefault("OMP_WAIT_POLICY", "passive")
    # An abort would else start a debugger, where there is one, and end with its lines instead of the reason.
    kept.setdefault("GGML_NO_BACKTRACE", "1")
    made = {**kept, "PYTHONPATH": package_parent, "PYTHONUNBUFFERED": "1", **({} if gpu else _NO_GPU)}
    if "OMP_WAIT_POLICY" not in made:
        # OpenMP threads spin at every barrier by default. Beside other work on the same cores that
        # makes a step ten times slower (measured: 2.1 s against 0.22 s); alone it gains nothing.
        made.setdefault("GOMP_SPINCOUNT", "1000")
    return made


def _last_words(path: Path) -> str:
    try:
        return path.read_bytes()[-4000:].decode("utf-8", "replace")
    except OSError:
        return ""


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory since boot (Linux; else 0)."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").split("\n")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
