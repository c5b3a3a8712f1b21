"""Which words stand where in a repository, and how rare each is.

Purely lexical, for files of any language, so that ten thousand citations are checked in seconds. It does not know
what is true.
"""

import math
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from agent.documents.page import HEADER, WORD, Page
from retrieval.languages import PROSE_LANGUAGES
from retrieval.snapshot import SourceFile


class Lexicon:
    """The words of every file of a repository but `unheard`: the document itself proves nothing of itself."""

    def __init__(self, files: Iterable[SourceFile], unheard: frozenset[str] = frozenset()) -> None:
        self.files = {file.path: file for file in files}
        self._pages: dict[str, Page] = {}
        self._rarities: dict[str, float] = {}
        self.heard = {path: file for path, file in self.files.items() if path not in unheard}

    def page(self, path: str) -> Page:
        """The file at `path`. Raises KeyError for an unknown one."""
        if path not in self._pages:
            self._pages[path] = Page(self.files[path])
        return self._pages[path]

    @cached_property
    def code(self) -> dict[str, SourceFile]:
        """The files that are no prose: what a document says is not proven by another document."""
        return {path: file for path, file in self.heard.items() if not _is_prose(file)}

    @cached_property
    def in_code(self) -> Counter[str]:
        """Word → how often it stands in code and configuration."""
        return _count(self.code.values())

    @cached_property
    def occurrences(self) -> Counter[str]:
        """Word → how often it stands in the repository."""
        return self.in_code + _count(file for path, file in self.heard.items() if path not in self.code)

    @cached_property
    def defined(self) -> frozenset[str]:
        """The names of every function, class and type that a file defines."""
        headers = (HEADER.match(line) for file in self.code.values() for line in file.lines)
        return frozenset(header[1] for header in headers if header)

    @cached_property
    def lines(self) -> int:
        """Lines of all files, at least 1."""
        return max(1, sum(len(file.lines) for file in self.heard.values()))

    def rarity(self, word: str) -> float:
        """The natural logarithm of one in how many lines holds the word; 0 for one on every line."""
        if word not in self._rarities:
            self._rarities[word] = max(0.0, math.log(self.lines / max(1, self.occurrences[word])))
        return self._rarities[word]


def _count(files: Iterable[SourceFile]) -> Counter[str]:
    found: Counter[str] = Counter()
    for file in files:
        found.update(WORD.findall(file.text))
    return found


def _is_prose(file: SourceFile) -> bool:
    return file.language in PROSE_LANGUAGES or file.language == "text"
