"""Python's own syntax trees for census kinds that follow names inside functions, file by file and cell by cell.

Knows symbols, parents, the conditions around a statement and which names a function binds itself. Trees are kept
with their codebase, as far as KEPT_BYTES of source go: a tree takes about 80 times the bytes of its source. A file
that this Python cannot parse (Python 2, templates) has no tree and yields nothing here.
"""

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from retrieval.beside import Beside, once
from retrieval.codebase import Codebase
from retrieval.notebook import cells
from retrieval.pyast import lines_of, parse_file, scoped
from retrieval.snapshot import SourceFile

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
Conditions = tuple[str, ...]
MOST_CONDITIONS = 6
KEPT_BYTES = 5_000_000
_BETWEEN = re.compile(r"\\b|\\\.|\\\(|\\s[+*]")  # what may stand between the words of a plain pattern


@dataclass(frozen=True)
class Unit:
    """A parsed file or notebook cell. `rows[i]` is the line of the file for line i + 1, () when they agree."""

    path: str
    tree: ast.Module
    rows: tuple[int, ...] = field(default=(), repr=False)

    def lines(self, node: ast.AST) -> tuple[int, int]:
        """First and last line of a node in the file."""
        first, last = lines_of(node)
        return self.row(first), self.row(last)

    def row(self, line: int) -> int:
        """The line of the file for a line of the tree."""
        return self.rows[min(line, len(self.rows)) - 1] if self.rows else line

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree, level by level."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """node → the node around it."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    @cached_property
    def symbols(self) -> dict[ast.AST, str]:
        """node → the dotted symbol that encloses it, "" at module level."""
        return dict(scoped(self.tree))

    def symbol_of(self, node: Function | ast.ClassDef) -> str:
        """The dotted symbol of a definition itself."""
        inside = self.symbols.get(node, "")
        return f"{inside}.{node.name}" if inside else node.name

    def functions(self) -> tuple[tuple[Function, str], ...]:
        """Every function and method with its own dotted symbol, in source order."""
        return self._functions

    @cached_property
    def _functions(self) -> tuple[tuple[Function, str], ...]:
        return tuple(
            (node, f"{inside}.{node.name}" if inside else node.name)
            for node, inside in scoped(self.tree)
            if isinstance(node, Function)
        )

    def enclosing(self, node: ast.AST) -> Iterator[Function | ast.ClassDef | ast.Lambda]:
        """The functions and classes around a node, innermost first."""
        current = self.parents.get(node)
        while current is not None:
            if isinstance(current, _SCOPES):
                yield current
            current = self.parents.get(current)


def units(codebase: Codebase, needs: str = "", path: str = "") -> Iterator[Unit]:
    """The parsed Python files and notebook cells (of one file, with `path`) whose text `needs` finds."""
    kept = _KEPT.setdefault(codebase, _Kept())
    one = [codebase.snapshot.by_path[path]] if path else []
    for file in _found(codebase, needs, one) if one else _telling(codebase, needs):
        yield from kept.of(file)


@once
def _telling(codebase: Codebase, needs: str) -> list[SourceFile]:
    return _found(codebase, needs, codebase.snapshot.files)


def _found(codebase: Codebase, needs: str, files: Sequence[SourceFile]) -> list[SourceFile]:
    wanted, word = re.compile(needs), _word(needs)
    python = (file for file in files if file.language in ("python", "notebook"))
    texts = ((file, _code(codebase, file.path)) for file in python)
    return [file for file, text in texts if word in text and wanted.search(text)]


def _word(needs: str) -> str:
    """A word that stands in every text that `needs` finds: looking for it takes a hundredth of a search for a name."""
    words = _BETWEEN.split(needs)
    return max(words, key=len) if all(word.isidentifier() for word in words if word) else ""


@once
def _code(codebase: Codebase, path: str) -> str:
    """The text of a file; of a notebook the code alone, for pictures in its outputs are megabytes."""
    file = codebase.snapshot.by_path[path]
    return "\n".join(cell.python for cell in cells(file.text)) if file.language == "notebook" else file.text


class _Kept:
    """The units of one codebase that were made before, of its first files when they are too many to keep."""

    def __init__(self) -> None:
        self.units: dict[str, tuple[Unit, ...]] = {}
        self.room = KEPT_BYTES

    def of(self, file: SourceFile) -> tuple[Unit, ...]:
        found = self.units.get(file.path)
        if found is None:
            found = tuple(_cells(file) if file.language == "notebook" else _whole(file))
            if len(file.data) <= self.room:
                self.room -= len(file.data)
                self.units[file.path] = found
        return found


_KEPT: "Beside[Codebase, _Kept]" = Beside()


def _whole(file: SourceFile) -> Iterator[Unit]:
    if (tree := parse_file(file)) is not None:
        yield Unit(file.path, tree)


def _cells(file: SourceFile) -> Iterator[Unit]:
    for cell in cells(file.text):
        if not (source := cell.python):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield Unit(file.path, ast.parse(source), cell.rows)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue


