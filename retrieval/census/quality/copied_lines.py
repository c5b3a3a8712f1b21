"""How many lines of source code are copies: runs of at least RUN equal lines that also stand earlier in the code.

Blank lines, comments and imports are passed over, and of equal runs the first counts as the original.
"""

from typing import TYPE_CHECKING

from retrieval.beside import once

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

RUN, SHORT = 6, 3
_ASIDE = ("#", "import ", "from ", '"""', "'''")


@once
def copied_lines(codebase: "Codebase") -> tuple[dict[str, tuple[int, int]], int, int]:
    """path → copied lines and counted lines, of files with copies, those with most first; and both sums."""
    seen: dict[int, tuple[str, int]] = {}
    found: dict[str, tuple[int, int]] = {}
    total = copies = 0
    for file in codebase.snapshot.files:
        if file.language != "python" or file.role != "source":
            continue
        lines = [text for line in file.lines if len(text := line.strip()) > SHORT and not text.startswith(_ASIDE)]
        marked = bytearray(len(lines))
        for start in range(len(lines) - RUN + 1):
            place = seen.setdefault(hash(tuple(lines[start : start + RUN])), (file.path, start))
            if place[0] != file.path or place[1] + RUN <= start:
                marked[start : start + RUN] = b"\x01" * RUN
        count = sum(marked)
        total, copies = total + len(lines), copies + count
        if count:
            found[file.path] = (count, len(lines))
    return dict(sorted(found.items(), key=lambda item: -item[1][0])), copies, total
