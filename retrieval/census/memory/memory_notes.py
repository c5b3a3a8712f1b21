"""Kind `memory_notes`: what a repository says about memory, GPUs, numbers of parameters and speed of its models.

Sentences of documentation, rows of its tables, comments, docstrings and help texts are quoted; nothing is worked out
from them, and numbers that stand in code are not statements.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.code.comments import comments, quote
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Unit, units
from retrieval.facts import CensusHit
from retrieval.snapshot import ROLES, SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Note = tuple[int, int, str, str]  # first line, last line, where it stands, the words

LONGEST = 300
_PRINTED = re.compile(r"(?i)memory[^=:]{0,30}[=:]?\s*\d[\d.,]*\s?[MG]i?B\b")
LONGEST_TEXT = 3_000  # longer "sentences" are data
MOST_CELLS = 8
MOST_ROWS = 60
_ACCELERATOR = r"(?:[AHVLPB]\d{2,3}|T4|RTX ?\w+|GTX ?\w+|TITAN\w*|TPUv?\w*|MI\d{3}\w*|[AHV]100s?)"
_SIZE = r"\d[\d.,]*\s?(?:[GMT]i?B)\b"
_COUNT = r"\d[\d.,]*\s?(?:[MB]\b|million\b|billion\b)"
TELLING = re.compile(
    rf"\bV?RAM\b|\b(?:gpu|cpu|host|device|video|peak|less|more|much|low|extra|save[sd]?|reduc\w+|out of|in|into|up) "
    rf"(?:the )?memory\b|\bmemory[- ](?:\w+ )?(?:usage|footprint|requirement|consumption|efficien\w+|cost|use|saving"
    rf"|intensive|overhead|limit\w*|pressure|leak)s?\b|\bmemory complexity\b|\bout[- ]of[- ]memory\b|\bOOM\b"
    rf"|{_SIZE}.{{0,40}}\b(?:memory|ram|vram|gpu|card)\b|\b(?:memory|ram|vram|gpu)\b.{{0,40}}{_SIZE}"
    rf"|{_COUNT}[- ](?:\w+ ){{0,2}}param|\bparam\w*.{{0,30}}{_COUNT}|\b\d+\s?x?\s*(?:NVIDIA )?{_ACCELERATOR}\b"
    rf"|\b(?:on|with|an?|single|one|two|four|eight) (?:NVIDIA )?{_ACCELERATOR}\b"
    r"|\b\w*GPUs?\b.{0,60}\b(?:requir\w+|need\w*|necessary|recommended|must|at least|minimum|only)\b"
    r"|\b(?:requir\w+|need\w*|necessary|recommend\w*|at least|minimum|single|without)\b.{0,60}\bGPUs?\b"
    r"|\b(?:faster|slower|speed-?up|throughput|latency|G?FLOPs?|MACs|real[- ]?time factor|img/s|samples/s\w*)\b"
    r"|\b(?:relative|inference|training|transcription|decoding|sampling|processing) speeds?\b|\bspeed (?:and|of|up)\b",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\b(?:v?ram|memory|mem|g?flops|macs|gmacs|speed|latency|throughput|m?params?|parameters|img/s|samples/s|fps)\b|#\s?param",
    re.IGNORECASE,
)
_SCIENCE = re.compile(
    r"\bmemory (?:bank|queue|cell|network)|\blearning (?:rate|speed)|\bspeed (?:limit|perturb)", re.IGNORECASE
)
_TAGS = re.compile(r"<[^>]+>|!?\[([^\]]*)\]\([^)]*\)|\*\*|__")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*\"'(\[])")
_PLAIN = re.compile(r"(?i)(?:^|/)(?:readme|install|usage|faq|changelog|model[-_]?(?:card|zoo)\w*)(?:\.txt)?$")
_ORDER = ("table", "output", "text", "help text", "docstring", "comment", "message")


@kind(
    "memory_notes",
    summary="what documents, comments, docstrings and help texts say on memory, GPUs, parameters and speed, tables too",
    example="memory_notes, or memory_notes: table",
    reads="text",
    ordered=True,
)
def memory_notes(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Quotations, tables first; patterns match where they stand (`_ORDER`)."""
    hits = [hit for hit in _every(codebase) if query.matches(hit.name)]
    rank = {role: place for place, role in enumerate(ROLES)} | {"docs": 0}

    def importance(hit: CensusHit) -> tuple[int, int, bool, str, int]:
        readme = hit.path.rpartition("/")[2].lower().startswith("readme")
        return (_ORDER.index(hit.name), rank[hit.role], not readme, hit.path, hit.start)

    yield from sorted(hits, key=importance)


