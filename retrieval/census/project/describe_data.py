"""What a file that is not code is for, in words that stand in it: sections, keys, targets, first comment."""

import json
import re
from collections.abc import Iterable

from retrieval.census.meaning.prose import counted, first_sentence, listed
from retrieval.snapshot import SourceFile

Described = tuple[str, int, int]  # the words, and the lines that they stand on

_MANY_KEYS = 24
_SWITCHED = re.compile(
    r"^(?:export|set|source|cd|python\d?|pip|sudo|echo|if|for|rm|mkdir|CUDA_\w+=)\b|^\w+=|[$;|&]|--\w"
)
_PROGRAM = re.compile(r"([\w./-]+\.py)\b")
_COMPARED = 400
_YAML_KEY = r"""(["']?[\w.$-]+["']?)\s*:(?:\s|$)"""


def describe_data(file: SourceFile) -> Described:
    """Words for a file that is neither code nor prose, and the lines that prove them."""
    name = file.path.rpartition("/")[2].lower()
    if name.startswith(("license", "licence", "copying", "notice")):
        return _licence(file)
    readers = {
        "toml": _sections,
        "ini": _sections,
        "yaml": _keys,
        "json": _json_keys,
        "make": _targets,
        "shell": _comment,
        "dockerfile": _image,
        "requirements": _requirements,
    }
    reader = readers.get(file.language)
    return (reader(file) if reader else None) or plain_words(file)


def shared_keys(files: Iterable[SourceFile]) -> str:
    """ "; each with the keys a, b": the keys that all JSON or YAML files of several have; "" for none."""
    found: list[list[str]] = []
    every = list(files)
    for file in every if len(every) <= _COMPARED else ():
        described = describe_data(file)[0] if file.language in ("json", "yaml") else ""
        if not described.startswith("key"):
            return ""
        found.append(_all_keys(file))
    common = [key for key in found[0] if all(key in keys for keys in found)] if len(found) > 1 else []
    return f"; each with the key{'s' if len(common) > 1 else ''} {listed(common, 6)}" if common else ""


def _all_keys(file: SourceFile) -> list[str]:
    if file.language == "json":
        return list(map(str, json.loads(file.data)))
    return [name for name, _line in _matches(file, _YAML_KEY)]


def _licence(file: SourceFile) -> Described:
    for number, line in enumerate(file.lines, 1):
        if line.strip():
            return f"licence: {' '.join(line.split())[:80]}", number, number
    return plain_words(file)


def _matches(file: SourceFile, pattern: str) -> list[tuple[str, int]]:
    rule = re.compile(pattern)
    found: dict[str, int] = {}
    for number, line in enumerate(file.lines, 1):
        if match := rule.match(line):
            found.setdefault(match[1].strip("\"' "), number)
    return list(found.items())


def _named(found: list[tuple[str, int]], prefix: str) -> Described | None:
    if not found:
        return None
    return prefix + listed([name for name, _line in found], 6), found[0][1], found[0][1]


def _sections(file: SourceFile) -> Described | None:
    found = _matches(file, r"\s*\[\[?([A-Za-z][^\[\]]*)\]\]?\s*(?:[#;].*)?$")
    package = {"project", "tool.poetry", "metadata"}.intersection(name for name, _line in found)
    prefix = "package metadata and settings; " if package else ""
    return _named(found, f"{prefix}section{'s' if len(found) > 1 else ''} ")


def _keys(file: SourceFile) -> Described | None:
    title = _matches(file, r"(?:name|title):\s*(\S.*)$")
    if ".github/" in file.path and title:
        return f"workflow “{title[0][0]}”", title[0][1], title[0][1]
    found = _matches(file, _YAML_KEY)
    if len(found) > _MANY_KEYS:
        return f"a mapping with {len(found)} keys", found[0][1], found[0][1]
    return _named(found, "keys " if len(found) > 1 else "key ")


def _json_keys(file: SourceFile) -> Described | None:
    try:
        data = json.loads(file.data)
    except (ValueError, RecursionError):
        return None
    if isinstance(data, list):
        return f"a list of {counted(len(data), 'item')}", 1, 1
    if not isinstance(data, dict) or not data:
        return None
    if len(data) > _MANY_KEYS:
        return f"an object with {len(data)} keys", 1, 1
    first = json.dumps(next(iter(data)))
    line = next((n for n, text in enumerate(file.lines, 1) if first in text), 1)
    return f"key{'s' if len(data) > 1 else ''} {listed(list(map(str, data)), 6)}", line, line


def _targets(file: SourceFile) -> Described | None:
    found = _matches(file, r"([A-Za-z][\w./-]*)\s*:(?!=)")
    return _named(found, "targets " if len(found) > 1 else "target ")


def _comment(file: SourceFile) -> Described | None:
    """The first comment of a shell script that is no code switched off, else the programs that it starts."""
    for number, line in enumerate(file.lines[:12], 1):
        words = line.lstrip("# ").strip()
        if line.startswith("#") and not line.startswith("#!") and len(words) > 8 and not _SWITCHED.search(words):
            sentence = first_sentence(words)
            return (sentence, number, number) if sentence else None
    return _starts(file)


def _starts(file: SourceFile) -> Described | None:
    found: dict[str, int] = {}
    for number, line in enumerate(file.lines, 1):
        for match in _PROGRAM.finditer("" if line.lstrip().startswith("#") else line):
            found.setdefault(match[1], number)
    first = next(iter(found.values()), 1)
    return (f"starts {listed(list(found), 4)}", first, first) if found else None


def _image(file: SourceFile) -> Described | None:
    found = _matches(file, r"FROM\s+(.+)$")
    return _named(found, "image built from ")


def _requirements(file: SourceFile) -> Described | None:
    found = _matches(file, r"(?:git\+\S*/|https?://\S*/)?([A-Za-z][\w-]*(?:\.(?!git\b)[\w-]+)*)")
    if not found:
        return None
    names = listed([name for name, _line in found], 6)
    return f"{counted(len(found), 'requirement')}: {names}", found[0][1], found[0][1]


def plain_words(file: SourceFile) -> Described:
    """What can be said of any text file: its language and length."""
    return f"{file.language}, {counted(len(file.lines), 'line')}", 1, 1
