"""Facts of files kept between runs: a SQLite file keyed by content, path, module name and extractor version.

Knows how facts become bytes and back. A cache that is broken or locked is left alone: it can only save time.
"""

import contextlib
import sqlite3
from dataclasses import fields
from pathlib import Path

import msgpack

from retrieval.cachefile import open_cache
from retrieval.extract import VERSION, ParseTimeout, extract
from retrieval.facts import Call, Definition, Fact, FileFacts, Import, Unread
from retrieval.snapshot import SourceFile

NESTED = {"imports": Import, "definitions": Definition, "calls": Call, "facts": Fact}

TABLE = "facts (key TEXT PRIMARY KEY, facts BLOB)"


class FactCache:
    """Reads facts of files, each only once. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._store: sqlite3.Connection | None = None
        if folder is not None:
            with contextlib.suppress(OSError, sqlite3.Error):
                self._store = open_cache(folder / f"facts-{VERSION}.sqlite", TABLE)

    def read(self, file: SourceFile, module: str, unread: list[Unread]) -> FileFacts:
        """The facts of a file, kept or extracted; what was not read whole is added to `unread`."""
        if file.language not in ("python", "notebook"):
            return _empty(file, "")
        found = self.get(file, module)
        if found is None:
            try:
                found = extract(file, module)
            except ParseTimeout as error:
                unread.append(Unread(file.path, str(error)))
                return _empty(file, module)
            self.put(file, module, found)
        if found.errors:
            reason = f"{found.errors} syntax error(s): read as far as it parses"
            unread.append(Unread(file.path, reason))
        return found

    def get(self, file: SourceFile, module: str) -> FileFacts | None:
        """The facts kept for these bytes under this path and module, None when there are none."""
        if self._store is None:
            return None
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError, msgpack.UnpackException):
            row = self._store.execute("SELECT facts FROM facts WHERE key = ?", (_key(file, module),)).fetchone()
            return _decoded(row[0]) if row else None
        return None

    def put(self, file: SourceFile, module: str, facts: FileFacts) -> None:
        """Keep the facts of a file."""
        if self._store is None:
            return
        with contextlib.suppress(sqlite3.Error):
            self._store.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_key(file, module), _encoded(facts)))

    def close(self) -> None:
        """Write what was put and let go of the file."""
        if self._store is not None:
            with contextlib.suppress(sqlite3.Error):
                self._store.commit()
            self._store.close()


def _empty(file: SourceFile, module: str) -> FileFacts:
    return FileFacts(file.path, file.language, module, len(file.lines), "", 0, 0)


def _key(file: SourceFile, module: str) -> str:
    return f"{file.sha256} {module} {file.path}"


def _row(item: object) -> list[object]:
    return [getattr(item, field.name) for field in fields(item)]  # type: ignore[arg-type]


def _encoded(facts: FileFacts) -> bytes:
    row = _row(facts)
    for position, field in enumerate(fields(FileFacts)):
        if field.name in NESTED:
            row[position] = [_row(item) for item in getattr(facts, field.name)]
    return bytes(msgpack.packb(row) or b"")


def _decoded(data: bytes) -> FileFacts:
    row = msgpack.unpackb(data, use_list=False)
    values = dict(zip((field.name for field in fields(FileFacts)), row, strict=True))
    for name, kind in NESTED.items():
        values[name] = tuple(kind(*item) for item in values[name])
    return FileFacts(**values)
