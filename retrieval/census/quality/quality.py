"""Census kind `quality`: findings about structure and habits of the main code, each with its place.

Thresholds stand at the top. A finding says what was measured or seen, never how bad it is. Tests, examples,
vendored and generated files are not judged.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from retrieval.census.code.metrics import python_files
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted
from retrieval.census.quality.duplicates import duplicates
from retrieval.census.quality.import_cycles import Step, import_cycles, never_imported
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, lines_of, parse_file, scoped, source_of
from retrieval.shape import measure
from retrieval.snapshot import SourceFile

LONG_FUNCTION = 80
COMPLEX = 15
DEEP = 5
MANY_PARAMETERS = 10
LARGE_FILE = 1_000
LARGE_CLASS = 400
MANY_METHODS = 30
_NOTE = re.compile(r"#.*?\b(TODO|FIXME|HACK|XXX)\b")
_MOST_PLACES = 15
_MACHINE = re.compile(r"(?:/home/|/Users/|/export/|/mnt/|/nfs|/scratch/|[A-Z]:\\{1,2})[\w.-]+[^\s]*$")
_MUTABLE_CALLS = frozenset(["list", "dict", "set", "defaultdict", "OrderedDict", "deque"])

Found = tuple[str, int, int, str, str]  # name, first line, last line, symbol, text


@kind(
    "quality",
    summary="findings on size, complexity, cycles, duplication, dead modules and risky habits",
    example="quality: complexity, import cycle",
    reads="python",
    ordered=True,
)
def quality(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Patterns match the name of a finding: `large function`, `import cycle`, `bare except` …"""
    for hit in _every_finding(codebase):
        if query.matches(hit.name):
            yield hit


def _every_finding(codebase: Codebase) -> Iterator[CensusHit]:
    files = python_files(codebase, "source")
    yield from _cycles(codebase)
    habits = list(_per_file(codebase, files, _habits))
    yield from sorted(habits, key=lambda hit: (_HABITS.index(hit.name), hit.path, hit.start))
    yield from duplicates(codebase, files)
    yield from _dead_modules(codebase)
    yield from _asserts(codebase, files)
    yield from _notes(codebase, files)
    yield from _per_file(codebase, files, _large_file)
    yield from _per_file(codebase, files, _large_classes)
    functions = list(_per_file(codebase, files, _large_functions))
    yield from sorted(functions, key=lambda hit: (hit.start - hit.end, hit.path, hit.start))


def _per_file(
    codebase: Codebase, files: list[SourceFile], search: Callable[[SourceFile], Iterable[Found]]
) -> Iterator[CensusHit]:
    for file in files:
        for name, start, end, symbol, text in search(file):
            yield hit_at(codebase, file.path, (start, end), symbol=symbol, name=name, text=text)


def _large_functions(file: SourceFile) -> Iterator[Found]:
    for shape in measure(file) or ():
        if shape.is_class:
            continue
        told = [
            ("long function", shape.lines > LONG_FUNCTION, f"is {shape.lines} lines long"),
            ("complex function", shape.complexity > COMPLEX, f"has cyclomatic complexity {shape.complexity}"),
            ("deep nesting", shape.nesting >= DEEP, f"nests statements {shape.nesting} levels deep"),
            ("many parameters", shape.parameters > MANY_PARAMETERS, f"takes {shape.parameters} parameters"),
        ]
        names = [name for name, exceeds, _words in told if exceeds]
        if names:
            words = ", ".join(words for _name, exceeds, words in told if exceeds)
            yield names[0], shape.start, shape.end, shape.symbol, f"`{shape.symbol}` {words}"


def _large_classes(file: SourceFile) -> Iterator[Found]:
    for shape in measure(file) or ():
        if shape.is_class and (shape.lines > LARGE_CLASS or shape.methods > MANY_METHODS):
            size = f"{shape.lines} lines long and has {counted(shape.methods, 'method')}"
            text = f"large class: `{shape.symbol}` is {size}"
            yield "large class", shape.start, shape.start, shape.symbol, text


def _large_file(file: SourceFile) -> Iterator[Found]:
    if len(file.lines) > LARGE_FILE:
        text = f"large file: `{file.path}` is {len(file.lines)} lines long"
        yield "large file", 1, 1, "", text


def _cycles(codebase: Codebase) -> Iterator[CensusHit]:
    for modules, steps in import_cycles(codebase):
        chain = " → ".join(f"`{module}`" for module in [*modules, modules[0]])
        first, *others = steps
        yield hit_at(
            codebase,
            first[1],
            first[2:],
            symbol="",
            name="import cycle",
            text=f"import cycle: {chain}",
            related=tuple(others),
        )


def _dead_modules(codebase: Codebase) -> Iterator[CensusHit]:
    for path in never_imported(codebase):
        text = f"no file of the repository imports `{path}`, and it has no `__main__` block"
        yield hit_at(codebase, path, (1, 1), symbol="", name="unimported module", text=text)


def _habits(file: SourceFile) -> Iterable[Found]:
    return _scanned(file)[0]


