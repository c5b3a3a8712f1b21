"""Tables that hold models, model classes or functions that make models, by name, and where a name selects one.

Also classes of a module that a computed name selects in `globals()`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.results import returned
from retrieval.census.meaning.units import Unit, call_name, units, written
from retrieval.census.meaning.values import ClassRef, FunctionRef, Instance, alternatives
from retrieval.census.memory.stage_sets import held_in
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN, HOPS = 2, 6, 3
_LAYER = re.compile(r"Att(?:entio)?n|Processor|Layer|Block|Embed|Norm|Hook|Pool|Conv|MLP|Seq\b")
_NAMES = ast.Name | ast.Attribute
Use = tuple[str, str, int, str]  # path, symbol, line, key as written


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary at `path` whose values are models or give them; `holds` says which."""

    unit: Unit
    name: str
    node: ast.Dict
    symbol: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    holds: str
    gives: tuple[str, ...]  # the model classes


def model_tables(roster: Roster) -> Iterator[Point]:
    """One point per table out of which a name selects a model, those that main programs read first."""
    codebase = roster.codebase
    tables = [
        table for unit in units(codebase, r"\{") if _source(codebase, unit.path) for table in _tables(roster, unit)
    ]
    uses = _uses(codebase, tables)
    reach = reach_of(codebase)
    found = []
    for table, asked in zip(tables, uses, strict=True):
        run = any(reach.has(CensusHit(path, line, line, symbol, "", "")) for path, symbol, line, _ in asked)
        if asked or _offered(codebase, table):
            found.append((not run, -len(table.keys), table, asked))
    for late, _, table, asked in sorted(found, key=lambda item: item[:2]):
        yield _point(table, asked, late)
    yield from _globals(codebase)


def _offered(codebase: "Codebase", table: Table) -> bool:
    """Whether another module imports the table, so that users of the package can take from it."""
    inner = "." in table.name or bool(table.symbol) or not table.name
    return not inner and any(
        item.name == table.name and _leads(codebase, path, item.module, table)
        for path, facts in codebase.facts.items() for item in facts.imports
    )  # fmt: skip


def _source(codebase: "Codebase", path: str) -> bool:
    return codebase.snapshot.by_path[path].role == "source"


