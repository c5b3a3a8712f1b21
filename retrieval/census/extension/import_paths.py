"""Classes that a computed import path or name selects: `get_class(f"pkg.{cfg.backbone}")`, `find_module(pkg, name)`.

Through a function of a library (Hydra, pydoc) or one of the repository that imports a module and takes a computed name
out of it. What the name is today is read in the configuration files.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import ENGINE_WORD, Point, Sort
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import call_name, own_nodes, units, written
from retrieval.census.settings.config_files import config_entries
from retrieval.facts import Call

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, FILES = 6, 3
_IMPORTS = ("import_module", "__import__")
_LIBRARY = re.compile(
    r"^(?:hydra\.utils\.get_(?:class|object|method)|(?:pydoc|hydra\._internal\.utils|fvcore\.\S+)\.\w*locate|django\.\S+\.import_string)$"
)
_PACKAGE = re.compile(r"^[A-Za-z_]\w*(?:\.\w+)*\.?$")
_SETTING = re.compile(
    r"(?i)(?:^|[._])(?:cfg|conf|config|configs|args|opts?|options|settings|params|hparams)(?:[._\[]|$)|_cfg\b|_config\b|_args\b"
)
User = tuple[str, Call]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that names a class: where, the package before the computed part ("" for none), and what computes it."""

    path: str
    call: Call
    package: str
    key: str


def import_paths(codebase: "Codebase") -> Iterator[Point]:
    """One point per importing function and package of which a class about models is named, most used first."""
    groups: dict[tuple[str, str, str], list[Asked]] = {}
    gates = _gates(codebase)
    for importer, path, users in [*_own(codebase), *_outside(codebase)]:
        for where, call in users:
            asked = _asked(where, call)
            if asked is not None:
                asked = replace(asked, key=_origin(codebase, asked) or asked.key)
                groups.setdefault((importer, path, asked.package), []).append(asked)
    for (importer, path, package), asked in sorted(groups.items(), key=lambda item: -len(item[1])):
        told = " ".join([package, importer, *(a.key for a in asked), *(x for a in asked for x in a.call.assigned)])
        users = [bool(ENGINE_WORD.search(a.call.symbol)) for a in asked]
        if ENGINE_WORD.search(told.replace(".", "_")) or sum(users) * 2 > len(users):
            point = _point(codebase, (importer, path, package), asked)
            gate = gates.get((path, importer), "")
            yield replace(point, said=f"{point.said}; only what `{gate}` lists is let through") if gate else point


def _gates(codebase: "Codebase") -> dict[tuple[str, str], str]:
    """Path and symbol of importing functions that raise an error for a module that a constant does not list."""
    found = {}
    for unit in units(codebase, "import_module|__import__"):
        for body, symbol in unit.functions():
            for node in own_nodes(body):
                test = node.test if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise) else None
                listed_in = test.comparators[0] if isinstance(test, ast.Compare) else None
                if (
                    isinstance(test, ast.Compare)
                    and isinstance(test.ops[0], ast.NotIn)
                    and isinstance(listed_in, ast.Name | ast.Attribute)
                ):
                    found[unit.path, symbol] = written(listed_in)
    return found


def _own(codebase: "Codebase") -> Iterator[tuple[str, str, list[User]]]:
    """The functions of the repository that take a computed name out of a module that they import, with their calls."""
    for unit in units(codebase, "import_module|__import__"):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for body, symbol in unit.functions():
                if _takes(list(own_nodes(body))):
                    yield symbol, unit.path, _users(codebase, unit.path, symbol)


def _takes(nodes: list[ast.AST]) -> bool:
    """Whether an attribute of a module that is imported by a computed name is taken by a computed name."""
    computed = [
        node for node in nodes
        if isinstance(node, ast.Call) and call_name(node) in _IMPORTS and node.args
        and not isinstance(node.args[0], ast.Constant) and not _reads_object(node.args[0])
    ]  # fmt: skip
    held = {
        written(target) for node in nodes if isinstance(node, ast.Assign) and node.value in computed
        for target in node.targets
    }  # fmt: skip
    for node in nodes:
        if isinstance(node, ast.Call) and call_name(node) == "getattr" and len(node.args) > 1:
            module, name = node.args[0], node.args[1]
            if not isinstance(name, ast.Constant) and (module in computed or written(module) in held):
                return True
    return False


def _reads_object(node: ast.expr) -> bool:
    """Whether an expression takes an attribute of an object, as `config.model`; methods of texts are no such."""
    called = {part.func for part in ast.walk(node) if isinstance(part, ast.Call)}
    return any(isinstance(part, ast.Attribute) and part not in called for part in ast.walk(node))


def _users(codebase: "Codebase", path: str, symbol: str) -> list[User]:
    name = symbol.rpartition(".")[2]
    found = []
    for where, call in codebase.all_calls():
        if call.name.rpartition(".")[2] == name and codebase.snapshot.by_path[where].role == "source":
            target = codebase.resolve_call(where, call)
            if target is not None and target[0] == path and target[1].symbol == symbol and call.symbol != symbol:
                found.append((where, call))
    return found


