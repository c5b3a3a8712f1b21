"""A repository as it was at one moment: the bytes of every file that was read, and what was not read.

Everything later (chunks, facts, citations, hashes) is computed from these bytes, so a file that changes
during an audit cannot make a citation lie.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from retrieval.chunk import Span

Role = Literal["source", "config", "docs", "example", "test", "vendored", "generated"]
ROLES: tuple[Role, ...] = ("source", "config", "docs", "example", "test", "vendored", "generated")


@dataclass(frozen=True)
class SourceFile:
    """One text file: repository-relative POSIX `path` (lossless, escaped), its bytes, language and role.

    `language` is a lower-case name ("python", "markdown", "yaml", "javascript", "text" …). A notebook keeps
    its raw JSON bytes here and has the language "notebook".
    """

    path: str
    data: bytes = field(repr=False)
    language: str
    role: Role
    encoding: str = "utf-8"

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the file's bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def text(self) -> str:
        """The bytes decoded (undecodable bytes become U+FFFD); a `\\n` here is a `\\n` byte there."""
        return self.data.decode(self.encoding, errors="replace")

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines without their `\\n`; lines[0] is line 1. A trailing `\\n` adds no empty line."""
        parts = self.text.split("\n")
        return tuple(parts[:-1] if parts and parts[-1] == "" else parts)

    @cached_property
    def _byte_lines(self) -> list[bytes]:
        return self.data.split(b"\n")

    def lines_sha256(self, start: int, end: int) -> str:
        """Digest of the bytes from the start of line `start` to the end of line `end`, without its `\\n`."""
        return hashlib.sha256(b"\n".join(self._byte_lines[start - 1 : end])).hexdigest()


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was met and not read, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Snapshot:
    """All files of one repository at one moment, sorted by path."""

    root: Path
    name: str
    commit: str  # "" when unknown
    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...]

    @cached_property
    def by_path(self) -> dict[str, SourceFile]:
        """path → file."""
        return {file.path: file for file in self.files}

    @cached_property
    def tree_hash(self) -> str:
        """Digest over every path and file digest; equal trees have equal hashes on any machine."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.path}\0{file.sha256}\n".encode())
        return digest.hexdigest()

    def excerpt(self, span: Span) -> str:
        """The exact lines of `span`, joined with `\\n`. Raises KeyError for an unknown path."""
        return "\n".join(self.by_path[span.path].lines[span.start - 1 : span.end])