def _tables(roster: Roster, unit: Unit) -> Iterator[Table]:
    for node in ast.walk(unit.tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
            yield from _table(roster, unit, node, node.value, "")
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and len(node.targets) == 1:
            named = isinstance(node.targets[0], ast.Name | ast.Attribute)
            yield from _table(roster, unit, node, node.value, written(node.targets[0])) if named else ()


def _table(roster: Roster, unit: Unit, node: ast.AST, table: ast.Dict, name: str) -> Iterator[Table]:
    if len(table.keys) < LEAST:
        return
    keys = [text for key in table.keys if (text := _key(key))]
    known = [_kind(roster, unit.path, value) for value in table.values]
    kinds = [holds for holds, _ in known if holds]
    if len(keys) == len(table.keys) and len({*kinds}) == 1 and len(kinds) >= max(LEAST, len(keys) / 2):
        names = [written(v.func if isinstance(v, ast.Call) else v) for v in table.values]
        values = tuple(dict.fromkeys(names))
        gives = tuple(dict.fromkeys(name for _, found in known for name in found))
        yield Table(unit, name, table, unit.symbols.get(node, ""), tuple(keys), values, kinds[0], gives)


def _key(key: ast.expr | None) -> str:
    """The text of a key, the name of a member of an enumeration: `Kind.small`."""
    if isinstance(key, ast.Attribute) and written(key.value).rpartition(".")[2][:1].isupper():
        return key.attr
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


def _kind(roster: Roster, path: str, value: ast.expr) -> tuple[str, list[str]]:
    """ "models" for a call that gives one, "classes" and "functions" for names of what makes them, with the classes;
    "" for others."""
    made = isinstance(value, ast.Call)
    callee = value.func if isinstance(value, ast.Call) else value
    found = roster.codebase.resolve_local(path, written(callee)) if isinstance(callee, _NAMES) else None
    if found is None:
        return "", []
    if found[1].kind == "class":
        cls = ClassRef(*found)
        held = held_in(roster, cls) if not _is_whole(roster, cls) and not made else ()
        model = bool(held) or _is_whole(roster, cls)
        return ("models" if made else "classes", [found[1].name, *held]) if model else ("", [])
    given = _given(roster, FunctionRef(*found)) if found[1].kind == "function" else []
    return ("models" if made else "functions that make models", given) if given else ("", [])


def _is_whole(roster: Roster, cls: ClassRef) -> bool:
    """Whether a class is a model or a part of one, no layer such as an attention."""
    anatomy = roster.makers.anatomy
    return roster.family.is_model(cls) and not (
        cls in anatomy.models and anatomy.tier(cls) == "layer" and _LAYER.search(cls.definition.name)
    )


def gives_model(codebase: "Codebase", found: tuple[str, Definition]) -> bool:
    """Whether a definition is a model class, or a function that returns an object of one."""
    roster = roster_of(codebase)
    if found[1].kind == "class":
        return roster.family.is_model(ClassRef(*found))
    return found[1].kind == "function" and bool(_given(roster, FunctionRef(*found)))


def _given(roster: Roster, function: FunctionRef) -> list[str]:
    members = alternatives(returned(roster.program, function))
    return [m.cls.definition.name for m in members if isinstance(m, Instance) and roster.family.is_model(m.cls)]


def _uses(codebase: "Codebase", tables: list[Table]) -> list[list[Use]]:
    """For each table the places where a computed key takes an entry out of it."""
    found: list[list[Use]] = [[] for _ in tables]
    for position, table in enumerate(tables):
        around = table.unit.parents.get(table.node)
        if not table.name and isinstance(around, ast.Subscript) and not isinstance(around.slice, ast.Constant):
            line = table.unit.lines(around)[0]
            found[position].append((table.unit.path, table.symbol, line, written(around.slice)))
    names = sorted({table.name.rpartition(".")[2] for table in tables if table.name})
    for unit in units(codebase, r"\b(?:" + "|".join(names) + r")\s*(?:\[|\.get\()") if names else ():
        for node in ast.walk(unit.tree):
            owner, key = _taken(node)
            if owner is None or key is None or isinstance(key, ast.Constant):
                continue
            text = written(owner)
            for position, table in enumerate(tables):
                if table.name and _means(codebase, unit, node, text, table):
                    symbol = unit.symbols.get(node, "")
                    found[position].append((unit.path, symbol, unit.lines(node)[0], written(key)))
    return found


def _taken(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return node.value, node.slice
    if isinstance(node, ast.Call) and call_name(node) == "get" and isinstance(node.func, ast.Attribute) and node.args:
        return node.func.value, node.args[0]
    return None, None


def _means(codebase: "Codebase", unit: Unit, node: ast.AST, text: str, table: Table) -> bool:
    last = table.name.rpartition(".")[2]
    if text.rpartition(".")[2] != last:
        return False
    if unit.path == table.unit.path:
        owner = table.symbol.rpartition(".")[0] if "." in table.name else table.symbol
        return text == table.name and (not owner or unit.symbols.get(node, "").startswith(owner))
    if "." in table.name or table.symbol:
        return False
    return any(
        item.name in (last, "*") and _leads(codebase, unit.path, item.module, table)
        for item in codebase.facts[unit.path].imports
    )


def _leads(codebase: "Codebase", near: str, module: str, table: Table, hops: int = HOPS) -> bool:
    """Whether a module defines the table or imports it from one that does."""
    path = codebase.locate(module, near)
    if path is None or hops <= 0:
        return False
    if path == table.unit.path:
        return True
    return any(
        item.name in (table.name, "*") and _leads(codebase, path, item.module, table, hops - 1)
        for item in codebase.facts[path].imports
    )


def _point(table: Table, asked: list[Use], late: bool) -> Point:
    keys = listed([f"`{key}`" for key in table.keys], SHOWN)
    values = listed([f"`{value}`" for value in table.values], SHOWN)
    places = listed(list(dict.fromkeys(f"`{s}()` ({p})" if s else p for p, s, _, _ in asked)), 4)
    chosen = f"`{asked[0][3].replace(chr(96), chr(39))}` selects one in {places}" if asked else "callers select one"
    path = table.unit.path
    where = f"`{table.name}`" if table.name else f"a table in `{table.symbol}()`"
    said = (
        f"By name: {where} ({path}) is a table of {len(table.keys)} {table.holds} ({values}) under {keys}; "
        f"{chosen}; another needs one more entry there"
    )
    said = said.replace(f"{where} ({path}) is a table of", f"{where} ({path}) holds", 1) if not table.name else said
    by = f"`{asked[0][3].replace(chr(96), chr(39))}`" if asked else "a key"
    short = f"{by} selects one of the {len(table.keys)} {table.holds} of {where} ({keys})"
    related = tuple(("selected", p, line, line) for p, _, line, _ in asked[:6])
    gives = () if late and asked else (*table.values, *table.gives)
    said += "" if not (late and asked) else " (not in what the main programs are seen to run)"
    return Point("table", short, said, path, table.unit.lines(table.node), table.symbol, related, gives)


def _globals(codebase: "Codebase") -> Iterator[Point]:
    """`globals()[name](…)`: the class or function of the module that a computed name selects."""
    for unit in units(codebase, r"globals\(\)\["):
        for node in ast.walk(unit.tree) if _source(codebase, unit.path) else ():
            callee = node.func if isinstance(node, ast.Call) else None
            if isinstance(callee, ast.Subscript) and call_name(callee.value) == "globals":
                symbol = unit.symbols.get(node, "")
                key = written(callee.slice)
                if not MODEL_WORD.search(symbol.rpartition(".")[2]) and not MODEL_WORD.search(key):
                    continue
                where = f"`{symbol}()`" if symbol else f"the top level of {unit.path}"
                said = (
                    f"By name: {where} ({unit.path}) makes the class of its module that `{key}` names, with `globals()`"
                )
                short = f"the class that `{key}` names is made with `globals()` in {where}"
                yield Point("table", short, said, unit.path, unit.lines(node), symbol)
                break
