"""Opens a document for checking: its text, the audit that wrote it if one did, and the repository without both.

Nothing is written here, and neither a model nor an index is opened.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from agent.documents.check import Checked
from agent.documents.passages import read_document
from agent.documents.recorded import ANSWERS, Recorded
from agent.documents.verification import Verification, Verifier
from agent.errors import UserError
from agent.report.files import JSON, MARKDOWN, PAGE
from retrieval.snapshot import Snapshot
from retrieval.walk import escaped, take_snapshot

_DIGEST = re.compile(r'^\s*"sha256": "')


@dataclass(frozen=True)
class Opened:
    """A document ready to be checked. `text` is "" for an answers.json, whose records are the citations."""

    path: Path
    text: str
    snapshot: Snapshot
    recorded: Recorded | None
    verifier: Verifier

    def verify(self) -> Verification:
        """Check the document; of an answers.json every recorded citation."""
        if self.path.name == ANSWERS and self.recorded is not None:
            return Verification(tuple(self._records(self.recorded)), (), (), (), ())
        return self.verifier.verify_document(read_document(self.text))

    def _records(self, recorded: Recorded) -> list[Checked]:
        """Every citation of answers.json with the line that holds its digest."""
        lines = (n for n, line in enumerate(self.text.split("\n"), 1) if _DIGEST.match(line))
        found = []
        for text, place in recorded.every_citation():
            ruling = recorded.rule(place, self.verifier.lexicon)
            assert ruling is not None
            at = next(lines, 1)
            found.append(
                Checked(
                    str(place), at, place.path, place.start, place.end, ruling.verdict, ruling.reason, text, ruling.now
                )
            )
        return found


def open_document(path: Path, repo: Path, *, most: int) -> Opened:
    """Open a Markdown file, an answers.json, or the folder of an audit. Raises UserError and RepositoryError."""
    path = path / MARKDOWN if path.is_dir() else path
    text = _read(path, most)
    recorded = _recorded(path)
    folder = path.parent.resolve()
    left_out = [folder / name for name in (MARKDOWN, JSON, PAGE)] if recorded else []
    snapshot = take_snapshot(repo, exclude=left_out)
    resolved = path.resolve()
    inside = not recorded and resolved.is_relative_to(snapshot.root)
    own = escaped(resolved.relative_to(snapshot.root).as_posix()) if inside else ""

    def codebase() -> "object":
        from agent.settings import repository_cache
        from retrieval.codebase import read_codebase

        return read_codebase(snapshot, repository_cache(repo) / "facts")

    return Opened(path, text, snapshot, recorded, Verifier(snapshot, codebase, own=own, recorded=recorded))  # type: ignore[arg-type]


def _recorded(path: Path) -> Recorded | None:
    """The audit that wrote the document, when its answers.json lies beside it."""
    if path.name not in (MARKDOWN, ANSWERS):
        return None
    beside = path.with_name(ANSWERS)
    return Recorded(beside) if beside.is_file() else None


def _read(path: Path, most: int) -> str:
    hint = "name a Markdown file"
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise UserError(f"{escaped(str(path))} is no file", hint)
        if size > most:
            raise UserError(f"{escaped(str(path))} is larger than {most // 1_000_000} MB", "split it")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {escaped(str(path))}: {reason}", hint) from None
    text = data.decode("utf-8", errors="replace")
    if b"\0" in data and "\ufffd" in text:
        raise UserError(f"{escaped(str(path))} is binary, not Markdown", hint)
    return text
