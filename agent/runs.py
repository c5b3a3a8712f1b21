"""The run folder: the lock, the fingerprint of what is being audited, and whether there is something to continue.

State lives in the user's cache, never inside the audited repository.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.report.files import write_whole

STEERING = "steering.json"
_WORDS = {
    "tree": "the repository changed",
    "pack": "the stage pack changed",
    "model": "the model changed",
    "embedder": "the embedder changed",
    "options": "the options changed",
    "version": "this program changed",
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everything that shapes the answers. Equal fingerprints give equal reports."""

    tree: str
    pack: str
    model: str
    embedder: str
    options: str
    version: str

    def changes(self, other: dict[str, str]) -> list[str]:
        """What is different from the stored fingerprint `other`, in words."""
        return [word for key, word in _WORDS.items() if other.get(key) != getattr(self, key)]

    def as_dict(self) -> dict[str, str]:
        """Field → digest."""
        return {key: getattr(self, key) for key in _WORDS}


class RunFolder:
    """The folder `folder`/runs/<hash of out> of one repository and one output folder."""

    def __init__(self, folder: Path, out: Path) -> None:
        digest = hashlib.sha256(str(out).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self.path = folder / "runs" / digest
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        """LangGraph's SQLite file."""
        return self.path / "checkpoint.sqlite"

    @property
    def steering(self) -> Path:
        """What a person changed about the audit."""
        return self.path / STEERING

    @property
    def stages(self) -> Path:
        """The folder of the stage records."""
        return self.path / "stages"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run alone. Raises UserError naming the process that holds it."""
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise UserError(
                    f"this audit is already running (process {file.read().strip() or 'unknown'})",
                    "wait for it, or choose another --out",
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def unfinished(self) -> dict[str, str] | None:
        """The fingerprint of a run that was begun and not finished, if there is one."""
        stored = self._stored()
        return None if stored.get("finished") else stored.get("fingerprint")

    def finished(self) -> dict[str, str] | None:
        """The fingerprint of the last run, if it was finished."""
        stored = self._stored()
        return stored.get("fingerprint") if stored.get("finished") else None

    def _stored(self) -> dict[str, Any]:
        try:
            stored = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def begin(self, fingerprint: Fingerprint) -> None:
        """Forget any earlier run and start a new one."""
        for name in ("checkpoint.sqlite", "checkpoint.sqlite-wal", "checkpoint.sqlite-shm", STEERING):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.stages, ignore_errors=True)
        self._store(fingerprint, finished=False)

    def finish(self, fingerprint: Fingerprint) -> None:
        """Mark the run as finished; the next one starts over."""
        self._store(fingerprint, finished=True)

    def _store(self, fingerprint: Fingerprint, *, finished: bool) -> None:
        value = {"fingerprint": fingerprint.as_dict(), "finished": finished}
        write_whole(self.path / "run.json", json.dumps(value))
