"""What comments in requirement files say of versions: whole blocks, with the group of declarations that they head."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.manifests import Declaration, canonical, read_manifests
from retrieval.manifests.distributions import distribution_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.snapshot import SourceFile

_REASON = re.compile(
    r"(?i)\b(?:because|due|since|needs?|needed|requires?|required|fix\w*|bugs?|breaks?|broken|incompat\w+|compat\w+"
    r"|deprecat\w*|removed?|removes|supports?|issue|errors?|fail\w*|avoid|until|workaround|conflicts?|only|must|cannot|can't|don't|doesn't|not|latest"
    r"|newer|older|before|after|crash\w*|slow\w*|wheels?|pin\w*|built against|below|stays?|intentional\w*)\b|#\d+"
)
_TRAILING = re.compile(r"(?:^|\s)#\s*(\S.*)$")
_NUMBER = re.compile(r"\d+(?:\.\d+)+|\d+\.x\b")
_COMMAND = re.compile(r"(?i)\bpip3? install\b|^https?://|^-{3,}|^={3,}")
LEAST = 4


@dataclass(frozen=True, slots=True)
class Said:
    """What a comment says of a distribution: the words, and the lines of the comment and of the declaration."""

    distribution: str
    words: str
    path: str
    lines: tuple[int, int]


def comment_reasons(codebase: "Codebase") -> Iterator[Said]:
    """Every comment that gives a reason: on the line of a declaration, above its group, or at large by name."""
    by: dict[str, list[Declaration]] = {}
    for item in read_manifests(codebase.snapshot).declarations:
        if item.scope not in ("lock", "dev", "command", "image"):
            by.setdefault(item.path, []).append(item)
    for path, items in by.items():
        file = codebase.snapshot.by_path[path]
        if file.lines:
            yield from _of_file(file, items)


def _of_file(file: "SourceFile", items: list[Declaration]) -> Iterator[Said]:
    names = {distribution_of(item) for item in items}
    starts = {item.start: item for item in items}
    told: set[str] = set()
    for item in items:
        found = _TRAILING.search(file.lines[item.end - 1])
        if found and _tells(found[1]):
            yield Said(distribution_of(item), found[1], file.path, (item.start, item.end))
    for first, last, words in _blocks(file):
        item = starts.get(last + 1)
        said = _naming(words, names | {"torch"}) if item is None else {distribution_of(item): words}
        for name, sentence in said.items():
            if _tells(sentence) and sentence not in told:
                told.add(sentence)
                yield Said(name, sentence, file.path, (first, item.end if item is not None else last))


def _tells(words: str) -> bool:
    return len(words.split()) >= LEAST and _REASON.search(words) is not None


def _blocks(file: "SourceFile") -> Iterator[tuple[int, int, str]]:
    """Runs of comment lines: first line, last line, the words without lines that are commands."""
    start, kept = 0, list[str]()
    for number, line in enumerate((*file.lines, ""), start=1):
        text = line.strip()
        if text.startswith("#"):
            start = start or number
            words = text.lstrip("#! ").strip()
            kept.append("." if _COMMAND.search(words) else words or ".")
            continue
        if start and any(line != "." for line in kept):
            yield start, number - 1, _joined(kept)
        start, kept = 0, []


def _joined(lines: list[str]) -> str:
    """The words of a block; an empty comment line ends a sentence."""
    text = re.sub(r"[\s:]*(?:\s\.)+(?=\s|$)", ".", " ".join(lines))
    return re.sub(r"\.{2,}", ".", text).strip(" .:") + "."


def _naming(words: str, names: set[str]) -> dict[str, str]:
    """Distribution → the sentences of a comment at large that name it with a version."""
    found: dict[str, str] = {}
    for sentence in re.split(r"(?<=[.!?)])\s+(?=[A-Z(`])", words):
        if not _NUMBER.search(sentence):
            continue
        said = [canonical(word) for word in re.findall(r"[A-Za-z][\w.-]*\w", sentence)]
        said = ["torch" if word == "pytorch" else word for word in said]
        name = next((word for word in said if word in names), "")
        if name:
            found[name] = f"{found[name]} {sentence}" if name in found else sentence
    return found
