"""The SQLite files that caches are kept in. A damaged one is replaced: everything in it can be worked out again."""

import sqlite3
from pathlib import Path


def open_cache(path: Path, table: str) -> sqlite3.Connection:
    """The cache file at `path`, made with its folder when it is not there; `table` is what follows CREATE TABLE."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connected(path, table)
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        return _connected(path, table)


def _connected(path: Path, table: str) -> sqlite3.Connection:
    store = sqlite3.connect(path, timeout=2.0)
    store.execute(f"CREATE TABLE IF NOT EXISTS {table}")
    return store
