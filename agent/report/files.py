"""Writes a report into its folder: each file whole or not at all, whatever happens meanwhile."""

import os
import tempfile
from pathlib import Path

from agent.errors import UserError
from agent.report.answers import render_json
from agent.report.document import Report
from agent.report.markdown import render_markdown
from agent.report.page import render_page

MARKDOWN, JSON, PAGE = "ANSWERS.md", "answers.json", "report.html"


def write_report(report: Report, out: Path) -> list[Path]:
    """Write the three documents into `out` and return their paths. Raises UserError when it cannot."""
    prepare_folder(out)
    documents = {MARKDOWN: render_markdown, JSON: render_json, PAGE: render_page}
    for name, render in documents.items():
        write_whole(out / name, render(report))
    return [out / name for name in documents]


def write_page(report: Report, out: Path) -> None:
    """Write only the page into `out`, for a reader of an unfinished audit."""
    write_whole(out / PAGE, render_page(report))


def write_whole(path: Path, text: str) -> None:
    """Replace `path` by `text` (UTF-8) in one step that survives a crash: the old file or the new,
    never a part.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def prepare_folder(out: Path) -> None:
    """Create `out` and make sure that files can be written there. Raises UserError."""
    hint = "name a folder you may write to with --out"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except FileExistsError:
        raise UserError(f"{out} is a file, not a folder", hint) from None
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}", hint) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
