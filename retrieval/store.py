"""Vectors in a Chroma collection, and the only door to chromadb.

Knows how to write a collection, seal it with the digests of its files, and read or go on from it only
while they still fit. Embeddings are always given, never computed by Chroma, and neither a `.env` file
nor telemetry is read or sent. It knows nothing of chunks: ids are strings.

A sealed collection is never opened itself, only a passing copy: opening changes the database file,
two processes would lose each other's writes, and a damaged HNSW file crashes the process (SIGSEGV)
instead of raising an error.

Neighbours are computed over all vectors rather than asked of Chroma's graph. Measured with 1.5.9: the
graph differs from build to build, even on one thread, so the same audit could give two reports; and
of 300 vectors with many duplicates it finds 27 % of the nearest 50.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from retrieval.errors import IndexBroken

FORMAT = 3
_COLLECTION = "chunks"
_SEAL = "seal.json"
_ADD_AT_ONCE = 2_000  # Chroma takes at most 5461


class VectorStore:
    """Named vectors in memory, float32, each of length 1."""

    def __init__(self, vectors: Mapping[str, Sequence[float]]) -> None:
        import numpy

        self._names = sorted(vectors)
        rows = [vectors[name] for name in self._names]
        matrix = numpy.array(rows, dtype=numpy.float32).reshape(len(rows), -1 if rows else 1)
        self._matrix = matrix / numpy.linalg.norm(matrix, axis=1, keepdims=True)

    def __len__(self) -> int:
        return len(self._names)

    def nearest(self, vector: Sequence[float], count: int) -> list[tuple[str, float]]:
        """The ids of the `count` nearest vectors with their cosine, nearest first.

        Cosines are rounded to 5 digits and ties are in the order of the ids, so that another
        processor's last bit does not change the order.
        """
        import numpy

        if not self._names:
            return []
        wanted = numpy.asarray(vector, dtype=numpy.float32)
        cosines = numpy.round(self._matrix @ (wanted / numpy.linalg.norm(wanted)), 5)
        places = numpy.argsort(-cosines, kind="stable")[:count]
        return [(self._names[place], float(cosines[place])) for place in places.tolist()]


def _client(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    # Without `_env_file=None` a `.env` of the current folder chooses classes to import.
    settings = Settings(_env_file=None, anonymized_telemetry=False)  # pyright: ignore[reportCallIssue]
    return chromadb.PersistentClient(str(folder), settings=settings)


def check(vectors: Mapping[str, Sequence[float]]) -> None:
    """Raises ValueError for a vector that is not finite or has no direction."""
    for name, vector in vectors.items():
        if not all(map(math.isfinite, vector)) or not any(vector):
            raise ValueError(f"the vector of {name} has no direction")


def write_store(folder: Path, vectors: Mapping[str, Sequence[float]], key: str) -> None:
    """Writes a sealed collection of `vectors` to `folder`, from what is sealed there where that saves work.

    `key` names what it holds; `is_sealed` asks for it again. Raises ValueError as `check` does: Chroma
    would accept such a vector, or refuse it with the whole batch.
    """
    check(vectors)
    dimensions = len(next(iter(vectors.values()), ()))
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=folder.parent))
    try:
        with suppress(IndexBroken):
            if _seal(folder).get("dimensions") == dimensions:  # a collection has one number of dimensions
                _copy(_verified(folder), building)
        _fill(building, vectors)
        counts = {"count": len(vectors), "dimensions": dimensions}
        _write_seal(building / _SEAL, {"format": FORMAT, "key": key, **counts, "files": _digests(building)})
        shutil.rmtree(folder, ignore_errors=True)
        building.replace(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _fill(folder: Path, vectors: Mapping[str, Sequence[float]]) -> None:
    """Makes the collection in `folder`, which may be empty, hold exactly `vectors`."""
    from chromadb.errors import ChromaError

    client = _client(folder)
    try:
        collection = client.get_or_create_collection(
            _COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        held = set(collection.get(include=[])["ids"])
        for batch in _batched(sorted(held - set(vectors))):
            collection.delete(ids=batch)
        for batch in _batched(sorted(set(vectors) - held)):
            collection.add(ids=batch, embeddings=[list(vectors[name]) for name in batch])
    except ChromaError as error:
        hint = "check the free space"
        raise IndexBroken(f"the index cannot be written: {error}", hint) from error
    finally:
        client.close()


def _batched(names: Sequence[str]) -> Iterator[list[str]]:
    for at in range(0, len(names), _ADD_AT_ONCE):
        yield list(names[at : at + _ADD_AT_ONCE])


def _write_seal(path: Path, seal: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(seal, file)
        file.flush()
        os.fsync(file.fileno())


def _digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in _contents(folder)}


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != _SEAL:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def is_sealed(folder: Path, key: str) -> bool:
    """Whether `folder` holds, undamaged, the collection that was sealed under `key`; Chroma is not loaded."""
    try:
        seal = _seal(folder)
        return seal.get("key") == key and seal.get("files") == _digests(folder)
    except (OSError, IndexBroken):
        return False


def read_store(folder: Path) -> dict[str, list[float]]:
    """The vectors of the sealed collection in `folder`.

    Raises IndexBroken when it is not there, or is not what was sealed.
    """
    contents = _verified(folder)
    with tempfile.TemporaryDirectory(prefix="deposition-index-") as copy:
        _copy(contents, Path(copy))
        client = _client(Path(copy))
        try:
            collection = client.get_collection(_COLLECTION, embedding_function=None)
            found = collection.get(include=["embeddings"])
            vectors = {name: vector.tolist() for name, vector in zip(found["ids"], found["embeddings"], strict=True)}
        finally:
            client.close()
    if len(vectors) != _seal(folder).get("count"):
        raise IndexBroken(f"the index in {folder} has lost vectors")
    return vectors


def _verified(folder: Path) -> dict[str, bytes]:
    """The files of the sealed collection by name. Raises IndexBroken."""
    seal = _seal(folder)
    contents = dict(_contents(folder))
    if seal.get("files") != {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}:
        raise IndexBroken(f"the index in {folder} is damaged")
    return contents


def _seal(folder: Path) -> dict[str, Any]:
    try:
        seal = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexBroken(f"no sealed index in {folder}") from error
    if not isinstance(seal, dict) or seal.get("format") != FORMAT:
        raise IndexBroken(f"the index in {folder} is of something else")
    return seal


def _copy(contents: Mapping[str, bytes], folder: Path) -> None:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