def _every(codebase: Codebase) -> Iterator[CensusHit]:
    for file in codebase.snapshot.files:
        for start, end, where, words in _notes(file):
            text = (
                f"{file.path}, {where}: {words}" if where in ("table", "text") else f"{words} ({where} in {file.path})"
            )
            symbol = codebase.symbol_at(file.path, start)
            yield hit_at(codebase, file.path, (start, end), symbol=symbol, name=where, text=text)
    for unit in units(codebase, "GPU|gpu|memory|faster|slower|speed|RAM|[Pp]arameters|latency|FLOP"):
        for start, end, where, words in _strings(unit):
            symbol = codebase.symbol_at(unit.path, start)
            text = f"{words} ({where}{f' of `{symbol}`' if symbol else ''}, {unit.path})"
            yield hit_at(codebase, unit.path, (start, end), symbol=symbol, name=where, text=text)


def _notes(file: SourceFile) -> Iterator[Note]:
    if file.language in ("markdown", "rst") or _PLAIN.search(file.path):
        yield from _prose(file)
    elif file.language == "csv":
        yield from _spreadsheet(file)
    elif file.language == "notebook":
        yield from _outputs(file)
    elif file.language == "python":
        for comment in comments(file):
            for sentence in _SENTENCE.split(comment.text):
                if tells(sentence):
                    yield comment.start, comment.end, "comment", quote(sentence, LONGEST)


def _outputs(file: SourceFile) -> Iterator[Note]:
    """Figures of memory that a notebook printed when it ran, with the line before when that ends with its subject."""
    before = ""
    for number, line in enumerate(file.lines, start=1):
        printed = re.fullmatch(r'\s*"(.*?)(?:\\n)?",?\s*', line)
        words = printed[1].replace("\\t", " ").strip() if printed else ""
        if words and _PRINTED.search(words) and "print(" not in words:
            subject = f"{before}: " if before and not _PRINTED.search(before) else ""
            yield number, number, "output", f"“{subject}{words}”"
        before = words if words and "print(" not in words else ""


def tells(words: str) -> bool:
    """Whether a sentence says something on memory, hardware, size or speed."""
    return len(words) <= LONGEST_TEXT and bool(TELLING.search(_SCIENCE.sub("", words)))


def _prose(file: SourceFile) -> Iterator[Note]:
    """Sentences and table rows outside code fences; paragraphs are joined, and a sentence has its own lines."""
    lines, fenced, block = file.lines, "", []
    number = 0
    while number < len(lines):
        line = lines[number]
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and (not fenced or line.strip().startswith(fenced)):
            fenced = "" if fenced else mark[1]
        elif not fenced and line.lstrip().startswith("|") and number + 1 < len(lines) and _is_rule(lines[number + 1]):
            last = _table_end(lines, number)
            yield from _rows(lines, number, last)
            number = last
        elif not fenced and line.strip() and not line.lstrip().startswith("#"):
            block.append(number)
            number += 1
            continue
        if block:
            yield from _sentences(lines, block)
            block = []
        number += 1
    if block:
        yield from _sentences(lines, block)


def _is_rule(line: str) -> bool:
    return "-" in line and not line.strip(" \t|:-\r")


def _table_end(lines: Sequence[str], first: int) -> int:
    last = first + 1
    while last + 1 < len(lines) and lines[last + 1].lstrip().startswith("|"):
        last += 1
    return last


