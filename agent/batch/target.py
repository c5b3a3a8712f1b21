"""The folder that a source is unpacked into: what may be made in it, how much of it, and what was left out.

Every entry is placed by its own name below the folder or not at all, and links come last and lead nowhere. Knows no
archive formats.
"""

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from retrieval.safefile import in_units

MAX_MEMBERS = 200_000
MAX_BYTES = 2_000_000_000  # written
MAX_FILE = 32_000_000  # beyond what is read of any kind of file
_NOWHERE = "."
_BLOCK = 1 << 20


class Unusable(Exception):
    """The source cannot be unpacked; the message says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: its name as written, what it is, and its size in bytes."""

    name: str
    kind: str  # "file" | "folder" | "link" | "other"
    size: int


@dataclass(slots=True)
class Target:
    """The folder that is filled, and how much was written; `left_out` counts entries by reason."""

    root: Path
    written: int = 0
    members: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    links: list[Path] = field(default_factory=list)

    def add(self, member: Member, data: IO[bytes] | None) -> bool:
        """Make one entry; False when the limits are reached."""
        self.members += 1
        if self.members > MAX_MEMBERS or self.written > MAX_BYTES:
            self.left_out[f"everything beyond {MAX_MEMBERS} entries or {in_units(MAX_BYTES)}"] += 1
            return False
        path = self._place(member.name)
        if path is None:
            self.left_out["outside the archive"] += 1
            return True
        try:
            self._make(member, path, data)
        except OSError as error:
            self.left_out[f"not writable ({(error.strerror or 'error').lower()})"] += 1
        return True

    def finish(self) -> None:
        """Put the links where nothing else stands; only now, so that nothing was written through them."""
        for path in self.links:
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(_NOWHERE)

    def notes(self) -> list[str]:
        """What was left out, for people."""
        return [f"{count} entries not unpacked: {reason}" for reason, count in sorted(self.left_out.items())]

    def _place(self, name: str) -> Path | None:
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part != "."]
        unsafe = not parts or ".." in parts or parts[0] == "/" or "\0" in name or ":" in parts[0]
        return None if unsafe else self.root.joinpath(*parts)

    def _make(self, member: Member, path: Path, data: IO[bytes] | None) -> None:
        if member.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
        elif member.kind == "link":
            self.links.append(path)
        elif member.kind == "file" and data is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, data, member.size)
        else:
            self.left_out["neither file nor folder"] += 1

    def _write(self, path: Path, data: IO[bytes], size: int) -> None:
        with path.open("wb") as file:
            if size > MAX_FILE:
                file.truncate(MAX_FILE + 1)
                return
            left = MAX_FILE
            while left > 0 and (block := data.read(min(_BLOCK, left))):
                file.write(block)
                left -= len(block)
                self.written += len(block)
