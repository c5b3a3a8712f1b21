"""Whether two patterns of paths mean the same files: `{out}/wavs/{n}.wav` and `{folder}/wavs/*.wav`.

Parts are compared from the last one upwards until one side is unknown. A named part that differs parts the paths: files
are never joined by their base name alone where that name stands in several folders.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from retrieval.languages import words

LETTERS = 3
_HOLE = re.compile(r"\{[^{}]*\}|%0?\d*[ds]")
_JOINED = re.compile(r"[\d_-]|[a-z][A-Z]")
_ENDING = re.compile(r"\.[A-Za-z]\w{0,5}$")
# What folders of unlike programs are called alike.
_COMMON = words(
    "data dataset datasets image images img imgs output outputs out result results train test val valid video videos "
    "audio audios frame frames file files label labels temp tmp cache logs log models model checkpoints ckpt ckpts save"
)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What two paths have in common: letters of the file's own name, named folders above it, and equal parts."""

    name: int
    folders: tuple[str, ...]
    equal: int  # how many parts from the last one upwards are the same

    @property
    def telling(self) -> bool:
        """Whether a folder is called as no other program's is likely to be: by several words or figures."""
        return any(_JOINED.search(f) and f.lower() not in _COMMON for f in self.folders) or len(self.folders) > 1


def parts_of(pattern: str) -> tuple[str, ...]:
    """The parts of a path from the last one upwards, what is unknown in them as `*`."""
    parts = [re.sub(r"\*+", "*", _HOLE.sub("*", part)) for part in pattern.split("/")]
    return tuple(part for part in reversed(parts) if part not in ("", "."))


def letters(part: str) -> int:
    """How many letters and digits a part has of its own, its ending left out; 0 for numbers only."""
    stem = _ENDING.sub("", part)
    return len(re.findall(r"[A-Za-z0-9]", stem)) if re.search(r"[A-Za-z]", stem) else 0


def meeting(written: tuple[str, ...], read: tuple[str, ...]) -> Meeting | None:
    """What two paths have in common, None when a part of them differs. Takes what `parts_of` gives."""
    if not written or not read or not _fits(written[0], read[0]):
        return None
    folders: list[str] = []
    equal = int(written[0] == read[0])
    for one, other in zip(written[1:], read[1:], strict=False):
        if one == other:
            equal += 1
            folders += [one] if letters(one) >= LETTERS and "*" not in one else []
        elif "*" in (one, other):
            break
        elif not _fits(one, other):
            return None
    name = letters(written[0]) if read[0] != "*" and (written[0] == read[0] or letters(read[0]) >= LETTERS) else 0
    return Meeting(name, tuple(folders), equal)


def _fits(one: str, other: str) -> bool:
    """Whether two parts may be the same: equal, or one a pattern that the other one fits."""
    if one == other or "*" in (one, other):
        return True
    if _ends(one) != _ends(other):
        return False
    return any(
        "*" in pattern and fnmatch.fnmatchcase(name.replace("*", "x"), pattern)
        for name, pattern in ((one, other), (other, one))
    )


def _ends(part: str) -> str:
    found = _ENDING.search(part)
    return found[0].lower() if found else ""


def folder_of(pattern: str) -> str:
    """The folder of a path; of a path that is one unknown name `{folder of name}`, "" where it has none."""
    bare = re.fullmatch(r"\{(\w+)\}", pattern)
    return f"{{folder of {bare[1]}}}" if bare else pattern.rpartition("/")[0]
