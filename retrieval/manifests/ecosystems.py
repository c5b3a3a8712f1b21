"""Manifests of other ecosystems (npm, Go, Rust) and the lock files of all of them.

A lock file yields one declaration per locked package, in scope "lock"; callers summarise them.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from retrieval.manifests.declaration import (
    Broken,
    Declaration,
    Ecosystem,
    Item,
    Property,
    Scope,
)
from retrieval.manifests.toml_lines import toml_lines
from retrieval.snapshot import SourceFile

_NPM: dict[str, Scope] = {
    "dependencies": "runtime",
    "peerDependencies": "runtime",
    "optionalDependencies": "extra",
    "devDependencies": "dev",
}
_CARGO: dict[str, Scope] = {
    "dependencies": "runtime",
    "dev-dependencies": "dev",
    "build-dependencies": "build",
}
_GO = re.compile(r"^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+(v\S+)(?:\s*//\s*(indirect))?")
_TOML_LOCKS: dict[str, Ecosystem] = {
    "poetry.lock": "python",
    "uv.lock": "python",
    "pdm.lock": "python",
    "pylock.toml": "python",
    "cargo.lock": "cargo",
}
LOCKS = frozenset(
    [*_TOML_LOCKS, "pipfile.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "go.sum", "pixi.lock"]
)
_CONDA_LOCK = re.compile(r"(?:[\w.-]+\.)?conda-lock\.ya?ml|pylock\.[\w-]+\.toml")
_YAML_ENTRY = re.compile(r"^(?:- | {2,})(?:- )?(name|version|conda): *[\"']?([^\"'\s]+)")
_CONDA_FILE = re.compile(r"/([A-Za-z0-9_.-]+)-(\d[\w.!+]*)-[^-/]+\.(?:conda|tar\.bz2)$")


def read_package_json(file: SourceFile) -> Iterator[Item]:
    """The four dependency tables, name, version and description of an npm package."""
    try:
        data = json.loads(file.data)
    except (ValueError, RecursionError) as error:
        yield Broken(file.path, f"not valid JSON: {str(error)[:120]}")
        return
    if not isinstance(data, dict):
        return
    for key in ("name", "version", "description"):
        if isinstance(data.get(key), str):
            line = _json_line(file.lines, key, 1)
            yield Property(key, data[key], file.path, line, line)
    for table, scope in _NPM.items():
        first = _json_line(file.lines, table, 1)
        for name, version in _dict(data.get(table)).items():
            line = _json_line(file.lines, name, first)
            written = f'"{name}": "{version}"'
            exact = f"=={version}" if re.fullmatch(r"\d+\.\d+\.\d+\S*", str(version)) else ""
            yield Declaration(name, exact, written, file.path, line, line, scope=scope, ecosystem="npm")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json_line(lines: tuple[str, ...], key: str, first: int) -> int:
    wanted = re.compile(re.escape(json.dumps(key)) + r"\s*:")
    for number in range(first, len(lines) + 1):
        if wanted.search(lines[number - 1]):
            return number
    return first


def read_go_mod(file: SourceFile) -> Iterator[Item]:
    """The module's own name, Go version and direct requirements."""
    for number, line in enumerate(file.lines, 1):
        found = _GO.match(line)
        if found and not found[3]:
            yield Declaration(found[1], "", line.strip(), file.path, number, number, ecosystem="go")
        elif line.startswith("module "):
            yield Property("name", line.split()[1], file.path, number, number)


