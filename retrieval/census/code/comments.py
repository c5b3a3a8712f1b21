"""Comments of a file with the code beside them, and what counts as a note about shapes in prose.

Python comments are found by the tokenizer, so that `#` in a string is none; in other languages a line's `#` or
`//` after a blank counts.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from retrieval.snapshot import SourceFile

LONGEST_LINE = 2_000
_LINE_COMMENT = re.compile(r"(?:^|\s)(?:#|//)+\s?(.*)")
_DIMENSION = (
    r"(?:[A-Z]{1,2}|[a-z_]*(?:batch|bs|len|dim|seq|ctx|num|patch|width|height|channel)\w*|\d{1,4}|\*|[a-z]_?[a-z]?)"
)
SHAPE = re.compile(
    r"(?i:\bshapes?\b)\s*(?:is|are|of|=|:|->|as)?\s*[`\"']?[\[(]"
    rf"|\b(?:B|N|T|C|H|W|L|D|S|K|M|1)(?:x(?:[A-Z][a-z]?|\d+|\([\w ]+\)))+\b"
    rf"|\b(?:B|N|T|C|batch)\s+[x\u00d7]\s+(?:[A-Z]|\d)"
    rf"|[\[(]\s*(?:B|N|T|L|bs|batch|batch_size|\*|b|n)\s*(?:,|\*)\s*{_DIMENSION}(?:\s*[,*+/-]\s*{_DIMENSION})*\s*[\])]"
    r"|\b(?:[BNLTC][BNLTCDHW]{1,4})\s*->\s*[BNLTCDHW]{2,5}\b"
)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment without its mark, or a block of comment lines as one text; `code` stands before it on the line."""

    start: int
    end: int
    text: str
    code: str


@lru_cache(maxsize=4_096)
def comments(file: SourceFile) -> tuple[Comment, ...]:
    """The comments of a file in source order; full-line comments that follow one another are one."""
    if file.language == "notebook":
        return ()
    found = _python(file) if file.language == "python" else None
    return tuple(_blocks(found if found is not None else list(_by_line(file.lines))))


def _python(file: SourceFile) -> list[Comment] | None:
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
            if token.type == tokenize.COMMENT:
                line, column = token.start
                code = token.line[:column].strip() if column else ""
                found.append(Comment(line, line, token.string.lstrip("#").strip(), code))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
    return found


def _by_line(lines: tuple[str, ...]) -> Iterator[Comment]:
    for number, line in enumerate(lines, 1):
        if match := _LINE_COMMENT.search(line[:LONGEST_LINE]):
            yield Comment(number, number, match[1].strip(), line[: match.start()].strip())


def _blocks(found: list[Comment]) -> Iterator[Comment]:
    waiting: Comment | None = None
    for comment in found:
        if waiting and not comment.code and not waiting.code and comment.start == waiting.end + 1:
            waiting = Comment(waiting.start, comment.end, f"{waiting.text} {comment.text}".strip(), "")
            continue
        if waiting:
            yield waiting
        waiting = comment
    if waiting:
        yield waiting


def quote(text: str, limit: int = 160) -> str:
    """Prose in typographic quotes on one line, cut at a word."""
    flat = " ".join(text.split())
    cut = flat if len(flat) <= limit else flat[:limit].rsplit(" ", 1)[0] + " …"
    return f"“{cut}”"
