"""pyproject.toml and Pipfile: PEP 621, PEP 735, build-system, Poetry, PDM, Hatch, uv, pixi, setuptools' dynamic.

Each declaration carries the lines of its own entry, not of the table.
"""

import posixpath
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from retrieval.manifests.declaration import (
    Broken,
    Declaration,
    Include,
    Item,
    Property,
    Scope,
    from_conda,
    from_poetry,
    from_requirement,
    interpreter,
    is_development,
)
from retrieval.manifests.toml_lines import Path, toml_lines
from retrieval.snapshot import SourceFile

_LISTS: tuple[tuple[Path, Scope, str], ...] = (
    (("project", "dependencies"), "runtime", ""),
    (("build-system", "requires"), "build", "build-system"),
    (("tool", "uv", "dev-dependencies"), "dev", "dev"),
    (("tool", "uv", "constraint-dependencies"), "constraint", "uv constraints"),
    (("tool", "uv", "override-dependencies"), "constraint", "uv overrides"),
    (("tool", "flit", "metadata", "requires"), "runtime", ""),
)
_TABLES_OF_LISTS: tuple[tuple[Path, Scope], ...] = (
    (("project", "optional-dependencies"), "extra"),
    (("dependency-groups",), "dev"),
    (("tool", "pdm", "dev-dependencies"), "dev"),
    (("tool", "flit", "metadata", "requires-extra"), "extra"),
)
_PROJECT_TEXT = ("name", "version", "description", "license", "requires-python")


class _Document:
    """A parsed TOML file together with the lines of everything in it."""

    def __init__(self, file: SourceFile) -> None:
        text = file.text.replace("\r\n", "\n").lstrip("\ufeff")
        self.path = file.path
        self.data: dict[str, Any] = tomllib.loads(text)
        self.lines = toml_lines(text)

    def get(self, path: Path) -> Any:
        value: Any = self.data
        for key in path:
            if isinstance(value, list) and isinstance(key, int):
                value = dict(enumerate(value))
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return value

    def table(self, path: Path) -> dict[str, Any]:
        value = self.get(path)
        return value if isinstance(value, dict) else {}

    def span(self, path: Path) -> tuple[int, int]:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, (1, 1))

    def requirements(self, path: Path, scope: Scope, group: str) -> Iterator[Item]:
        """The PEP 508 strings of the list at `path`."""
        values = self.get(path)
        for index, value in enumerate(values if isinstance(values, list) else []):
            if isinstance(value, str):
                item = from_requirement(value, self.path, *self.span((*path, index)))
                if item is not None:
                    yield replace(item, scope=scope, group=group)


def read_pyproject(file: SourceFile) -> Iterator[Item]:
    """Everything pyproject.toml declares: dependencies of every kind, the Python version, the project itself."""
    try:
        document = _Document(file)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        yield Broken(file.path, f"not valid TOML: {str(error)[:120]}")
        return
    yield from _project(document)
    if document.get(("project", "dependencies")) == []:
        span = document.span(("project", "dependencies"))
        yield Property("no dependencies", "dependencies", document.path, *span)
    for path, scope, group in _LISTS:
        yield from document.requirements(path, scope, group)
    for path, scope in _TABLES_OF_LISTS:
        for group in document.table(path):
            yield from document.requirements((*path, group), _of_group(scope, group), group)
    yield from _poetry(document)
    yield from _hatch(document)
    yield from _dynamic(document)
    yield from _conda_tables(document)


def read_pipfile(file: SourceFile) -> Iterator[Item]:
    """Packages, development packages and the Python version of a Pipfile."""
    try:
        document = _Document(file)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        yield Broken(file.path, f"not valid TOML: {str(error)[:120]}")
        return
    for table, scope in (("packages", "runtime"), ("dev-packages", "dev")):
        for name, value in document.table((table,)).items():
            yield from _entry(document, (table, name), name, value, scope, "")  # type: ignore[arg-type]
    for key in ("python_version", "python_full_version"):
        version = document.table(("requires",)).get(key)
        if isinstance(version, str):
            yield _python(document, ("requires", key), f"=={version}.*".replace(".*.*", ".*"))


def _of_group(scope: Scope, group: str) -> Scope:
    return "dev" if scope == "extra" and is_development(group) else scope


def _project(document: _Document) -> Iterator[Item]:
    for root in (("project",), ("tool", "poetry")):
        table = document.table(root)
        for key in _PROJECT_TEXT:
            value = table.get(key)
            if isinstance(value, dict):
                value = value.get("text") or value.get("file")
            if isinstance(value, str) and key == "requires-python":
                yield _python(document, (*root, key), value)
            elif isinstance(value, str):
                span = document.span((*root, key))
                yield Property(key, " ".join(value.split()), document.path, *span)
        yield from _people_and_links(document, root, table)


