"""Facts of one file: `extract(file)` for Python source and notebooks, an empty record for anything else.

Knows how a path becomes a module name when nobody says better, and how lines of a notebook's cells map to
the lines of the raw file. The reading itself is done by `reader.py` and its handlers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

from retrieval import calls, constants, definitions, failures, statements
from retrieval.errors import RetrievalError
from retrieval.facts import Call, Definition, Fact, FileFacts, Import
from retrieval.notebook import cells
from retrieval.parse import parse_python
from retrieval.reader import Handler, Observer, Reader
from retrieval.resolve import Resolver
from retrieval.snapshot import SourceFile

VERSION = 17  # raise it whenever the same bytes yield other facts
ROOTS = ("src", "lib", "python")
LINES = ("start", "end", "head_start", "head_end", "doc_start", "doc_end")
Item = TypeVar("Item", Import, Definition, Call, Fact)
HANDLERS: dict[str, Handler] = {**calls.HANDLERS, **definitions.HANDLERS, **constants.HANDLERS}


def _observers() -> dict[str, list[Observer]]:
    found: dict[str, list[Observer]] = {}
    for listed in (statements.OBSERVERS, failures.OBSERVERS):
        for kind, observer in listed.items():
            found.setdefault(kind, []).append(observer)
    for kind, several in constants.OBSERVERS.items():
        found.setdefault(kind, []).extend(several)
    return found


OBSERVERS = _observers()


class ParseTimeout(RetrievalError):
    """The parser gave up on a file within its time budget."""


def extract(file: SourceFile, module: str | None = None) -> FileFacts:
    """Everything read from `file`; `module` is its dotted import name (guessed from the path if None).

    Raises ParseTimeout when the file cannot be parsed in time.
    """
    if file.language == "notebook":
        source, rows = _notebook_source(file)
        return _read(file, source, "", rows)
    if file.language != "python":
        return FileFacts(file.path, file.language, "", len(file.lines), "", 0, 0)
    source = file.data if file.encoding == "utf-8" else file.text.encode()
    return _read(file, source, _module_name(PurePosixPath(file.path), set()) if module is None else module, ())


def _read(file: SourceFile, source: bytes, module: str, rows: Sequence[int]) -> FileFacts:
    tree = parse_python(source)
    if tree is None:
        raise ParseTimeout(f"{file.path}: the parser ran out of time")
    reader = Reader(tree, module, package_of(file.path, module), Resolver(tree, module))
    reader.read(HANDLERS, OBSERVERS)
    doc, start, end = definitions.docstring(reader, tree.root)
    row = _rows(rows)
    return FileFacts(
        path=file.path,
        language=file.language,
        module=module,
        lines=len(file.lines),
        docstring="" if rows else doc,
        doc_start=0 if rows else start,
        doc_end=0 if rows else end,
        imports=_placed(reader.imports, row),
        definitions=_placed(reader.definitions, row),
        calls=_placed(reader.calls, row),
        facts=_placed(reader.facts, row),
        errors=tree.errors(),
    )


def _notebook_source(file: SourceFile) -> tuple[bytes, list[int]]:
    """All code cells as one module, and the raw line of each of its lines."""
    lines: list[str] = []
    rows: list[int] = []
    for cell in cells(file.text):
        if source := cell.python:
            lines += source.split("\n")
            rows += cell.rows
    return "\n".join(lines).encode(), rows or [1]


def _rows(rows: Sequence[int]) -> Callable[[int], int] | None:
    if not rows:
        return None
    return lambda line: rows[min(line, len(rows)) - 1] if line else 0


def _placed(items: list[Item], row: Callable[[int], int] | None) -> tuple[Item, ...]:
    """The items in source order, their lines mapped to those of the raw file."""
    if row is not None:
        items = [replace(item, **{n: row(getattr(item, n)) for n in LINES if hasattr(item, n)}) for item in items]
    return tuple(sorted(items, key=lambda item: item.start))


def module_names(paths: Iterable[str], imported: Iterable[str] = ()) -> dict[str, str]:
    """path → dotted import name: from the topmost package around a file, else from the root or `src`.

    `imported` are the dotted names that the code imports: a folder without `__init__.py` is a package where they
    begin with its name and go on with what it holds. "" when a part of the name is no identifier.
    """
    listed = list(paths)
    packages = {str(PurePosixPath(path).parent) for path in listed if path.endswith("/__init__.py")}
    packages |= _namespaces(listed, imported)
    return {path: _module_name(PurePosixPath(path), packages) for path in listed}


def _namespaces(paths: list[str], imported: Iterable[str]) -> set[str]:
    """The folders at the root, or in `src`, that the code imports modules from by their names."""
    known = {path.removesuffix(".py") for path in paths} | {
        str(parent) for path in paths for parent in PurePosixPath(path).parents
    }
    found: set[str] = set()
    for parts in {tuple(name.split(".")) for name in imported}:
        for top in ("", *(f"{root}/" for root in ROOTS)):
            for size in range(1, len(parts)):
                folder = f"{top}{'/'.join(parts[:size])}"
                if f"{folder}/{parts[size]}" not in known:
                    break
                found.add(folder)
    return found


def _module_name(path: PurePosixPath, packages: set[str]) -> str:
    top = path.parent
    while str(top) in packages:
        top = top.parent
    if top == path.parent:  # in no package: a script, or a module of a namespace package
        first = path.parts[0]
        top = PurePosixPath(first if first in ROOTS and len(path.parts) > 1 else ".")
    parts = list(path.relative_to(top).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if all(part.isidentifier() for part in parts) else ""


def package_of(path: str, module: str) -> str:
    """What a single leading dot means in this file."""
    if PurePosixPath(path).stem == "__init__":
        return module
    return module.rpartition(".")[0]
