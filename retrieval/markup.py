"""Headings and paragraphs of READMEs in Markdown and reStructuredText, with their lines.

Markdown is parsed by markdown-it; of reStructuredText only titles and plain paragraphs are read. Badges,
pictures and link lists are not prose and are left out.
"""

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from retrieval.snapshot import SourceFile

Passage = tuple[str, int, int]  # plain text, first line, last line

_TAG = re.compile(r"<[^>]+>")
_LEAST = 40
_PYTHON = ("python", "py", "python3", "pycon")


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def headings(file: SourceFile) -> list[Passage]:
    """Every heading in order, as plain text."""
    if file.language == "rst":
        return _rst_titles(file)
    tokens = _tokens(file)
    found: list[Passage] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.map:
            found.append((_plain(tokens[place + 1]), token.map[0] + 1, token.map[1]))
        elif token.type == "html_block" and token.map:
            found += _html_heading(token)
    return [item for item in found if item[0]]


def paragraphs(file: SourceFile, limit: int = 3) -> list[Passage]:
    """The first `limit` paragraphs of prose, of at least 40 characters of plain text."""
    if file.language == "rst":
        return _rst_paragraphs(file)[:limit]
    tokens = _tokens(file)
    found: list[Passage] = []
    for place, token in enumerate(tokens):
        if token.type == "paragraph_open" and token.map and token.level == 0:
            text = _plain(tokens[place + 1])
            if _is_prose(text, tokens[place + 1]):
                found.append((text, token.map[0] + 1, token.map[1]))
        elif token.type == "html_block" and token.map:
            found += _html_paragraphs(token)
        if len(found) >= limit:
            break
    return found[:limit]


def python_blocks(file: SourceFile) -> list[Passage]:
    """The fenced blocks of Python in a Markdown file: code without its indentation, first and last line of it."""
    return [
        (token.content, token.map[0] + 2, token.map[1] - 1)
        for token in _tokens(file)
        if token.type == "fence" and token.map and token.info.strip().lower().partition(" ")[0] in _PYTHON
    ]


def _tokens(file: SourceFile) -> list[Token]:
    # A lone \r would be a line break to the parser and is none to us.
    text = file.text.replace("\r\n", " \n").replace("\r", " ")
    try:
        return _parser().parse(text)
    except (RecursionError, ValueError):
        return []


def _plain(inline: Token) -> str:
    parts = []
    for child in inline.children or ():
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return " ".join(_TAG.sub("", "".join(parts)).split())


def _is_prose(text: str, inline: Token) -> bool:
    children = inline.children or []
    links = sum(child.type in ("link_open", "image") for child in children)
    words = len(text.split())
    sentence = re.search(r"[.!?:](\s|$)", text)
    return bool(sentence) and len(text) >= _LEAST and words >= 6 and links * 3 <= words


def _html_heading(token: Token) -> list[Passage]:
    match = re.search(r"<h([1-3])[^>]*>(.*?)</h\1>", token.content, re.DOTALL | re.IGNORECASE)
    if match is None or token.map is None:
        return []
    first = token.map[0] + 1 + token.content.count("\n", 0, match.start())
    last = first + match[0].count("\n")
    return [(" ".join(_TAG.sub("", match[2]).split()), first, last)]


def _html_paragraphs(token: Token) -> list[Passage]:
    """The prose of `<p>` elements, as of a centred line under a title."""
    found = []
    for match in re.finditer(r"<p\b[^>]*>(.*?)</p>", token.content, re.DOTALL | re.IGNORECASE):
        text = " ".join(_TAG.sub("", match[1]).split())
        links = len(re.findall(r"<(?:a|img)\b", match[1], re.IGNORECASE))
        if len(text) >= _LEAST and len(text.split()) >= 6 and links * 3 <= len(text.split()) and token.map:
            first = token.map[0] + 1 + token.content.count("\n", 0, match.start())
            found.append((text, first, first + match[0].count("\n")))
    return found


def _rst_titles(file: SourceFile) -> list[Passage]:
    lines = file.lines
    return [
        (lines[n].strip(), n + 1, n + 1)
        for n in range(len(lines) - 1)
        if lines[n].strip()
        and re.fullmatch(r"([=\-~^\"'#*+])\1{2,}", lines[n + 1].strip())
        and not re.fullmatch(r"([=\-~^\"'#*+])\1{2,}", lines[n].strip())
        and len(lines[n + 1].strip()) >= len(lines[n].strip()) - 1
    ]


def _rst_paragraphs(file: SourceFile) -> list[Passage]:
    titles = {line for _text, line, _end in _rst_titles(file)}
    found: list[Passage] = []
    block: list[str] = []
    for number, line in enumerate([*file.lines, ""], 1):
        if line.strip() and number not in titles:
            block.append(line)
            continue
        text = re.sub(r"`([^`<]+?)\s*(?:<[^>]*>)?`_*", r"\1", " ".join(" ".join(block).split()))
        prose = block and not re.match(r"\s|\.\.|[|:=~^*+#-]", block[0])
        if prose and len(text) >= _LEAST:
            found.append((text, number - len(block), number - 1))
        block = []
    return found
