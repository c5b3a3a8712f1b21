"""What files give away of others: modules and settings files that code names, what documents link to."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from retrieval.snapshot import SourceFile

_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(?:\([^)]*\)|[^\n]*)", re.MULTILINE)
_WORD = re.compile(rb"\w+")
_QUOTED = re.compile(rb"""["']([^"'\n]{1,200}\.(?:ya?ml|json|toml|ini|cfg))["']""")
_LINK = re.compile(rb"""\]\(\s*([^()\s#:]{1,200})|\bhref=["']([^"'\s#:]{1,200})["']""")
_PACKAGE = "__init__.py"


def mentions(files: Iterable[SourceFile]) -> frozenset[str]:
    """Names of files and folders, without folders before them: "video_llama.py", "lib", "train.yaml"; of what the
    documents at the root link to the path: "./sat", "./sat/README.md"."""
    found: set[bytes] = set()
    for file in files:
        if file.language == "markdown" and "/" not in file.path:
            found.update(_linked(file.data))
        if file.language != "python":
            continue
        for statement in _IMPORT.finditer(file.data):
            words = _WORD.findall(statement[0])
            found.update(words, (word + b".py" for word in words))
        for quoted in _QUOTED.finditer(file.data):
            found.update(part for part in quoted[1].split(b"/") if part.strip(b". "))
    return frozenset(name.decode("utf-8", "replace") for name in found)


def _linked(document: bytes) -> Iterator[bytes]:
    """The paths that relative links lead to, each with the folders around it."""
    for target in (one or other for one, other in _LINK.findall(document)):
        parts = target.removeprefix(b"./").rstrip(b"/").split(b"/")
        if all(parts) and b".." not in parts:
            yield from (b"./" + b"/".join(parts[:count]) for count in range(1, len(parts) + 1))


def is_linked(path: str, mentioned: frozenset[str]) -> bool:
    """Whether a document at the root links to the file or folder at `path`, or into it: a link works in what is
    delivered."""
    return f"./{path}" in mentioned


def is_mentioned(path: str, mentioned: frozenset[str]) -> bool:
    """Whether `mentioned` has the file or folder at `path`; a package's own file goes with its folder."""
    place = PurePosixPath(path)
    if is_linked(path, mentioned):
        return True
    return (place.parent.name if place.name == _PACKAGE else place.name) in mentioned
