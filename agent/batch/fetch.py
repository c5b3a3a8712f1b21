"""Brings a source into a folder of this machine, where an audit can read it.

A folder is read where it is. Archives and bare clones are unpacked below the cache, always to the same place for the
same bytes, so that an interrupted audit finds its code again; git URLs are cloned there first, bare and without
history. What was unpacked is deleted when its audit is finished. Knows no formats.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agent.batch.source import Source
from agent.settings import load_settings
from retrieval.errors import RepositoryError

UNPACK_SECONDS = 300
CLONE_SECONDS = 1_800
ASK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Fetched:
    """The folder `root` with the code; `mark` and `notes` as in `Prepared`."""

    root: Path
    mark: str = ""
    notes: tuple[str, ...] = ()


def fetch(source: Source) -> Fetched:
    """Where the code of `source` lies now. Raises RepositoryError."""
    place = Path(source.place)
    if source.kind == "folder":
        return Fetched(place)
    if source.kind == "url":
        place, notes = _cloned(source)
        return _unpacked(source, "bare", place, _head(place), notes)
    if source.kind == "bare":
        return _unpacked(source, "bare", place, _head(place), ())
    return _unpacked(source, "archive", place, _digest(place), ())


def mark_of(source: Source) -> str:
    """What tells this version of a source from the next, "" for a folder. Raises RepositoryError.

    For a URL it is what the server says; "" when it cannot be asked.
    """
    if source.kind == "archive":
        return _digest(Path(source.place))
    if source.kind == "bare":
        return _head(Path(source.place))
    return _newest(source.place) if source.kind == "url" else ""


def forget(source: Source) -> None:
    """Delete what `fetch` unpacked for a source whose audit is finished; clones stay."""
    if source.kind != "folder":
        shutil.rmtree(_folder(source, "sources"), ignore_errors=True)


def _folder(source: Source, kind: str) -> Path:
    digest = hashlib.sha256(f"{source.kind}\0{source.place}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return load_settings().cache.expanduser().absolute() / kind / f"{source.name}-{digest}"


def _unpacked(source: Source, kind: str, place: Path, mark: str, notes: tuple[str, ...]) -> Fetched:
    folder = _folder(source, "sources") / mark[:16]
    done = folder / "notes.json"
    if not done.is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as temporary:
            files = Path(temporary, "files", source.name)
            files.mkdir(parents=True)
            found = _run_unpacker(kind, place, files)
            Path(temporary, "notes.json").write_text(json.dumps(found), encoding="utf-8")
            Path(temporary).rename(folder)
    told = json.loads(done.read_text(encoding="utf-8"))
    from agent.batch.unpack import only_folder

    return Fetched(only_folder(folder / "files" / source.name), mark, (*notes, *told))


def _run_unpacker(kind: str, place: Path, target: Path) -> list[str]:
    package_parent = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-P", "-m", "agent.batch.unpack", kind, str(place), str(target)]
    environment = {**os.environ, "PYTHONPATH": package_parent}
    try:
        done = subprocess.run(
            command, capture_output=True, cwd=target, env=environment, timeout=UNPACK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"it was not unpacked within {UNPACK_SECONDS} seconds") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise RepositoryError(_end_of_unpacker(done.returncode, done.stderr)) from None
    if "error" in answer:
        raise RepositoryError(answer["error"])
    return list(answer["notes"])


def _end_of_unpacker(code: int, errors: bytes) -> str:
    """Why it ended without an answer: a limit's signal, or an error that the bytes it read led to."""
    if code < 0:
        return f"unpacking it takes too much memory or time ({signal.Signals(-code).name})"
    return f"it is damaged: {errors.decode('utf-8', 'replace').strip().split(chr(10))[-1][:200]}"


def _digest(archive: Path) -> str:
    try:
        with archive.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RepositoryError(f"{archive} cannot be read: {(error.strerror or 'error').lower()}") from None


def _head(clone: Path) -> str:
    from agent.batch.clone import bare_commit
    from agent.batch.target import Unusable

    try:
        return bare_commit(clone)
    except Unusable as error:
        raise RepositoryError(str(error)) from None


def _cloned(source: Source) -> tuple[Path, tuple[str, ...]]:
    """A bare clone of a URL as it is now, or with a note an older one where the server cannot be reached."""
    clone = _folder(source, "clones")
    newest = _newest(source.place)
    if clone.is_dir() and (not newest or _head(clone) == newest):
        return clone, () if newest else ("the server could not be asked: an earlier clone was read",)
    clone.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=clone.parent, ignore_cleanup_errors=True) as temporary:
        options = ["--bare", "--depth=1", "--single-branch", "--no-tags", "--template=", "--quiet"]
        made = Path(temporary, "clone")
        _git(["clone", *options, "--", source.place, str(made)], CLONE_SECONDS)
        shutil.rmtree(clone, ignore_errors=True)
        made.rename(clone)
    return clone, ()


def _newest(url: str) -> str:
    try:
        return _git(["ls-remote", "--", url, "HEAD"], ASK_SECONDS).split("\t")[0].strip()
    except RepositoryError:
        return ""


def _git(arguments: list[str], seconds: int) -> str:
    """git, which only ever talks to a server here: it asks nobody, and runs nothing that a repository names."""
    settings = ["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "core.fsmonitor=false"]
    environment = {
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ["git", *settings, *arguments], capture_output=True, env=environment, timeout=seconds, check=False
        )
    except FileNotFoundError:
        raise RepositoryError("git is not installed, which a git URL needs") from None
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"the server did not answer within {seconds} seconds") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        raise RepositoryError(f"it cannot be cloned: {said or f'git ended with code {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace")
