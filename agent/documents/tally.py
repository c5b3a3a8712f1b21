"""What can be counted in a repository, each in every way that a document may mean.

Files and lines come from the snapshot, definitions from syntax trees, models and dependencies from the census, which is
run only when a document counts them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.languages import SOURCE_LANGUAGES
from retrieval.shape import Shape, measure
from retrieval.snapshot import Snapshot, SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NOUNS = {
    "source files": "source", "code files": "source", "python files": "python", "python modules": "python",
    "python source files": "python", "files": "files", "modules": "python", "classes": "classes",
    "python classes": "classes", "functions": "functions", "python functions": "functions",
    "functions and methods": "functions", "methods": "methods", "tests": "tests", "test functions": "tests",
    "test cases": "tests", "test files": "test files", "test modules": "test files", "lines": "lines",
    "lines of code": "lines", "lines of python": "lines", "loc": "lines", "notebooks": "notebooks",
    "jupyter notebooks": "notebooks", "packages": "packages", "python packages": "packages", "folders": "folders",
    "directories": "folders", "models": "models", "model classes": "models", "dependencies": "dependencies",
    "runtime dependencies": "dependencies", "requirements": "dependencies", "entry points": "entry points",
    "command-line options": "options", "cli options": "options", "command line options": "options",
}  # fmt: skip
"""What documents count → what is counted here."""

_CENSUS = {
    "models": ("models", "models: tier=model", "models: tier=model|part"),
    "dependencies": ("dependencies",),
    "entry points": ("entry_points",),
    "options": ("cli_options: *",),
}

Readings = dict[str, int]


class Tally:
    """Counts things of one snapshot; `codebase` is asked for only by what the census counts."""

    def __init__(self, snapshot: Snapshot, codebase: "Callable[[], Codebase]") -> None:
        self._snapshot = snapshot
        self._codebase = codebase

    def readings(self, noun: str, scope: str = "") -> Readings:
        """Each way of counting with its result, inside the file or folder `scope`; empty where it cannot be counted."""
        kind = NOUNS[noun]
        files = [
            file
            for file in self._snapshot.files
            if not scope or file.path == scope or file.path.startswith(f"{scope}/")
        ]
        if kind in _CENSUS:
            return self._census(kind) if not scope else {}
        counters: dict[str, Callable[[list[SourceFile]], int]] = {
            "lines": lambda some: sum(len(file.lines) for file in some),
            "classes": lambda some: sum(shape.is_class for shape in _shapes(some)),
            "methods": lambda some: sum(_is_method(shape) for shape in _shapes(some)),
            "tests": lambda some: sum(shape.name.startswith("test") and not shape.is_class for shape in _shapes(some)),
        }
        if kind == "functions":
            return self._functions(files)
        if kind in counters:
            return {name: counters[kind](some) for name, some in _selections(files).items()}
        return self._of_files(kind, files)

    def _functions(self, files: list[SourceFile]) -> Readings:
        found: Readings = {}
        for name, some in _selections(files).items():
            shapes = [shape for shape in _shapes(some) if not shape.is_class]
            found[f"with methods, {name}"] = len(shapes)
            found[f"without methods, {name}"] = sum(not _is_method(shape) for shape in shapes)
            found[f"at module level, {name}"] = sum("." not in shape.symbol for shape in shapes)
        return found

    def _of_files(self, kind: str, files: list[SourceFile]) -> Readings:
        if kind == "packages":
            return {"folders with __init__.py": sum(file.path.endswith("__init__.py") for file in files)}
        if kind == "folders":
            folders = {parent for file in files for parent in _parents(file.path)}
            return {"folders": len(folders), "at the top": len({folder.split("/")[0] for folder in folders})}
        if kind == "files":
            skipped = sum("." in one.path.rpartition("/")[2] for one in self._snapshot.skipped)
            return {"read": len(files), "with those not read": len(files) + skipped} | {
                name: len(some) for name, some in _selections(files).items()
            }
        if kind == "notebooks":
            return {"notebooks": sum(file.language == "notebook" for file in files)}
        if kind == "test files":
            return {
                "test files": sum(file.role == "test" for file in files),
                "test_*.py": sum(_is_test(file) for file in files),
            }
        chosen = (
            _selections(files)
            if kind == "source"
            else _selections([file for file in files if file.language == "python"])
        )
        without = {
            f"{name}, without __init__.py": [f for f in some if not f.path.endswith("__init__.py")]
            for name, some in chosen.items()
        }
        return {name: len(some) for name, some in (chosen | without).items()}

    def _census(self, kind: str) -> Readings:
        from retrieval.census import run_query

        found: Readings = {}
        for query in _CENSUS[kind]:
            hits = run_query(self._code, query).hits
            by_role = Counter(hit.role for hit in hits)
            found[query] = len(hits)
            found[f"{query}, main code"] = by_role["source"] + by_role["config"]
            found[f"{query}, by name"] = len({hit.name for hit in hits})
            found[f"{query}, by name, main code"] = len({hit.name for hit in hits if hit.role in ("source", "config")})
        return found

    @cached_property
    def _code(self) -> "Codebase":
        return self._codebase()


def _selections(files: list[SourceFile]) -> dict[str, list[SourceFile]]:
    """Files of code in the ways in which people choose them."""
    python = [file for file in files if file.language == "python"]
    code = [file for file in files if file.language in SOURCE_LANGUAGES]
    return {
        "main Python code": [file for file in python if file.role == "source"],
        "Python without tests": [file for file in python if file.role != "test"],
        "all Python": python,
        "main code": [file for file in code if file.role == "source"],
        "code without tests": [file for file in code if file.role != "test"],
        "all code": code,
    }


def _shapes(files: Iterable[SourceFile]) -> list[Shape]:
    return [shape for file in files for shape in measure(file) or ()]


def _is_method(shape: Shape) -> bool:
    return not shape.is_class and "." in shape.symbol and not shape.nested


def _is_test(file: SourceFile) -> bool:
    return bool(re.search(r"(?:^|/)test_[^/]*\.py$|_test\.py$", file.path))


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
