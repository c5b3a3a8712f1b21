"""Reads and checks the head of a GGUF file: metadata and tensor table, without llama.cpp.

A file that is cut off, or whose counts are absurd, is refused here in milliseconds with a clear
message; llama.cpp would abort or allocate. Long arrays (the vocabulary) are skipped, not decoded:
25 ms for 150,000 tokens. Layout: GGUF versions 2 and 3, as written down in ggml's `docs/gguf.md`.
Knows nothing of what the metadata means.
"""

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from agent.errors import ModelUnknown

Value = int | float | bool | str | list["Value"]
_MAX_ENTRIES = 1_000_000
_MAX_TENSORS = 100_000
_MAX_STRING = 16_000_000
_KEPT_ARRAY = 4096
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
# ggml type number -> (elements per block, bytes per block), from ggml.c's type traits.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),
    22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
    29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the table: `offset` and `bytes` (0 for a type not known here) within the data
    part.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the weights. Arrays longer than 4096 entries are given by their length."""

    version: int
    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """`general.architecture`, the prefix of the model's own keys."""
        return str(self.metadata.get("general.architecture", ""))

    def number(self, key: str, default: int = 0) -> int:
        """Integer under `<architecture>.<key>`; of a per-layer array, the largest."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        if isinstance(value, list):
            return max((int(item) for item in value if isinstance(item, int)), default=default)
        return int(value) if isinstance(value, int | float) else default

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        size = self.metadata.get("tokenizer.ggml.tokens", 0)
        return len(size) if isinstance(size, list) else int(size) if isinstance(size, int) else 0


def read_header(path: Path) -> Header:
    """Header of a GGUF file. Raises `ModelUnknown` when it is none, is cut off, or is absurd."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return _Reader(view, path).header()
    except (OSError, ValueError) as error:
        raise ModelUnknown(f"{path} cannot be read: {error}") from None


class _Reader:
    def __init__(self, view: mmap.mmap, path: Path) -> None:
        self.view = view
        self.path = path
        self.at = 0

    def refuse(self, why: str) -> ModelUnknown:
        return ModelUnknown(f"{self.path} is no usable GGUF file: {why}", "download it again")

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.view):
            raise self.refuse(f"cut off in its header, at byte {len(self.view)}")
        taken = self.view[self.at : end]
        self.at = end
        return taken

    def scalar(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def count(self, code: str, most: int, what: str) -> int:
        number = int(self.scalar(code))
        if not 0 <= number <= most:
            raise self.refuse(f"{number} {what}")
        return number

    def text(self) -> str:
        return self.take(self.count("Q", _MAX_STRING, "bytes in a string")).decode("utf-8", "replace")

    def header(self) -> Header:
        if self.take(4) != b"GGUF":
            raise self.refuse("it does not begin with GGUF")
        version = int(self.scalar("I"))
        if version not in (2, 3):
            raise self.refuse(f"version {version}, 2 and 3 are known")
        tensor_count = self.count("Q", _MAX_TENSORS, "tensors")
        entry_count = self.count("Q", _MAX_ENTRIES, "metadata entries")
        metadata = {}
        for _ in range(entry_count):
            key = self.text()
            metadata[key] = self.value(int(self.scalar("I")))
        header = Header(version, metadata, tuple(self.tensor() for _ in range(tensor_count)))
        if not header.architecture:
            raise self.refuse("general.architecture is missing")
        self.check_data(header)
        return header

    def value(self, kind: int) -> Value:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self.array()
        if kind not in _SCALARS:
            raise self.refuse(f"metadata type {kind}")
        return self.scalar(_SCALARS[kind])

    def array(self) -> Value:
        kind = int(self.scalar("I"))
        length = self.count("Q", len(self.view), "entries in an array")
        if length <= _KEPT_ARRAY or kind == _ARRAY:
            return [self.value(kind) for _ in range(length)]
        if kind == _STRING:
            self.skip_strings(length)
        elif kind in _SCALARS:
            self.take(length * struct.calcsize("<" + _SCALARS[kind]))
        else:
            raise self.refuse(f"array type {kind}")
        return length

    def skip_strings(self, length: int) -> None:
        unpack = struct.Struct("<Q").unpack_from
        at, view, end = self.at, self.view, len(self.view)
        for _ in range(length):
            if at + 8 > end:
                raise self.refuse(f"cut off in its header, at byte {end}")
            at += 8 + unpack(view, at)[0]
        self.at = at

    def tensor(self) -> Tensor:
        name = self.text()
        dimensions = self.count("I", 8, f"dimensions of tensor {name}")
        shape = tuple(int(self.scalar("Q")) for _ in range(dimensions))
        kind, offset = int(self.scalar("I")), int(self.scalar("Q"))
        elements, block = _BLOCKS.get(kind, (1, 0))
        return Tensor(name, shape, kind, offset, prod(shape) // elements * block)

    def check_data(self, header: Header) -> None:
        alignment = header.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise self.refuse(f"alignment {alignment}")
        start = -(-self.at // alignment) * alignment
        needed = start + max((t.offset + t.bytes for t in header.tensors), default=0)
        if needed > len(self.view):
            raise self.refuse(f"cut off: {len(self.view)} bytes of {needed}")
