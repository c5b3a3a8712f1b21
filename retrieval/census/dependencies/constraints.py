"""Census kind `constraints`: what versions the repository says it works with, in manifests and in code.

Declared ranges, the Python version, checks of versions and features in code, and optional imports. It states
what is written, not what would really work.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator

from retrieval.census.dependencies.dependencies import declared, fits, in_order
from retrieval.census.language import Query, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.manifests import Property, read_manifests
from retrieval.pyast import dotted, lines_of, parse_file, scoped, source_of
from retrieval.snapshot import SourceFile

_WORDS = ("version", "hasattr", "find_spec", "ImportError", "ModuleNotFoundError", "_available")
_CHECKERS = words(
    """require_version require_version_core check_min_version is_torch_version is_transformers_version
    is_accelerate_version is_tf_version compare_versions check_version find_spec is_package_available
    is_module_available get_distribution"""
)
_IMPORT_ERRORS = frozenset(["ImportError", "ModuleNotFoundError", "Exception", "BaseException"])
_FRAMEWORKS = {
    "python": "python",
    "pytorch": "torch",
    "torch": "torch",
    "torchvision": "torchvision",
    "torchaudio": "torchaudio",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "cuda": "cuda",
    "transformers": "transformers",
    "triton": "triton",
}
_TEXT = re.compile(r"(?:^|\.)(?:__version__|version|VERSION)$|^(?:sys\.version|platform\.python_version)$")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*\w*$")
_STATED = re.compile(
    rf"(?<![\w/.-])({'|'.join(_FRAMEWORKS)})`?\s*(?:version\s*|[v=<>~≥]+\s*)?\(?\d+\.\d+", re.IGNORECASE
)


@kind(
    "constraints",
    summary="version ranges, the Python version, version and feature checks in code, optional imports",
    example="constraints: torch, python",
    reads="text",
    ordered=True,
)
def constraints(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Declared constraints first, then the checks that the code makes."""
    manifests = read_manifests(codebase.snapshot)
    for item in in_order(manifests.declarations):
        bound = item.specifier or item.marker or item.url or item.scope == "image"
        if item.scope != "lock" and bound and fits(query, item):
            yield declared(codebase, item)
    if query.matches("python"):
        yield from _classifiers(codebase, manifests.properties)
    yield from (hit for hit in _readme(codebase) if query.matches(hit.name))
    for file in codebase.snapshot.files:
        if file.language == "python" and any(word in file.text for word in _WORDS):
            for hit in _in_code(codebase, file):
                if query.matches(hit.name, hit.name.split(".")[0]):
                    yield hit


def _classifiers(codebase: Codebase, properties: tuple[Property, ...]) -> Iterator[CensusHit]:
    by_path: dict[str, list[Property]] = {}
    for item in properties:
        if item.name == "classifier":
            by_path.setdefault(item.path, []).append(item)
    for path, items in by_path.items():
        versions = ", ".join(item.value.rpartition(":: ")[2] for item in items)
        lines = (items[0].start, items[-1].end)
        text = f"the package's classifiers list Python {versions}"
        yield hit_at(codebase, path, lines, symbol="", name="python", text=text)


def _readme(codebase: Codebase) -> Iterator[CensusHit]:
    """Sentences of the README at the root that name a version of Python or of a framework."""
    for file in codebase.snapshot.files:
        if "/" in file.path or not file.path.lower().startswith("readme"):
            continue
        fenced = False
        for number, line in enumerate(file.lines, 1):
            fenced ^= line.lstrip().startswith(("```", "~~~"))
            plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)
            for part in () if fenced else re.split(r"(?<=[.!?])\s+(?=[A-Z`])", plain):
                if found := _STATED.search(part):
                    name = _FRAMEWORKS[found[1].lower()]
                    text = f"the README states: “{' '.join(part.split())[:240].strip()}”"
                    lines = (number, number)
                    yield hit_at(codebase, file.path, lines, symbol="", name=name, text=text)


def _in_code(codebase: Codebase, file: SourceFile) -> Iterator[CensusHit]:
    tree = parse_file(file)
    if tree is None:
        return
    carriers = version_names(tree)
    third_party = imported_names(tree)
    for node, symbol in scoped(tree):
        found: tuple[str, str, tuple[int, int]] | None = None
        if isinstance(node, ast.Compare):
            found = version_comparison(node, carriers)
        elif isinstance(node, ast.Call):
            found = _check(node, third_party)
        elif isinstance(node, ast.Try):
            found = _optional_import(node)
        if found is not None:
            name, text, lines = found
            where = f" in `{symbol}`" if symbol else ""
            yield hit_at(codebase, file.path, lines, symbol=symbol, name=name, text=text + where)


