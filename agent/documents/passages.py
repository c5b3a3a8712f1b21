"""A Markdown document as passages of prose and fenced blocks, each with its line, whatever the bytes hold.

Knows CommonMark and tables through markdown-it. A passage is the text of one paragraph, list item, heading, table row
or piece of HTML, flattened: code keeps its backticks, links their targets. It does not know what a citation is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

_TAG = re.compile(r"<[^<>]*>")
_HREF = re.compile(r"""(?:href|src)\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
_MARKS = re.compile(r"[\[<\\&]")
_MOST_MARKS = 400  # a paragraph with more is read as plain text: nobody writes so many, and parsers choke on them


@dataclass(frozen=True, slots=True)
class Link:
    """A link or image; its text lies between the offsets `at` and `end` of the passage."""

    at: int
    end: int
    target: str


@dataclass(frozen=True)
class Passage:
    """A stretch of prose that begins on `line` (1-based) of the document; `\\n` in `text` is a line break there.

    `under` is the text it stands under: the item or paragraph before its list, and the heading before that.
    `kind`: "prose" | "heading" | "row".
    """

    line: int
    text: str
    links: tuple[Link, ...] = ()
    under: tuple[str, ...] = ()
    kind: str = "prose"

    def line_at(self, offset: int) -> int:
        """The document line of a place in `text`."""
        return self.line if self.kind == "row" else self.line + self.text.count("\n", 0, offset)


@dataclass(frozen=True)
class Fence:
    """A fenced or indented block: its info string, text, the line of its first fence, and the passage before it."""

    line: int
    info: str
    text: str
    lead: str


@dataclass(frozen=True)
class Document:
    """Everything that is read of a document."""

    passages: tuple[Passage, ...]
    fences: tuple[Fence, ...]


def read_document(text: str) -> Document:
    """Read Markdown; never raises. Comments in HTML are not read."""
    tokens = MarkdownIt("commonmark", {"maxNesting": 60}).enable("table").disable("inline").parse(text)
    inline = MarkdownIt("commonmark", {"maxNesting": 30})
    passages: list[Passage] = []
    fences: list[Fence] = []
    cells: list[Passage] = []
    for token, under, kind in _walk(tokens):
        line = (token.map or [0, 0])[0] + 1
        if cells and (kind != "row" or cells[0].line != line):
            passages.append(_joined(cells, passages))
            cells = []
        if token.type in ("fence", "code_block"):
            fences.append(Fence(line, token.info.strip(), token.content, passages[-1].text if passages else ""))
        elif token.type == "html_block":
            passages += _html(token.content, line, under)
        else:
            passage = _flatten(inline, token.content, Passage(line, "", (), under, kind))
            (cells if kind == "row" else passages).append(passage)
    return Document((*passages, *([_joined(cells, passages)] if cells else ())), tuple(fences))


def _walk(tokens: "list[Token]") -> "Iterator[tuple[Token, tuple[str, ...], str]]":
    """Every leaf with the texts that it stands under and its kind of passage."""
    heading, leads, kind = "", [""], "prose"
    for token in tokens:
        name = token.type
        if name in ("tr_open", "heading_open"):
            kind = "row" if name == "tr_open" else "heading"
        elif name in ("tr_close", "heading_close"):
            kind = "prose"
        elif name in ("bullet_list_open", "ordered_list_open"):
            leads.append("")
        elif name in ("bullet_list_close", "ordered_list_close"):
            leads = leads[:-1] or [""]
        elif name in ("inline", "fence", "code_block", "html_block"):
            above = [lead for lead in (*reversed(leads[:-1]), heading) if lead]
            yield token, tuple(above), kind
            if kind == "heading":
                heading, leads = token.content, [""] * len(leads)
            elif name == "inline":
                leads[-1] = token.content


def _flatten(inline: MarkdownIt, content: str, bare: Passage) -> Passage:
    marks = len(_MARKS.findall(content))
    if not marks or marks > _MOST_MARKS:
        return replace(bare, text=content)
    parts: list[str] = []
    links: list[Link] = []
    open_links: list[tuple[int, str]] = []
    length = 0
    for child in inline.parseInline(content)[0].children or []:
        piece = _piece(child)
        if child.type == "link_open":
            open_links.append((length, str(child.attrs.get("href", ""))))
        elif child.type == "link_close" and open_links:
            at, target = open_links.pop()
            links.append(Link(at, length, target))
        elif child.type == "image":
            links.append(Link(length, length + len(piece), str(child.attrs.get("src", ""))))
        parts.append(piece)
        length += len(piece)
    return replace(bare, text="".join(parts), links=tuple(links))


def _piece(token: "Token") -> str:
    if token.type == "code_inline":
        ticks = "``" if "`" in token.content else "`"
        return f"{ticks}{token.content}{ticks}"
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return token.content if token.type in ("text", "text_special", "image") else ""


def _joined(cells: list[Passage], before: list[Passage]) -> Passage:
    """The cells of one table row as one passage; what it stands under begins with the table's first row."""
    above = (
        before[-1]
        if before and before[-1].kind == "row" and before[-1].line < cells[0].line <= before[-1].line + 2
        else None
    )
    heading = (above.under[0] if above.under and above.under[0].count(" | ") else above.text,) if above else ()
    links: list[Link] = []
    at = 0
    for cell in cells:
        links += [Link(link.at + at, link.end + at, link.target) for link in cell.links]
        at += len(cell.text) + 3
    text = " | ".join(cell.text for cell in cells)
    return replace(cells[0], text=text, links=tuple(links), under=(*heading, *cells[0].under))


def _html(content: str, line: int, under: tuple[str, ...]) -> Iterator[Passage]:
    """The lines of a piece of HTML without comments and tags."""
    shown = _without_comments(content)
    bare = _TAG.sub(lambda tag: "\n" * tag[0].count("\n"), shown)
    for number, (text, source) in enumerate(zip(bare.split("\n"), shown.split("\n"), strict=True)):
        targets = _HREF.findall(source)
        if text.strip() or targets:
            yield Passage(line + number, text, tuple(Link(0, len(text), target) for target in targets), under)


def _without_comments(content: str) -> str:
    parts, at = [], 0
    while (start := content.find("<!--", at)) >= 0:
        end = content.find("-->", start)
        parts += [content[at:start], "\n" * content.count("\n", start, end if end >= 0 else len(content))]
        at = end + 3 if end >= 0 else len(content)
    return "".join([*parts, content[at:]])
