"""requirements*.txt and constraints files, and the pip or conda lines of scripts that install packages.

Knows pip's file format (continuations, comments, `-r`, `-c`, `-e`, options per requirement) and finds
`pip install …` in Dockerfiles, shell scripts, Makefiles, CI files and notebooks.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

from retrieval.languages import words
from retrieval.manifests.declaration import (
    Declaration,
    Include,
    Item,
    Scope,
    from_conda,
    from_requirement,
)
from retrieval.manifests.installs import command_lines, helpers, is_package, wheel_index
from retrieval.snapshot import SourceFile

_NAMED = re.compile(r"(?:^|[-_./])(?:requirements?|reqs?|constraints?)[^/]*\.(?:txt|in|pip)$", re.I)
_IN_FOLDER = re.compile(r"(?:^|/)requirements/[^/]+\.(?:txt|in)$", re.I)
_SUFFIXED = re.compile(r"[^/]*requirements\.(?:txt|in)$", re.I)
_DEVELOPMENT = re.compile(
    r"(?:^|[-_./])(dev|devel|develop|development|tests?|testing|docs?|lint|linting|typing|mypy|ci|style"
    r"|quality|benchmarks?|notebooks?|examples?|checks?|build|release)(?=[-_./]|$)",
    re.I,
)
_OPTION = re.compile(r"(-r|-c|--requirement|--constraint)(?:\s+|=|(?<=-[rc])(?=\S))(.+)")
_TRAILING = re.compile(r"\s+--(?:hash|config-settings|global-option|install-option)[= ]\S+")
_INSTALL = re.compile(
    r"(?:\bpip[\d.]*[\"']?|\bmim|\buv\s+(?:pip|tool)|\b(conda|mamba|micromamba))\s+install\s+(.*)"
    r"|\bsession\.(?:install|conda_install)\((.*)"
)
_PRINTED = re.compile(r"(?:^|[;&|@]|\bRUN|\brun:)\s*(?:echo|printf|print|read)\b[^;&|]*$")
_SEPARATOR = re.compile(r"&&|\|\||[;|]|\)\s*$")
_TAKES_VALUE = words(
    """-i --index-url --extra-index-url -f --find-links -t --target --prefix --root --platform --python
    --python-version --abi --implementation --no-binary --only-binary --timeout --retries --trusted-host
    --proxy --cache-dir --progress-bar -n --name -p -c --channel --upgrade-strategy --config-settings
    --global-option --log --src --default-timeout --torch-backend --index --file"""
)


def is_requirements(path: str) -> bool:
    """Whether the name says that the file is in pip's requirements format."""
    return any(rule.search(path) for rule in (_NAMED, _IN_FOLDER, _SUFFIXED))


def read_requirements(file: SourceFile) -> Iterator[Item]:
    """Every requirement and include of a requirements or constraints file."""
    scope, group = scope_of(file.path)
    for text, start, end in _logical_lines(file.lines):
        option = _OPTION.fullmatch(text)
        if option:
            yield _include(file.path, option, text, start, end)
            continue
        need = re.sub(r"^(?:-e|--editable)[\s=]+", "", _TRAILING.sub("", text))
        if need.startswith("-"):
            continue
        item = from_requirement(need, file.path, start, end)
        if item is not None:
            yield replace(item, scope=scope, group=group)


def scope_of(path: str) -> tuple[Scope, str]:
    """Scope and group that a requirements file's name tells: `requirements-dev.txt` → ("dev", "dev")."""
    name = path.rpartition("/")[2]
    if re.search(r"constraints?", name, re.I):
        return "constraint", name
    stem = re.sub(r"\.(?:txt|in|pip)$", "", path, flags=re.I)
    found = _DEVELOPMENT.search(stem.rpartition("/")[2]) or _DEVELOPMENT.search(stem.rpartition("/")[0])
    return ("dev", found[1].lower()) if found else ("runtime", "")