@lru_cache(maxsize=16_384)
def _scanned(file: SourceFile) -> tuple[tuple[Found, ...], tuple[tuple[int, int], ...]]:
    """The habits of a file, and the lines of its `assert` statements."""
    tree = parse_file(file)
    habits: list[Found] = []
    asserts: list[tuple[int, int]] = []
    rebound = _rebound(tree) if "global " in file.text else {}
    for node, symbol in scoped(tree) if tree is not None else ():
        if isinstance(node, ast.Assert):
            asserts.append(lines_of(node))
        names = ", ".join(rebound.get(node, ()))
        shared = [("global statement", f"module state rebound through `global`: {names}")] if names else []
        for name, text in (*shared, *_habit(file, node)):
            where = symbol
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{symbol}.{node.name}" if symbol else node.name
            habits.append((name, *_habit_lines(node), where, text + (f" in `{where}`" if where else "")))
    return tuple(habits), tuple(sorted(asserts))


def _habit_lines(node: ast.AST) -> tuple[int, int]:
    first, last = lines_of(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return first, max(first, lines_of(node.body[0])[0] - 1)
    return first, last


def _habit(file: SourceFile, node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        if not file.path.endswith("__init__.py"):
            yield "wildcard import", f"wildcard import: `{source_of(node)}`"
    elif isinstance(node, ast.ExceptHandler):
        yield from _handler(node)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for default in _mutable_defaults(node):
            yield "mutable default", f"mutable default argument `{source_of(default, 60)}`"
    elif isinstance(node, ast.Call):
        yield from _risky_call(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _MACHINE.match(node.value):
        yield "machine path", f"hard-coded path `{node.value[:80]}`"


def _handler(node: ast.ExceptHandler) -> Iterator[tuple[str, str]]:
    silent = all(isinstance(part, ast.Pass | ast.Continue) or _is_ellipsis(part) for part in node.body)
    if node.type is None:
        text = "bare `except:` that discards the error" if silent else "bare `except:` catches every exception"
        yield "bare except", text
    elif silent and dotted(node.type) in ("Exception", "BaseException"):
        yield "swallowed exception", f"`except {dotted(node.type)}` that discards the error"


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and getattr(node.value, "value", None) is ...


def _mutable_defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    defaults = [*node.args.defaults, *(item for item in node.args.kw_defaults if item)]
    return [item for item in defaults if _is_mutable(item)]


def _rebound(tree: ast.AST | None) -> dict[ast.AST, list[str]]:
    """Each `global` statement with the names that its function binds anew; what is only changed inside is left out."""
    found: dict[ast.AST, list[str]] = {}
    for function in ast.walk(tree) if tree is not None else ():
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = list(ast.walk(function))
            bound = {part.id for part in parts if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)}
            for part in parts:
                if isinstance(part, ast.Global) and (names := [f"`{n}`" for n in part.names if n in bound]):
                    found[part] = names
    return found


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2] in _MUTABLE_CALLS
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def _risky_call(node: ast.Call) -> Iterator[tuple[str, str]]:
    name = dotted(node.func)
    if name in ("eval", "exec") and node.args and not isinstance(node.args[0], ast.Constant):
        yield "eval or exec", f"`{source_of(node, 80)}` runs code from a value"
    elif name in ("sys.path.append", "sys.path.insert", "sys.path.extend"):
        yield "changed sys.path", f"`{source_of(node, 80)}` changes the import path at run time"


_HABITS = (
    "bare except",
    "swallowed exception",
    "wildcard import",
    "global statement",
    "mutable default",
    "eval or exec",
    "changed sys.path",
    "machine path",
)


def _asserts(codebase: Codebase, files: list[SourceFile]) -> Iterator[CensusHit]:
    places: list[Step] = []
    for file in files:
        places += [("assert", file.path, start, end) for start, end in _scanned(file)[1]]
    if places:
        text = f"{_spread(places, '`assert` statement')} check values at run time; `python -O` removes them"
        yield _together(codebase, "assert", text, places)


def _notes(codebase: Codebase, files: list[SourceFile]) -> Iterator[CensusHit]:
    """Comments marked TODO, FIXME, HACK or XXX; the same words in strings and code are not notes."""
    places: list[Step] = []
    counts: Counter[str] = Counter()
    for file in files:
        for word, line in _marked_comments(file):
            counts[word] += 1
            places.append((word, file.path, line, line))
    if places:
        kinds = ", ".join(f"{n} {word}" for word, n in counts.most_common())
        text = f"{_spread(places, 'comment')} carry notes of unfinished work ({kinds})"
        yield _together(codebase, "notes", text, places)


def _marked_comments(file: SourceFile) -> Iterator[tuple[str, int]]:
    if not _NOTE.search(file.text):
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
            match = _NOTE.match(token.string) if token.type == tokenize.COMMENT else None
            if match:
                yield match[1], token.start[0]
    except (tokenize.TokenError, SyntaxError):
        return


def _spread(places: list[Step], noun: str) -> str:
    """ "12 comments in 3 files"."""
    files = len({path for _label, path, _start, _end in places})
    return f"{counted(len(places), noun)} in {counted(files, 'file')}"


def _together(codebase: Codebase, name: str, text: str, places: list[Step]) -> CensusHit:
    """One hit for many places: the first of each file is cited."""
    firsts: dict[str, Step] = {}
    for place in places:
        firsts.setdefault(place[1], place)
    (_label, path, start, end), *others = firsts.values()
    related = tuple(others[:_MOST_PLACES])
    return hit_at(codebase, path, (start, end), symbol="", name=name, text=text, related=related)
