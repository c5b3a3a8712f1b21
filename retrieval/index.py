"""Makes a snapshot searchable and keeps the work: the second run over unchanged code embeds nothing.

Knows which chunks a snapshot has, which vectors are missing, and when the sealed collection on disk
still fits them; a broken or outdated one is rebuilt. How results are ranked is `search.py`'s.

In the index folder: `chunks.sqlite` (where files fall into chunks), `vectors.sqlite` (vectors by text digest,
of chunks and of queries, for opening fast), `sealed/` (a Chroma collection of the chunks' vectors) and `lock`.
All of it may be deleted at any time.
"""

import hashlib
import time
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from retrieval.chunk import Chunk, Hit
from retrieval.chunkcache import ChunkCache
from retrieval.embed import Embedder
from retrieval.errors import EmbedderError, IndexBroken
from retrieval.lexical import LexicalIndex
from retrieval.references import References
from retrieval.sealing import Sealing, locked
from retrieval.search import Ranking, fuse, select
from retrieval.snapshot import Role, Snapshot
from retrieval.store import VectorStore, check, is_sealed, read_store
from retrieval.vectors import VectorCache, vector_key

TEXTS = 2  # raised when other texts of the same chunks are embedded, or in another way
EMBED_AT_ONCE = 128
EMBED_CHARACTERS = 2_000
CANDIDATES = 200
WAYS = {"words": 1.0, "meaning": 0.7, "references": 0.5}
"""The ways of ranking, each with its weight in the fusion."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IndexStats:
    """What opening cost: `embedded` texts are new, `reused` came from disk."""

    files: int
    chunks: int
    embedded: int
    reused: int
    rebuilt: bool
    seconds: float


class Index:
    """A snapshot that can be searched; use it in a `with` block or `close` it."""

    def __init__(
        self,
        snapshot: Snapshot,
        chunks: Sequence[Chunk],
        vectors: "_Vectors",
        words: LexicalIndex,
        references: References,
        stats: IndexStats,
    ) -> None:
        self.snapshot = snapshot
        self.chunks = tuple(chunks)
        self.stats = stats
        self._vectors = vectors
        self._sealing: Sealing | None = None
        self._lexical = words
        self._references = references
        self._store = VectorStore(vectors.held([_text_of(chunk) for chunk in chunks]))
        self._places: dict[str, list[int]] = {}
        for place, chunk in enumerate(chunks):
            self._places.setdefault(vectors.key(_text_of(chunk)), []).append(place)

    def search(
        self,
        queries: Sequence[str],
        k: int = 10,
        *,
        roles: Sequence[Role] | None = None,
        ways: Collection[str] = tuple(WAYS),
    ) -> list[Hit]:
        """The `k` best places for several phrasings of one question, best first.

        `roles` limits the search to files of these roles, `ways` to some ways of ranking. Equal queries
        over equal snapshots give equal results. Raises EmbedderError when a query is new and the embedder
        cannot be had.
        """
        wanted = [queries] if isinstance(queries, str) else list(queries)
        if "meaning" in ways:
            self.prepare(wanted)
        allowed = None if roles is None else frozenset(roles)
        rankings = [ranking for query in wanted for ranking in self._rankings(query, allowed, ways)]
        return select(self.chunks, fuse(self.chunks, rankings), k)

    def prepare(self, queries: Sequence[str]) -> None:
        """Embeds the `queries` that are not on disk yet, all at once.

        Preparing every query of an audit before `release` loads the embedder at most once.
        """
        self._vectors.ensure([query for query in queries if query.strip()])

    def release(self) -> None:
        """Gives the embedder's memory back; a new query loads it again."""
        self._vectors.release()

    def seal(self, sealing: Sealing) -> None:
        """Starts to write the collection on disk; `close` waits for it."""
        self._sealing = sealing
        sealing.start()

    def close(self) -> None:
        """Releases the embedder and closes everything on disk.

        Raises IndexBroken when the collection could not be written.
        """
        self._vectors.close()
        if self._sealing is not None:
            self._sealing.finish()

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _rankings(self, query: str, roles: frozenset[Role] | None, ways: Collection[str]) -> Iterator[Ranking]:
        if not query.strip():
            return
        # With a filter on roles, the best of the wanted ones may stand far down.
        count = CANDIDATES if roles is None else len(self.chunks)
        searches = {"words": self._lexical.rank, "meaning": self._nearest}
        found = [
            Ranking(way, query, self._allowed(search(query, count), roles), WAYS[way])
            for way, search in searches.items()
            if way in ways
        ]
        yield from found
        if "references" in ways:
            seeds = [one.place for one in fuse(self.chunks, found)]
            yield Ranking(
                "references", query, self._allowed(self._references.rank(seeds, count), roles), WAYS["references"]
            )

    def _nearest(self, query: str, count: int) -> list[int]:
        vector = self._vectors.of(query)
        found = self._store.nearest(vector, count)
        return [place for key, _cosine in found for place in self._places.get(key, [])]

    def _allowed(self, places: list[int], roles: frozenset[Role] | None) -> list[int]:
        return [place for place in places if roles is None or self.chunks[place].role in roles]


