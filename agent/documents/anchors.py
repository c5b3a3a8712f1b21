"""Digests that a report keeps of cited lines, so that they are found again when the file has changed."""

import hashlib
from collections.abc import Sequence

AROUND = 3  # lines on either side that are remembered
SHORT = 12  # hex digits of a short digest


def exact(lines: Sequence[bytes], start: int, end: int) -> str:
    """SHA-256 of lines `start` to `end`, joined by `\\n`."""
    return hashlib.sha256(b"\n".join(lines[start - 1 : end])).hexdigest()


def short(lines: Sequence[bytes]) -> str:
    """A short digest of lines, whatever their indentation."""
    return hashlib.sha256(b"\n".join(line.strip() for line in lines)).hexdigest()[:SHORT]


def surroundings(lines: Sequence[bytes], start: int, end: int) -> tuple[str, str]:
    """Short digests of the three lines before and after; at the edges of a file of fewer."""
    return short(lines[max(0, start - 1 - AROUND) : start - 1]), short(lines[end : end + AROUND])


def anchor(lines: Sequence[bytes], start: int, end: int) -> dict[str, str]:
    """What a report remembers of cited lines beside their digest."""
    before, after = surroundings(lines, start, end)
    return {
        "first": short(lines[start - 1 : start]),
        "last": short(lines[end - 1 : end]),
        "before": before,
        "after": after,
    }
