"""Names of code in a document that the repository does not have.

A name is missing when none of its words stands in any file but the document. It is called false only where the document
must mean this repository: below one of its modules or classes, or in a sentence that cites its files; elsewhere a name
may belong to a library, a shell or an example.
"""

import builtins
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.documents.lexicon import Lexicon
from agent.documents.passages import Passage
from agent.documents.ruling import says_absence
from agent.documents.tree import Tree, named_like_file

_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)")
_SYMBOL = re.compile(r"@?([^\W\d]\w*(?:\.[^\W\d]\w*)*)(\(.*\))?")


@dataclass(frozen=True, slots=True)
class Name:
    """A code name of the document. `verdict`: "ok", "missing" (false), "weak" (not found, but not said to be here)."""

    document_line: int
    name: str
    verdict: str
    reason: str


class Symbols:
    """Looks names up in one repository."""

    def __init__(self, lexicon: Lexicon, tree: Tree) -> None:
        self._lexicon = lexicon
        self._tree = tree

    def check(self, passage: Passage, *, cites: bool) -> Iterator[Name]:
        """Every code name of a passage. `cites`: whether it cites files of the repository."""
        absence = says_absence(passage.text)
        for span in _SPAN.finditer(passage.text):
            symbol = _SYMBOL.fullmatch(span[2].strip())
            if symbol is None or not _like_code(span[2], symbol):
                continue
            line = passage.line_at(span.start())
            absent = self._absent(symbol[1])
            if not absent:
                yield Name(line, symbol[1], "ok", "it stands in the repository")
            elif absence or not (self._ours(symbol[1]) or (cites and "." not in symbol[1])):
                yield Name(line, symbol[1], "weak", f"`{absent}` stands in no code here; it may belong elsewhere")
            else:
                yield Name(line, symbol[1], "missing", f"`{absent}` stands in no code of the repository")

    def _absent(self, dotted: str) -> str:
        """The first part of a name that stands nowhere, "" when all do or the name is Python's own."""
        parts = dotted.split(".")
        if hasattr(builtins, parts[0]) or parts[0] in sys.stdlib_module_names:
            return ""
        known = (self._lexicon.in_code, self._path_parts)
        return next((part for part in parts if not any(part in names for names in known)), "")

    @cached_property
    def _path_parts(self) -> frozenset[str]:
        """Names of files and folders without their endings."""
        names = (part for path in self._lexicon.files for part in path.split("/"))
        return frozenset(word for name in names for word in (name, name.partition(".")[0]))

    def _ours(self, dotted: str) -> bool:
        """Whether a dotted name begins with a package, module or class of the repository."""
        head, dot, _ = dotted.partition(".")
        return bool(dot) and (head in self._packages or head in self._classes)

    @cached_property
    def _packages(self) -> frozenset[str]:
        paths = [path for path in self._lexicon.files if path.endswith(".py")]
        folders = {path.split("/")[-2] for path in paths if path.endswith("/__init__.py")}
        return frozenset(folders | {path.rpartition("/")[2].removesuffix(".py") for path in paths} - {"__init__"})

    @cached_property
    def _classes(self) -> frozenset[str]:
        found = (re.findall(r"^\s*class\s+(\w+)", file.text, re.MULTILINE) for file in self._lexicon.heard.values())
        return frozenset(name for names in found for name in names)


def _like_code(written: str, symbol: re.Match[str]) -> bool:
    """Whether a code span is a name of code: with `_`, `.`, a call, or capitals inside."""
    name = symbol[1]
    if symbol[2] is not None:
        return True
    if "." in name:
        return not re.search(r"\.[A-Z0-9]{1,4}$", name) and not named_like_file(name)
    return "_" in name.strip("_") or bool(re.search(r"[a-z][A-Z]", name)) or written.startswith("@")
