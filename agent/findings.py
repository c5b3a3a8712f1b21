"""What the census found for each fact of a question: hits by fact, kept apart by the role of their files.

Runs each census query once per audit. Says nothing in words; that is `compose.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.stages import FactSpec, Question
from agent.state import CensusRecord
from retrieval.census import run_query
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, CensusResult


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact of a question with its hits: `hits` in the roles that count, `elsewhere` in the others.

    `searched` is the number of files read by the least far-reaching of the fact's queries.
    """

    fact: FactSpec
    hits: tuple[CensusHit, ...]
    elsewhere: tuple[CensusHit, ...]
    searched: int


class Findings:
    """Runs and remembers the census queries of one audit."""

    def __init__(self, codebase: Codebase) -> None:
        self._codebase = codebase
        self._results: dict[str, CensusResult] = {}

    def result(self, query: str) -> CensusResult:
        """The census result of `query`. Raises QueryError."""
        if query not in self._results:
            self._results[query] = run_query(self._codebase, query)
        return self._results[query]

    def of(self, question: Question) -> list[Finding]:
        """A finding for every fact of the question, in the pack's order."""
        return [self._find(fact) for fact in question.facts]

    def records(self, question: Question) -> tuple[CensusRecord, ...]:
        """Every census query behind the question, with all its hits, for answers.json."""
        queries = dict.fromkeys(query for fact in question.facts for query in fact.census)
        return tuple(_record(self.result(query)) for query in queries)

    def _find(self, fact: FactSpec) -> Finding:
        results = [self.result(query) for query in fact.census]
        wanted = re.compile(fact.filter) if fact.filter else None
        hits = [h for r in results for h in r.hits if wanted is None or _matches(wanted, h)]
        hits = _distinct(hits)
        counted = tuple(hit for hit in hits if hit.role in fact.roles)
        elsewhere = tuple(hit for hit in hits if hit.role not in fact.roles)
        return Finding(fact, counted, elsewhere, min(r.files_searched for r in results))


def _matches(wanted: re.Pattern[str], hit: CensusHit) -> bool:
    return wanted.search(f"{hit.text}\n{hit.name}") is not None


def _distinct(hits: Sequence[CensusHit]) -> list[CensusHit]:
    seen: dict[tuple[str, int, int, str], CensusHit] = {}
    for hit in hits:
        seen.setdefault((hit.path, hit.start, hit.end, hit.text), hit)
    return list(seen.values())


def _record(result: CensusResult) -> CensusRecord:
    hits = tuple(
        {"path": h.path, "start": h.start, "end": h.end, "symbol": h.symbol, "text": h.text}
        for h in result.hits
    )
    unread = tuple({"path": u.path, "reason": u.reason} for u in result.unread)
    return CensusRecord(
        query=result.query, files_searched=result.files_searched, hits=hits, unread=unread
    )
