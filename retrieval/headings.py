"""Where the sections of a document begin: headings of Markdown and reStructuredText with their levels."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RULE = re.compile(r"([^\w\s])\1{2,}\s*$")


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's first line, its level (1 is the outermost) and its title."""

    line: int
    level: int
    title: str


def markdown_headings(lines: Sequence[str]) -> Iterator[Heading]:
    """Headings that begin with `#`, outside of fenced code."""
    fence = ""
    for number, line in enumerate(lines, 1):
        if found := _FENCE.match(line):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence):
                fence = ""
        elif not fence and (heading := _HEADING.match(line)):
            yield Heading(number, len(heading[1]), heading[2])


def rst_headings(lines: Sequence[str]) -> Iterator[Heading]:
    """Underlined titles, with or without a line above; the first style met is the outermost level."""
    styles: list[tuple[str, bool]] = []
    for number in range(1, len(lines)):
        title, rule = lines[number - 1], _RULE.match(lines[number])
        if not rule or not title.strip() or title[0].isspace() or _RULE.match(title):
            continue
        over = number >= 2 and lines[number - 2].rstrip() == lines[number].rstrip()
        beside = number == 1 or over or not lines[number - 2].strip()
        if beside and len(rule[0].rstrip()) >= len(title.rstrip()):
            style = rule[1], over
            if style not in styles:
                styles.append(style)
            yield Heading(number - over, styles.index(style) + 1, title.strip())
