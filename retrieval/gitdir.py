"""What a `.git` folder says, read without ever running git: the commit and the tracked paths.

git executes programs that a repository's own configuration names (fsmonitor, filters, textconv), so
it is not run. Only HEAD, refs, packed-refs and the index are read, each as a capped regular file;
a `.git` file that points elsewhere is not followed. Whatever does not fit means "unknown".

The index layout is that of git's Documentation/gitformat-index.txt, versions 2 to 4.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from retrieval.safefile import Refused, open_folder, read_file

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REF = re.compile(r"refs(?:/[A-Za-z0-9._@+#=-]+){2,12}\Z")
_SMALL = 4_096
_LARGE = 64_000_000


@contextmanager
def _folder(path: str, below: int) -> Iterator[int]:
    """The folder `path` (several parts) below an open one, no part of it a link."""
    current = os.dup(below)
    try:
        for part in path.split("/"):
            inner = open_folder(part, current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def read_commit(root: int) -> str:
    """The commit that HEAD names in the `.git` of the open folder `root`; "" when unknown."""
    try:
        with _folder(".git", root) as git:
            return read_bare_commit(git)
    except Refused:
        return ""


def read_bare_commit(git: int) -> str:
    """The commit that HEAD names in an open folder that is itself a bare clone; "" when unknown."""
    try:
        head = read_file("HEAD", git, _SMALL).decode("ascii", "replace").strip()
        if head.startswith("ref:"):
            head = _resolve(head.removeprefix("ref:").strip(), git)
        return head if _COMMIT.match(head) else ""
    except Refused:
        return ""


def _resolve(ref: str, git: int) -> str:
    if not _REF.match(ref) or ".." in ref:
        return ""
    parent, _, name = ref.rpartition("/")
    try:
        with _folder(parent, git) as folder:
            return read_file(name, folder, _SMALL).decode("ascii", "replace").strip()
    except Refused:
        return _packed(ref, git)


def _packed(ref: str, git: int) -> str:
    for line in read_file("packed-refs", git, _LARGE).decode("utf-8", "replace").split("\n"):
        commit, _, name = line.partition(" ")
        if name.strip() == ref:
            return commit
    return ""


def read_tracked(root: int) -> frozenset[bytes]:
    """The paths in git's index below the open folder `root`; empty when there is none to read.

    A tracked file is part of the repository even where a .gitignore pattern matches it.
    """
    try:
        with _folder(".git", root) as git:
            return frozenset(_index_paths(read_file("index", git, _LARGE)))
    except (Refused, ValueError):
        return frozenset()


def _index_paths(data: bytes) -> Iterator[bytes]:
    version = int.from_bytes(data[4:8], "big")
    if data[:4] != b"DIRC" or version not in (2, 3, 4):
        raise ValueError("not a git index of a known version")
    digest = 20  # a SHA-256 repository has 32, and then no path below ends where it should
    at, path = 12, b""
    for _ in range(int.from_bytes(data[8:12], "big")):
        start = at
        flags = int.from_bytes(data[at + 40 + digest : at + 42 + digest], "big")
        at += 42 + digest + (2 if flags & 0x4000 and version > 2 else 0)
        if version == 4:
            strip, at = _offset(data, at)
            path = path[: max(0, len(path) - strip)]
        else:
            path = b""
        end = data.index(b"\0", at)
        path += data[at:end]
        at = end + 1 if version == 4 else start + ((end - start) // 8 + 1) * 8
        yield path


def _offset(data: bytes, at: int) -> tuple[int, int]:
    """git's variable-width offset at `at`, and the position after it."""
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = ((value + 1) << 7) | (data[at] & 0x7F)
    return value, at + 1