def _outside(codebase: "Codebase") -> Iterator[tuple[str, str, list[User]]]:
    found: dict[str, list[User]] = {}
    for where, call in codebase.all_calls():
        if _LIBRARY.match(call.name) and codebase.snapshot.by_path[where].role == "source":
            found.setdefault(call.name, []).append((where, call))
    yield from ((name, "", users) for name, users in found.items())


def _asked(path: str, call: Call) -> Asked | None:
    """The package and the computed part of what a call is given, None when nothing is computed."""
    package = key = ""
    for argument in call.arguments:
        try:
            node = ast.parse(argument, mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _PACKAGE.match(node.value):
            package = package or node.value
        elif isinstance(node, ast.JoinedStr):
            first = node.values[0] if node.values else None
            literal = str(first.value) if isinstance(first, ast.Constant) else ""
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            package = literal if _PACKAGE.match(literal) else package
            key = key or (_plain(parts[0]) if parts else "")
        elif not isinstance(node, ast.Constant):
            key = key or _plain(node)
    constant = bool(re.fullmatch(r"[A-Z]\w*(?:\.\w+|\[.*\])", key))  # a member of an enumeration is no name in settings
    return Asked(path, call, package.rstrip("."), key) if key and not constant else None


def _origin(codebase: "Codebase", asked: Asked) -> str:
    """The setting that a function of the file reads to give the key: `config.KIND` for `name = cls._chosen()`."""
    found = list(units(codebase, path=asked.path)) if asked.key.isidentifier() else []
    for unit in found:
        own = [body for body, symbol in unit.functions() if symbol == asked.call.symbol]
        names = {
            call_name(node.value) for body in own for node in own_nodes(body)
            if isinstance(node, ast.Assign) and asked.key in map(written, node.targets)
        }  # fmt: skip
        for body in (body for body, _ in unit.functions() if body.name in names):
            read = [written(node) for node in own_nodes(body) if isinstance(node, ast.Attribute)]
            if settings := [text for text in read if _SETTING.search(text) and text.count(".") == 1]:
                return settings[0]
    return ""


def _plain(node: ast.expr) -> str:
    """A name without the methods that only change its case."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("lower", "strip"):
        node = node.func.value
    return written(node.elts[0] if isinstance(node, ast.List) and len(node.elts) == 1 else node)


def _today(codebase: "Codebase", key: str) -> tuple[list[str], list[str]]:
    """The values that configuration files give to the last part of a key, and the files."""
    last = re.split(r"[.\[]", key)[-1].strip("'\"])")
    values: dict[str, None] = {}
    files: dict[str, None] = {}
    for path, entries in config_entries(codebase).items() if _SETTING.search(key) else ():
        for entry in entries:
            if entry.key.rpartition(".")[2] == last and re.fullmatch(r"[\"']?[A-Za-z_][\w.]*[\"']?", entry.value):
                values[entry.value.strip("\"'")] = None
                files[path] = None
    return list(values), list(files)


def _point(codebase: "Codebase", what: tuple[str, str, str], asked: list[Asked]) -> Point:
    importer, path, package = what
    name = importer.rpartition(".")[2] if not path else importer
    keys = list(dict.fromkeys(f"`{a.key.replace(chr(96), chr(39))}`" for a in asked))
    values, files = _today(codebase, asked[0].key)
    places = list(dict.fromkeys(f"`{a.call.symbol}()` ({a.path})" if a.call.symbol else a.path for a in asked))
    configured = any(_SETTING.search(a.key) for a in asked)
    sort: Sort = "configuration" if configured else "table" if package else "argument"
    how = {"configuration": "By configuration alone", "table": "By name"}.get(sort, "By argument")
    of = f" of `{package}`" if package else ""
    today = f", today {listed([f'`{v}`' for v in values], SHOWN)} ({listed(files, FILES)})" if values else ""
    by = f"`{name}()`{f' ({path})' if path else ''}"
    said = f"{how}: {listed(keys, 3)} names the class{of} that {by} imports{today}, used in {listed(places, SHOWN)}; "
    said += (
        f"an own class is put into `{package}` and named there" if package else "a class from elsewhere can be named"
    )
    now = f" (today {listed([f'`{v}`' for v in values], 4)})" if values else ""
    short = f"{listed(keys, 2)} names the class{of} that `{name}()` imports{now}"
    related = tuple(("used", a.path, a.call.start, a.call.end) for a in asked[1:SHOWN])
    first = asked[0]
    lines = (first.call.start, first.call.end)
    owner = importer.rpartition(".")[0] if path else ""
    holds = ((path, owner),) if owner else ()
    return Point(sort, short, said, first.path, lines, first.call.symbol, related, tuple(values), holds)
