"""Import structure of the repository: cycles among its modules, and modules that nothing imports.

Only imports that run on loading a module make a cycle: imports inside functions and under `if TYPE_CHECKING`
or `try` are left out.
"""

import ast
import re
from collections.abc import Iterator

from retrieval.census.meaning.units import call_name, units
from retrieval.codebase import Codebase
from retrieval.facts import Import
from retrieval.manifests import read_manifests
from retrieval.pyast import parse_file

Graph = dict[str, dict[str, tuple[int, int]]]  # path → imported path → lines of the import
Step = tuple[str, str, int, int]

_ENTRY_NAMES = frozenset(
    ["__main__.py", "setup.py", "conftest.py", "hubconf.py", "manage.py", "wsgi.py", "asgi.py", "noxfile.py"]
)


def import_graph(codebase: Codebase, *, on_load: bool, guarded: bool = True) -> Graph:
    """Which file imports which; with `on_load` only by imports that run when the file is loaded.

    Without `guarded` imports of the top level under `if TYPE_CHECKING` or `try` do not count.
    """
    graph: Graph = {path: {} for path in codebase.facts}
    for path, facts in codebase.facts.items():
        for item in facts.imports:
            if (on_load and (item.symbol or item.guarded)) or (not guarded and item.guarded and not item.symbol):
                continue
            for target in _targets(codebase, path, item):
                if target != path:
                    graph[path].setdefault(target, (item.start, item.end))
    return graph


def _targets(codebase: Codebase, path: str, item: Import) -> Iterator[str]:
    inner = f"{item.module}.{item.name}" if item.name not in ("", "*") else item.module
    found = codebase.locate(inner, path)
    if found is not None:
        yield found
        return
    outer = codebase.locate(item.module, path)
    if outer is not None:
        yield outer


def import_cycles(
    codebase: Codebase, *, on_load: bool = True, through: frozenset[str] = frozenset()
) -> list[tuple[list[str], list[Step]]]:
    """One shortest cycle per group of files that import each other: the modules, and the import of each step.

    Without `on_load` imports inside functions count too. A group with one of the files `through` gives besides the
    shortest cycle that goes through the first of them.
    """
    graph = import_graph(codebase, on_load=on_load, guarded=False)
    found = []
    cycles = []
    for group in _components(graph):
        cycles.append(_shortest(graph, group))
        if (special := sorted(group & through)) and not through & {*cycles[-1]}:
            cycles.append(_back_to(graph, group, special[0]))
    for cycle in filter(None, cycles):
        names = [codebase.facts[path].module or path for path in cycle]
        steps: list[Step] = [
            ("import", path, *graph[path][cycle[(place + 1) % len(cycle)]]) for place, path in enumerate(cycle)
        ]
        found.append((names, steps))
    return sorted(found, key=lambda item: item[1][0][1])


def _components(graph: Graph) -> list[set[str]]:
    """Strongly connected components of more than one file (Kosaraju, without recursion)."""
    order: list[str] = []
    seen: set[str] = set()
    for root in sorted(graph):
        stack = [(root, iter(sorted(graph[root])))] if root not in seen else []
        seen.add(root)
        while stack:
            node, targets = stack[-1]
            target = next((one for one in targets if one not in seen), None)
            if target is None:
                order.append(node)
                stack.pop()
            else:
                seen.add(target)
                stack.append((target, iter(sorted(graph[target]))))
    return _collected(graph, order)


def _collected(graph: Graph, order: list[str]) -> list[set[str]]:
    reverse: dict[str, set[str]] = {path: set() for path in graph}
    for path, targets in graph.items():
        for target in targets:
            reverse[target].add(path)
    groups: list[set[str]] = []
    assigned: set[str] = set()
    for root in reversed(order):
        group: set[str] = set()
        waiting = [root] if root not in assigned else []
        while waiting:
            node = waiting.pop()
            if node not in assigned:
                assigned.add(node)
                group.add(node)
                waiting += reverse[node] - assigned
        if len(group) > 1:
            groups.append(group)
    return groups


