"""Size and structure of a Python file's functions and classes, measured on its syntax tree.

Cyclomatic complexity is radon's. Nesting counts compound statements inside one function (an `elif` adds none);
lines run from `def` or `class` to the last line of the body.
"""

import ast
import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

from radon.visitors import Class, ComplexityVisitor, Function

from retrieval.pyast import lines_of, parse_file, scoped
from retrieval.snapshot import SourceFile

_COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef
_LEAST_TWIN = 6
_LEAST_DUMP = 600  # characters; shorter bodies are alike by chance


@dataclass(frozen=True, slots=True)
class Shape:
    """One function, method or class. `digest` is equal for equal bodies, "" for short ones."""

    symbol: str
    is_class: bool
    start: int
    end: int
    complexity: int = 0
    nesting: int = 0
    parameters: int = 0
    annotated: bool = False
    documented: bool = False
    methods: int = 0
    nested: bool = False  # defined inside a function
    digest: str = ""

    @property
    def lines(self) -> int:
        """Lines from the head to the last line of the body."""
        return self.end - self.start + 1

    @property
    def name(self) -> str:
        """The last part of the symbol."""
        return self.symbol.rpartition(".")[2]

    @property
    def public(self) -> bool:
        """Whether it can be meant for users: no part of the symbol is private, and no function is around it."""
        return not self.nested and not any(part.startswith("_") for part in self.symbol.split("."))


@lru_cache(maxsize=16_384)
def measure(file: SourceFile) -> tuple[Shape, ...] | None:
    """The shapes of every function and class in source order; None when the file does not parse."""
    tree = parse_file(file)
    if tree is None:
        return None
    complexity = _complexity(tree)
    shapes = []
    functions: set[str] = set()
    for node, inside in scoped(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            symbol = f"{inside}.{node.name}" if inside else node.name
            shape = _shape(node, symbol, complexity.get((node.lineno, node.name), 0))
            shapes.append(replace(shape, nested=inside in functions))
            if not shape.is_class or shapes[-1].nested:
                functions.add(symbol)
    return tuple(shapes)


def _complexity(tree: ast.Module) -> dict[tuple[int, str], int]:
    try:
        blocks = ComplexityVisitor.from_ast(tree).blocks
    except RecursionError:
        return {}
    found: dict[tuple[int, str], int] = {}
    waiting = list(blocks)
    while waiting:
        block = waiting.pop()
        if isinstance(block, Class):
            waiting += [*block.methods, *block.inner_classes]
        elif isinstance(block, Function):
            found[(block.lineno, block.name)] = block.complexity
            waiting += block.closures
    return found


def _shape(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, symbol: str, complexity: int) -> Shape:
    start, end = lines_of(node)
    documented = ast.get_docstring(node, clean=False) is not None
    if isinstance(node, ast.ClassDef):
        methods = sum(isinstance(item, _DEFINITION) for item in node.body)
        return Shape(symbol, True, start, end, documented=documented, methods=methods)
    arguments = _arguments(node)
    return Shape(
        symbol,
        False,
        start,
        end,
        complexity=complexity,
        nesting=_nesting(node.body),
        parameters=len(arguments),
        annotated=all(item.annotation for item in arguments),
        documented=documented,
        digest=_digest(node) if end - start + 1 >= _LEAST_TWIN else "",
    )


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    if every and every[0].arg in ("self", "cls"):
        every = every[1:]
    return every


def _nesting(body: list[ast.stmt]) -> int:
    deepest = 0
    stack: list[tuple[ast.AST, int]] = [(statement, 0) for statement in body]
    while stack:
        node, depth = stack.pop()
        inner = depth + isinstance(node, _COMPOUND)
        deepest = max(deepest, inner)
        for child in _statements(node):
            chained = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
            stack.append((child, depth if chained else inner))
    return deepest


def _statements(node: ast.AST) -> list[ast.AST]:
    """The statements, handlers and cases directly inside a statement; definitions are not entered."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    found: list[ast.AST] = []
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        value = getattr(node, part, None)
        found += value if isinstance(value, list) else []
    return found


def _digest(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    text = ast.dump(ast.Module(body=body, type_ignores=[])) + ast.dump(node.args)
    if len(text) < _LEAST_DUMP:
        return ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
