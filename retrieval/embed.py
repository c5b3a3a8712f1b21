"""Turns texts into vectors, and the only door to sentence-transformers and torch.

Knows how to run an embedding model from a folder on disk, offline, in a process of its own: the
caller never imports torch, and ending that process gives all of its memory back. It knows nothing
of chunks, files or caches.

The vector of a text does not depend on the texts embedded with it: each forward pass has one of a
few fixed shapes, because matrix kernels round differently for different shapes.
"""

import hashlib
import io
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from retrieval.errors import EmbedderError

MAX_CHARACTERS = 4_000  # beyond the 256 or 512 tokens that the models read
BATCH = 16
LENGTH_STEP = 64
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
    EmbedderError when the folder is no model, or when the process fails or dies.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        if not (folder / "modules.json").is_file():
            raise EmbedderError(f"no embedding model in {folder}", _LOAD_HINT)
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


class _Child:
    """The parent's end of the process: frames of JSON there, frames of float32 back."""

    def __init__(self, folder: Path) -> None:
        package_root = str(Path(__file__).resolve().parent.parent)
        # -P and a cwd that nobody else writes to: no module of an audited repository is importable.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "retrieval.embed", str(folder)],
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
            _write_frame(self._process.stdin, json.dumps(texts).encode())
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
        frame = _read_frame(self._process.stdout)
        if frame is None:
            raise EmbedderError(f"the embedding model failed: {self._last_words()}", _LOAD_HINT)
        return frame

    def _last_words(self) -> str:
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").strip().split("\n")
        return lines[-1].strip()[:300] or f"its process ended with code {code}"


def _write_frame(pipe: Any, data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _read_frame(pipe: Any) -> bytes | None:
    """The next frame; None at the end of the stream."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return data if len(data) == length else None


# --- inside the child process ------------------------------------------------------------------


def _serve(folder: Path) -> None:
    """Answers frames on stdin until it closes, which it also does when the parent dies."""
    answers = _claim_stdout()
    model = _Model(folder)
    _write_frame(answers, json.dumps({"dimensions": model.dimensions}).encode())
    while (frame := _read_frame(sys.stdin.buffer)) is not None:
        _write_frame(answers, model.embed(json.loads(frame)))


def _claim_stdout() -> BinaryIO:
    """The real stdout for frames only; whatever a library prints goes to stderr."""
    answers = io.FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    return io.BufferedWriter(answers)


class _Model:
    """A loaded sentence-transformers model, in bfloat16 on CPUs that gain by it."""

    def __init__(self, folder: Path) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        self._torch = torch
        self._model = SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        ).eval()
        if _has_bf16(torch):
            self._model.bfloat16()
        self._limit = int(self._model.max_seq_length or 512)
        self.dimensions = len(self.embed(["a"])) // 4

    def embed(self, texts: list[str]) -> bytes:
        """The vectors of all texts as float32, one after another."""
        found = [b""] * len(texts)
        tokens = [self._tokens(text[:MAX_CHARACTERS]) for text in texts]
        for batch, length in _batches([len(one) for one in tokens]):
            for place, vector in zip(batch, self._forward(tokens, batch, length), strict=False):
                found[place] = vector
        return b"".join(found)

    def _tokens(self, text: str) -> list[int]:
        return self._model.tokenizer(text, truncation=True, max_length=self._limit)["input_ids"]

    def _forward(self, tokens: list[list[int]], batch: list[int], length: int) -> Iterator[bytes]:
        """The vectors of one batch, whose last rows are empty when it is not full."""
        torch, padding = self._torch, self._model.tokenizer.pad_token_id or 0
        length = min(length, self._limit)
        ids = torch.full((BATCH, length), padding)
        mask = torch.zeros((BATCH, length), dtype=torch.long)
        mask[:, 0] = 1  # a row that attends to nothing would be NaN
        for row, place in enumerate(batch):
            count = len(tokens[place])
            ids[row, :count] = torch.tensor(tokens[place])
            mask[row, :count] = 1
        with torch.inference_mode():
            features = self._model({"input_ids": ids, "attention_mask": mask})
            vectors = features["sentence_embedding"].float()
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        for row in range(len(batch)):
            yield vectors[row].numpy().tobytes()


def _has_bf16(torch: Any) -> bool:
    """Whether the CPU multiplies bfloat16 itself; without that it is slower than float32."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def _batches(lengths: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Places of at most `BATCH` texts that are padded to the same length, and that length."""
    by_length: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        by_length.setdefault(-(-max(length, 1) // LENGTH_STEP) * LENGTH_STEP, []).append(place)
    for length, places in sorted(by_length.items()):
        for at in range(0, len(places), BATCH):
            yield places[at : at + BATCH], length


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
