"""Old ways that stand beside new ones: what warns that it is deprecated, and classes and modules with a legacy twin.

A twin is what has the name of another class or module but for `legacy`, `old`, `deprecated` or `obsolete`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.meant import meant
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, LONGEST = 4, 110
_WARNING = re.compile(r"^(?:Pending)?DeprecationWarning$")
_MARK = re.compile(r"(?i)^(?:legacy|old|deprecated|obsolete)_?(?=[A-Z_a-z])|_?(?:legacy|old|deprecated|obsolete)$")
_SAID = re.compile(r"(?i)^\W*deprecated\b(?!\s+(?:options?|fields?|arguments?)\b)")
_SCOPES = Function | ast.ClassDef


def old_ways(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per twin and per function, class or module that says it is deprecated, twins and makers first."""
    yield from _twins(codebase)
    found = [hit for unit in units(codebase, r"(?i)deprecat") for hit in _deprecated(codebase, unit)]
    yield from sorted(found, key=lambda hit: -int(hit.detail["lines"]))


def _twins(codebase: "Codebase") -> Iterator[CensusHit]:
    """Classes whose name without the mark is that of another class, then modules beside such a module."""
    classes = {
        item.name: (path, item) for path, item in codebase.all_definitions()
        if item.kind == "class" and codebase.snapshot.by_path[path].role == "source"
    }  # fmt: skip
    told: set[str] = set()
    for name, (path, item) in classes.items():
        other = classes.get(_MARK.sub("", name)) if _MARK.search(name) else None
        if other is not None and other[1].name != name:
            told.add(path)
            text = f"`{name}` ({path}) is kept beside `{other[1].name}` ({other[0]})"
            text += "" if _is_named(codebase, path, name) else "; no other source file names it"
            yield hit_at(codebase, path, (item.start, item.head_end), symbol=item.symbol, name="legacy twin", text=text,
                         related=(("twin", other[0], other[1].start, other[1].head_end),),
                         detail={"lines": str(item.end - item.start)})  # fmt: skip
    sources = {
        path for path, file in codebase.snapshot.by_path.items() if file.role == "source" and path in codebase.facts
    }
    for path in sorted(sources - told):
        stem = PurePosixPath(path).stem
        other = str(PurePosixPath(path).with_name(f"{_MARK.sub('', stem)}.py")) if _MARK.search(stem) else path
        if other != path and other in sources:
            yield hit_at(codebase, path, (1, 1), symbol="", name="legacy twin", text=f"{path} is kept beside {other}")


def _is_named(codebase: "Codebase", path: str, name: str) -> bool:
    """Whether another source file imports a name; what a package only hands on counts as well."""
    return any(
        item.name == name and where != path and codebase.snapshot.by_path[where].role == "source"
        for where, facts in codebase.facts.items() for item in facts.imports
    )  # fmt: skip


def _deprecated(codebase: "Codebase", unit: Unit) -> Iterator[CensusHit]:
    if codebase.snapshot.by_path[unit.path].role != "source":
        return
    if _SAID.match(ast.get_docstring(unit.tree) or ""):
        said = _short((ast.get_docstring(unit.tree) or "").split("\n\n")[0])
        yield _hit(codebase, unit, unit.tree.body[0], f"{unit.path} says of itself: “{said}”", [])
    for node in unit.nodes:
        if isinstance(node, _SCOPES) and any("deprecated" in written(mark).lower() for mark in node.decorator_list):
            yield _hit(codebase, unit, node, f"`{node.name}` ({unit.path}) is marked as deprecated", [])
        elif isinstance(node, ast.ClassDef) and _SAID.match(ast.get_docstring(node) or ""):
            yield _hit(codebase, unit, node, f"`{node.name}` ({unit.path}) is deprecated by its docstring", [])
    for body, symbol in unit.functions():
        warned = next((node for node in own_nodes(body) if _warns(node)), None)
        if warned is not None and isinstance(warned, ast.Call):
            always = any(isinstance(stmt, ast.Expr) and stmt.value is warned for stmt in body.body)
            makes = _made(codebase, unit, body, symbol) if always else []
            said = f"`{symbol}()` ({unit.path}) warns {'that it is' if always else 'of a use that is'} deprecated"
            said += _message(warned)
            said += f" and still makes {listed([f'`{name}`' for name in makes], SHOWN)}" if makes else ""
            yield _hit(codebase, unit, warned, said, makes)


def _warns(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or call_name(node) != "warn":
        return False
    return any(_WARNING.match(written(value)) for value in (*node.args[1:], *(k.value for k in node.keywords)))


def _message(node: ast.Call) -> str:
    text = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
    return f" (“{_short(str(text))}”)" if text else ""


def _made(codebase: "Codebase", unit: Unit, body: Function, symbol: str) -> list[str]:
    """The classes of the repository that a body makes, errors and options aside."""
    found: dict[str, None] = {}
    for node in own_nodes(body):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id[:1].isupper():
            value = meant(codebase, unit.path, symbol, node.func.id)
            if isinstance(value, ClassRef) and not re.search(r"(?:Options?|Config|Error|Warning)$", node.func.id):
                found[node.func.id] = None
    return list(found)


def _hit(codebase: "Codebase", unit: Unit, node: ast.stmt | ast.expr, text: str, makes: list[str]) -> CensusHit:
    first, last = unit.lines(node)
    return hit_at(codebase, unit.path, (first, min(last, first + 5)), symbol=unit.symbols.get(node, ""),
                  name="deprecated", text=text, detail={"lines": str(len(makes))})  # fmt: skip


def _short(text: str) -> str:
    flat = " ".join(text.split()).replace("`", "'").rstrip(".")
    return flat if len(flat) <= LONGEST else flat[:LONGEST].rsplit(" ", 1)[0] + " …"
