"""The finished stages of one audit on disk: one JSON file a stage, whose digest stands in the checkpoint.

A record is written to a temporary file, synced and renamed, so that a killed run finds it whole or not at all.
"""

import hashlib
import json
import os
from pathlib import Path

from agent.state import Answer


class Records:
    """Reads and writes the stage records in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, stage_id: str, answers: list[Answer]) -> str:
        """Store a stage's answers; returns the SHA-256 of the record."""
        text = json.dumps([answer.model_dump(mode="json") for answer in answers], ensure_ascii=False)
        data = text.encode("utf-8", errors="backslashreplace")
        replace_file(self._folder / f"{stage_id}.json", data)
        return hashlib.sha256(data).hexdigest()

    def read(self, stage_id: str, digest: str) -> list[Answer] | None:
        """A stage's answers, or None when the record is missing or is not the one that `digest` names."""
        try:
            data = (self._folder / f"{stage_id}.json").read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            return None
        return [Answer.model_validate(item) for item in json.loads(data)]


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either its old content or all of the new, even after a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