def _logical_lines(lines: tuple[str, ...]) -> Iterator[tuple[str, int, int]]:
    text, start = "", 0
    for number, line in enumerate(lines, 1):
        line = re.sub(r"(^|\s)#.*$", "", line.rstrip("\r"))
        start = start or number
        if line.rstrip().endswith("\\"):
            text += line.rstrip()[:-1] + " "
            continue
        text = (text + line).strip().lstrip("\ufeff")
        if text:
            yield text, start, number
        text, start = "", 0


def _include(path: str, option: re.Match[str], text: str, start: int, end: int) -> Include:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), option[2].strip("\"' ")))
    return Include(path, start, end, target, text, constraint=option[1] in ("-c", "--constraint"))


def read_commands(file: SourceFile) -> Iterator[Item]:
    """Packages that `pip install`, `conda install` and nox's `session.install` name in the file."""
    standing = helpers(file) if file.language in ("shell", "powershell") else frozenset()
    spoken = command_lines(file) if file.language in ("markdown", "python") else _command_lines(file, standing)
    for text, start, end in spoken:
        for found in _INSTALL.finditer(_spelled_out(text, standing)):
            if _PRINTED.search(text[: found.start()]):
                continue
            yield from _indexed(_packages(file.path, found, start, end), wheel_index(text))


def _spelled_out(text: str, standing: frozenset[str]) -> str:
    """A call of a function that stands for `pip install` as that command."""
    first = text.strip().split(" ")[0]
    return f"pip install {text.strip().removeprefix(first)}" if first in standing else text


def _indexed(items: Iterator[Item], index: str) -> Iterator[Item]:
    for item in items:
        yield replace(item, group=index) if isinstance(item, Declaration) and index else item


def _command_lines(file: SourceFile, standing: frozenset[str]) -> Iterator[tuple[str, int, int]]:
    text, start = "", 0
    for number, raw in enumerate(file.lines, 1):
        line = _notebook_source(raw) if file.language == "notebook" else raw.rstrip("\r")
        start = start or number
        if line.rstrip().endswith("\\"):
            text += line.rstrip()[:-1] + " "
            continue
        text += line
        asked = "install" in text or text.strip().split(" ")[0] in standing
        if asked and not text.lstrip().startswith(("#", "echo ", "//")):
            yield text, start, number
        text, start = "", 0


def _notebook_source(raw: str) -> str:
    # Only `!pip` and `%pip` run; a mention in a notebook's prose or output does not.
    found = re.fullmatch(r'\s*"\s*([!%].*?)(?:\\n)?",?\s*', raw)
    return found[1].replace('\\"', '"') if found else ""


def _packages(path: str, found: re.Match[str], start: int, end: int) -> Iterator[Item]:
    conda, rest = found[1], found[2]
    if rest is None:
        rest = " ".join(re.findall(r"""["']([^"']+)["']""", found[3]))
    rest = re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda match: "${" + match[1] + "}", rest)
    words = _words(_outside_quotes(rest))
    while words:
        word = words.pop(0)
        if word in ("-r", "--requirement", "-c", "--constraint") and words and not conda:
            target = posixpath.normpath(words.pop(0))
            yield Include(path, start, end, target, f"{word} {target}", word in ("-c",))
        elif word in _TAKES_VALUE:
            del words[:1]
        elif not word.startswith("-") and (item := _package(word, conda, path, start, end)):
            yield replace(item, scope="command")


def _package(word: str, conda: str | None, path: str, start: int, end: int) -> Declaration | None:
    if not word[:1].isalnum() or word.endswith((".txt", "/")):
        return None
    if "://" not in word and not is_package(word):
        return None
    if conda:
        return from_conda(word, path, start, end)
    if "/" in word and "+" not in word and "://" not in word:
        return None
    return from_requirement(word, path, start, end)


def _outside_quotes(text: str) -> str:
    """`text` up to the first shell separator that does not stand in quotes."""
    masked = re.sub(r"""(["'])(.*?)\1""", lambda match: "x" * len(match[0]), text)
    stop = _SEPARATOR.search(masked)
    redirected = re.search(r"\s[<>]\s|\s#", masked)
    ends = [match.start() for match in (stop, redirected) if match]
    return text[: min(ends)] if ends else text


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.replace('"', " ").replace("'", " ").split()