class _Vectors:
    """Vectors by text: from the cache on disk, or else from the embedder, loaded at first need."""

    def __init__(self, cache: VectorCache, load: Callable[[], Embedder], name: str) -> None:
        self._cache = cache
        self._load = load
        self._name = name
        self._embedder: Embedder | None = None
        self._beginning: Future[Embedder] | None = None
        self._held: dict[str, array] = {}

    def key(self, text: str) -> str:
        return vector_key(f"{self._name} {TEXTS}", text)

    def of(self, text: str) -> array:
        return self._held[self.key(text)]

    def recover(self, texts: Sequence[str], folder: Path) -> None:
        """Takes vectors from the sealed collection in `folder` when the cache has none of them."""
        keys = [self.key(text) for text in texts]
        self._held.update(self._cache.get(keys))
        if texts and not self._held:
            with suppress(IndexBroken):
                found = read_store(folder)
                self._held = {key: array("f", found[key]) for key in keys if key in found}
                self._cache.put(self._held)

    def ensure(self, texts: Sequence[str], on_progress: Progress = lambda done, total: None) -> int:
        """Holds the vectors of all `texts` afterwards; returns how many had to be embedded."""
        by_key = {self.key(text): text for text in texts}
        self._held.update(self._cache.get(key for key in by_key if key not in self._held))
        missing = [key for key in by_key if key not in self._held]
        for at in range(0, len(missing), EMBED_AT_ONCE):
            on_progress(at, len(missing))
            batch = missing[at : at + EMBED_AT_ONCE]
            self._embed({key: by_key[key] for key in batch})
        if missing:
            on_progress(len(missing), len(missing))
        return len(missing)

    def held(self, texts: Sequence[str]) -> dict[str, array]:
        return {self.key(text): self.of(text) for text in texts}

    def begin(self, aside: Executor) -> None:
        """Starts to load the embedder, which takes longer than finding out what is new; what goes wrong is said when
        the first text needs it."""
        self._beginning = aside.submit(self._loaded)

    def _loaded(self) -> Embedder:
        embedder = self._load()
        assert embedder.dimensions  # asking starts its process
        return embedder

    def _embed(self, texts: dict[str, str]) -> None:
        if self._embedder is None:
            self._embedder = self._beginning.result() if self._beginning else self._load()
            self._beginning = None
        vectors = self._embedder.embed(list(texts.values()))
        if len(vectors) != len(texts):
            raise EmbedderError(f"{self._name} gave {len(vectors)} vectors for {len(texts)} texts")
        found = {key: array("f", vector) for key, vector in zip(texts, vectors, strict=True)}
        self._cache.put(found)
        self._held.update(found)

    def release(self) -> None:
        if self._beginning is not None:
            with suppress(EmbedderError):
                self._embedder = self._beginning.result()
            self._beginning = None
        close = getattr(self._embedder, "close", None)
        self._embedder = None
        if close is not None:
            close()

    def close(self) -> None:
        self.release()
        self._cache.close()


def _ignore(_done: int, _total: int) -> None:
    return


def open_index(
    snapshot: Snapshot,
    *,
    folder: Path,
    embedder: Callable[[], Embedder],
    embedder_name: str,
    on_progress: Progress = _ignore,
) -> Index:
    """Opens the index of `snapshot` in `folder`, building what is missing.

    `embedder` is called only when a file is new here or a text has no vector on disk under `embedder_name`;
    so it must always load the model that the name stands for. `on_progress(done, total)` counts texts while
    they are embedded. Waits for another process that is opening the same folder. Raises
    EmbedderError, or IndexBroken when the folder cannot be used.
    """
    import numpy  # noqa: F401 (two threads use it below, and its first import must not happen in both)

    started = time.monotonic()
    with locked(folder), ThreadPoolExecutor(2) as aside, ChunkCache(folder / "chunks.sqlite") as cache:
        vectors = _Vectors(VectorCache(folder / "vectors.sqlite"), embedder, embedder_name)
        if not cache.knows(snapshot.files):
            vectors.begin(aside)
        try:
            chunks = cache.split(snapshot.files)
            texts = list(dict.fromkeys(_text_of(chunk) for chunk in chunks))
            # While the model's process starts and embeds, this one would only wait.
            words, references = aside.submit(LexicalIndex, chunks), aside.submit(References, chunks)
            vectors.recover(texts, folder / "sealed")
            seal = _seal_of(embedder_name, [vectors.key(text) for text in texts])
            sealed = is_sealed(folder / "sealed", seal)
            embedded = vectors.ensure(texts, on_progress)
            _checked(vectors.held(texts), embedder_name)
        except BaseException:
            vectors.close()
            raise
        seconds = time.monotonic() - started
        stats = IndexStats(len(snapshot.files), len(chunks), embedded, len(texts) - embedded, not sealed, seconds)
        index = Index(snapshot, chunks, vectors, words.result(), references.result(), stats)
    if not sealed:
        index.seal(Sealing(folder, vectors.held(texts), seal))
    return index


def _text_of(chunk: Chunk) -> str:
    """What is embedded for a chunk: where it stands in a word or two, then its text."""
    place = PurePosixPath(chunk.span.path)
    named = chunk.symbol or " ".join(chunk.names)
    return f"{place.parent.name}/{place.name} {named}\n{chunk.text}"[:EMBED_CHARACTERS]


def _seal_of(embedder_name: str, keys: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([embedder_name, *sorted(keys)]).encode()).hexdigest()


def _checked(vectors: dict[str, array], embedder_name: str) -> None:
    try:
        check(vectors)
    except ValueError as error:
        raise EmbedderError(f"{embedder_name}: {error}", "use another embedder") from error
