"""The forms in which documents cite lines of files: `path:12-40`, `path#L12`, "`path` (lines 12-40)" and the like.

Reads one passage. What is written like a citation and cannot be read is returned with the fault, never skipped. URLs,
versions, times, hosts with ports, Windows paths and slices are no citations. Which files exist it asks.
"""

import bisect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from agent.documents.passages import Link, Passage
from agent.documents.tree import like_host, named_like_file

Ranges = tuple[tuple[int, int], ...]

_TOKEN = re.compile(r"(?<![\w/\\:@.%+~<-])(?:\.{1,2}/|/|~/)?[\w@.%+-]+(?:/[\w@.%+-]+)*")
_DASH = r"(?:-{1,2}|\u2013|\u2014|\u2212|\.\.)"
_TIGHT = rf"L?\d{{1,9}}(?:{_DASH}L?\d{{1,9}})?"
_TO = rf"\s?(?:{_DASH}|to|through)\s?"
_RANGE = rf"L?\d{{1,9}}(?:{_TO}L?\d{{1,9}})?"
_LIST = rf"{_RANGE}(?:\s?(?:,|and|&|, and)\s?{_RANGE})*"
_ATTACHED = re.compile(rf"[`*]{{0,3}}[:#]({_TIGHT})((?:,\s?{_TIGHT})*)(?::\d+(?!\d*-))?")
_WORDED = re.compile(
    rf"`{{0,2}}\*{{0,2}},?\s{{0,2}}[(\[]?\s?(?:at |on |see |from )?(?:[Ll]ines?|[Ll]l?\.|L(?=\d))\s?({_LIST})"
    rf"|`{{0,2}}\s?[(\[](L?\d{{1,9}}{_TO}L?\d{{1,9}})[)\]]"
)
_BEFORE = re.compile(rf"\b[Ll]ines?\s({_LIST})\s(?:of|in|from)\s(?:the\s)?(?:file\s)?[`\[]{{0,2}}$")
_BARE = re.compile(rf"\b[Ll]ines?\s({_LIST})(?!%)")
_GARBLED = re.compile(r"[A-Za-z_]\w*|-\w*[A-Za-z]\w*")
_LINES_HEADING = re.compile(r"\b(?:lines?|location|range)\b", re.IGNORECASE)
_COLUMN = re.compile(_LIST)
_PAIR = re.compile(rf"L?(\d+)(?:{_TO}L?(\d+))?")
_CHUNK = re.compile(r"[`*]{0,3}[:#][^\s`)\]|*,;]*")
_MEANT_AS_LINES = re.compile(r"[`*]{0,3}(?::(?:L?\d|[\[(?-]\d|\?+$)|#L?\d)")
_BLOB = re.compile(r"https?://[^/\s]+/[^\s?#]+?/(?:-/)?(?:blob|raw|src)/[^/\s]+/([^\s?#]+)(?:\?[^#\s]*)?(?:#(.*))?$")
_FRAGMENT = re.compile(_TIGHT)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#")
_PORTS = frozenset({80, 443, 3000, 5000, 8000, 8080, 8443, 8888})
_LONGEST_PATH = 1000
_PLAIN_LEAD = re.compile(r"\b(?:file|module|script)s?\s$")
BACKWARD = "the range ends before it begins"


@dataclass(frozen=True, slots=True)
class Mention:
    """A file, or lines of one, as a passage names it between the offsets `at` and `end`.

    `path` as written, "" for lines whose file is named elsewhere; `ranges` () for a file alone; `fault` says why the
    lines cannot be read; `form`: "attached" | "worded" | "bare" | "file" | "link".
    """

    at: int
    end: int
    text: str
    path: str
    ranges: Ranges
    form: str
    fault: str = ""