def _people_and_links(document: _Document, root: Path, table: dict[str, Any]) -> Iterator[Item]:
    authors = table.get("authors")
    if isinstance(authors, list):
        names = [a.get("name") or a.get("email", "") if isinstance(a, dict) else str(a) for a in authors]
        yield Property("authors", ", ".join(names), document.path, *document.span((*root, "authors")))
    links = {key: table.get(key) for key in ("homepage", "repository", "documentation")}
    for key, value in {**links, **document.table((*root, "urls"))}.items():
        if isinstance(value, str):
            path = (*root, "urls", key) if (*root, "urls", key) in document.lines else (*root, key)
            yield Property(f"url ({key})", value, document.path, *document.span(path))
    for index, value in enumerate(table.get("classifiers") or []):
        if isinstance(value, str) and value.startswith("Programming Language :: Python :: 3."):
            span = document.span((*root, "classifiers", index))
            yield Property("classifier", value, document.path, *span)


def _python(document: _Document, path: Path, specifier: str) -> Declaration:
    span = document.span(path)
    written = f"{path[-1]} {specifier}"
    return interpreter(specifier, written, document.path, *span)


def _poetry(document: _Document) -> Iterator[Item]:
    root: Path = ("tool", "poetry")
    tables: list[tuple[Path, Scope, str]] = [
        ((*root, "dependencies"), "runtime", ""),
        ((*root, "dev-dependencies"), "dev", "dev"),
    ]
    for group in document.table((*root, "group")):
        tables.append(((*root, "group", group, "dependencies"), "dev", group))
    extras = {
        name: extra
        for extra, names in document.table((*root, "extras")).items()
        for name in (names if isinstance(names, list) else [])
    }
    for path, scope, group in tables:
        for name, value in document.table(path).items():
            optional = isinstance(value, dict) and value.get("optional") is True
            extra = extras.get(name, "optional") if optional else ""
            yield from _entry(document, (*path, name), name, value, "extra" if extra else scope, extra or group)


def _entry(document: _Document, path: Path, name: str, value: Any, scope: Scope, group: str) -> Iterator[Item]:
    """One `name = …` of Poetry, Pipfile or a pixi table: a range, a table, or a list of tables."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _entry(document, (*path, index), name, part, scope, group)
        return
    table = value if isinstance(value, dict) else {"version": str(value)}
    span = document.span(path)
    item = from_poetry(name, str(table.get("version", "*")), document.path, *span)
    url = table.get("git") or table.get("url") or table.get("path") or ""
    revision = table.get("rev") or table.get("ref") or table.get("tag") or table.get("branch")
    yield replace(
        item,
        scope=scope,
        group=group,
        url=f"{url}@{revision}" if url and revision else str(url),
        marker=str(table.get("markers", "")),
        written=f"{name} = {_shown(value)}",
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _hatch(document: _Document) -> Iterator[Item]:
    for name in document.table(("tool", "hatch", "envs")):
        for key in ("dependencies", "extra-dependencies"):
            path: Path = ("tool", "hatch", "envs", name, key)
            yield from document.requirements(path, "dev", f"hatch environment {name}")
    files = ("tool", "hatch", "metadata", "hooks", "requirements_txt", "files")
    yield from _files(document, files, document.get(files))


def _dynamic(document: _Document) -> Iterator[Item]:
    root: Path = ("tool", "setuptools", "dynamic")
    for path in ((*root, "dependencies"), *_children(document, (*root, "optional-dependencies"))):
        yield from _files(document, path, document.table(path).get("file"))


def _children(document: _Document, path: Path) -> list[Path]:
    return [(*path, name) for name in document.table(path)]


def _files(document: _Document, path: Path, files: Any) -> Iterator[Item]:
    folder = posixpath.dirname(document.path)
    for name in [files] if isinstance(files, str) else files or []:
        if isinstance(name, str):
            target = posixpath.normpath(posixpath.join(folder, name))
            yield Include(document.path, *document.span(path), target, f'file = "{name}"')


def _conda_tables(document: _Document) -> Iterator[Item]:
    for root in (("tool", "pixi"), ()):
        if root == () and not document.path.endswith("pixi.toml"):
            continue
        for name, value in document.table((*root, "dependencies")).items():
            version = value.get("version", "*") if isinstance(value, dict) else str(value)
            range_ = "" if version == "*" else version
            span = document.span((*root, "dependencies", name))
            item = from_conda(f"{name} {range_}" if range_ else name, document.path, *span)
            if item is not None:
                yield item
        for name, value in document.table((*root, "pypi-dependencies")).items():
            yield from _entry(document, (*root, "pypi-dependencies", name), name, value, "runtime", "")
