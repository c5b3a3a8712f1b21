"""What the census found for each fact of a question: hits by fact, kept apart by the role of their files.

Runs each census query once per audit. Says nothing in words; that is `compose.py`.
"""

import re
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from agent.stages import FactSpec, Question
from agent.state import CensusRecord
from retrieval.census import run_query
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import is_code
from retrieval.codebase import Codebase
from retrieval.errors import QueryError
from retrieval.facts import CensusHit, CensusResult, Unread


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact of a question with its hits: `hits` in the roles that count, `elsewhere` in the others.

    Of `hits` the first `run` stand in code that the main `programs` may run, the others do not.
    `searched` is the number of files read by the least far-reaching of the fact's queries; `unread` says why nothing is
    known when that is 0: a census kind failed, or there is code only in languages that none of them can read.
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

    def __init__(self, codebase: Codebase, tell: Callable[[str], None] = lambda text: None) -> None:
        """`tell` gets a line for every census query that failed by a fault of this program."""
        self.codebase = codebase
        self._tell = tell
        self._results: dict[str, CensusResult] = {}
        self._failed: dict[str, str] = {}

    def result(self, query: str) -> CensusResult:
        """The census result of `query`, of no file when the census failed. Raises QueryError."""
        if query not in self._results:
            self._results[query] = self._run(query)
        return self._results[query]

    def _run(self, query: str) -> CensusResult:
        try:
            return run_query(self.codebase, query)
        except QueryError:
            raise
        except Exception as error:  # noqa: BLE001 - strange code that trips one kind must not cost the other answers
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} in {PurePath(place.filename).name}:{place.lineno}"
            self._failed[query] = f"the census failed at `{query}` ({reason}), a fault of this program"
            self._tell(f"{self._failed[query]}: {error}")
            return CensusResult(query=query, files_searched=0, hits=(), unread=(Unread("", reason),))

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
        failed = next((self._failed[query] for query in fact.census if query in self._failed), "")
        unread = failed or ("" if searched else self._foreign)
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
        """That there is code which only a text search reads, with its languages; "" without such code."""
        files = self.codebase.snapshot.files
        counts = Counter(f.language for f in files if is_code(f) and f.language != "python")
        told = ", ".join(f"{name} ({n} file{'s' if n > 1 else ''})" for name, n in counts.most_common())
        return f"the census reads these from Python code only; not read: {told}" if told else ""


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
