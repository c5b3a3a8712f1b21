"""Evidence opened for the verifier: the lines it stands for, read from the snapshot.

A code item becomes one exhibit. A census item becomes one exhibit per statement, because two true
statements of a list do not prove a sentence that mixes them. Knows how to find a definition's block by
indentation and to join bracketed lines; does not judge.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from agent.lint import Lint
from agent.state import Evidence, Fault
from agent.words import find_term, stems_of
from retrieval.chunk import Span
from retrieval.snapshot import Snapshot

_PLACE = re.compile(r"([\w./@+-]+):(\d+)(?:-(\d+))?")
_DEFINITION = r"^\s*(?:async\s+)?(?:def|class|function|func|fn|struct|interface)\s+{}\b"
_CLOSING = (")", "]", "}")
_PROSE_LANGUAGES = frozenset({"markdown", "rst", "text", "restructuredtext"})


class Line(NamedTuple):
    """One line of a file; `number` is 1-based."""

    path: str
    number: int
    text: str


@dataclass(frozen=True)
class Exhibit:
    """What a claim is held against.

    `said` is a statement of the census; `caption` holds titles and resolved names, which prove that a name
    is right but not that anything happens.
    """

    ids: tuple[str, ...]
    lines: tuple[Line, ...]
    said: str
    caption: str
    census: bool
    documentation: bool = False

    @cached_property
    def code(self) -> str:
        """The lines as one text."""
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def proof(self) -> str:
        """Lines and census statement: what can prove an effect."""
        return f"{self.code}\n{self.said}"

    @cached_property
    def everything(self) -> str:
        """Lines, statement, caption and paths: what can prove a name."""
        return f"{self.proof}\n{self.caption}\n" + "\n".join(sorted(self.paths))

    @cached_property
    def paths(self) -> frozenset[str]:
        """Every path of the lines."""
        return frozenset(line.path for line in self.lines)

    @cached_property
    def stems(self) -> frozenset[str]:
        """Stems of all words of `everything`."""
        return stems_of(self.everything)

    @cached_property
    def statements(self) -> tuple[str, ...]:
        """Lines joined while brackets stay open, then the census statement."""
        return (*_join_brackets(self.lines), *([self.said] if self.said else []))

    def within(self, lines: Iterable[Line]) -> "Exhibit":
        """The same exhibit with fewer lines."""
        return replace(self, lines=tuple(lines))


def unsound(evidence: Evidence, snapshot: Snapshot, lint: Lint) -> Fault | None:
    """Why an evidence item itself cannot be cited, None when it can."""
    for span in evidence.span_list():
        file = snapshot.by_path.get(span.path)
        if file is None:
            return lint.fault("missing_file", span.path)
        if not 1 <= span.start <= span.end <= len(file.lines):
            return lint.fault("out_of_range", str(span))
    return None


def open_evidence(evidence: Evidence, snapshot: Snapshot) -> list[Exhibit]:
    """One exhibit for code; one per statement for a census. `evidence` must be sound."""
    if evidence.kind == "code":
        return [_exhibit(evidence, evidence.span_list(), "", snapshot)]
    statements = [text for line in evidence.text.split("\n") if (text := line.strip())]
    return [_exhibit(evidence, _spans_of(statement, evidence), statement, snapshot) for statement in statements]


def join(exhibits: list[Exhibit]) -> Exhibit:
    """Several exhibits as one."""
    if len(exhibits) == 1:
        return exhibits[0]
    return Exhibit(
        ids=tuple(dict.fromkeys(name for exhibit in exhibits for name in exhibit.ids)),
        lines=tuple(dict.fromkeys(line for exhibit in exhibits for line in exhibit.lines)),
        said="\n".join(exhibit.said for exhibit in exhibits if exhibit.said),
        caption="\n".join(exhibit.caption for exhibit in exhibits),
        census=all(exhibit.census for exhibit in exhibits),
        documentation=all(exhibit.documentation for exhibit in exhibits),
    )


def _exhibit(evidence: Evidence, spans: list[Span], said: str, snapshot: Snapshot) -> Exhibit:
    files = snapshot.by_path
    lines = [
        Line(span.path, number, files[span.path].lines[number - 1])
        for span in spans
        for number in range(span.start, span.end + 1)
    ]
    return Exhibit(
        ids=(evidence.id,),
        lines=tuple(dict.fromkeys(lines)),
        said=said,
        caption="\n".join((evidence.title, *evidence.names)),
        census=evidence.kind == "census",
        documentation=bool(spans) and all(files[span.path].language in _PROSE_LANGUAGES for span in spans),
    )


def _spans_of(statement: str, evidence: Evidence) -> list[Span]:
    spans = evidence.span_list()
    named = [Span(match[1], int(match[2]), int(match[3] or match[2])) for match in _PLACE.finditer(statement)]
    found = [span for span in spans if any(span.overlaps(place) for place in named)]
    return found or ([] if named else spans)


def definitions(name: str, exhibit: Exhibit) -> Iterator[tuple[Line, ...]]:
    """The block of every definition of `name`: decorators, header and everything indented below it."""
    pattern = re.compile(_DEFINITION.format(re.escape(name)))
    for index, line in enumerate(exhibit.lines):
        if pattern.match(line.text):
            yield _block(exhibit.lines, index)


def defines(name: str, exhibit: Exhibit) -> bool:
    """Whether the lines define `name`, or lie inside its definition as the caption says."""
    around = exhibit.caption.split("`")[1::2]
    return any(name in (symbol, symbol.rpartition(".")[2]) for symbol in around) or any(
        True for _ in definitions(name, exhibit)
    )


def _block(lines: tuple[Line, ...], index: int) -> tuple[Line, ...]:
    indent = _indent(lines[index].text)
    first = index
    while first and _precedes(lines[first - 1], lines[first], indent):
        first -= 1
    last = index
    while last + 1 < len(lines) and _continues(lines[last], lines[last + 1], indent):
        last += 1
    return lines[first : last + 1]


def _precedes(above: Line, line: Line, indent: int) -> bool:
    return (
        above.path == line.path
        and above.number == line.number - 1
        and _indent(above.text) == indent
        and above.text.lstrip().startswith(("@", "#"))
    )


def _continues(above: Line, line: Line, indent: int) -> bool:
    if above.path != line.path or above.number >= line.number:
        return False  # a gap is a docstring that was not shown
    text = line.text.strip()
    return not text or text.startswith(_CLOSING) or _indent(line.text) > indent


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _join_brackets(lines: tuple[Line, ...], longest: int = 40) -> Iterator[str]:
    held: list[str] = []
    depth = 0
    for line in lines:
        held.append(line.text.strip())
        bare = re.sub(r"\"[^\"]*\"|'[^']*'|#.*", "", line.text)
        depth += sum(bare.count(mark) for mark in "([{") - sum(bare.count(mark) for mark in ")]}")
        if depth <= 0 or len(held) >= longest:
            yield " ".join(held)
            held, depth = [], 0
    if held:
        yield " ".join(held)


def near(term: str, exhibit: Exhibit, reach: int) -> list[Line]:
    """Lines within `reach` of one where `term` stands."""
    at = {(line.path, line.number) for line in exhibit.lines if find_term(term, line.text)}
    return [
        line
        for line in exhibit.lines
        if any((line.path, line.number + step) in at for step in range(-reach, reach + 1))
    ]
