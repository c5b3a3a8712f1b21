"""Rewrites moved citations in a report of ours: in ANSWERS.md where they stand, and in answers.json everywhere.

Each file is replaced whole or not at all. Only citations whose very bytes were found elsewhere are rewritten; what was
changed or is gone stays as it is, for a person to look at.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from agent.documents.anchors import anchor
from agent.documents.check import Checked
from agent.documents.drift import ByteLines
from agent.documents.opening import Opened
from agent.documents.passages import read_document
from agent.documents.recorded import ANSWERS, questions
from agent.documents.verdicts import Place
from agent.documents.verification import Verification
from agent.report.files import MARKDOWN, write_whole

Moves = Mapping[Place, Place]


def rewrite(opened: Opened, verification: Verification) -> int:
    """Write the new lines of moved citations into both files; returns how many of `verification` were rewritten."""
    assert opened.recorded is not None
    moves = every_move(opened)
    document = opened.path.with_name(MARKDOWN)
    if moves and document.is_file():
        text = opened.text if opened.path.name == MARKDOWN else document.read_text(encoding="utf-8")
        checked = verification.citations if opened.path.name == MARKDOWN else _checked_in(opened, text)
        write_whole(document, rewrite_text(text, checked))
    if moves:
        report = rewrite_report(opened.recorded.report, moves, opened)
        write_whole(opened.path.with_name(ANSWERS), json.dumps(report, indent=1, ensure_ascii=True) + "\n")
    return sum(checked.verdict == "moved" for checked in verification.citations)


def every_move(opened: Opened) -> dict[Place, Place]:
    """Recorded place → where its lines stand now, of all that moved."""
    assert opened.recorded is not None
    found: dict[Place, Place] = {}
    for place in opened.recorded.records:
        ruling = opened.recorded.rule(place, opened.verifier.lexicon)
        if ruling and ruling.verdict == "moved" and ruling.now:
            found[place] = ruling.now
    return found


def _checked_in(opened: Opened, text: str) -> tuple[Checked, ...]:
    return tuple(opened.verifier.checker.check(read_document(text)))


def rewrite_text(text: str, citations: tuple[Checked, ...]) -> str:
    """The document with every moved citation replaced on its own line, all of a line at once."""
    lines = text.split("\n")
    by_line: dict[int, list[Checked]] = defaultdict(list)
    for checked in citations:
        if checked.start is not None:
            by_line[checked.document_line].append(checked)
    for number, found in by_line.items():
        if any(checked.verdict == "moved" for checked in found):
            lines[number - 1] = _rewrite_line(lines[number - 1], found)
    return "\n".join(lines)


def _rewrite_line(line: str, found: list[Checked]) -> str:
    """Replace each mention as written by the same mention with its new lines."""
    by_text: dict[str, list[Checked]] = defaultdict(list)
    for checked in found:
        by_text[checked.written].append(checked)
    new = {text: _renumbered(text, ranges) for text, ranges in by_text.items() if any(c.now for c in ranges)}
    if not new:
        return line
    pattern = "|".join(re.escape(text) for text in sorted(new, key=len, reverse=True))
    return re.sub(rf"(?<![\w./]){'(?:' + pattern + ')'}(?![\d-])", lambda match: new[match[0]], line)


def _renumbered(text: str, citations: list[Checked]) -> str:
    """A mention with new lines, path and form kept; a new path only where all its lines moved into one file."""
    paths = {checked.now.path for checked in citations if checked.verdict == "moved" and checked.now}
    was = citations[0].path
    head = text
    if len(paths) == 1 and paths != {was} and all(checked.verdict == "moved" for checked in citations):
        head = text.replace(was, paths.pop(), 1)
    elif paths - {was}:
        return text
    at = len(head) - len(text)
    ranges = iter(citations)

    def renumber(match: re.Match[str]) -> str:
        checked = next(ranges, None)
        if checked is None or checked.verdict != "moved" or checked.now is None:
            return match[0]
        start, end = str(checked.now.start), str(checked.now.end)
        return f"{match[1]}{start}" + (f"{match[3]}{end}" if match[4] else "")

    cut = _numbers_begin(text)
    return head[: cut + at] + re.sub(
        r"(L?)(\d+)((?:\s?(?:-{1,2}|\u2013|\u2014|\.\.|to|through)\s?L?))?((?<=[\s\-\u2013\u2014.oLh])\d+)?",
        renumber,
        head[cut + at :],
    )


def _numbers_begin(text: str) -> int:
    """Where the line numbers of a mention begin: after its path, or at its word for lines."""
    if found := re.match(r"lines?\s", text, re.IGNORECASE):
        return found.end()
    found = re.search(r"(?:[:#]L?|\s(?:lines?|ll?\.|L)\s?|[(\[])(?=\d)", text, re.IGNORECASE)
    return found.end() if found else len(text)


def rewrite_report(report: dict[str, Any], moves: Moves, opened: Opened) -> dict[str, Any]:
    """answers.json with the new places of claims, excerpts and census hits."""
    files = {
        path: ByteLines(file)
        for path, file in opened.snapshot.by_path.items()
        if path in {p.path for p in moves.values()}
    }
    for question in questions(report):
        for claim in question["claims"]:
            claim["citations"] = [_moved(citation, moves, files) for citation in claim["citations"]]
        question["excerpts"] = [_moved(excerpt, moves, files) for excerpt in question.get("excerpts", [])]
        for record in question.get("census", []):
            record["hits"] = [_moved(hit, moves, {}) for hit in record["hits"]]
    return report


def _moved(cited: dict[str, Any], moves: Moves, files: Mapping[str, ByteLines]) -> dict[str, Any]:
    now = moves.get(Place(str(cited.get("path")), int(cited.get("start", 0)), int(cited.get("end", 0))))
    if now is None:
        return cited
    moved = {**cited, "path": now.path, "start": now.start, "end": now.end}
    if now.path in files:
        moved["anchor"] = anchor(files[now.path].lines, now.start, now.end)
    return moved
