"""The house rules as tests: sizes, names, annotations, doors, directions of imports, and a README that is complete."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "retrieval")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
DOORS = {
    "chromadb": "retrieval/store.py",
    "dulwich": "agent/batch/clone.py",
    "llama_cpp": "agent/llama.py",
    "prompt_toolkit": "agent/keyboard.py",
    "ray": "agent/batch/cluster.py",
    "rich": "agent/console.py",
    "sentence_transformers": "retrieval/encode.py",
    "tree_sitter": "retrieval/parse.py",
    "tree_sitter_python": "retrieval/parse.py",
}
BANNED = re.compile(r"(^|_)(utils?|helpers?|manager|base|common|core|handler|processor)($|_)")
MODULE_LINES, FUNCTION_LINES, P95_LINES, MEDIAN_LINES, STRING_LENGTH = 300, 60, 40, 10, 300

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions(path: Path) -> Iterator[Function]:
    yield from (node for node in ast.walk(tree_of(path)) if isinstance(node, Function))


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def imported(path: Path, *, lazy: bool) -> Iterator[str]:
    """Absolute names of imported modules; without `lazy` only those that run when the module is imported."""
    nodes = list(ast.walk(tree_of(path))) if lazy else list(_import_time(tree_of(path).body))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(path)}:{node.lineno}: imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                yield str(node.module)


def _import_time(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _import_time(node.orelse)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _import_time(node.body)
        else:
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_module(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MODULE_LINES
    assert ast.get_docstring(tree_of(path)), "a module says what it knows and what it does not do"
    assert not BANNED.search(path.stem)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions(path: Path) -> None:
    for function in functions(path):
        where = f"{name_of(path)}:{function.lineno} {function.name}"
        assert length(function) <= FUNCTION_LINES, where
        arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        arguments += [extra for extra in (function.args.vararg, function.args.kwarg) if extra]
        bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        assert not bare and function.returns is not None, f"{where}: not annotated {bare}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_public_things_are_documented(path: Path) -> None:
    for node in tree_of(path).body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name_of(path)}:{node.lineno} {node.name}"


def test_functions_are_small_as_a_rule() -> None:
    lengths = sorted(length(function) for path in SOURCES for function in functions(path))
    assert statistics.median(lengths) <= MEDIAN_LINES
    assert lengths[int(len(lengths) * 0.95)] <= P95_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_print_and_no_prose_in_code(path: Path) -> None:
    docstrings = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree_of(path))
        if isinstance(node, Function | ast.ClassDef | ast.Module)
    }
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{name_of(path)}:{node.lineno}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            sentences = node.value.count(". ")
            long = len(node.value) > STRING_LENGTH and sentences > 1
            prose = long and node.value not in docstrings
            assert not prose, f"{name_of(path)}:{node.lineno}: prompts stand in prompts/*.md.j2"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_heavy_libraries_have_one_door(path: Path) -> None:
    for module in imported(path, lazy=True):
        door = DOORS.get(module.split(".")[0], name_of(path))
        assert door == name_of(path), f"{module} is imported by {door} alone"


def test_retrieval_does_not_know_the_agent() -> None:
    for path in (ROOT / "retrieval").rglob("*.py"):
        assert not [module for module in imported(path, lazy=True) if module.startswith("agent")]


def test_no_import_cycle() -> None:
    modules = {name_of(path)[:-3].replace("/", ".").removesuffix(".__init__"): path for path in SOURCES}
    graph = {
        name: {module for module in imported(path, lazy=False) if module in modules} - {name}
        for name, path in modules.items()
    }
    while leaves := [name for name, targets in graph.items() if not targets]:
        for leaf in leaves:
            del graph[leaf]
        graph = {name: targets - set(leaves) for name, targets in graph.items()}
    assert not graph, f"these modules import one another or stand on such: {sorted(graph)}"


def test_exports_are_sorted() -> None:
    for path in SOURCES:
        for node in tree_of(path).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                upper = [name for name in names if name.isupper()]
                assert upper == sorted(upper), name_of(path)


def test_the_readme_names_every_file() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    folders = [*PACKAGES, "prompts", "bench", "tests"]
    files = [p for folder in folders for p in (ROOT / folder).glob("**/*") if p.is_file()]
    skipped = {"__pycache__", "data"}
    wanted = [p for p in files if not skipped & set(p.relative_to(ROOT).parts[:-1])]
    missing = [name_of(p) for p in wanted if not re.search(rf"\b{re.escape(p.name)}\b", readme)]
    assert not missing


def test_tests_are_flat() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
