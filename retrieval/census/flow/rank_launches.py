"""Lines of documents and scripts that start a program of the repository once per rank: `torchrun`, `deepspeed`, …"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import once

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LONGEST = 400
_LAUNCHER = re.compile(
    r"\b(torchrun|accelerate\s+launch|deepspeed|torch\.distributed\.(?:launch|run)|mpirun|srun|horovodrun)\b([^\n`]*)"
)
_PROGRAM = re.compile(r"(?:^|\s)([\w./-]+\.py)\b|\s-m\s+([\w.]+)")


@dataclass(frozen=True, slots=True)
class Launch:
    """A launcher with the program that it starts, and where that is written."""

    launcher: str
    program: str
    path: str
    line: int


@once
def rank_launches(codebase: Codebase) -> tuple[Launch, ...]:
    """One launch per program, the first that is written."""
    found: dict[str, Launch] = {}
    for file in codebase.snapshot.files:
        if file.language in ("markdown", "rst", "shell", "text", "make", "notebook") and _LAUNCHER.search(file.text):
            for launch in _written(codebase, file.path):
                found.setdefault(launch.program, launch)
    return tuple(found.values())


def _written(codebase: Codebase, path: str) -> Iterator[Launch]:
    lines = [str(line).rstrip("\n") for line in codebase.snapshot.by_path[path].lines]
    for number, line in enumerate(lines):
        whole, last = line, number
        while whole.rstrip().endswith("\\") and last + 1 < len(lines) and len(whole) < LONGEST:
            last += 1
            whole = f"{whole.rstrip()[:-1]} {lines[last].strip()}"
        found = _LAUNCHER.search(whole)
        program = _PROGRAM.search(found[2]) if found is not None else None
        if found is None or program is None or line.lstrip().startswith("#!"):
            continue
        known = _known(codebase, program[1] or f"{program[2].replace('.', '/')}.py")
        if known:
            yield Launch(" ".join(found[1].split()), known, path, number + 1)


def _known(codebase: Codebase, name: str) -> str:
    """The file of the repository that a line names, "" for none."""
    name = name.removeprefix("./")
    last = PurePosixPath(name).name
    paths = [p for p in codebase.facts if p == name or p.endswith((f"/{name}", f"/{last}"))]
    exact = [p for p in paths if p == name or p.endswith(f"/{name}")]
    return (exact or paths or [""])[0]
