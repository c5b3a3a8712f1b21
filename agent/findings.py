"""What the census found for each fact of a question: hits by fact, kept apart by the role of their files.

Runs each census query once per audit. Says nothing in words; that is `compose.py`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.stages import FactSpec, Question
from agent.state import CensusRecord
from retrieval.census import run_query
from retrieval.census.language import is_code
from retrieval.census.reach import reach_of
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, CensusResult


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact of a question with its hits: `hits` in the roles that count, `elsewhere` in the others.

    Of `hits` the first `run` stand in code that the main `programs` may run, the others do not.
    `searched` is the number of files read by the least far-reaching of the fact's queries; `unread` names the
    languages of code that none of them can read, when they read nothing else.
    """

    fact: FactSpec
    hits: tuple[CensusHit, ...]
    elsewhere: tuple[CensusHit, ...]
    searched: int
    unread: str = ""
    run: int = 0
    programs: tuple[str, ...] = ()


class Findings:
    """Runs and remembers the census queries of one audit."""

    def __init__(self, codebase: Codebase) -> None:
        self.codebase = codebase
        self._results: dict[str, CensusResult] = {}

    def result(self, query: str) -> CensusResult:
        """The census result of `query`. Raises QueryError."""
        if query not in self._results:
            self._results[query] = run_query(self.codebase, query)
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
        hits = _distinct(results, wanted)
        counted = tuple(hit for hit in hits if hit.role in fact.roles)
        elsewhere = tuple(hit for hit in hits if hit.role not in fact.roles)
        searched = min(r.files_searched for r in results)
        unread = "" if searched else self._foreign
        run, idle = self._apart(fact, counted)
        return Finding(fact, (*run, *idle), elsewhere, searched, unread, len(run), reach_of(self.codebase).programs)

    def _apart(self, fact: FactSpec, hits: Sequence[CensusHit]) -> tuple[list[CensusHit], list[CensusHit]]:
        """The hits that the main programs may run, and the others; all of them where order is what is told."""
        reach = reach_of(self.codebase)
        if not reach.tells or fact.layout in ("tree", "steps", "sentences"):
            return list(hits), []
        run = [hit for hit in hits if reach.has(hit)]
        return run, [hit for hit in hits if not reach.has(hit)]

    @cached_property
    def _foreign(self) -> str:
        """The languages of code that only a text search reads, "JavaScript (7 files)"; "" without such code."""
        files = self.codebase.snapshot.files
        counts = Counter(f.language for f in files if is_code(f) and f.language != "python")
        return ", ".join(f"{name} ({n} file{'s' if n > 1 else ''})" for name, n in counts.most_common())


def _matches(wanted: re.Pattern[str], hit: CensusHit) -> bool:
    return wanted.search(f"{hit.text}\n{hit.name}") is not None


def _distinct(results: Sequence[CensusResult], wanted: re.Pattern[str] | None) -> list[CensusHit]:
    """The matching hits of a fact's queries; a later query adds no line that an earlier one has found."""
    kept: list[CensusHit] = []
    known: set[tuple[str, int]] = set()
    for result in results:
        fresh = [hit for hit in result.hits if (hit.path, hit.start) not in known]
        kept += [hit for hit in fresh if wanted is None or _matches(wanted, hit)]
        known |= {(hit.path, hit.start) for hit in kept}
    return list({(hit.path, hit.start, hit.end, hit.text): hit for hit in kept}.values())


def _record(result: CensusResult) -> CensusRecord:
    hits = tuple(
        {"path": h.path, "start": h.start, "end": h.end, "symbol": h.symbol, "text": h.text} for h in result.hits
    )
    unread = tuple({"path": u.path, "reason": u.reason} for u in result.unread)
    return CensusRecord(query=result.query, files_searched=result.files_searched, hits=hits, unread=unread)
