"""An output folder behind a URL of any file system that fsspec knows. The one import of fsspec.

Everything is kept in a folder of this machine's cache and copied up when it is whole: a repository when it is
finished, the summary whenever it is written. What could not be copied is copied by the next batch. Locks are local, so
one machine at a time may write to a URL.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from agent.batch.board import STATE, Board
from agent.batch.record import OUTPUTS
from agent.errors import MachineError, UserError
from agent.settings import load_settings

ATTEMPTS = 4
_LONGEST_WAIT = 30.0


class RemoteBoard(Board):
    """A board whose results are copied to `url`. Raises UserError for a URL that no file system answers to."""

    results_are_here = False

    def __init__(self, url: str) -> None:
        digest = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
        super().__init__(load_settings().cache.expanduser().absolute() / "outputs" / digest)
        self.url = url.rstrip("/")
        self._files, self._root = _file_system(self.url)

    def open(self) -> None:
        """Create the folders here, fetch what is known there, and copy up what was left over."""
        super().open()
        (self.state / "waiting").mkdir(exist_ok=True)
        self._fetch_state()
        for marker in sorted((self.state / "waiting").iterdir()):
            self._copy_repository(marker.name)

    def store(self, record: Mapping[str, Any]) -> None:
        """Keep a record, here and there, with the results it speaks of."""
        (self.state / "waiting" / record["slug"]).touch()
        super().store(record)
        self._copy_repository(record["slug"])

    def publish(self, names: Sequence[str]) -> None:
        """Copy the summary's documents, and the list of repositories."""
        for name in (*names, f"{STATE}/batch.json"):
            self._copy(name)

    def _fetch_state(self) -> None:
        remote = f"{self._root}/{STATE}"
        for name in ("batch.json", *self._names(f"{remote}/records")):
            place = name if name == "batch.json" else f"records/{name}"
            if not (self.state / place).exists() and self._try(self._files.exists, f"{remote}/{place}"):
                self._try(self._files.get_file, f"{remote}/{place}", str(self.state / place))

    def _names(self, folder: str) -> list[str]:
        if not self._try(self._files.isdir, folder):
            return []
        return [Path(path).name for path in self._try(self._files.ls, folder, detail=False)]

    def _copy_repository(self, slug: str) -> None:
        """The results first, the record last: a record there means that everything is there."""
        for name in OUTPUTS:
            if (self.out / slug / name).is_file():
                self._copy(f"{slug}/{name}")
        self._copy(f"{STATE}/records/{slug}.json")
        (self.state / "waiting" / slug).unlink(missing_ok=True)

    def _copy(self, name: str) -> None:
        target = f"{self._root}/{name}"
        self._try(self._files.makedirs, target.rpartition("/")[0], exist_ok=True)
        self._try(self._files.put_file, str(self.out / name), target)

    def _try(self, action: Any, *arguments: Any, **options: Any) -> Any:
        """A file system's action, again after a pause when it fails. Raises MachineError."""
        wait = wait_exponential(max=_LONGEST_WAIT)
        tries = Retrying(
            stop=stop_after_attempt(ATTEMPTS), wait=wait, retry=retry_if_exception_type(OSError), reraise=True
        )
        try:
            return tries(action, *arguments, **options)
        except OSError as error:
            raise MachineError(f"{self.url} cannot be used: {error}", "the same command continues") from None


def is_url(out: str) -> bool:
    """Whether an output is a URL rather than a path."""
    return "://" in out


def _file_system(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UserError("a URL as output needs fsspec", "pip install 'deposition[ray]'") from None
    try:
        files, root = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UserError(f"{url} cannot be used as output: {error}", "name a folder, or install its driver") from None
    return files, str(root).rstrip("/")
