"""The summary of a batch: SUMMARY.md for reading, summary.json and summary.csv for programs, summary.html for looking.

Renders the rows of table.py and decides nothing. The page is summary.html.j2; what comes from repositories is text
in it, never markup.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from agent.batch.board import Board
from agent.batch.table import MARKS, Asked, Record, Row, answers, asked, facts, marks, rows, slowest_stages, totals
from agent.report.files import MARKDOWN, PAGE, write_whole
from agent.report.markup import inline, one_line

if TYPE_CHECKING:
    from jinja2 import Template

SCHEMA = "batch-summary/1"
_TEMPLATE = Path(__file__).with_name("summary.html.j2")
_COMPARED = 4_000  # answers that SUMMARY.md still prints one by one
_WITH_ANSWERS = 1_000  # repositories whose answers the page still holds, 15 MB or so
_SLOWEST = 10
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_summary(board: Board) -> None:
    """Write the four documents from the records that there are now."""
    records = board.records()
    documents = {
        "SUMMARY.md": render_markdown,
        "summary.json": render_json,
        "summary.csv": render_csv,
        "summary.html": render_page,
    }
    for name, render in documents.items():
        write_whole(board.out / name, render(records))
    board.publish(list(documents))


def render_json(records: Sequence[Record]) -> str:
    """All records with their totals; ASCII."""
    questions = [{"stage": one.number, "id": one.id, "question": one.text} for one in asked(records)]
    value = {
        "schema": SCHEMA,
        "totals": totals(records),
        "questions": questions,
        "repositories": [dict(record) for record in records],
    }
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"


def render_csv(records: Sequence[Record]) -> str:
    """One line for each repository and question; a cell never begins like a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["repository", "state", "reason", "question", "text", "status", "answer", "report"])
    for record in records:
        given = record.get("questions", {})
        for key, one in given.items():
            cells = [record["slug"], record["state"], "", key, one["question"], one["status"], one["answer"]]
            writer.writerow([_cell(cell) for cell in cells] + [_link(record["slug"], key)])
        if not given:
            writer.writerow([_cell(cell) for cell in (record["slug"], record["state"], record["reason"])] + [""] * 5)
    return text.getvalue()


def _cell(text: str) -> str:
    shown = one_line(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _link(slug: str, question: str = "") -> str:
    return f"{quote(slug)}/{PAGE}" + (f"#q{quote(question)}" if question else "")


def render_page(records: Sequence[Record]) -> str:
    """The self-contained page, ending with a newline."""
    questions = asked(records)
    whole = len(records) <= _WITH_ANSWERS
    data = {
        "questions": [{"id": one.id, "stage": one.number, "title": one.title, "text": one.text} for one in questions],
        "rows": [_shown(record, row, whole=whole) for record, row in zip(records, rows(records), strict=True)],
        "facts": [{"query": query, "hits": [list(hit) for hit in hits]} for query, hits in facts(records).items()],
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    # Inside a script element only these could end it or begin another.
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return _template().render(
        whole=whole, totals=totals(records), slowest=slowest_stages(records)[:_SLOWEST], data=safe
    )


def _shown(record: Record, row: Row, *, whole: bool) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "place": one_line(row.place),
        "state": row.state,
        "reason": one_line(row.reason),
        "files": row.files,
        "counts": dict(row.counts),
        "citations": row.citations,
        "index": row.index_seconds,
        "answer": row.answer_seconds,
        "tokens": row.prompt_tokens + row.generated,
        "answers": {
            key: [one["status"], one_line(one["answer"]) if whole else "", one["claims"]]
            for key, one in record.get("questions", {}).items()
        },
    }


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE.read_text("utf-8"))


