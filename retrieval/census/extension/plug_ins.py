"""Classes out of modules that are imported by a computed name, and modules that conditions choose among.

`importlib.import_module(name)` followed by a use of `module.Class` lets a module of the user's own take part, the more
so where a directory that is handed in is put on `sys.path`. Imports of one name from several modules in the arms of
one `if` are a closed list.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, bound_names, call_name, own_nodes, units, written
from retrieval.pyast import lines_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

IMPORTERS = ("import_module", "__import__")
SHOWN = 6


@dataclass(frozen=True, slots=True)
class PlugIn:
    """A body that imports a module by a computed name and takes `takes` from it.

    `known` are names that it imports as they stand. `line` is that of the import,
    `uses` are the lines of what is made.
    """

    path: str
    symbol: str
    line: int
    named: str
    takes: tuple[str, ...]
    known: tuple[str, ...]
    uses: tuple[int, ...]

    @property
    def said(self) -> str:
        """The extension point as a sentence."""
        taken = listed([f"`{name}`" for name in self.takes], SHOWN)
        known = listed([f"`{name}`" for name in self.known], SHOWN)
        text = f"`{self.symbol}()` ({self.path}) imports the module that `{self.named}` names and takes its {taken}"
        text += ", so that another module with it can be named"
        return text + (f"; beside it {known} can be chosen" if known else "")


@dataclass(frozen=True, slots=True)
class SearchPath:
    """A body that puts a directory that it is given on `sys.path`, and what it opens there."""

    path: str
    symbol: str
    line: int
    directory: str
    opens: tuple[str, ...]

    @property
    def said(self) -> str:
        """What is put on the path, as a sentence."""
        text = f"`{self.symbol}()` ({self.path}) puts the directory `{self.directory}`, which its caller can give, on "
        text += "`sys.path`, so that modules from there can be imported"
        return text + (f", and opens {listed([f'`{name}`' for name in self.opens], 2)}" if self.opens else "")


@dataclass(frozen=True, slots=True)
class Arms:
    """The modules out of which a body imports `names`, one in each arm of conditions on `by`."""

    path: str
    symbol: str
    line: int
    names: tuple[str, ...]
    modules: tuple[str, ...]
    by: str

    @property
    def said(self) -> str:
        """The closed list as a sentence."""
        names = listed([f"`{name}`" for name in self.names], SHOWN)
        modules = " or ".join(f"`{name}`" for name in self.modules)
        return f"`{self.symbol}()` ({self.path}) imports {names} from {modules} by `{self.by}`, a closed list"


def plug_ins(codebase: "Codebase") -> Iterator[PlugIn]:
    """Every body of source code that makes a class of a module that it imports by a computed name."""
    for unit, body, symbol in _bodies(codebase, "import_module|__import__"):
        found = _plug_in(unit, body, symbol)
        if found is not None:
            yield found


def search_paths(codebase: "Codebase") -> Iterator[SearchPath]:
    """Every body of source code that puts a directory out of its own parameters on `sys.path`."""
    for unit, body, symbol in _bodies(codebase, r"sys\.path"):
        given = {argument.arg for argument in (*body.args.args, *body.args.kwonlyargs)}
        nodes = list(own_nodes(body))
        for node in nodes:
            if not isinstance(node, ast.Call) or written(node.func) not in ("sys.path.append", "sys.path.insert"):
                continue
            directory = written(node.args[-1]) if node.args else ""
            if directory in given or any(
                name in given for name in map(written, _values(nodes, directory)) if directory
            ):
                opens = (_opened(n) for n in nodes if call_name(n) == "open" and directory in written(n))
                yield SearchPath(unit.path, symbol, _line(unit, node), directory, tuple(dict.fromkeys(opens)))


def arms(codebase: "Codebase") -> Iterator[Arms]:
    """Every `if` of source code whose arms import the same names from different modules."""
    for unit, body, symbol in _bodies(codebase, r"(?m)^\s+from .* import"):
        for node in own_nodes(body):
            parent = unit.parents.get(node)
            if isinstance(node, ast.If) and not (isinstance(parent, ast.If) and node in parent.orelse):
                found = _arms(unit, node, symbol)
                if found is not None:
                    yield found


def _bodies(codebase: "Codebase", needs: str) -> Iterator[tuple[Unit, ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    for unit in units(codebase, needs):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for body, symbol in unit.functions():
                yield unit, body, symbol


def _plug_in(unit: Unit, body: ast.FunctionDef | ast.AsyncFunctionDef, symbol: str) -> PlugIn | None:
    nodes, own = list(own_nodes(body)), bound_names(body)
    imports = [node for node in nodes if call_name(node) in IMPORTERS and getattr(node, "args", ())]
    computed = [node for node in imports if not isinstance(node.args[0], ast.Constant)]  # type: ignore[attr-defined]
    if not computed:
        return None
    first = computed[0].args[0]  # type: ignore[attr-defined]
    named = {node.id for node in ast.walk(first) if isinstance(node, ast.Name)}
    holders = {
        node.targets[0].id
        for node in nodes
        if isinstance(node, ast.Assign) and node.value in computed and isinstance(node.targets[0], ast.Name)
    }
    made = [node for node in nodes if isinstance(node, ast.Call) and _taken(node, holders, computed)]
    if not made or not named & {*own, "self", "cls"}:
        return None
    known = [str(node.args[0].value) for node in imports if isinstance(node.args[0], ast.Constant)]  # type: ignore[attr-defined]
    taken = dict.fromkeys(_taken(node, holders, computed) for node in made)
    uses = tuple(_line(unit, node) for node in made)
    return PlugIn(
        unit.path, symbol, _line(unit, computed[0]), written(first), tuple(taken), tuple(dict.fromkeys(known)), uses
    )


def _taken(node: ast.Call, holders: set[str], imports: Iterable[ast.AST]) -> str:
    """What a call makes of an imported module: "Model" in `module.Model()`, the name in `getattr(module, name)`."""
    callee = node.func
    if isinstance(callee, ast.Attribute):
        inside, name = callee.value, callee.attr if callee.attr[:1].isupper() else ""
    elif call_name(node) == "getattr" and len(node.args) > 1:
        inside, second = node.args[0], node.args[1]
        name = str(second.value) if isinstance(second, ast.Constant) else written(second)
    else:
        return ""
    held = inside in imports or (isinstance(inside, ast.Name) and inside.id in holders)
    return name if held else ""


def _values(nodes: list[ast.AST], name: str) -> Iterator[ast.expr]:
    for node in nodes:
        if isinstance(node, ast.Assign) and any(written(target) == name for target in node.targets):
            yield node.value


def _opened(node: ast.AST) -> str:
    return written(node.args[0]).replace("`", "'") if isinstance(node, ast.Call) and node.args else ""


def _arms(unit: Unit, node: ast.If, symbol: str) -> Arms | None:
    subject, found, at = "", dict[str, list[str]](), node
    while True:
        test = at.test
        if not isinstance(test, ast.Compare) or (subject and written(test.left) != subject):
            return None
        subject = written(test.left)
        for inner in at.body:
            if isinstance(inner, ast.ImportFrom):
                module = "." * inner.level + (inner.module or "")
                for alias in inner.names:
                    found.setdefault(alias.asname or alias.name, []).append(module)
        if len(at.orelse) == 1 and isinstance(at.orelse[0], ast.If):
            at = at.orelse[0]
            continue
        break
    shared = {name: tuple(dict.fromkeys(modules)) for name, modules in found.items() if len({*modules}) > 1}
    if not shared:
        return None
    modules = next(iter(shared.values()))
    names = tuple(name for name, others in shared.items() if others == modules)
    return Arms(unit.path, symbol, _line(unit, node), names, modules, subject)


def _line(unit: Unit, node: ast.AST) -> int:
    return unit.row(lines_of(node)[0])
