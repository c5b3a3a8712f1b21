"""Where files fall into chunks, kept between runs: a SQLite file keyed by content, path and language.

Only lines, kinds and names are kept; texts come from the snapshot. A cache that is broken or locked is left
alone: it can only save time.
"""

import contextlib
import sqlite3
from pathlib import Path

import msgpack

from retrieval.cachefile import open_cache
from retrieval.chunk import Chunk, Span
from retrieval.snapshot import SourceFile
from retrieval.split import VERSION, chunk_of, split

TABLE = "chunks (key TEXT PRIMARY KEY, chunks BLOB) WITHOUT ROWID"


class ChunkCache:
    """Splits files, each only once. Use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        self._rows: dict[str, bytes] = {}
        self._new: dict[str, bytes] = {}
        self._store: sqlite3.Connection | None = None
        with contextlib.suppress(OSError, sqlite3.Error):
            self._store = open_cache(path, TABLE)
            self._rows = dict(self._store.execute("SELECT key, chunks FROM chunks"))

    def __enter__(self) -> "ChunkCache":
        return self

    def __exit__(self, *_error: object) -> None:
        """Writes what is new, and forgets what is not in use any more once that is most of it."""
        if self._store is None:
            return
        with contextlib.suppress(sqlite3.Error):
            if len(self._rows) > 4 * len(self._used):
                self._store.execute("DELETE FROM chunks")
                self._new = self._used
            self._store.executemany("INSERT OR REPLACE INTO chunks VALUES (?, ?)", self._new.items())
            self._store.commit()
        self._store.close()

    def split(self, files: tuple[SourceFile, ...]) -> list[Chunk]:
        """The chunks of `files`, in their order."""
        self._used: dict[str, bytes] = {}
        return [chunk for file in files for chunk in self._chunks(file)]

    def knows(self, files: tuple[SourceFile, ...]) -> bool:
        """Whether all `files` but notebooks were split before."""
        return all(_key(file) in self._rows for file in files if file.language != "notebook")

    def _chunks(self, file: SourceFile) -> list[Chunk]:
        if file.language == "notebook":  # its texts need not be lines of the file
            return split(file)
        key = _key(file)
        if (row := self._rows.get(key)) is not None:
            with contextlib.suppress(ValueError, TypeError, msgpack.UnpackException):
                found = _decoded(file, row)
                self._used[key] = row
                return found
        chunks = split(file)
        self._used[key] = self._new[key] = _encoded(chunks)
        return chunks


def _key(file: SourceFile) -> str:
    return f"{VERSION} {file.sha256} {file.language} {file.path}"


def _encoded(chunks: list[Chunk]) -> bytes:
    rows = [(one.span.start, one.span.end, one.kind, one.symbol, one.names) for one in chunks]
    return bytes(msgpack.packb(rows) or b"")


def _decoded(file: SourceFile, row: bytes) -> list[Chunk]:
    found = []
    for start, end, kind, symbol, names in msgpack.unpackb(row, use_list=False):
        found.append(chunk_of(file, Span(file.path, start, end), kind, symbol, names))
    return found
