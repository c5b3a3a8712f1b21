"""Reads a repository and finds things in it. Knows nothing of models that write, nor of questions.

    walk ─► snapshot        the bytes of every file that was read, and what was skipped and why
              │             (safefile, gitdir, ignore, languages, roles)
              ├─► split ─► chunk ─► index ─► search ─► Hit
              │    parse, notebook   embed, vectors, store, lexical          retriever (LangChain)
              └─► extract ─► codebase ─► census         every place that a query matches

One door per heavy library: `parse` tree-sitter, `store` Chroma, `embed` sentence-transformers.
The census is imported from `retrieval.codebase` and `retrieval.census`, the LangChain retriever from
`retrieval.retriever`; what is below costs little to import.
"""

from retrieval.chunk import Chunk, Hit, Span
from retrieval.embed import Embedder, HashEmbedder, SentenceEmbedder
from retrieval.errors import (
    EmbedderError,
    IndexBroken,
    QueryError,
    RepositoryError,
    RetrievalError,
)
from retrieval.index import Index, IndexStats, open_index
from retrieval.snapshot import Role, Skipped, Snapshot, SourceFile
from retrieval.walk import take_snapshot

__all__ = [
    "Chunk",
    "Embedder",
    "EmbedderError",
    "HashEmbedder",
    "Hit",
    "Index",
    "IndexBroken",
    "IndexStats",
    "QueryError",
    "RepositoryError",
    "RetrievalError",
    "Role",
    "SentenceEmbedder",
    "Skipped",
    "Snapshot",
    "SourceFile",
    "Span",
    "open_index",
    "take_snapshot",
]
