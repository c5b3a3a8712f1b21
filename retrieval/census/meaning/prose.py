"""Small pieces of prose for census texts: counts, lists, first sentences, languages by name."""

import re
from collections.abc import Iterable, Sequence

from retrieval.languages import words
from retrieval.snapshot import SourceFile

_NAMES = 4
_LEGAL = re.compile(r"copyright|licen[cs]e|all rights reserved|spdx", re.IGNORECASE)
_OPEN = words("""of the a an to from and or for with in by on at as that which""")
_BODY = re.compile(
    r"\n\s*\n|\n\s*(?:Args?|Arguments|Parameters|Params|Returns?|Raises|Examples?|Usage|Inputs?|Outputs?"
    r"|Attributes|Notes?)\s*:|\n\s*[:@]\w+|\n\s*[-=]{3,}|\n\s*(?:[-*•]|\d[.)])\s"
)


def first_sentence(text: str, limit: int = 110) -> str:
    """The first sentence of a docstring, "" for a licence header; cut at a word when longer than `limit`."""
    plain = "\n".join(line.strip("# \t") for line in text.split("\n") if re.search(r"\w", line) or not line.strip())
    paragraph = " ".join(_BODY.split(plain.strip())[0].split())
    if not paragraph or _LEGAL.search(text[:400]):
        return ""
    sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z`(\[])", paragraph)[0]
    if sentence.endswith(":") or sentence.rpartition(" ")[2] in _OPEN:
        return f"{sentence[:limit].rstrip(':')} …"
    if len(sentence) <= limit:
        return sentence.rstrip(".")
    return sentence[:limit].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def listed(items: Sequence[str], limit: int = _NAMES, quote: str = "") -> str:
    """ "a, b, c and 4 more"."""
    shown = ", ".join(f"{quote}{item}{quote}" for item in items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown


def counted(count: int, noun: str) -> str:
    """ "1 file", "2 files"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def languages_text(files: Iterable[SourceFile]) -> str:
    """ "12 Python files, 3 JSON files", most frequent first."""
    counts: dict[str, int] = {}
    for file in files:
        counts[file.language] = counts.get(file.language, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(counted(n, f"{_LANGUAGE_NAMES.get(name, name)} file") for name, n in ordered)


_LANGUAGE_NAMES = {
    "python": "Python",
    "json": "JSON",
    "yaml": "YAML",
    "toml": "TOML",
    "markdown": "Markdown",
    "javascript": "JavaScript",
    "typescript": "TypeScript",
    "cpp": "C++",
    "c": "C",
    "cuda": "CUDA",
    "html": "HTML",
    "css": "CSS",
    "csv": "CSV",
    "svg": "SVG",
    "dockerfile": "Docker",
}