def find_mentions(passage: Passage, known: Callable[[str], bool]) -> list[Mention]:
    """Every mention of the passage in order. `known` says whether a file of the repository may be meant by a path."""
    text = passage.text
    found = [mention for link in passage.links if (mention := _linked(link, known))]
    spans = _code_spans(text)
    for token in _TOKEN.finditer(text):
        if mention := _mention(text, token, spans, known):
            found.append(mention)
    taken = sorted((mention.at, mention.end) for mention in found)
    for match in _BARE.finditer(text):
        at = bisect.bisect_left(taken, (match.end(), 0))
        if not at or taken[at - 1][1] <= match.start():
            found.append(_bare(text, match))
    if passage.kind == "row" and passage.under:
        found += _in_columns(passage, found)
    return _each_once(found, passage.links)


def _bare(text: str, match: re.Match[str]) -> Mention:
    """Lines without a file; with their fault when what follows makes the range unreadable."""
    tail = _GARBLED.match(text, match.end())
    if tail is None:
        return _read(text, match.span(), "", match[1], "bare")
    written = text[match.start() : tail.end()]
    return Mention(match.start(), tail.end(), written, "", (), "bare", f"no lines can be read from {written[:40]!r}")


def _in_columns(passage: Passage, found: list[Mention]) -> Iterator[Mention]:
    """A table row whose file and lines stand in columns of their own."""
    files = [mention for mention in found if mention.form in ("file", "link") and not mention.ranges]
    if len({mention.path for mention in files}) != 1 or len(files) != len(found):
        return
    headings = passage.under[0].split(" | ")
    at = 0
    for heading, cell in zip(headings, passage.text.split(" | "), strict=False):
        numbers = cell.strip().strip("`")
        if _LINES_HEADING.search(heading) and _COLUMN.fullmatch(numbers):
            start = at + cell.index(numbers)
            yield _read(passage.text, (start, start + len(numbers)), files[0].path, numbers, "column")
        at += len(cell) + 3


def _mention(
    text: str, token: re.Match[str], spans: list[tuple[int, int]], known: Callable[[str], bool]
) -> Mention | None:
    path = token[0].rstrip(".")
    if len(path) > _LONGEST_PATH:
        return None
    at, end = token.start(), token.start() + len(path)
    if "." not in path and "/" not in path and not _in_code(at, spans):
        return None
    is_known, shaped = known(path), named_like_file(path)
    if not shaped and not (is_known and (_in_code(at, spans) or "/" in path)):
        return None
    if attached := _attached(text, at, end, path, is_known):
        return attached
    if worded := _WORDED.match(text, end):
        numbers = worded[1] or worded[2]
        closing = text[worded.end() : worded.end() + 1] in (")", "]")
        return _read(text, (at, worded.end() + closing), path, numbers, "worded")
    if before := _BEFORE.search(text, max(0, at - 80), at):
        return _read(text, (before.start(), end), path, before[1], "worded")
    return _alone(text, at, end, path, spans, is_known)


def _attached(text: str, at: int, end: int, path: str, is_known: bool) -> Mention | None:
    """`path:12-40`; with its fault when it is meant so and cannot be read; None when nothing is attached."""
    chunk = _CHUNK.match(text, end)
    if chunk is None:
        return None
    whole = chunk[0].rstrip(".,;:!*") if not chunk[0].endswith("?") else chunk[0]
    found = _ATTACHED.match(text, end)
    if found and found.end() >= end + len(whole):
        ranges = _pairs(found[1] + found[2]) if _in_ticks(text, found) else _pairs(found[1])
        stop = found.end() if _in_ticks(text, found) else found.end(1)
        if not is_known and like_host(path) and ranges[0][0] in _PORTS:
            return None
        return _checked(Mention(at, stop, text[at:stop], path, ranges, "attached"))
    if not _MEANT_AS_LINES.match(whole):
        return None
    stop = end + len(whole)
    return Mention(at, stop, text[at:stop], path, (), "attached", f"no lines can be read from {whole[:40]!r}")


