"""Writes the Chroma collection of an index while the index is already in use, one process at a time."""

import fcntl
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from retrieval.errors import IndexBroken
from retrieval.store import is_sealed, write_store


class Sealing(Thread):
    """Brings the Chroma collection up to date while the index is already in use: importing chromadb alone takes
    longer than all else when one file has changed.
    """

    def __init__(self, folder: Path, vectors: dict[str, array], seal: str) -> None:
        super().__init__(name="sealing")
        self._folder, self._vectors, self._seal = folder, vectors, seal
        self._error: Exception | None = None

    def run(self) -> None:
        """Writes the collection unless another process has done so."""
        try:
            with locked(self._folder):
                if not is_sealed(self._folder / "sealed", self._seal):
                    write_store(self._folder / "sealed", self._vectors, self._seal)
        except (OSError, IndexBroken) as error:
            self._error = error

    def finish(self) -> None:
        """Waits for the collection. Raises IndexBroken when it could not be written."""
        self.join()
        if self._error is not None:
            hint = "check the free space"
            raise IndexBroken(f"{self._folder} cannot be written: {self._error}", hint) from self._error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; the kernel frees the lock of a process that dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        hint = "check its permissions and the free space"
        raise IndexBroken(f"the index folder {folder} cannot be used: {error}", hint) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
