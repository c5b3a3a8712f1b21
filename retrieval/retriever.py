"""The code search as a LangChain retriever, so that any chain can use it, or replace it.

It knows only how a hit becomes a `Document`; searching itself is `index.py`'s.
"""

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retrieval.chunk import Hit
from retrieval.index import Index
from retrieval.snapshot import Snapshot


class CodeRetriever(BaseRetriever):
    """Documents for a query, best first.

    Each has the text of its lines, and in `metadata`: path, start, end (1-based, inclusive), symbol,
    kind, language, role and score.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Index
    k: int = 10

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [to_document(hit, self.index.snapshot) for hit in self.index.search([query], self.k)]


def to_document(hit: Hit, snapshot: Snapshot) -> Document:
    """The hit's lines as a LangChain document; its id is the best chunk's."""
    chunk = hit.chunk
    return Document(
        id=chunk.id,
        page_content=snapshot.excerpt(hit.span),
        metadata={
            "path": hit.span.path,
            "start": hit.span.start,
            "end": hit.span.end,
            "symbol": chunk.symbol,
            "kind": chunk.kind,
            "language": chunk.language,
            "role": chunk.role,
            "score": hit.score,
        },
    )
