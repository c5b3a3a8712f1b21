"""Vectors in a Chroma collection, and the only door to chromadb.

Knows how to write a collection once, seal it with the digests of its files, and open it again only
when they still fit. Embeddings are always given, never computed by Chroma, and neither a `.env` file
nor telemetry is read or sent. It knows nothing of chunks: ids are strings.

A sealed collection is never opened itself, only a private copy: opening changes the database file,
two processes would lose each other's writes, and a damaged HNSW file crashes the process (SIGSEGV)
instead of raising an error.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from retrieval.errors import IndexBroken

FORMAT = 1
_COLLECTION = "chunks"
_SEAL = "seal.json"
_ADD_AT_ONCE = 2_000  # Chroma takes at most 5461
# Wide beams: at the sizes of a repository exact neighbours cost nothing. One thread: same graph.
_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 400, "num_threads": 1}


class VectorStore:
    """An open collection; use it in a `with` block or `close` it."""

    def __init__(self, client: Any, collection: Any, copy: Path, count: int) -> None:
        self._client = client
        self._collection = collection
        self._copy = copy
        self._count = count

    def nearest(self, vector: Sequence[float], count: int) -> list[tuple[str, float]]:
        """The ids of the `count` nearest vectors with their cosine, nearest first."""
        count = min(count, self._count)
        if not count:
            return []
        answer = self._collection.query(query_embeddings=[list(vector)], n_results=count, include=["distances"])
        found = zip(answer["ids"][0], answer["distances"][0], strict=True)
        # Equal vectors come in the order of the graph; by id, any two runs agree.
        return sorted(((key, 1.0 - far) for key, far in found), key=lambda one: (-one[1], one[0]))

    def close(self) -> None:
        """Gives the database and the private copy up."""
        self._client.close()
        shutil.rmtree(self._copy, ignore_errors=True)

    def __enter__(self) -> "VectorStore":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _client(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    # Without `_env_file=None` a `.env` of the current folder chooses classes to import.
    settings = Settings(_env_file=None, anonymized_telemetry=False)  # pyright: ignore[reportCallIssue]
    return chromadb.PersistentClient(str(folder), settings=settings)


def write_store(folder: Path, vectors: dict[str, Sequence[float]], key: str) -> None:
    """Writes a sealed collection of `vectors` to `folder`, replacing what is there.

    `key` names what it holds; `open_store` asks for it again. Raises ValueError for a vector that
    is not finite or has no direction, which Chroma would accept or refuse for the whole batch.
    """
    for name, vector in vectors.items():
        if not all(map(math.isfinite, vector)) or not any(vector):
            raise ValueError(f"the vector of {name} has no direction")
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=folder.parent))
    try:
        _fill(building, vectors)
        seal = {"format": FORMAT, "key": key, "count": len(vectors), "files": _digests(building)}
        _write_seal(building / _SEAL, seal)
        shutil.rmtree(folder, ignore_errors=True)
        building.replace(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _fill(folder: Path, vectors: dict[str, Sequence[float]]) -> None:
    from chromadb.errors import ChromaError

    client = _client(folder)
    try:
        collection = client.create_collection(_COLLECTION, embedding_function=None, configuration={"hnsw": _HNSW})
        names = sorted(vectors)
        for at in range(0, len(names), _ADD_AT_ONCE):
            batch = names[at : at + _ADD_AT_ONCE]
            collection.add(ids=batch, embeddings=[list(vectors[name]) for name in batch])
    except ChromaError as error:
        hint = "check the free space"
        raise IndexBroken(f"the index cannot be written: {error}", hint) from error
    finally:
        client.close()


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


def open_store(folder: Path, key: str) -> VectorStore:
    """Opens a private copy of the sealed collection in `folder`.

    Raises IndexBroken when it is not there, holds something else than `key`, or is not what was
    sealed.
    """
    try:
        seal = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
        contents = dict(_contents(folder))
    except (OSError, ValueError) as error:
        raise IndexBroken(f"no sealed index in {folder}") from error
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    if not isinstance(seal, dict) or seal.get("format") != FORMAT or seal.get("key") != key:
        raise IndexBroken(f"the index in {folder} is of something else")
    if seal.get("files") != digests:
        raise IndexBroken(f"the index in {folder} is damaged")
    return _open_copy(contents, int(seal["count"]))


def _open_copy(contents: dict[str, bytes], count: int) -> VectorStore:
    copy = Path(tempfile.mkdtemp(prefix="deposition-index-"))
    try:
        for name, data in contents.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(data)
        client = _client(copy)
        collection = client.get_collection(_COLLECTION, embedding_function=None)
        if collection.count() != count:
            raise IndexBroken("the index has lost vectors")
        return VectorStore(client, collection, copy, count)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise
