"""Names of files that code gives away: the modules it imports and the settings files it quotes."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from retrieval.snapshot import SourceFile

_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(?:\([^)]*\)|[^\n]*)", re.MULTILINE)
_WORD = re.compile(rb"\w+")
_QUOTED = re.compile(rb"""["']([^"'\n]{1,200}\.(?:ya?ml|json|toml|ini|cfg))["']""")
_PACKAGE = "__init__.py"


def mentions(files: Iterable[SourceFile]) -> frozenset[str]:
    """Names of files and folders, without folders before them: "video_llama.py", "lib", "train.yaml"."""
    found: set[bytes] = set()
    for file in files:
        if file.language != "python":
            continue
        for statement in _IMPORT.finditer(file.data):
            words = _WORD.findall(statement[0])
            found.update(words, (word + b".py" for word in words))
        for quoted in _QUOTED.finditer(file.data):
            found.update(part for part in quoted[1].split(b"/") if part.strip(b". "))
    return frozenset(name.decode("utf-8", "replace") for name in found)


def is_mentioned(path: str, mentioned: frozenset[str]) -> bool:
    """Whether `mentioned` has the file or folder at `path`; a package's own file goes with its folder."""
    place = PurePosixPath(path)
    return (place.parent.name if place.name == _PACKAGE else place.name) in mentioned
