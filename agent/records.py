"""The finished stages of one audit on disk: one JSON file a stage, named by its digest, which stands in the checkpoint.

A record is written to a temporary file, synced and renamed, so that a killed run finds it whole or not at all.
"""

import hashlib
import json
from pathlib import Path

from agent.report.files import write_whole
from agent.state import Answer


class Records:
    """Reads and writes the stage records in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, stage_id: str, answers: list[Answer]) -> str:
        """Store a stage's answers; returns the SHA-256 of the record."""
        text = json.dumps([answer.model_dump(mode="json") for answer in answers], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        write_whole(self._path(stage_id, digest), text)
        return digest

    def _path(self, stage_id: str, digest: str) -> Path:
        return self._folder / f"{stage_id}-{digest[:16]}.json"

    def read(self, stage_id: str, digest: str) -> list[Answer] | None:
        """A stage's answers, or None when the record is missing or is not the one that `digest` names."""
        try:
            data = self._path(stage_id, digest).read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            return None
        return [Answer.model_validate(item) for item in json.loads(data)]