def version_names(tree: ast.Module) -> dict[str, str]:
    """Names bound to something computed from a version → what it is the version of."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (of := version_of(node.value, {})):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = of
    return found


def version_of(node: ast.AST, carriers: dict[str, str]) -> str:
    """What an expression is the version of, as far as it is computed from one; "" for none."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and dotted(part) == "torch.version.cuda":
            return "cuda"
        if isinstance(part, ast.Attribute) and part.attr in ("__version__", "VERSION"):
            return dotted(part.value) or "version"
        if isinstance(part, ast.Attribute) and dotted(part) in ("sys.version_info", "torch.version"):
            return "python" if dotted(part).startswith("sys") else "torch"
        if isinstance(part, ast.Name) and part.id in carriers:
            return carriers[part.id]
        if isinstance(part, ast.Call) and dotted(part.func).endswith(
            ("metadata.version", "importlib_metadata.version", "get_distribution", "python_version")
        ):
            first = part.args[0] if part.args else None
            return str(first.value) if isinstance(first, ast.Constant) else "python"
    return ""


def version_comparison(node: ast.Compare, carriers: dict[str, str]) -> tuple[str, str, tuple[int, int]] | None:
    """Whose version a comparison tests, a sentence and the lines; None when it tests none."""
    name = version_of(node, carriers)
    ordered = any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq) for op in node.ops)
    literal = any(isinstance(part, ast.Constant) for part in ast.walk(node))
    if not name or not ordered or not literal:
        return None
    return name, f"the code checks a version: `{source_of(node)}`", lines_of(node)


def compares_texts(node: ast.Compare) -> bool:
    """Whether a comparison orders a version and a text, neither of them parsed: `torch.__version__ >= "1.13"`."""
    sides = [node.left, *node.comparators]
    version = any(_TEXT.search(dotted(side.func if isinstance(side, ast.Call) else side)) for side in sides)
    texts = [side.value for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, str)]
    ordered = all(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops)
    return ordered and version and any(map(_NUMBERS.match, texts))


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Name bound by an import → the dotted name that it stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def checked_feature(node: ast.Call, imported: dict[str, str]) -> str:
    """The module whose feature `hasattr` tests, "" for anything else."""
    if dotted(node.func) != "hasattr" or len(node.args) != 2 or not isinstance(node.args[1], ast.Constant):
        return ""
    module = imported.get(dotted(node.args[0]).split(".")[0], "")
    # Only a module can lack a feature for its version; a class or an object is something else.
    return "" if module.rpartition(".")[2][:1].isupper() else module


def _check(node: ast.Call, imported: dict[str, str]) -> tuple[str, str, tuple[int, int]] | None:
    function = dotted(node.func).rpartition(".")[2]
    if function == "hasattr":
        module = checked_feature(node, imported)
        if not module:
            return None
        text = f"the code checks whether the library has a feature: `{source_of(node)}`"
        return module, text, lines_of(node)
    if function in _CHECKERS:
        first = node.args[0] if node.args else None
        named = isinstance(first, ast.Constant) and isinstance(first.value, str)
        name = str(first.value) if named and isinstance(first, ast.Constant) else function
        return name, f"the code checks a requirement: `{source_of(node)}`", lines_of(node)
    return None


def _optional_import(node: ast.Try) -> tuple[str, str, tuple[int, int]] | None:
    imports = [part for part in node.body if isinstance(part, ast.Import | ast.ImportFrom)]
    caught = [name for handler in node.handlers for name in _caught(handler)]
    modules = [name for part in imports for name in _modules(part)]
    foreign = [name for name in modules if name.split(".")[0] not in sys.stdlib_module_names]
    about_imports = node.body[0] in imports and len(node.body) <= 2 * len(imports) + 3
    if not foreign or not about_imports or not _IMPORT_ERRORS.intersection(caught):
        return None
    clause = next(name for name in caught if name in _IMPORT_ERRORS)
    handler = next(h for h in node.handlers if clause in _caught(h))
    guard = f"`except {source_of(handler.type)}`" if handler.type else "a bare `except`"
    statements = "; ".join(f"`{_statement(part)}`" for part in imports[:3])
    text = f"optional import, guarded by {guard}: {statements}"
    if len(imports) > 3:
        text += f" and {len(imports) - 3} more imports"
    return foreign[0], text, (node.lineno, lines_of(handler)[1])


def _statement(node: ast.Import | ast.ImportFrom) -> str:
    if isinstance(node, ast.Import) or len(node.names) <= 3:
        return source_of(node)
    first = ", ".join(alias.name for alias in node.names[:2])
    return f"from {'.' * node.level}{node.module or ''} import {first}, … ({len(node.names)} names)"


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{'.' * node.level}{node.module or ''}"]


def _caught(handler: ast.ExceptHandler) -> list[str]:
    if handler.type is None:
        return ["BaseException"]
    parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [dotted(part).rpartition(".")[2] for part in parts]
