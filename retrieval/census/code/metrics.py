"""Census kinds `metrics` and `tests`: how large the code is, how it is divided, and what tests it has.

Figures are of Python files; files of tests, examples and generated code are counted apart.
"""

import statistics
from collections.abc import Iterable, Iterator

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, FileFacts
from retrieval.shape import Shape, measure
from retrieval.snapshot import Role, SourceFile

_TOP = 5
_MANY_TESTS = 20
_COMPLEX = 15
_FRAMEWORKS = {
    "pytest": "pytest",
    "unittest": "unittest",
    "nose": "nose",
    "hypothesis": "hypothesis",
    "parameterized": "parameterized",
    "absl.testing": "absl.testing",
    "doctest": "doctest",
}

Measured = list[tuple[SourceFile, Shape]]


@kind(
    "metrics",
    summary="size of the code: files, lines, classes, functions, the largest of each, documentation",
    example="metrics",
    reads="python",
    ordered=True,
)
def metrics(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Totals first, then the largest files and functions, then shares of documented and annotated ones."""
    files = python_files(codebase, "source")
    if not files:
        return
    shapes = [(file, shape) for file in files for shape in measure(file) or ()]
    largest = sorted(files, key=lambda file: (-len(file.lines), file.path))
    yield _line(codebase, largest[0].path, (1, 1), "size", _totals(files, shapes))
    for file in largest[:_TOP]:
        yield _line(codebase, file.path, (1, 1), "file", _file_text(codebase, file))
    functions = [(file, shape) for file, shape in shapes if not shape.is_class]
    for file, shape in sorted(functions, key=lambda pair: (-pair[1].lines, pair[0].path))[:_TOP]:
        text = f"`{shape.symbol}` in `{file.path}` is {shape.lines} lines long"
        yield _line(codebase, file.path, (shape.start, shape.end), "function", text, shape.symbol)
    yield from _shares(codebase, largest[0].path, shapes)
    yield from _other_roles(codebase)


def python_files(codebase: Codebase, role: Role) -> list[SourceFile]:
    """The Python files of one role."""
    return [f for f in codebase.snapshot.files if f.language == "python" and f.role == role]


def _line(codebase: Codebase, path: str, lines: tuple[int, int], name: str, text: str, symbol: str = "") -> CensusHit:
    """A measurement; one of the whole repository says so in its detail, since no single line proves it."""
    detail = {} if name in ("file", "function") else {"scope": "repository"}
    return hit_at(codebase, path, lines, symbol=symbol, name=name, text=text, detail=detail)


def _totals(files: list[SourceFile], shapes: Measured) -> str:
    lines = sum(len(file.lines) for file in files)
    classes = sum(shape.is_class for _file, shape in shapes)
    lengths = [shape.lines for _file, shape in shapes if not shape.is_class]
    text = (
        f"{counted(len(files), 'Python source file')} with {lines} lines define "
        f"{counted(classes, 'class')} and {counted(len(lengths), 'function')} and methods"
    )
    median_file = round(statistics.median(len(file.lines) for file in files))
    text += f"; the median file has {counted(median_file, 'line')}"
    if lengths:
        text += f", the median function {counted(round(statistics.median(lengths)), 'line')}"
        text += f", and {sum(length > 50 for length in lengths)} functions are longer than 50 lines"
    return text


def _file_text(codebase: Codebase, file: SourceFile) -> str:
    shapes = measure(file) or ()
    classes = sum(shape.is_class for shape in shapes)
    functions = len(shapes) - classes
    return (
        f"`{file.path}` is among the largest files: {len(file.lines)} lines, "
        f"{counted(classes, 'class')}, {counted(functions, 'function')} and methods"
    )


def _shares(codebase: Codebase, path: str, shapes: Measured) -> Iterator[CensusHit]:
    public = [shape for _file, shape in shapes if shape.public]
    functions = [shape for _file, shape in shapes if not shape.is_class]
    if not public or not functions:
        return
    documented = sum(shape.documented for shape in public)
    text = f"{documented} of {len(public)} public classes, functions and methods have a docstring"
    yield _line(codebase, path, (1, 1), "docstrings", text)
    given = [shape for shape in functions if shape.parameters]
    annotated = sum(shape.annotated for shape in given)
    text = f"{annotated} of {len(given)} functions with parameters have type annotations on all of them"
    yield _line(codebase, path, (1, 1), "annotations", text)
    mean = statistics.mean(shape.complexity for shape in functions)
    above = sum(shape.complexity > _COMPLEX for shape in functions)
    text = (
        f"the mean cyclomatic complexity of a function is {mean:.1f}; {above} of {len(functions)} are above {_COMPLEX}"
    )
    yield _line(codebase, path, (1, 1), "complexity", text)


def _other_roles(codebase: Codebase) -> Iterator[CensusHit]:
    names: dict[Role, str] = {"test": "tests", "example": "examples", "vendored": "vendored code"}
    for role, name in names.items():
        files = python_files(codebase, role)
        if files:
            lines = sum(len(file.lines) for file in files)
            text = f"{name}: {counted(len(files), 'Python file')} with {lines} lines"
            yield _line(codebase, files[0].path, (1, 1), name, text)


@kind(
    "tests",
    summary="test files with their test functions and what they import, and the test frameworks",
    example="tests",
    reads="text",
    ordered=True,
)
def tests(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Settings first, then each test file once, or each folder when there are more than 20 files."""
    files = [f for f in codebase.snapshot.files if f.role == "test" and f.lines and _is_code(f)]
    yield from _settings(codebase)
    if len(files) <= _MANY_TESTS:
        yield from (_test_file(codebase, file) for file in files)
        return
    folders: dict[str, list[SourceFile]] = {}
    for file in files:
        folders.setdefault(file.path.rpartition("/")[0] or ".", []).append(file)
    for folder, group in folders.items():
        count = sum(len(_test_functions(codebase.facts[file.path])) for file in group)
        names = listed([file.path.rpartition("/")[2] for file in group], 6, "`")
        text = f"`{folder}/` holds {counted(len(group), 'test file')} with {count} test functions: {names}"
        text += _using([name for file in group for name in _frameworks(codebase.facts[file.path])])
        yield _line(codebase, group[0].path, (1, 1), folder, text)


def _is_code(file: SourceFile) -> bool:
    return file.language in ("python", "notebook", "javascript", "typescript", "go", "rust", "cpp", "shell")


def _frameworks(facts: FileFacts) -> list[str]:
    """The test frameworks that a file imports."""
    modules = [f"{item.module}." for item in facts.imports]
    return [name for module, name in _FRAMEWORKS.items() if any(found.startswith(f"{module}.") for found in modules)]


def _using(frameworks: list[str]) -> str:
    return f"; uses {listed(sorted(set(frameworks)), 4, '`')}" if frameworks else ""


def _settings(codebase: Codebase) -> Iterator[CensusHit]:
    marks = ("[tool.pytest", "[pytest]", "[tool:pytest]", "[tool.tox", "[testenv", "[coverage", "[tool.coverage")
    for file in codebase.snapshot.files:
        if file.language not in ("toml", "ini"):
            continue
        for number, line in enumerate(file.lines, 1):
            if line.startswith(marks):
                text = f"`{file.path}` configures tests in `{line.strip()}`"
                yield _line(codebase, file.path, (number, number), "settings", text)


def _test_functions(facts: FileFacts) -> list[str]:
    found = [item for item in facts.definitions if item.kind != "class"]
    return [item.name for item in found if item.name.startswith("test")]


def _test_file(codebase: Codebase, file: SourceFile) -> CensusHit:
    facts = codebase.facts[file.path]
    names = _test_functions(facts)
    local = [item.module for item in facts.imports if codebase.locate(item.module, file.path) and item.module]
    number = counted(len(names), "test function") if names else "no test function"
    text = f"`{file.path}` defines {number}"
    if names:
        text += f": {listed(names, 6, '`')}"
    if local:
        text += f"; imports {listed(sorted(set(local)), 4, '`')}"
    text += _using(_frameworks(facts))
    first = next((item for item in facts.definitions if item.name in names), None)
    lines = (first.head_start, first.head_end) if first else (1, 1)
    return _line(codebase, file.path, lines, file.path, text)
