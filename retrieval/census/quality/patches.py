"""Code that changes code or global state: patched sources and modules, switches of libraries, work done at import.

What a library does when it is imported is not known here; only what stands at the top level of the repository's own
modules is told, and only for modules of a package, which are imported rather than run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from retrieval.census.meaning.units import Function, Unit, bound_names, call_name
from retrieval.census.quality.pitfalls import Pitfall
from retrieval.codebase import Codebase
from retrieval.languages import words
from retrieval.pyast import dotted, source_of

_SOURCE = words("src __code__ __globals__ __closure__ __defaults__ __kwdefaults__ __class__ __bases__")
_REGISTERS = re.compile(r"(?:\w+_)?(?:register|include|mount|add|subscribe)(?:_\w+)?$")
_HARMLESS = words(
    """getLogger TypeVar NewType namedtuple NamedTuple extend_path field Parameter register simplefilter
    update_wrapper compile append extend insert add_argument update"""
)
_WORKING = words(
    """open load loads read_text urlopen get makedirs mkdir run Popen check_output system download
    hf_hub_download from_pretrained load_model seed manual_seed parse_args"""
)


def patches(codebase: Codebase, unit: Unit) -> Iterator[Pitfall]:
    """Changes of code and of global state in one file, and what runs when the file is imported."""
    modules = _imported(unit)
    for node in unit.nodes:
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            yield from _assignment(codebase, unit, node, modules)
        elif isinstance(node, ast.Call):
            yield from _call(unit, node, modules)
    if _is_module(codebase, unit.path):
        yield from _at_import(unit, unit.tree.body)


def _imported(unit: Unit) -> frozenset[str]:
    """The names of modules that `import` binds, and of classes that `from` imports, judged by their spelling."""
    found = {
        alias.asname or alias.name.partition(".")[0]
        for node in unit.nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if isinstance(node, ast.Import) or alias.name[:1].isupper()
    }
    return frozenset(found)


def _assignment(
    codebase: Codebase, unit: Unit, node: ast.Assign | ast.AugAssign | ast.AnnAssign, modules: frozenset[str]
) -> Iterator[Pitfall]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if not isinstance(target, ast.Attribute):
            continue
        owner = dotted(target.value)
        function = next((f for f in unit.enclosing(node) if isinstance(f, Function)), None)
        root = owner.split(".")[0]
        local = function is not None and root in bound_names(function)
        shown = f"`{source_of(node, 100)}`"
        if target.attr in _SOURCE and owner not in ("self", "cls") and function is not None:
            yield "patched source", node, f"code is patched at run time: {shown}"
        elif owner and not local and root in modules and root not in ("self", "cls"):
            yield from _foreign(codebase, unit, node, target, owner in modules)
        elif owner and function is not None and not local and _is_class(codebase, unit, owner):
            text = f"the class attribute `{owner}.{target.attr}` is switched at run time for all objects: {shown}"
            yield "global switch", node, text


def _foreign(codebase: Codebase, unit: Unit, node: ast.stmt, target: ast.Attribute, whole: bool) -> Iterator[Pitfall]:
    owner = dotted(target.value)
    shown = f"`{source_of(node, 100)}`"
    value = getattr(node, "value", None)
    plain = isinstance(value, ast.Constant)
    if _is_class(codebase, unit, owner) and any(isinstance(f, Function) for f in unit.enclosing(node)):
        yield "global switch", node, f"the class attribute `{owner}.{target.attr}` is switched at run time: {shown}"
    elif re.search(r"\b(?:backends|config|rcParams|flags|options)\b", owner) or (plain and whole):
        yield "global switch", node, f"a setting of another module is changed for the whole process: {shown}"
    elif whole or owner.rpartition(".")[2][:1].isupper():
        yield "monkeypatch", node, f"an attribute of another module or class is replaced: {shown}"


def _is_class(codebase: Codebase, unit: Unit, name: str) -> bool:
    found = codebase.resolve_local(unit.path, name)
    return found is not None and found[1].kind == "class"


def _call(unit: Unit, node: ast.Call, modules: frozenset[str]) -> Iterator[Pitfall]:
    name = dotted(node.func)
    if name == "setattr" and len(node.args) == 3 and dotted(node.args[0]).split(".")[0] in modules:
        yield "monkeypatch", node, f"an attribute of another module or class is replaced: `{source_of(node, 100)}`"
    elif re.search(r"(?:^|_)(?:update|set|replace)_(?:src|source|code)$", name.rpartition(".")[2]):
        yield "patched source", node, f"code is patched at run time: `{source_of(node, 100)}`"
    elif name in ("inspect.getsource", "inspect.getsourcelines"):
        yield "patched source", node, f"the source of a function is read at run time: `{source_of(node, 100)}`"
    elif name in ("exec", "eval") and node.args and isinstance(node.args[0], ast.Constant):
        yield "eval or exec", node, f"`{source_of(node, 80)}` runs code from a string"
    elif name == "globals" and isinstance(parent := unit.parents.get(node), ast.Subscript):
        stored = isinstance(parent.ctx, ast.Store)
        if stored:
            yield "monkeypatch", parent, f"a module-level name is set by a computed name: `{source_of(parent)}`"


def _is_module(codebase: Codebase, path: str) -> bool:
    """Whether the file is a module of a package, which other code imports."""
    folder, _, name = path.rpartition("/")
    package = f"{folder}/__init__.py" if folder else "__init__.py"
    return package in codebase.snapshot.by_path and name != "__main__.py"


def _at_import(unit: Unit, body: list[ast.stmt]) -> Iterator[Pitfall]:
    for statement in body:
        if isinstance(statement, ast.If) and "__name__" in source_of(statement.test):
            continue
        if isinstance(statement, ast.If | ast.Try | ast.For | ast.While | ast.With):
            for block in ("body", "orelse", "finalbody"):
                yield from _at_import(unit, getattr(statement, block, []))
            continue
        if (told := _effect(statement)) and not isinstance(statement, Function | ast.ClassDef):
            yield "work at import", statement, f"importing {unit.path} runs `{told}`"


def _effect(statement: ast.stmt) -> str:
    """The call or change that a top-level statement makes beyond binding names, "" without one."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        name = call_name(statement.value)
        return "" if name in _HARMLESS or _REGISTERS.match(name) else source_of(statement.value, 100)
    if isinstance(statement, ast.Assign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if any(isinstance(t, ast.Subscript) and dotted(t.value) == "os.environ" for t in targets):
            return source_of(statement, 100)
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        calls = [n for n in ast.walk(statement.value) if isinstance(n, ast.Call)]
        inside = any(isinstance(n, ast.Lambda) for n in ast.walk(statement.value))
        if not inside and any(_works(call) for call in calls):
            return source_of(statement, 100)
    return ""


def _works(call: ast.Call) -> bool:
    """Whether a call reads, fetches or starts something, judged by its last name and what it is called on."""
    name = dotted(call.func)
    last = name.rpartition(".")[2]
    if last in ("get", "load", "loads", "run", "compile"):
        return name.split(".")[0] in ("requests", "torch", "json", "yaml", "pickle", "subprocess", "np", "numpy")
    return last in _WORKING
