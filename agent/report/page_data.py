"""What report.html holds as data for its script: files with their cited lines, long lists of places, census tables.

Plain lists and strings, all text inert. As JSON, gzip and base64 it is a fifth of the size, and no text of a repository
can end the script element that holds it.
"""

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.report.document import Report, citations_of
from agent.report.markup import one_line, visible
from agent.report.outline import Item
from agent.report.sources import Sources, cut
from agent.state import Answer, CensusRecord
from retrieval.chunk import Span

MOST_ROWS = 40_000  # of all tables together
FIRST_PLACES = 6
LONGEST_TEXT = 240


@dataclass
class PageData:
    """Collects while the page is rendered. `encoded` closes it."""

    report: Report
    sources: Sources = field(init=False)
    more: list[list[object]] = field(default_factory=list)
    tables: dict[str, tuple[int, CensusRecord]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sources = Sources(self.report.snapshot)
        for answer in self.report.every_answer():
            self.sources.want(citation.span for citation in citations_of(answer))
        for answer in self.report.every_answer():
            self.sources.want(Span(*span) for shown in answer.shown for span in shown.spans)

    def keep(self, item: Item) -> int:
        """Keep the places of `item` after the first ones; returns their number in `more`."""
        places: dict[int, list[object]] = {}
        for span in item.places[FIRST_PLACES:]:
            file, start, end = self._numbers(span)
            places.setdefault(file, []).append(start if start == end else [start, end])
        self.more.append([[file, *lines] for file, lines in places.items()])
        return len(self.more) - 1

    def place(self, span: Span) -> str:
        """The span as the script reads it: "file:start:end"."""
        return ":".join(map(str, self._numbers(span)))

    def table(self, record: CensusRecord) -> int:
        """Keep the hits of a query; returns the number of its table. Equal queries share one."""
        return self.tables.setdefault(record.query, (len(self.tables), record))[0]

    def encoded(self) -> str:
        """Everything as text in which HTML can find no markup."""
        records = [record for _, record in self.tables.values()]
        most = rows_each([len(record.hits) for record in records], MOST_ROWS)
        value = {
            "files": [self._file(path) for path in self.sources.numbers],
            "cites": self._cites(),
            "questions": [answer.question_id for answer in self.report.every_answer()],
            "more": self.more,
            "tables": [self._table(record, most) for record in records],
        }
        return packed(value)

    def _numbers(self, span: Span) -> tuple[int, int, int]:
        return self.sources.numbers.get(span.path, -1), span.start, span.end

    def _file(self, path: str) -> list[object]:
        file = self.report.snapshot.by_path[path]
        blocks = [[block.start, block.inside, block.text] for block in self.sources.blocks(path)]
        return [visible(path), file.language, len(file.lines), blocks]

    def _cites(self) -> list[list[list[int]]]:
        """For every file its cited places: start, end, and the numbers of the questions that cite them."""
        found: list[dict[tuple[int, int], list[int]]] = [{} for _ in self.sources.numbers]
        for number, answer in enumerate(self.report.every_answer()):
            for span in dict.fromkeys(citation.span for citation in citations_of(answer)):
                file, start, end = self._numbers(span)
                if file >= 0:
                    found[file].setdefault((start, end), []).append(number)
        return [[[*lines, *numbers] for lines, numbers in sorted(places.items())] for places in found]

    def _table(self, record: CensusRecord, most: int) -> dict[str, object]:
        return {
            "query": cut(one_line(record.query), 4 * LONGEST_TEXT),
            "searched": record.files_searched,
            "total": len(record.hits),
            "rows": [self._row(hit) for hit in record.hits[:most]],
            "unread": [[_short(u.get("path", "")), _short(u.get("reason", ""))] for u in record.unread],
        }

    def _row(self, hit: dict[str, object]) -> list[object]:
        start = int(str(hit.get("start", 0)))
        file = self.sources.numbers.get(str(hit.get("path", "")), -1)
        where = file if file >= 0 else one_line(str(hit.get("path", "")))
        text = _short(str(hit.get("text", "")))
        return [where, start, int(str(hit.get("end", start))), _short(str(hit.get("symbol", ""))), text]


def _short(text: str) -> str:
    return cut(one_line(text), LONGEST_TEXT)


def rows_each(sizes: Sequence[int], total: int) -> int:
    """The most rows that each table may have, so that all together have at most `total`."""
    left, waiting = total, sorted(sizes)
    for at, size in enumerate(waiting):
        share = left // (len(waiting) - at)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)


def packed(value: object) -> str:
    """`value` as JSON, gzip and base64; equal values give equal text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


def unused(answer: Answer) -> list[str]:
    """Ids of the evidence that was shown for `answer` and that no accepted claim rests on."""
    used = {name for claim in answer.claims for name in claim.evidence}
    return [shown.id for shown in answer.shown if shown.id not in used]
