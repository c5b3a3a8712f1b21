"""Vectors kept on disk by the digest of their text, so that each text is embedded once.

A SQLite file, written batch by batch: after a kill, what was embedded is still there. Each row has a
checksum; a damaged row counts as missing, and a damaged file is thrown away and begun anew. It does
not know what the texts are for.
"""

import hashlib
import sqlite3
import threading
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from retrieval.errors import IndexBroken

_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors"
    " (key TEXT PRIMARY KEY, data BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID"
)
_AT_ONCE = 500  # SQLite takes at least 999 parameters


def vector_key(embedder_name: str, text: str) -> str:
    """The key under which the vector of `text` by that embedder is kept: 40 hex digits."""
    digest = hashlib.sha256(f"{embedder_name}\0{text}".encode("utf-8", "replace"))
    return digest.hexdigest()[:40]


class VectorCache:
    """The vectors in one SQLite file, created when it is not there; usable from any thread.

    Raises IndexBroken when the file can be neither used nor begun anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._database = self._open()
        except sqlite3.DatabaseError:
            self._restart()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
        database.execute(_TABLE)
        return database

    def _restart(self) -> None:
        with suppress(AttributeError):
            self._database.close()
        for ending in ("", "-journal", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        try:
            self._database = self._open()
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from error

    def get(self, keys: Iterable[str]) -> dict[str, array]:
        """The vectors that are there and whole, as float32 arrays."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, array] = {}
        with self._lock:
            try:
                for at in range(0, len(wanted), _AT_ONCE):
                    found.update(self._read(wanted[at : at + _AT_ONCE]))
            except sqlite3.DatabaseError:
                self._restart()
                return {}
        return found

    def _read(self, keys: Sequence[str]) -> dict[str, array]:
        marks = ",".join("?" * len(keys))
        rows = self._database.execute(f"SELECT key, data, checksum FROM vectors WHERE key IN ({marks})", keys)
        return {key: array("f", data) for key, data, checksum in rows if _checksum(key, data) == checksum}

    def put(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Keeps `vectors`; durable when this returns. Raises IndexBroken when it cannot."""
        rows = [(key, array("f", vector).tobytes()) for key, vector in vectors.items()]
        sums = [(key, data, _checksum(key, data)) for key, data in rows]
        try:
            with self._lock, self._database:
                self._database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", sums)
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from error

    def close(self) -> None:
        """Closes the file."""
        self._database.close()


def _unusable(path: Path, error: sqlite3.Error) -> IndexBroken:
    hint = "check the folder's permissions and the free space"
    return IndexBroken(f"{path} cannot be written: {error}", hint)


def _checksum(key: str, data: bytes) -> int:
    return zlib.crc32(key.encode() + data)