def read_cargo(file: SourceFile) -> Iterator[Item]:
    """The dependency tables, name, version and description of a Rust crate."""
    text = file.text.replace("\r\n", "\n")
    try:
        data, lines = tomllib.loads(text), toml_lines(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        yield Broken(file.path, f"not valid TOML: {str(error)[:120]}")
        return
    for key in ("name", "version", "description"):
        value = _dict(data.get("package")).get(key)
        if isinstance(value, str):
            yield Property(key, value, file.path, *lines.get(("package", key), (1, 1)))
    for table, scope in _CARGO.items():
        for name, value in _dict(data.get(table)).items():
            version = value.get("version", "") if isinstance(value, dict) else value
            span = lines.get((table, name), (1, 1))
            item = Declaration(name, "", f'{name} = "{version}"', file.path, *span, scope=scope)
            yield replace(item, ecosystem="cargo")


def is_lock(path: str) -> bool:
    """Whether a file fixes the versions of all packages, by its name."""
    name = path.rpartition("/")[2].lower()
    return name in LOCKS or _CONDA_LOCK.fullmatch(name) is not None


def read_lock(file: SourceFile) -> Iterator[Item]:
    """One declaration in scope "lock" for every locked package, and the Python that the lock file is for."""
    name = file.path.rpartition("/")[2].lower()
    if name in _TOML_LOCKS or name.startswith("pylock."):
        yield from _toml_lock(file, _TOML_LOCKS.get(name, "python"))
    elif name == "pixi.lock" or _CONDA_LOCK.fullmatch(name):
        yield from _yaml_lock(file)
    elif name == "pipfile.lock":
        yield from _pipfile_lock(file)
    elif name == "package-lock.json":
        yield from _npm_lock(file)
    else:
        yield from _plain_lock(file, name)


def _locked(file: SourceFile, name: str, version: str, line: int, ecosystem: Ecosystem) -> Declaration:
    return Declaration(
        name,
        f"=={version}",
        f"{name} {version}",
        file.path,
        line,
        line,
        scope="lock",
        ecosystem=ecosystem,
    )


def _toml_lock(file: SourceFile, ecosystem: Ecosystem) -> Iterator[Item]:
    # Lock files are written by programs, one key a line: a scan is exact and fast.
    name, found, markers = "", None, list[str]()
    for number, line in enumerate(file.lines, 1):
        if line.startswith("["):
            yield from _marked(found, markers)
            name, found = "", None
        elif told := re.match(r'name = "([^"]+)"', line):
            name = told[1]
        elif name and (told := re.match(r'version = "([^"]+)"', line)):
            found, name = _locked(file, name, told[1], number, ecosystem), ""
        elif found is not None and (
            told := re.match(r'(?:resolution-markers = \[)? *"([^"]*\b(?:python|sys_|platform)[^"]*)"', line)
        ):
            markers.append(told[1])
    yield from _marked(found, markers)


def _marked(item: Declaration | None, markers: list[str]) -> Iterator[Declaration]:
    """The locked package with the environments that this version is for, where other ones get another version."""
    if item is not None:
        yield replace(item, marker=" or ".join(f"({marker})" for marker in markers))
    markers.clear()


def _yaml_lock(file: SourceFile) -> Iterator[Item]:
    """conda-lock and pixi: `name` and `version` one below the other, or the file name of a conda package."""
    name = ""
    for number, line in enumerate(file.lines, 1):
        told = _YAML_ENTRY.match(line)
        if told is None:
            continue
        if told[1] == "conda" and (package := _CONDA_FILE.search(told[2])):
            yield _locked(file, package[1], package[2], number, "conda")
        elif told[1] == "name":
            name = told[2]
        elif told[1] == "version" and name:
            yield _locked(file, name, told[2], number, "conda")
            name = ""


def _pipfile_lock(file: SourceFile) -> Iterator[Item]:
    name = ""
    for number, line in enumerate(file.lines, 1):
        if found := re.match(r' {8}"([^"]+)": \{', line):
            name = found[1]
        elif found := re.match(r' {12}"version": "==([^"]+)"', line):
            yield _locked(file, name, found[1], number, "python")


def _npm_lock(file: SourceFile) -> Iterator[Item]:
    name = ""
    for number, line in enumerate(file.lines, 1):
        if found := re.match(r'\s+"node_modules/([^"]+)": \{', line):
            name = found[1].rpartition("node_modules/")[2]
        elif name and (found := re.match(r'\s+"version": "([^"]+)"', line)):
            yield _locked(file, name, found[1], number, "npm")
            name = ""


def _plain_lock(file: SourceFile, lock: str) -> Iterator[Item]:
    patterns = {
        "yarn.lock": r'^"?(@?[^@"\s]+)@[^:]*:$()',
        "pnpm-lock.yaml": r"^  '?/?(@?[^@'\s]+)@([\w.-]+)[^:]*:$",
        "go.sum": r"^(\S+) (v[^/\s]+) ",
    }
    ecosystem: Ecosystem = "go" if lock == "go.sum" else "npm"
    for number, line in enumerate(file.lines, 1):
        if found := re.match(patterns[lock], line):
            yield _locked(file, found[1], found[2], number, ecosystem)