def _in_ticks(text: str, found: re.Match[str]) -> bool:
    """Whether a list of ranges ends with its code span, so that its commas belong to it."""
    return not found[2] or text[found.end() : found.end() + 1] == "`" or " " not in found[2]


def _alone(text: str, at: int, end: int, path: str, spans: list[tuple[int, int]], is_known: bool) -> Mention | None:
    """A path without lines: a whole code span, or in prose one that can only be a path."""
    inside = _span_at(at, spans)
    if inside:
        content = text[inside[0] : inside[1]].strip()
        follows = content.removeprefix(path)[:1]
        if not content.startswith(path) or follows not in ("", ":", "#", "/"):
            return None
    elif not ("/" in path or is_known or _PLAIN_LEAD.search(text, max(0, at - 12), at)):
        return None
    return Mention(at, end, path, path, (), "file")


def _linked(link: Link, known: Callable[[str], bool]) -> Mention | None:
    """A link to a file here, or to a file of this path on a code host."""
    target = unquote(link.target)
    if blob := _BLOB.match(target):
        path, fragment = blob[1], blob[2] or ""
        if not known(f"/{path}"):
            return None
    elif not target or _SCHEME.match(target):
        return None
    else:
        path, _, fragment = target.partition("#")
        path = path.partition("?")[0]
    if not path.strip("/"):
        return None
    meant = bool(re.match(r"L?\d", fragment))
    lines = _FRAGMENT.fullmatch(fragment) if meant else None
    fault = f"no lines can be read from {fragment[:40]!r}" if meant and not lines else ""
    ranges = _pairs(fragment) if lines else ()
    written = f"{path}#{fragment}" if meant else path
    return _checked(Mention(link.at, link.end, written, path, ranges, "link", fault))


def _read(text: str, span: tuple[int, int], path: str, numbers: str, form: str) -> Mention:
    return _checked(Mention(*span, text[span[0] : span[1]].strip(" ,("), path, _pairs(numbers), form))


def _checked(mention: Mention) -> Mention:
    if any(end < start for start, end in mention.ranges):
        return Mention(mention.at, mention.end, mention.text, mention.path, mention.ranges, mention.form, BACKWARD)
    return mention


def _pairs(numbers: str) -> Ranges:
    return tuple((int(first), int(last or first)) for first, last in _PAIR.findall(numbers))


def _code_spans(text: str) -> list[tuple[int, int]]:
    """The contents of code spans as offsets."""
    spans, at = [], 0
    while (start := text.find("`", at)) >= 0:
        ticks = re.compile("`+").match(text, start)[0]  # type: ignore[index]
        end = text.find(ticks, start + len(ticks))
        if end < 0:
            at = start + len(ticks)
            continue
        spans.append((start + len(ticks), end))
        at = end + len(ticks)
    return spans


def _in_code(at: int, spans: list[tuple[int, int]]) -> bool:
    return _span_at(at, spans) is not None


def _span_at(at: int, spans: list[tuple[int, int]]) -> tuple[int, int] | None:
    """The code span that holds an offset."""
    index = bisect.bisect_right(spans, (at, sys.maxsize)) - 1
    return spans[index] if index >= 0 and spans[index][0] <= at < spans[index][1] else None


def _each_once(found: list[Mention], links: tuple[Link, ...]) -> list[Mention]:
    """Of a link and the path in its text the one that names lines, the text where both do."""
    if not links:
        return sorted(found, key=lambda one: one.at)
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda one: (one.at, one.form == "link")):
        inside = [one for one in found if one.form != "link" and mention.at <= one.at < mention.end]
        if mention.form == "link" and any(one.ranges or not mention.ranges for one in inside if not one.fault):
            continue
        covered = any(link.at <= mention.at < link.end for link in links)
        if (
            mention.form == "file"
            and covered
            and any(o.form == "link" and o.ranges and o.at <= mention.at < o.end for o in found)
        ):
            continue
        kept.append(mention)
    return kept