def render_markdown(records: Sequence[Record]) -> str:
    """SUMMARY.md. Figures of time stand in its last section alone."""
    questions = asked(records)
    sums = totals(records)
    lines = [
        f"# {sums['repositories']} repositories: {sums['done']} audited, {sums['failed']} failed",
        "",
        f"{sums['questions']} questions asked: {sums['verified']} verified, {sums['extractive']} extractive, "
        f"{sums['edited']} edited, {sums['unresolved']} unresolved; "
        f"{sums['citations']} citations in {sums['files']} files.",
        "",
        *_repositories(records),
        *_failures(records),
        *_matrix(records, questions),
        *_comparison(records, questions),
        *_time(records, sums),
    ]
    return "\n".join(lines) + "\n"


def _repositories(records: Sequence[Record]) -> Iterator[str]:
    yield from ("## Repositories", "")
    yield "| repository | files | verified | extractive | unresolved | citations |"
    yield "|---|---|---|---|---|---|"
    for row in rows(records):
        if row.state == "done":
            counts = row.counts
            yield (
                f"| [{inline(row.slug)}]({quote(row.slug)}/{MARKDOWN}) | {row.files} | "
                f"{counts['verified'] + counts['edited']} | {counts['extractive']} | {counts['unresolved']} | "
                f"{row.citations} |"
            )
    yield ""


def _failures(records: Sequence[Record]) -> Iterator[str]:
    failed = [row for row in rows(records) if row.state == "failed"]
    if failed:
        yield from ("## Failed", "")
        for row in failed:
            yield f"- {inline(row.slug)}: {_table_text(row.reason)}"
        yield ""


def _matrix(records: Sequence[Record], questions: Sequence[Asked]) -> Iterator[str]:
    """Repositories by stages, one mark a question."""
    done = [record for record in records if record["state"] == "done"]
    if not done or not questions:
        return
    numbers = list(dict.fromkeys(one.number for one in questions))
    meaning = ", ".join(f"{mark} {status}" for status, mark in MARKS.items())
    yield from ("## Questions", "", f"One mark for each question of a stage: {meaning}.", "")
    yield "| repository | " + " | ".join(str(number) for number in numbers) + " |"
    yield "|---" * (len(numbers) + 1) + "|"
    for record in done:
        page = f"[{inline(record['slug'])}]({_link(record['slug'])})"
        yield f"| {page} | " + " | ".join(mark for _, mark in marks(record, questions)) + " |"
    yield ""


def _comparison(records: Sequence[Record], questions: Sequence[Asked]) -> Iterator[str]:
    """Every question with the answer of each repository."""
    if len(records) * len(questions) > _COMPARED:
        yield from ("## Question by question", "", "Too many for one document: see summary.html or summary.csv.", "")
        return
    yield from ("## Question by question", "")
    stage = 0
    for one in questions:
        if one.number != stage:
            stage = one.number
            yield from (f"### {one.number} {inline(one.title)}", "")
        yield from (f"**{one.id} {inline(one.text)}**", "")
        for slug, answer in answers(records, one.id):
            text = _table_text(answer["answer"]) or "unresolved"
            yield f"- [{inline(slug)}]({_link(slug, one.id)}) {MARKS[answer['status']]} {text}"
        yield ""


def _time(records: Sequence[Record], sums: dict[str, Any]) -> Iterator[str]:
    yield from ("## Time and cost", "")
    yield (
        f"{sums['seconds']:.0f} seconds of work in all, {sums['prompt_tokens']} tokens read and "
        f"{sums['generated']} written by the model."
    )
    yield from (
        "",
        "| repository | preparing, s | answering, s | tokens read | tokens written |",
        "|---|---|---|---|---|",
    )
    for row in sorted(rows(records), key=lambda row: -row.seconds):
        yield (
            f"| {inline(row.slug)} | {row.index_seconds:.1f} | {row.answer_seconds:.1f} | "
            f"{row.prompt_tokens} | {row.generated} |"
        )
    slow = [(title, seconds) for title, seconds in slowest_stages(records)[:_SLOWEST] if seconds > 0]
    if slow:
        yield from ("", "Stages that took longest, over all repositories:", "")
        yield from (f"- {inline(title)}: {seconds:.1f} s" for title, seconds in slow)


def _table_text(text: str) -> str:
    return inline(text).replace("|", "\\|")
