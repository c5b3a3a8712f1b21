"""What report.html holds as data for its script: files with their cited lines, long lists of places, census tables.

Plain lists and strings, all text inert, encoded so that no text of a repository can end the script element.
"""

import json
from dataclasses import dataclass, field

from agent.report.document import Report, citations_of
from agent.report.markup import one_line, visible
from agent.report.outline import Item
from agent.report.sources import Sources, cut
from agent.state import Answer, CensusRecord
from retrieval.chunk import Span

MOST_ROWS = 2000
FIRST_PLACES = 6
LONGEST_TEXT = 240


@dataclass
class PageData:
    """Collects while the page is rendered. `encoded` closes it."""

    report: Report
    sources: Sources = field(init=False)
    more: list[list[int]] = field(default_factory=list)
    tables: dict[str, CensusRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sources = Sources(self.report.snapshot)
        for answer in self.report.every_answer():
            self.sources.want(citation.span for citation in citations_of(answer))
        for answer in self.report.every_answer():
            self.sources.want(Span(*span) for shown in answer.shown for span in shown.spans)

    def keep(self, item: Item) -> int:
        """Keep the places of `item` after the first ones; returns their number in `more`."""
        spans = item.places[FIRST_PLACES:]
        self.more.append([part for span in spans for part in self._numbers(span)])
        return len(self.more) - 1

    def place(self, span: Span) -> str:
        """The span as the script reads it: "file:start:end"."""
        return ":".join(map(str, self._numbers(span)))

    def table(self, record: CensusRecord) -> int:
        """Keep the hits of a query; returns the number of its table. Equal queries share one."""
        self.tables.setdefault(record.query, record)
        return list(self.tables).index(record.query)

    def encoded(self) -> str:
        """Everything as JSON without any character that HTML could take for markup."""
        value = {
            "files": [self._file(path) for path in self.sources.numbers],
            "cites": self._cites(),
            "questions": [answer.question_id for answer in self.report.every_answer()],
            "more": self.more,
            "tables": [self._table(record) for record in self.tables.values()],
        }
        return as_script_data(value)

    def _numbers(self, span: Span) -> tuple[int, int, int]:
        return self.sources.numbers.get(span.path, -1), span.start, span.end

    def _file(self, path: str) -> list[object]:
        file = self.report.snapshot.by_path[path]
        blocks = [[block.start, block.inside, block.text] for block in self.sources.blocks(path)]
        return [visible(path), file.language, len(file.lines), blocks]

    def _cites(self) -> list[int]:
        """File, start, end and question of every citation, once per question, in one flat list."""
        found: dict[tuple[int, ...], None] = {}
        for number, answer in enumerate(self.report.every_answer()):
            for citation in citations_of(answer):
                found.setdefault((*self._numbers(citation.span), number))
        return [part for numbers in sorted(found) for part in numbers]

    def _table(self, record: CensusRecord) -> dict[str, object]:
        return {
            "query": cut(one_line(record.query), 4 * LONGEST_TEXT),
            "searched": record.files_searched,
            "total": len(record.hits),
            "rows": [self._row(hit) for hit in record.hits[:MOST_ROWS]],
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


def as_script_data(value: object) -> str:
    """JSON that may stand in a script element: pure ASCII, and `<`, `>` and `&` written as escapes."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def unused(answer: Answer) -> list[str]:
    """Ids of the evidence that was shown for `answer` and that no accepted claim rests on."""
    used = {name for claim in answer.claims for name in claim.evidence}
    return [shown.id for shown in answer.shown if shown.id not in used]