def _rows(lines: Sequence[str], first: int, last: int) -> Iterator[Note]:
    header = _cells(lines[first])
    if not _HEADER.search(" | ".join(header)):
        return
    for number in range(first + 2, min(last + 1, first + 2 + MOST_ROWS)):
        if words := _row(header, _cells(lines[number])):
            yield number + 1, number + 1, "table", words


def _cells(line: str) -> list[str]:
    plain = _TAGS.sub(lambda match: match[1] or "", line[:LONGEST_TEXT].strip().strip("|"))
    return [" ".join(cell.split()).strip("`") for cell in re.split(r"(?<!\\)\|", plain)]


def _row(header: list[str], cells: list[str]) -> str:
    """ "`turbo`: Parameters `809 M`, Required VRAM `~6 GB`"."""
    told = [(name, cell) for name, cell in zip(header[1:], cells[1:], strict=False) if name and cell]
    if not cells or not cells[0] or not told:
        return ""
    telling = [pair for pair in told if _HEADER.search(pair[0])]
    others = [pair for pair in told if pair not in telling][: max(0, MOST_CELLS - len(telling))]
    shown = ", ".join(f"{name} `{cell}`" for name, cell in told if (name, cell) in [*telling, *others])
    return f"`{cells[0]}`: {shown}"


def _sentences(lines: Sequence[str], block: list[int]) -> Iterator[Note]:
    starts: list[int] = []
    joined = ""
    for number in block:
        starts.append(len(joined))
        joined += lines[number].strip() + " "
    place = 0
    for sentence in re.split(r"((?<=[.!?])\s+(?=[A-Z`*\"'(\[]))", joined):
        begin, place = place, place + len(sentence)
        if len(sentence) > LONGEST_TEXT:
            continue
        plain = " ".join(_TAGS.sub(lambda match: match[1] or "", sentence).split())
        if not plain or not tells(plain):
            continue
        first = max(i for i, start in enumerate(starts) if start <= begin)
        last = max(i for i, start in enumerate(starts) if start < max(begin + len(sentence.rstrip()), begin + 1))
        yield block[first] + 1, block[last] + 1, "text", quote(plain, LONGEST)


def _spreadsheet(file: SourceFile) -> Iterator[Note]:
    """A CSV file with such columns, as one note with its first row."""
    if not file.lines or not _HEADER.search(file.lines[0].replace("_", " ")) or "," not in file.lines[0]:
        return
    try:
        rows = list(csv.reader(file.lines))
    except csv.Error:
        return
    telling = [name for name in rows[0] if _HEADER.search(name.replace("_", " "))]
    example = _row(rows[0], rows[1]) if len(rows) > 1 else ""
    columns = ", ".join(f"`{name}`" for name in telling)
    words = f"{len(rows) - 1} rows with the columns {columns}; the first is {example}"
    yield 1, min(2, len(file.lines)), "table", words


def _strings(unit: Unit) -> Iterator[Note]:
    for node in unit.nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or len(node.value) < 12:
            continue
        where = _where(unit, node)
        for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*\w+\s*:)", node.value) if where else ():
            if tells(sentence):
                first, last = unit.lines(node)
                offset = node.value[: node.value.find(sentence)].count("\n") if where == "docstring" else 0
                size = sentence.strip().count("\n")
                lines = (first + offset, min(last, first + offset + size)) if where == "docstring" else (first, last)
                yield *lines, where, quote(sentence, LONGEST)


def _where(unit: Unit, node: ast.Constant) -> str:
    parent = unit.parents.get(node)
    if isinstance(parent, ast.Expr):
        return "docstring"
    while isinstance(parent, ast.BinOp | ast.JoinedStr | ast.Tuple):
        parent = unit.parents.get(parent)
    if isinstance(parent, ast.keyword):
        return "help text" if parent.arg in ("help", "description", "info", "epilog") else ""
    return "message" if isinstance(parent, ast.Call) else ""
