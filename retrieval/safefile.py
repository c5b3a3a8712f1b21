"""Opening what somebody else has named: no links followed, nothing that blocks, nothing endless.

Knows how to read a regular file below an open folder and what to say when it is not one. It does
not know which files are wanted.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that nobody writes to would otherwise wait forever.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_OTHER_KINDS = (
    (stat.S_ISLNK, "symbolic link"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


class Refused(Exception):
    """The thing exists but is not read; the message says why, in a few words for people."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder, not followed: whether it is a folder, and its size in bytes."""

    is_folder: bool
    size: int


@contextmanager
def reasons() -> Iterator[None]:
    """Turns an OSError of the block into `Refused` with the system's words."""
    try:
        yield
    except OSError as error:
        words = (error.strerror or type(error).__name__).lower()
        raise Refused(f"cannot be read ({words})") from error


def look(name: str, folder: int) -> Entry:
    """What `name` in the open `folder` is. Raises Refused for links, pipes, devices and faults."""
    with reasons():
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(found.st_mode):
        return Entry(True, 0)
    _require_regular(found)
    return Entry(False, found.st_size)


def _require_regular(found: os.stat_result) -> None:
    for is_kind, words in _OTHER_KINDS:
        if is_kind(found.st_mode):
            raise Refused(words)
    if not stat.S_ISREG(found.st_mode):
        raise Refused("not a regular file")


def open_folder(name: str, folder: int | None = None) -> int:
    """A descriptor of the folder `name` in the open `folder`; the caller closes it.

    Raises Refused, also when a link has been put in its place since it was looked at.
    """
    with reasons():
        return os.open(name, _FOLDER_FLAGS, dir_fd=folder)


def read_file(name: str, folder: int, limit: int) -> bytes:
    """The bytes of the regular file `name` in the open `folder`.

    Raises Refused for anything else, and for a file that yields more than `limit` bytes, whatever
    size it claims to have.
    """
    with reasons():
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
    try:
        _require_regular(os.fstat(descriptor))
        with reasons():
            return _read_at_most(descriptor, limit)
    finally:
        os.close(descriptor)


def _read_at_most(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit + 1
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise Refused(f"larger than {in_units(limit)}")
    return b"".join(parts)


def in_units(size: int) -> str:
    """A number of bytes for people: "512 B", "1.0 MB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
