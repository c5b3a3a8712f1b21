"""Do the code blocks of a document stand in the repository? Compared line by line; `…` may leave lines out.

A block that names its source (in its info string, its first comment, or the sentence before it) must stand there; any
other that stands nowhere is only said to, since it may be an example.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from agent.documents.forms import Mention, find_mentions
from agent.documents.lexicon import Lexicon
from agent.documents.page import condense
from agent.documents.passages import Fence, Passage
from agent.documents.tree import Tree
from agent.documents.verdicts import Place, Verdict
from retrieval.languages import words

_ELISION = re.compile(r"^(?:#|//|--|/\*|<!--|;|%)?\s*(?:\.{3,}|\u2026|\[\.\.\.\])(?: .{0,60})?\s*(?:\*/|-->)?$")
_CURSOR = re.compile(r"^(\d+):(\d+):(\S+)")
_COMMENT = re.compile(r"^\s*(?:#|//|--|/\*|<!--|;)\s*(?:[Ff]ile:?\s*|[Ff]rom\s+)?(\S+?)\s*(?:\*/|-->)?\s*$")
_NO_CODE = words("bash sh shell console zsh text txt plain output log diff mermaid bibtex latex tex http markdown md")
_TELLING = 12  # condensed characters that make a line worth looking for
_MOST_STARTS = 400


@dataclass(frozen=True)
class Block:
    """A code block with its verdict: `ok`, `weak` (stands nowhere, claims no source), `changed` (not so in its source),
    `wrong_lines`, `missing`, `out_of_range`, `ambiguous`. `path`, `start` and `end` say where it stands, or should.
    """

    document_line: int
    language: str
    path: str
    start: int | None
    end: int | None
    verdict: Verdict
    reason: str
    claimed: bool

    @property
    def is_false(self) -> bool:
        """Whether the document claims a source that does not hold the block."""
        return self.claimed and self.verdict not in ("ok", "weak")


class Blocks:
    """Holds code blocks against the files of one repository."""

    def __init__(self, lexicon: Lexicon, tree: Tree) -> None:
        self._lexicon = lexicon
        self._tree = tree

    def check(self, fences: Sequence[Fence]) -> Iterator[Block]:
        """Every block of code, in order; shell sessions and drawings are none."""
        for fence in fences:
            language, source = self._source(fence)
            wanted = _lines(fence.text)
            if (language in _NO_CODE and not source) or sum(map(len, wanted)) < _TELLING:
                continue
            yield self._judge(fence, language, source, wanted)

    def _source(self, fence: Fence) -> tuple[str, Mention | None]:
        """The language of a block, and the file and lines that it says it is from."""
        language = re.split(r"[\s:{,]", fence.info, maxsplit=1)[0].lower()
        if found := _CURSOR.match(fence.info):
            text = f"{found[3]}:{found[1]}-{found[2]}"
            return "", Mention(0, 0, text, found[3], ((int(found[1]), int(found[2])),), "attached")
        if mention := self._named(re.sub(r"[{}\"'=]|(?<=[a-z]):(?=[\w./]+\.)", " ", fence.info)):
            return ("" if language == mention.path.lower() else language), mention
        first = fence.text.lstrip("\n").partition("\n")[0]
        if (comment := _COMMENT.match(first)) and (mention := self._named(comment[1])):
            return language, mention
        ends = fence.lead.rstrip().endswith(":")
        cited = [one for one in self._mentions(fence.lead) if one.ranges] if ends else []
        return language, cited[-1] if cited and "\n" not in fence.lead[cited[-1].end :].strip() else None

    def _named(self, text: str) -> Mention | None:
        found = [one for one in self._mentions(text) if one.path and ("/" in one.path or self._tree.files(one.path))]
        return found[0] if len(found) == 1 else None

    def _mentions(self, text: str) -> list[Mention]:
        return find_mentions(Passage(1, text), lambda path: bool(self._tree.files(path)))

    def _judge(self, fence: Fence, language: str, source: Mention | None, wanted: list[str]) -> Block:
        base = Block(fence.line, language, "", None, None, "weak", "it stands nowhere in the repository", bool(source))
        if source is None:
            found = self._anywhere(wanted)
            if found is None:
                return base
            return replace(
                base, path=found.path, start=found.start, end=found.end, verdict="ok", reason=f"it stands at {found}"
            )
        base = replace(base, path=source.path)
        files = self._tree.files(source.path)
        if source.fault:
            return replace(base, verdict="unparsable", reason=source.fault)
        if len(files) != 1 or files[0] not in self._lexicon.files:
            verdict: Verdict = "ambiguous" if len(files) > 1 else "missing"
            reason = f"{len(files)} files have this name" if len(files) > 1 else "no such file"
            return replace(base, verdict=verdict, reason=reason)
        return self._in_file(replace(base, path=files[0]), source, wanted)

    def _in_file(self, base: Block, source: Mention, wanted: list[str]) -> Block:
        starts = list(_stands(wanted, self._condensed(base.path)))
        start, end = source.ranges[0] if source.ranges else (None, None)
        base = replace(base, start=start, end=end)
        length = self._lexicon.page(base.path).length
        if start is not None and end is not None and not 1 <= start <= end <= length:
            return replace(base, verdict="out_of_range", reason=f"the file has {length} lines")
        if not starts:
            elsewhere = self._anywhere(wanted)
            aside = f"; it stands at {elsewhere}" if elsewhere else ""
            return replace(base, verdict="changed", reason=f"the file does not hold this text{aside}")
        inside = [one for one in starts if start is None or (end is not None and start <= one[0] and one[1] <= end)]
        first, last = (inside or starts)[0]
        if inside:
            return replace(
                base, start=start or first, end=end or last, verdict="ok", reason=f"it stands at {first}-{last}"
            )
        return replace(base, verdict="wrong_lines", reason=f"it stands at {first}-{last}")

    def _condensed(self, path: str) -> list[tuple[str, int]]:
        """The lines of a file that hold something, condensed, with their numbers."""
        return [(bare, n) for n, line in enumerate(self._lexicon.page(path).lines, 1) if (bare := condense(line))]

    @cached_property
    def _index(self) -> dict[str, list[tuple[str, int]]]:
        """Condensed line → where it stands, for lines that say something; not of documents."""
        found: dict[str, list[tuple[str, int]]] = {}
        for path in self._lexicon.code:
            for number, line in enumerate(self._lexicon.page(path).lines, 1):
                if len(bare := condense(line)) >= _TELLING:
                    found.setdefault(bare, []).append((path, number))
        return found

    def _anywhere(self, wanted: list[str]) -> Place | None:
        """Where a block stands in the repository: tried at every place of its rarest telling line."""
        telling = [line for line in wanted if len(line) >= _TELLING]
        places = [self._index.get(line, []) for line in telling]
        if not places or not all(places):
            return None
        for path in dict.fromkeys(path for path, _ in min(places, key=len)[:_MOST_STARTS]):
            for start, end in _stands(wanted, self._condensed(path)):
                return Place(path, start, end)
        return None


def _lines(text: str) -> list[str]:
    """The lines of a block, condensed; "" where lines are left out; without prompts of an interpreter."""
    lines = [line.removeprefix(">>> ") for line in text.split("\n")]
    parts = ["" if _ELISION.match(line.strip()) else condense(line) for line in lines if line.strip()]
    while parts and (not parts[0] or _names_source(parts[0], lines)):
        parts = parts[1:]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _names_source(part: str, lines: list[str]) -> bool:
    first = next((line for line in lines if line.strip()), "")
    found = _COMMENT.match(first)
    return bool(found) and condense(first) == part and bool(re.search(r"[\w-]\.\w{1,5}(?:[:#]\S*)?$", found[1]))  # type: ignore[index]


def _stands(wanted: list[str], lines: list[tuple[str, int]]) -> Iterator[tuple[int, int]]:
    """First and last line of every place where the lines of a block follow one another."""
    for at, (line, number) in enumerate(lines):
        if line == wanted[0]:
            last = _follow(wanted, [text for text, _ in lines[at : at + 400]])
            if last is not None:
                yield number, lines[at + last][1]


def _follow(wanted: list[str], lines: list[str]) -> int | None:
    """The index of the last line that `wanted` reaches from the first of `lines`, None when it does not."""
    at = 0
    gap = False
    for part in wanted:
        if not part:
            gap = True
            continue
        if gap:
            at = next((n for n in range(at, len(lines)) if lines[n] == part), -1)
            if at < 0:
                return None
        elif at >= len(lines) or lines[at] != part:
            return None
        gap = False
        at += 1
    return at - 1
