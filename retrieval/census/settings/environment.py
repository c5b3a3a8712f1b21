"""Kind `environment`: each environment variable by name, with its default, where it goes and who uses it.

One hit a variable. What it switches is told by the name that its value is kept under and the functions that read
that name, or by the condition that it decides. Names worked out when the program runs are told as written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, own_nodes, quoted, subject_of, units, written
from retrieval.census.settings.environment_accessors import Accessor, Place, accessor, named_reads, read_as
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_READ = re.compile(r"(?:^|\.)(?:getenv|environ\.get|environ\.pop)$|^environ$")
_SET = re.compile(r"(?:^|\.)(?:environ\.setdefault|putenv)$")
_TABLE = re.compile(r"(?:^|\.)environb?$")
_NAME = re.compile(r"[A-Za-z_]\w*")
_BUILD = re.compile(r"(?:^|/)setup\.py$")  # packs the program and does not run it
USERS, LONGEST = 5, 90


@kind(
    "environment",
    summary="environment variables by name, with default, what their value is kept as and who uses it",
    example="environment, or environment: CUDA_*",
    reads="python",
)
def environment(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per variable and role of file, those that are read before those that are only set."""
    found: dict[tuple[str, str], list[Place]] = {}
    direct, _ = _direct(codebase)
    asked = asked_variables(codebase)
    for place in [*direct, *asked]:
        if query.matches(place.name):
            role = codebase.snapshot.by_path[place.unit.path].role
            found.setdefault((place.name, role), []).append(place)
    properties = read_as(codebase, asked)
    for (name, _), places in found.items():
        yield _hit(codebase, name, places, properties)


def asked_variables(codebase: Codebase) -> tuple[Place, ...]:
    """The places that give the name of a variable to a function which reads it."""
    return tuple(named_reads(codebase, _direct(codebase)[1]))


@once
def _direct(codebase: Codebase) -> tuple[list[Place], list[Accessor]]:
    """The places that name a variable, and the functions that read the one that they are told the name of."""
    places, inner = list[Place](), list[Accessor]()
    for unit in units(codebase, r"environ|getenv|putenv"):
        for node in unit.nodes if not _BUILD.search(unit.path) else ():
            read = _place(unit, node)
            for place in _spread(read) if read is not None else ():
                told = accessor(place)
                places += [place] if told is None else []
                inner += [told] if told is not None else []
    return places, inner


def _place(unit: Unit, node: ast.AST) -> Place | None:
    if isinstance(node, ast.Call) and node.args:
        called = dotted(node.func)
        how = "read" if _READ.search(called) else "set" if _SET.search(called) else ""
        given = written(node.args[1]) if len(node.args) > 1 else ""
        return Place(unit, node, _named(unit, node.args[0]), how, given) if how else None
    if isinstance(node, ast.Subscript) and _TABLE.search(dotted(node.value)):
        if isinstance(node.ctx, ast.Load):
            return Place(unit, node, _named(unit, node.slice), "read", "")
        parent = unit.parents.get(node)
        value = getattr(parent, "value", None)
        given = written(value) if isinstance(parent, ast.Assign | ast.AugAssign) and value is not None else ""
        return Place(unit, node, _named(unit, node.slice), "set", given)
    tested = isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn)
    if isinstance(node, ast.Compare) and tested and _TABLE.search(dotted(node.comparators[0])):
        return Place(unit, node, _named(unit, node.left), "test", "")
    return None


def _spread(place: Place) -> Iterator[Place]:
    """A place once for each name that a loop over written names gives it: `for v in ("RANK", "PMI_RANK"):`."""
    around, names = place.unit.parents.get(place.node), list[str]()
    while around is not None and not names and not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
        names, around = _looped(place.unit, around, place.name), place.unit.parents.get(around)
    yield from (replace(place, name=name) for name in names) if names else [place]


def _looped(unit: Unit, node: ast.AST, name: str) -> list[str]:
    """The texts that a loop or comprehension binds a name to."""
    loops = [node] if isinstance(node, ast.For) else getattr(node, "generators", [])
    over = next((loop.iter for loop in loops if isinstance(loop.target, ast.Name) and loop.target.id == name), None)
    if isinstance(over, ast.Name):
        bound = [n.value for n in unit.nodes if isinstance(n, ast.Assign) and written(n.targets[0]) == over.id]
        over = bound[0] if len(bound) == 1 else None
    parts = over.elts if isinstance(over, ast.List | ast.Tuple | ast.Set) else []
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return texts if len(texts) == len(parts) else []


