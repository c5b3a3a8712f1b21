"""Names that exist nowhere: read but never defined, or imported from modules of the repository that lack them.

Names are resolved by pyflakes; annotations are left out, for they are seldom evaluated. A module that fills itself at
run time (`__getattr__`, lazy modules, `globals()`) may have any name.
"""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyflakes.checker import Checker
from pyflakes.messages import UndefinedName

from retrieval.beside import once
from retrieval.census.language import hit_at
from retrieval.census.meaning.units import Function, Unit, bound_names, units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_FILLED = re.compile(
    r"__getattr__|_LazyModule|lazy_(?:loader|import)|sys\.modules\[|globals\(\)|setattr\(|exec\(|__path__"
)
_NOTED = re.compile(r"#\s*(?:noqa(?:\s*$|:[\w, ]*F821)|type: ignore|pyright: ignore)")
_MAGIC = frozenset(
    {"get_ipython", "display", "__class__", "_", "reveal_type", "unicode", "xrange", "raw_input", "basestring", "long"}
)
MOST = 40


def undefined_names(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per body and name that is read there and defined nowhere."""
    for unit in units(codebase):
        file = codebase.snapshot.by_path[unit.path]
        if file.role == "source" and file.language == "python" and not unit.rows:
            yield from _of_unit(codebase, unit)


def _of_unit(codebase: "Codebase", unit: Unit) -> Iterator[CensusHit]:
    file = codebase.snapshot.by_path[unit.path]
    try:
        found = Checker(unit.tree, filename=unit.path, withDoctest=False).messages
    except (RecursionError, ValueError, AttributeError):
        return
    wrong = [(m.message_args[0], m.lineno, m.col) for m in found if isinstance(m, UndefinedName)]
    noted = _annotated(unit) if wrong else set()
    at = {(n.lineno, n.col_offset, n.id): n for n in unit.nodes if isinstance(n, ast.Name)} if wrong else {}
    told: set[tuple[str, str]] = set()
    for name, line, column in wrong[:MOST]:
        node = at.get((line, column, name))
        if node is None or node in noted or name in _MAGIC:
            continue
        symbol = unit.symbols.get(node, "")
        if _is_bound_around(unit, node, name) or name in _quoted(unit) or _NOTED.search(file.lines[line - 1]):
            continue  # deleted at the end, put in by code that replaces text, or known to who wrote it
        if (symbol, name) not in told:
            told.add((symbol, name))
            where = f"in `{symbol}`" if symbol else "at the top level"
            text = f"`{name}` is read {where} and defined nowhere ({unit.path})"
            yield hit_at(codebase, unit.path, (line, line), symbol=symbol, name="undefined name", text=text)


def _is_bound_around(unit: Unit, node: ast.AST, name: str) -> bool:
    """Whether a function around the place binds the name somewhere: pyflakes forgets a name that is deleted."""
    around = [scope for scope in unit.enclosing(node) if isinstance(scope, Function)]
    return any(name in bound_names(scope) for scope in around)


def _quoted(unit: Unit) -> set[str]:
    """The texts of a file, in which a name may stand that code is generated from."""
    texts = (node.value for node in unit.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text.strip() for text in texts}


def _annotated(unit: Unit) -> set[ast.AST]:
    """Every node inside an annotation."""
    roots: list[ast.AST | None] = []
    for node in unit.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            roots.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            roots.append(node.annotation)
    return {inner for root in roots if root is not None for inner in ast.walk(root)}


def missing_imports(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per import of a name that the module of the repository does not have."""
    for path, facts in codebase.facts.items():
        if codebase.snapshot.by_path[path].role != "source":
            continue
        for item in facts.imports:
            if not item.name or item.name == "*" or item.guarded:
                continue
            where = codebase.locate(item.module, path)
            if (
                where is None
                or where == path
                or not _is_near(path, where, item.module)
                or codebase.locate(f"{item.module}.{item.name}", path) is not None
            ):
                continue
            names = _names(codebase, where)
            if names is not None and item.name not in names and item.name not in _compiled(codebase):
                text = f"`{item.name}` is imported from `{item.module}`, but {where} does not define it ({path})"
                yield hit_at(
                    codebase, path, (item.start, item.end), symbol=item.symbol, name="missing import", text=text
                )


_BUILDS = re.compile(
    r"(?:^|/)(?:setup\.(?:py|cfg)|build\.py|pyproject\.toml|CMakeLists\.txt|meson\.build|Cargo\.toml)$"
)
_EXTENSION = re.compile(r"(?i)extension|pybind11|cython|cffi|maturin|nanobind|py\.extension_module")
_WORD = re.compile(r"[\"'( .]([A-Za-z_]\w*)[\"'\s,)]")


@once
def _compiled(codebase: "Codebase") -> frozenset[str]:
    """The last names of what build files that make extension modules write: such a module is a file only after it."""
    files = (f for f in codebase.snapshot.files if _BUILDS.search(f.path) and _EXTENSION.search(f.text))
    return frozenset(word for file in files for word in _WORD.findall(file.text))


def _is_near(path: str, where: str, module: str) -> bool:
    """Whether the folder that an absolute import starts from holds the importing file too: else a package of the
    same name may be meant."""
    inside = where.removesuffix(".py").removesuffix("/__init__")
    tail = module.replace(".", "/")
    return not inside.endswith(tail) or path.startswith(inside[: len(inside) - len(tail)])


@once
def _names(codebase: "Codebase", path: str) -> frozenset[str] | None:
    """The names that a module binds at its top level, None for one that may have any."""
    found: set[str] = set()
    parsed = list(units(codebase, path=path))
    file = codebase.snapshot.by_path[path]
    if not parsed or file.language != "python" or _FILLED.search(file.text):
        return None
    for unit in parsed:
        stack: list[ast.AST] = list(unit.tree.body)
        while stack:
            node = stack.pop()
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                return None
            if isinstance(node, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
                continue
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                found.add(node.name)
            stack.extend(ast.iter_child_nodes(node))
        globals_ = (n for n in unit.nodes if isinstance(n, ast.Global))
        found |= {name for node in globals_ for name in node.names}
    folder = path.rpartition("/")[0] if path.endswith("__init__.py") else ""
    prefix = f"{folder}/" if folder else ""
    if path.endswith("__init__.py"):
        inside = (other.removeprefix(prefix) for other in codebase.snapshot.by_path if other.startswith(prefix))
        found |= {name.partition("/")[0].partition(".")[0] for name in inside}
    return frozenset(found | {"__name__", "__file__", "__doc__", "__version__"})