def own_nodes(function: ast.AST) -> Sequence[ast.AST]:
    """Every node of a body in source order, without nested functions, classes and lambdas."""
    # Dozens of kinds ask for the same bodies; kept on the node, the list goes when the tree does.
    found: tuple[ast.AST, ...] | None = getattr(function, "own_nodes", None)
    if found is None:
        found = function.own_nodes = tuple(_own_nodes(function))  # type: ignore[attr-defined]
    return found


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    stack = list(reversed(getattr(function, "body", [])))
    while stack:
        node = stack.pop()
        if isinstance(node, _SCOPES):
            continue
        yield node
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


def guarded(body: Sequence[ast.stmt], around: Conditions = ()) -> Iterator[tuple[ast.stmt, Conditions]]:
    """Every statement of a body in source order with the conditions it stands under, in words.

    Nested definitions are not entered. Loops and `with` add no condition; a handler adds what it catches.
    """
    stack = [(statement, around) for statement in reversed(body)]
    while stack:
        statement, conditions = stack.pop()
        yield statement, conditions
        if isinstance(statement, _SCOPES):
            continue
        inner = [(item, when) for block, when in _blocks(statement, conditions) for item in block]
        stack.extend(reversed(inner))


def _blocks(statement: ast.stmt, around: Conditions) -> Iterator[tuple[list[ast.stmt], Conditions]]:
    """The blocks inside a statement with the conditions that hold in each."""
    if isinstance(statement, ast.If):
        condition = quoted(statement.test, 80)
        yield statement.body, (*around, condition)
        yield statement.orelse, (*around, f"{condition} is false")
        return
    yield getattr(statement, "body", []), around
    for handler in getattr(statement, "handlers", []):
        caught = quoted(handler.type, 60) if handler.type else "an exception"
        yield handler.body, (*around, f"{caught} is caught")
    for case in getattr(statement, "cases", []):
        yield case.body, (*around, f"case {quoted(case.pattern, 60)}")
    yield getattr(statement, "orelse", []), around
    yield getattr(statement, "finalbody", []), around


def written(node: ast.AST) -> str:
    """An expression as Python writes it, on one line; "…" for one too deep to write."""
    try:
        return " ".join(ast.unparse(node).split())
    except RecursionError:
        return "…"


def quoted(node: ast.AST, limit: int = 120) -> str:
    """An expression in backticks, on one line."""
    text = written(node).replace("`", "'")
    return f"`{text if len(text) <= limit else text[: limit - 1] + '…'}`"


def only_if(conditions: Sequence[str]) -> str:
    """ " only if `a` and `b` is false", "" without conditions; of many the innermost are told."""
    told = list(dict.fromkeys(conditions))
    more = f" and {len(told) - MOST_CONDITIONS} more conditions hold" if len(told) > MOST_CONDITIONS else ""
    return f" only if {' and '.join(told[-MOST_CONDITIONS:])}{more}" if told else ""


def defaults_of(function: Function | ast.Lambda) -> Iterator[tuple[str, ast.expr]]:
    """The parameters of a function that have a default, each with it."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    yield from (
        (arg.arg, value) for arg, value in zip(plain[len(plain) - len(given.defaults) :], given.defaults, strict=True)
    )
    yield from ((a.arg, v) for a, v in zip(given.kwonlyargs, given.kw_defaults, strict=True) if v is not None)


def names_given(nodes: Iterable[ast.AST], fits: Callable[[ast.expr], bool]) -> set[str]:
    """The names that assignments among `nodes` bind to a value that fits."""
    given = [node for node in nodes if isinstance(node, ast.Assign) and fits(node.value)]
    return {target.id for node in given for target in node.targets if isinstance(target, ast.Name)}


def bound_names(function: Function | ast.Lambda) -> frozenset[str]:
    """The names that a function binds itself: parameters, assignments, imports, definitions; no `global` ones."""
    given = function.args
    listed = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    names = {item.arg for item in listed if item is not None}
    outer: set[str] = set()
    stack: list[ast.AST] = list(function.body) if isinstance(function.body, list) else [function.body]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Global | ast.Nonlocal):
            outer.update(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif not isinstance(node, ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))
    return frozenset(names - outer)


def call_name(node: ast.AST | None) -> str:
    """The last name of what a call calls as written, "" for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    callee = node.func
    if isinstance(callee, ast.Attribute):
        return callee.attr
    return callee.id if isinstance(callee, ast.Name) else ""


def subject_of(codebase: Codebase, path: str, symbol: str) -> str:
    """A body as the subject of a sentence: "`f()`", "the body of class `C`", "the top level of a.py"."""
    if not symbol:
        return f"the top level of {path}"
    item = next((item for item in codebase.facts[path].definitions if item.symbol == symbol), None)
    return f"the body of class `{symbol}`" if item is not None and item.kind == "class" else f"`{symbol}()`"