def _shortest(graph: Graph, group: set[str]) -> list[str]:
    best: list[str] = []
    for start in sorted(group):
        cycle = _back_to(graph, group, start)
        if cycle and (not best or len(cycle) < len(best)):
            best = cycle
    return best


def _back_to(graph: Graph, group: set[str], start: str) -> list[str]:
    """The shortest way from `start` back to itself inside `group`."""
    before: dict[str, str] = {}
    level = [start]
    while level:
        following: list[str] = []
        for node in level:
            for target in sorted(graph[node]):
                if target == start:
                    path = [node]
                    while path[-1] != start:
                        path.append(before[path[-1]])
                    return path[::-1]
                if target in group and target not in before:
                    before[target] = node
                    following.append(target)
        level = following
    return []


def never_imported(codebase: Codebase) -> list[str]:
    """Source modules that no file imports and that are no entry point: candidates for dead code.

    Left out: scripts with a `__main__` block or calls at module level, modules named by console scripts, in a
    string or in a shell script anywhere in the repository, and files that are loaded by their name, alone or with all
    others of their folder: `import_module(f"pkg.models.{name}")`.
    """
    reached = {target for targets in import_graph(codebase, on_load=False).values() for target in targets}
    mentioned = _mentions(codebase)
    computed = list(_computed(codebase))
    found = []
    for file in codebase.snapshot.files:
        name = file.path.rpartition("/")[2]
        if file.language != "python" or file.role != "source" or not file.data.strip():
            continue
        if file.path in reached or name in _ENTRY_NAMES or name == "__init__.py":
            continue
        stem = name.removesuffix(".py")
        named = stem in mentioned or any(codebase.locate(f"{start}.{stem}", by) == file.path for start, by in computed)
        if not named and not _starts_something(codebase, file.path):
            found.append(file.path)
    return found


def _computed(codebase: Codebase) -> Iterator[tuple[str, str]]:
    """The packages of which code imports whichever module a value names, and the files that do."""
    for unit in units(codebase, "import_module|__import__"):
        for node in unit.nodes:
            if not isinstance(node, ast.Call) or call_name(node) not in ("import_module", "__import__"):
                continue
            name = node.args[0] if node.args else None
            if name is not None and not isinstance(name, ast.Constant):
                package = _start(name).rpartition(".")[0]
                if package.strip("."):
                    yield package, unit.path


def _start(name: ast.expr) -> str:
    """The text with which a name begins that is put together of a text and values, "" for anything else."""
    if isinstance(name, ast.JoinedStr) and name.values:
        return _start(name.values[0])
    if isinstance(name, ast.BinOp) and isinstance(name.op, ast.Add | ast.Mod):
        return _start(name.left).partition("%")[0]
    if isinstance(name, ast.Call) and isinstance(name.func, ast.Attribute) and name.func.attr == "format":
        return _start(name.func.value).partition("{")[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""


def _starts_something(codebase: Codebase, path: str) -> bool:
    """Whether loading or running the file does more than define things."""
    facts = codebase.facts[path]
    file = codebase.snapshot.by_path[path]
    if "__main__" in file.text or not facts.definitions or file.text.startswith("#!"):
        return True
    if any("regist" in name for item in facts.definitions for name in item.decorators):
        return True
    tree = parse_file(file)
    return tree is None or any(_acts(node) for node in tree.body)


def _acts(node: ast.stmt) -> bool:
    if isinstance(node, ast.For | ast.While | ast.With):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _mentions(codebase: Codebase) -> frozenset[str]:
    """Words in strings of Python files and in other text files that could name a module to load."""
    words: set[str] = set()
    for file in codebase.snapshot.files:
        if file.language in ("shell", "make", "dockerfile", "yaml", "toml", "ini", "gin", "markdown", "rst"):
            words.update(re.findall(r"[A-Za-z_]\w*", file.text))
        elif file.language in ("python", "notebook"):
            for quoted in re.findall(r"""["']([\w./:-]{2,120})["']""", file.text):
                words.update(re.findall(r"[A-Za-z_]\w*", quoted))
    for item in read_manifests(codebase.snapshot).properties:
        words.update(re.findall(r"[A-Za-z_]\w*", item.value))
    return frozenset(words)
