"""Turns texts into vectors by a model in a process of its own.

Knows how to run an embedding model from a folder on disk, offline: the caller never imports torch, and
ending that process gives all of its memory back. It knows nothing of chunks, files or caches, nor of what
happens inside the process (`encode.py`).
"""

import hashlib
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
from array import array
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from retrieval.errors import EmbedderError

LIBRARIES_BYTES = 450 << 20  # torch, and what a batch needs; measured
_LENGTH = struct.Struct("!I")
# Threads that spin while they wait make a busy machine 2 to 5 times slower (measured on 2 cores).
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
_LOAD_HINT = "fetch it again with `deposition models pull`"


@runtime_checkable
class Embedder(Protocol):
    """Anything that embeds; `name` tells vectors of different models apart in caches."""

    name: str

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        ...

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector of length 1 and `dimensions` numbers for each text, in the same order."""
        ...


class HashEmbedder:
    """A test double: words hashed into buckets. Texts that share words have near vectors."""

    def __init__(self, dimensions: int = 64) -> None:
        self.name = f"hash-{dimensions}"
        self.dimensions = dimensions

    def embed(self, texts: list[str]) -> list[list[float]]:
        """See `Embedder.embed`."""
        return [self._embed_one(text) for text in texts]

    def _embed_one(self, text: str) -> list[float]:
        vector = [0.0] * self.dimensions
        for word in ["", *re.findall(r"[a-z]+|\d+", text.lower())]:
            digest = hashlib.sha256(word.encode()).digest()
            vector[int.from_bytes(digest[:4], "big") % self.dimensions] += 1.0
        norm = math.sqrt(sum(value * value for value in vector))
        return [value / norm for value in vector]


class SentenceEmbedder:
    """A sentence-transformers model folder, run in a child process that starts at the first use.

    `close` (or leaving a `with` block) ends the process; a later `embed` starts a new one. Raises
    EmbedderError when the folder is no model, when it would take more than `budget` bytes, or when the
    process fails or dies.
    """

    def __init__(self, folder: Path, name: str = "", budget: int | None = None) -> None:
        if not (folder / "modules.json").is_file():
            raise EmbedderError(f"no embedding model in {folder}", _LOAD_HINT)
        if budget is not None and (needed := needed_bytes(folder)) > budget:
            told = (
                f"the embedder {name or folder.name} takes about {needed >> 20} MiB, and {budget >> 20} MiB are allowed"
            )
            raise EmbedderError(told, "raise --memory-budget, choose a smaller --embedder, or answer with --model none")
        self.folder = folder.resolve()
        self.name = name or folder.name
        self._child: _Child | None = None

    @property
    def dimensions(self) -> int:
        """Numbers per vector; starts the process."""
        return self._started().dimensions

    def embed(self, texts: list[str]) -> list[list[float]]:
        """See `Embedder.embed`."""
        return self._started().embed(texts) if texts else []

    def close(self) -> None:
        """Ends the process; its memory is back when this returns."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> "SentenceEmbedder":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _started(self) -> "_Child":
        if self._child is None:
            self._child = _Child(self.folder)
        return self._child


def needed_bytes(folder: Path) -> int:
    """About what the process of the model in `folder` takes at most: libraries, weights twice while they load."""
    weights = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    return LIBRARIES_BYTES + 2 * weights


class _Child:
    """The parent's end of the process: frames of JSON there, frames of float32 back."""

    def __init__(self, folder: Path) -> None:
        package_root = str(Path(__file__).resolve().parent.parent)
        # -P and a cwd that nobody else writes to: no module of an audited repository is importable.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "retrieval.encode", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": package_root},
        )
        try:
            self.dimensions = int(json.loads(self._read())["dimensions"])
        except EmbedderError:
            self.close()
            raise

    def embed(self, texts: list[str]) -> list[list[float]]:
        assert self._process.stdin is not None
        with suppress(OSError):  # the process is gone: reading says why
            write_frame(self._process.stdin, json.dumps(texts).encode())
        values = array("f", self._read())
        size = self.dimensions
        return [values[at : at + size].tolist() for at in range(0, len(values), size)]

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # flushing into a process that is gone
                    pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        frame = read_frame(self._process.stdout)
        if frame is None:
            raise EmbedderError(f"the embedding model failed: {self._last_words()}", _LOAD_HINT)
        return frame

    def _last_words(self) -> str:
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").strip().split("\n")
        return lines[-1].strip()[:300] or f"its process ended with code {code}"


def write_frame(pipe: Any, data: bytes) -> None:
    """Writes one frame: four bytes of length, then the data."""
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def read_frame(pipe: Any) -> bytes | None:
    """The next frame; None at the end of the stream."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return data if len(data) == length else None