def _named(unit: Unit, node: ast.expr) -> str:
    """The variable's name: a literal, or a constant of the file, else the expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    for part in unit.tree.body if isinstance(node, ast.Name) else ():
        named = isinstance(part, ast.Assign) and written(node) in map(written, part.targets)
        if isinstance(part, ast.Assign) and named and isinstance(part.value, ast.Constant):
            return str(part.value.value)
    return written(node)


def _hit(codebase: Codebase, name: str, places: list[Place], properties: dict[str, list[str]]) -> CensusHit:
    read = [p for p in places if p.how != "set"]
    first = (read or places)[0]
    known = _NAME.fullmatch(name) is not None
    shown = f"`{name}`" if known else f"a variable with a computed name, `{name}`"
    defaults = list(dict.fromkeys(p.given for p in read if p.given))
    default = f" (default {' or '.join(_cut(d) for d in defaults)})" if defaults else ""
    told = list(dict.fromkeys(_effect(codebase, p, properties) for p in read))
    put = list(_settings(codebase, [p for p in places if p.how == "set"]))
    text = f"{shown}{default}: {'; '.join([*told[:USERS], *put[:USERS]])}"
    lines = [(p.unit.path, *p.unit.lines(p.node)) for p in places]
    start, end = first.unit.lines(first.node)
    related = tuple(("place", *spot) for spot in dict.fromkeys(lines) if spot[:2] != (first.unit.path, start))
    return hit_at(
        codebase,
        first.unit.path,
        (start, end),
        symbol=first.unit.symbols.get(first.node, ""),
        name=name,
        text=text,
        related=related,
        detail={"how": "read" if read else "set"},
    )


def _effect(codebase: Codebase, place: Place, properties: dict[str, list[str]]) -> str:
    """Where the value goes."""
    unit = place.unit
    symbol = unit.symbols.get(place.node, "")
    if users := properties.get(symbol.rpartition(".")[2]):
        return f"kept as `{symbol}`, which {listed(users, USERS)} read{'s' if len(users) == 1 else ''}"
    subject = subject_of(codebase, unit.path, symbol)
    around = _around(unit, place.node)
    statement = next((node for node in around if isinstance(node, ast.stmt)), None)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        return f"read by {subject} into {quoted(target, 60)}{_users(codebase, unit, target, symbol)}"
    if isinstance(statement, ast.If | ast.While) and _inside(statement.test, place.node):
        return f"decides in {subject} whether {quoted(statement.test, LONGEST)}"
    if isinstance(statement, ast.Return):
        return f"{subject} gives back {quoted(statement.value, LONGEST) if statement.value else 'it'}"
    call = next((node for node in around if isinstance(node, ast.Call)), None)
    return f"{subject} passes it to {quoted(call.func, 60)}" if call is not None else f"read by {subject}"


def _users(codebase: Codebase, unit: Unit, target: ast.expr, symbol: str) -> str:
    """The functions that read the variable of the module that a value is kept in, here and where it is imported."""
    if not isinstance(target, ast.Name) or symbol:
        return ""
    found = [subject_of(codebase, unit.path, owner) for owner in _readers(unit, target.id)]
    for path, facts in codebase.facts.items():
        for item in facts.imports:
            if item.name == target.id and path != unit.path and codebase.locate(item.module, path) == unit.path:
                found.append(path)
    return f", which {listed(list(dict.fromkeys(found)), USERS)} read" if found else ""


def _readers(unit: Unit, name: str) -> Iterator[str]:
    for function, symbol in unit.functions():
        for node in own_nodes(function):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                yield symbol
                break


def _settings(codebase: Codebase, places: list[Place]) -> Iterator[str]:
    """Who sets it to which value, those who set the same together."""
    by_value: dict[str, list[str]] = {}
    for place in places:
        subject = subject_of(codebase, place.unit.path, place.unit.symbols.get(place.node, ""))
        by_value.setdefault(place.given, []).append(subject)
    for value, subjects in by_value.items():
        told = listed(list(dict.fromkeys(subjects)), USERS)
        yield f"set by {told}" + (f" to {_cut(value)}" if value else "")


def _around(unit: Unit, node: ast.AST) -> list[ast.AST]:
    """The nodes around one, innermost first, up to its statement."""
    found: list[ast.AST] = []
    current = unit.parents.get(node)
    while current is not None:
        found.append(current)
        if isinstance(current, ast.stmt):
            break
        current = unit.parents.get(current)
    return found


def _inside(tree: ast.AST, wanted: ast.AST) -> bool:
    return any(node is wanted for node in ast.walk(tree))


def _cut(text: str) -> str:
    flat = " ".join(text.split()).replace("`", "'")
    return f"`{flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + '…'}`"
