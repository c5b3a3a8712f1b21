"""Headings, list items and paragraphs of a Markdown document as plain text, without code, comments and navigation."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.snapshot import SourceFile

_ITEM = re.compile(r"^\s{0,3}(?:[-*+]|\d+[.)])\s+(.*)$")
_BOX = re.compile(r"^\[[ xX]\]\s+")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\([^)]*\)|!?\[([^\]]*)\]\[[^\]]*\]")
_IMAGE = re.compile(r"\[?!\[[^\]]*\]\([^)]*\)\]?(?:\([^)]*\))?|<img[^>]*>|<a\b[^>]*>\s*<img.*?</a>|<!--.*?-->")
_SHORTCODE = re.compile(r"(?<!\S):[a-z0-9_+-]{2,30}:(?!\S) ?")  # `:rocket:` of GitHub
_TAG = re.compile(r"<[^>]*>")
_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)#*\s*$|<h([1-6])[^>]*>(.*?)</h", re.IGNORECASE)
_OPENS = re.compile(r"(?i)^\s*<(?:p|td|div|h\d|li|blockquote)\b")
_CLOSES = re.compile(r"(?i)</(?:p|td|div|h\d|li|blockquote)>\s*$|<br\s*/?>\s*$")
_OPEN_HEADING = re.compile(r"(?i)<h[1-6]\b")
LONGEST, LINKED = 420, 60


@dataclass(frozen=True, slots=True)
class Said:
    """Words of the README on lines `start` to `end`; items of a list with the columns before them."""

    text: str
    start: int
    end: int
    indent: int = 0


def blocks_of(file: SourceFile) -> list[tuple[str, Said]]:
    """Headings, list items and paragraphs as plain text, code left out."""
    found: list[tuple[str, Said]] = []
    fenced, open_ = False, False
    for number, line in enumerate(_joined(_uncommented(file.lines)), 1):
        if _FENCE.match(line):
            fenced = not fenced
        if open_ and not fenced and re.fullmatch(r"={3,}|-{3,}", line.strip()):
            found[-1] = ("heading", found[-1][1])
            open_ = False
            continue
        heading = _HEADING.search(line) if not fenced else None
        text = "" if fenced or _FENCE.match(line) or _is_navigation(line) else plain(line)
        open_ = open_ and not _OPENS.match(line)
        item = _ITEM.match(line)
        if heading and text:
            rest = plain(_HEADING.sub("", line))
            found.append(("heading", Said(plain(heading[2] or heading[4] or "") or text, number, number)))
            found += [("text", Said(rest, number, number))] if len(rest) > LONGEST // 40 and heading[4] else []
        elif text and item:
            indent = len(line) - len(line.lstrip())
            found.append(("item", Said(_cut(plain(_BOX.sub("", item[1]))), number, number, indent)))
        elif text and open_ and found:
            what, before = found[-1]
            found[-1] = (what, Said(_cut(f"{before.text} {text}"), before.start, number, before.indent))
        elif text and not re.fullmatch(r"[=\-*_~]{2,}", text):
            found.append(("text", Said(_cut(text), number, number)))
        open_ = bool(text) and not heading and not _CLOSES.search(line)
    return found


def _uncommented(lines: Sequence[str]) -> list[str]:
    """The lines without what stands in comments that go over several of them."""
    found, inside = [], False
    for line in lines:
        if inside:
            _, inside_end, line = line.partition("-->")
            inside = not inside_end
            line = "" if inside else line
        before, opened, rest = line.rpartition("<!--")
        if opened and "-->" not in rest:
            inside, line = True, before
        found.append(line)
    return found


def _joined(lines: list[str]) -> list[str]:
    """The lines with a heading `<h1>` that goes over several of them on its last one."""
    found = list(lines)
    for number, line in enumerate(lines):
        if _OPEN_HEADING.search(found[number]) and "</h" not in line.lower():
            end = next((n for n in range(number + 1, min(number + 4, len(lines))) if "</h" in lines[n].lower()), None)
            if end is not None:
                found[number : end + 1] = [*[""] * (end - number), " ".join(found[number : end + 1])]
    return found


def _is_navigation(line: str) -> bool:
    """Whether a line leads elsewhere: to headings of its own document, or by links in most of its words."""
    links = [match[1] or match[2] or "" for match in _LINK.finditer(_IMAGE.sub("", line))]
    words = len(plain(line).split())
    linked = sum(len(plain(text).split()) for text in links)
    return "](#" in line or (bool(links) and linked == words) or (len(links) > 1 and linked * 100 >= words * LINKED)


def plain(line: str) -> str:
    """A line without pictures, tags, links and emphasis."""
    text = _IMAGE.sub("", line)
    text = _LINK.sub(lambda match: match[1] or match[2] or "", text)
    text = _SHORTCODE.sub("", text)
    text = html.unescape(_TAG.sub("", re.sub(r"<\w+[^>]*$", "", text))).replace("\xa0", " ").lstrip("> ")
    text = re.sub(r"^\s*#+\s*", "", text)
    text = text.rstrip().removesuffix("*") if text.count("*") % 2 else text
    return " ".join(re.sub(r"\*{2,3}|__|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)", "", text).split())


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
