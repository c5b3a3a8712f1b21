"""The tools that other assistants are given over one repository: search, census, ask, verify.

Knows the repository as it is at each call: files that changed meanwhile are read again. One call at a time. Knows
nothing of the protocol; what fails raises AuditError or RetrievalError.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.events import Event
from agent.options import AuditOptions
from agent.settings import repository_cache
from agent.tool_results import (
    CensusAnswer,
    Finding,
    Found,
    Occurrence,
    Place,
    Refusal,
    Reply,
    SearchResult,
    Statement,
    Unreadable,
    Verification,
)
from retrieval.chunk import Span
from retrieval.codebase import Codebase, read_codebase
from retrieval.snapshot import Snapshot
from retrieval.walk import take_snapshot

if TYPE_CHECKING:
    from agent.ask import Inquirer
    from agent.documents.verification import Verification as Checked
    from agent.documents.verification import Verifier
    from agent.state import Claim
    from retrieval.embed import Embedder
    from retrieval.index import Index

MOST_LINES, MOST_PLACES, MOST_FINDINGS = 60, 20, 300
Listener = Callable[[Event], None]


class Tools:
    """Search, census, ask and verify over the repository of `options`; leaving the `with` ends what was started.

    `embedder` stands in for the catalogue's when given.
    """

    def __init__(self, options: AuditOptions, embedder: "Embedder | None" = None) -> None:
        self._options, self._embedder = options, embedder
        self._one = threading.Lock()
        self._open: _Opened | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()

    def search(self, query: str, k: int, listener: Listener) -> SearchResult:
        """The `k` pieces of code nearest to `query`, by meaning and by words."""
        with self._one:
            opened = self._now(listener)
            hits = opened.index.search([query], k=k)
            found = [_found(hit.span, hit.chunk.symbol, hit.score, opened.snapshot) for hit in hits]
            return SearchResult(query=query, files=len(opened.snapshot.files), results=found)

    def census(self, query: str, limit: int, listener: Listener) -> CensusAnswer:
        """Every place that `query` matches, the first `limit` of them in full. Raises QueryError."""
        from retrieval.census import parse_query, run_query

        parse_query(query)
        with self._one:
            result = run_query(self._now(listener).codebase, query)
        hits = [
            Occurrence(path=h.path, start=h.start, end=h.end, symbol=h.symbol, role=h.role, text=h.text)
            for h in result.hits[:limit]
        ]
        return CensusAnswer(
            query=result.query,
            files_searched=result.files_searched,
            total=len(result.hits),
            hits=hits,
            unread=[Unreadable(path=unread.path, reason=unread.reason) for unread in result.unread],
        )

    def ask(self, question: str, listener: Listener) -> Reply:
        """The verified answer to a free question."""
        with self._one:
            reply = self._now(listener).inquirer.ask(question)
        answer = reply.answer
        return Reply(
            question=question,
            status=answer.status,
            found=reply.found,
            statements=[_statement(claim) for claim in answer.claims],
            queries=[record.query for record in answer.census],
            refused=[
                Refusal(text=refused.text, faults=[fault.message for fault in refused.faults])
                for refused in answer.rejected
            ],
            nearest=[_place(chunk.span) for chunk in reply.nearest],
        )

    def verify(self, document: str, listener: Listener) -> Verification:
        """What is wrong with a Markdown text about the repository: citations, names, code blocks, counts."""
        with self._one:
            checked = self._now(listener).verifier.verify(document)
        findings = _findings(checked)
        return Verification(
            false=checked.false,
            summary=checked.summary(),
            findings=findings[:MOST_FINDINGS],
            findings_total=len(findings),
        )

    def _now(self, listener: Listener) -> "_Opened":
        """The repository as it is now; what was opened before stays open while no file changed."""
        snapshot = take_snapshot(self._options.repo.expanduser())
        if self._open is None or self._open.snapshot.tree_hash != snapshot.tree_hash:
            if self._open is not None:
                self._open.close()
            self._open = _Opened(self._options, snapshot, self._embedder)
        self._open.listener = listener
        return self._open


class _Opened:
    """One state of the repository, with what was opened for it."""

    def __init__(self, options: AuditOptions, snapshot: Snapshot, embedder: "Embedder | None") -> None:
        self.options, self.snapshot, self.embedder = options, snapshot, embedder
        self.listener: Listener = lambda event: None
        self._stack = ExitStack()

    def close(self) -> None:
        """End the index and the model's process."""
        self._stack.close()

    def _tell(self, event: Event) -> None:
        self.listener(event)

    @cached_property
    def codebase(self) -> Codebase:
        from agent.opening import phase

        return read_codebase(self.snapshot, repository_cache(self.options.repo) / "facts", phase("facts", self._tell))

    @cached_property
    def index(self) -> "Index":
        from agent.opening import open_search

        return self._stack.enter_context(open_search(self.options, self.snapshot, self._tell, self.embedder))

    @cached_property
    def inquirer(self) -> "Inquirer":
        from agent.ask import Inquirer

        return self._stack.enter_context(Inquirer(self.options, self._tell, embedder=self.embedder))

    @cached_property
    def verifier(self) -> "Verifier":
        from agent.documents.verification import Verifier

        return Verifier(self.snapshot, lambda: self.codebase)


def _found(span: Span, symbol: str, score: float, snapshot: Snapshot) -> Found:
    shown = Span(span.path, span.start, min(span.end, span.start + MOST_LINES - 1))
    text = snapshot.excerpt(shown)
    return Found(path=span.path, start=span.start, end=span.end, symbol=symbol, score=round(score, 6), text=text)


def _statement(claim: "Claim") -> Statement:
    spans = list(dict.fromkeys(citation.span for citation in claim.citations))
    return Statement(
        text=claim.text or claim.block,
        origin=claim.origin,
        level=claim.level,
        places=[_place(span) for span in spans[:MOST_PLACES]],
        places_total=len(spans),
        files_searched=claim.searched,
    )


def _place(span: Span) -> Place:
    return Place(path=span.path, start=span.start, end=span.end)


def _findings(checked: "Checked") -> list[Finding]:
    """Everything that is not simply right, in the order of the document."""
    found = [_finding("citation", one, one.text) for one in checked.citations if one.verdict != "ok"]
    found += [_finding("name", one, one.name) for one in checked.names if one.verdict != "ok"]
    found += [_finding("code block", one, one.language) for one in checked.code_blocks if one.verdict != "ok"]
    found += [_finding("count", one, one.text) for one in checked.counts if one.verdict != "ok"]
    found += [_finding("uncited", one, one.text) for one in checked.uncited]
    return sorted(found, key=lambda finding: finding.document_line)


def _finding(kind: str, checked: object, text: str) -> Finding:
    values = {key: value for key, value in asdict(checked).items() if key in Finding.model_fields}  # type: ignore[call-overload]
    return Finding(**{"verdict": "uncited", "reason": "", **values, "kind": kind, "text": text})


def kinds_of_query() -> Sequence[str]:
    """One line for every kind of census query: its name and what it finds."""
    from retrieval.census import KINDS

    return [f"{kind.name}: {kind.summary}" for _, kind in sorted(KINDS.items())]
