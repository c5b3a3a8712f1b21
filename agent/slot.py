"""The one slot for a model in memory: of this process, and of all audits that a person runs on this machine.

Whoever loads a model holds a claim on the slot: a file that says how many bytes were predicted, and that its process
keeps locked. The kernel frees the lock when that process ends, however it ends. In one process a model that enters
ends the one before it; a model of another process is waited for, unless both fit together. Loads nothing itself.
"""

import fcntl
import itertools
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from agent.errors import MachineError
from agent.room import HOST_RESERVE, free_host_bytes, private_bytes

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """What one model takes: predicted bytes of the host and of all devices together."""

    alias: str
    host: int
    device: int = 0
    pid: int = 0

    @property
    def total(self) -> int:
        """Of host and devices together."""
        return self.host + self.device


class Claim:
    """A place in the slot, held until `release`, or until the process ends."""

    def __init__(self, load: Load, path: Path, handle: IO[str], leave: Callable[[], None]) -> None:
        self.load = load
        self.leave = leave
        self._path = path
        self._handle: IO[str] | None = handle

    @property
    def held(self) -> bool:
        """Whether it is not released yet."""
        return self._handle is not None

    def release(self) -> None:
        """Let the next one in. Safe to call twice."""
        handle, self._handle = self._handle, None
        if handle:
            self._path.unlink(missing_ok=True)
            handle.close()
        with _turn:
            if self in _own:
                _own.remove(self)


_turn = threading.RLock()
_own: list[Claim] = []
_numbers = itertools.count()


def claims_folder() -> Path:
    """Where the claims of all of this person's processes lie."""
    return Path(tempfile.gettempdir()) / f"deposition-models-{os.getuid()}"


def enter(load: Load, budget: int | None, leave: Callable[[], None], tell: Tell, *, beside: bool = False) -> Claim:
    """A claim on the slot; `leave` must end the model's process and release the claim.

    The models of this process are asked to leave first, with `beside` only where both do not fit. `budget` bytes
    bind all models of all processes together; None means what is free. Waits as long as another process's model
    leaves no room, and says so once per model. Raises MachineError when a model of this process does not leave.
    """
    with _turn:
        for other in list(_own):
            if not (beside and fit_together([load, *(claim.load for claim in _own)], budget)):
                _ask_to_leave(other)
        told: set[int] = set()
        while True:
            blocking, claim = _try(load, budget, leave)
            if claim:
                _own.append(claim)
                return claim
            _wait(blocking, told, tell)


def _ask_to_leave(other: Claim) -> None:
    other.leave()
    if other.held:
        raise MachineError(f"{other.load.alias} did not leave the memory", "end its process, then try again")


def fit_together(loads: Sequence[Load], budget: int | None) -> bool:
    """Whether models of these sizes may be in memory at once: within the budget, or else in what would be free
    without them; without a budget never two on devices.
    """
    if budget is not None:
        return sum(load.total for load in loads) <= budget
    if sum(load.device > 0 for load in loads) > 1:
        return False
    held = sum(private_bytes(pid) for pid in {load.pid for load in loads if load.pid})
    return sum(load.host for load in loads) <= free_host_bytes() + held - HOST_RESERVE


def held_bytes() -> int:
    """Private bytes of the models that hold a claim now: not free, but theirs to give back."""
    with _gate() as folder:
        pids = {load.pid for _, load in _living(folder)}
    return sum(private_bytes(pid) for pid in pids)


def _try(load: Load, budget: int | None, leave: Callable[[], None]) -> tuple[tuple[Path, Load] | None, Claim | None]:
    """A claim, or the model of another process that is in the way."""
    with _gate() as folder:
        others = [(path, other) for path, other in _living(folder) if other.pid != os.getpid()]
        if others and not fit_together([load, *(other for _, other in others)], budget):
            return others[0], None
        return None, _write(folder, load, leave)


def _write(folder: Path, load: Load, leave: Callable[[], None]) -> Claim:
    load = replace(load, pid=os.getpid())
    path = folder / f"{load.pid}-{next(_numbers)}.claim"
    handle = path.open("w", encoding="utf-8")
    fcntl.flock(handle, fcntl.LOCK_EX)
    json.dump(asdict(load), handle)
    handle.flush()
    return Claim(load, path, handle, leave)


def _wait(blocking: tuple[Path, Load] | None, told: set[int], tell: Tell) -> None:
    """Sleep until the kernel frees the lock of the claim that is in the way."""
    assert blocking
    path, other = blocking
    if other.pid not in told:
        told.add(other.pid)
        tell(f"waiting for memory: process {other.pid} has {other.alias} loaded, {other.total / 2**30:.1f} GiB")
    with suppress(FileNotFoundError), path.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)


def _living(folder: Path) -> Iterator[tuple[Path, Load]]:
    """The claims whose processes live; those of dead ones are removed."""
    for path in sorted(folder.glob("*.claim")):
        with suppress(OSError, ValueError, TypeError), path.open(encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield path, Load(**json.load(handle))
            else:
                path.unlink(missing_ok=True)


@contextmanager
def _gate() -> Iterator[Path]:
    """The folder of claims, to be read and written by one process at a time."""
    folder = claims_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield folder
