"""Habits that do harm: hooks that stay when an error comes, options that code rewrites, decisions by a name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_NEEDS = r"register_\w*hook\(|parse_args\(|\bargs\.\w+ = |__name__|\.lower\(\)|model_name|model_type"
_HOOK = re.compile(r"^register_\w+_hook$")  # of modules: hooks of tensors go with them
_NAMED = re.compile(r"(?:^|\.)(?:model|model_name|model_type|model_id|arch|backbone)$")
REWRITTEN, SHOWN = 3, 4
Found = tuple[str, ast.AST, str]


def hazards(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per habit and function: "leaked hook", "rewritten options", "dispatch by name"."""
    for unit in units(codebase, _NEEDS):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            for name, node, text in (*_hooks(unit, function), *_options(function), *_dispatch(function)):
                said = f"`{symbol}()` ({unit.path}) {text}"
                yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=name, text=said)


def _hooks(unit: Unit, function: Function) -> Iterator[Found]:
    """Hooks whose handle stays inside a function that removes it only when no error comes, or never."""
    made = [n for n in own_nodes(function) if isinstance(n, ast.Call) and _HOOK.match(call_name(n))]
    made = [call for call in made if not _is_kept(unit, call)]
    if not made:
        return
    removed = [n for n in ast.walk(function) if isinstance(n, ast.Call) and call_name(n) == "remove" and not n.args]
    if removed and not any(_is_safe(unit, call) for call in removed):
        yield "leaked hook", made[0], "registers hooks on a model and removes them only when no error comes in between"
    elif not removed and all(isinstance(unit.parents.get(call), ast.Expr) for call in made):
        yield "leaked hook", made[0], "registers hooks on a model and keeps no handle to remove them"


def _is_kept(unit: Unit, call: ast.Call) -> bool:
    """Whether a handle is returned or kept on an object, which may remove it later; hooks of a constructor stay."""
    around: ast.AST = call
    while (parent := unit.parents.get(around)) is not None and not isinstance(parent, Function):
        if isinstance(parent, ast.Return) or (isinstance(parent, ast.Assign) and "." in dotted(parent.targets[0])):
            return True
        around = parent
    if isinstance(parent, Function) and parent.name == "__init__":
        return True
    names = {dotted(n) for n in ast.walk(parent or call) if isinstance(n, ast.Name)}
    gives = [n.value for n in ast.walk(parent or call) if isinstance(n, ast.Return) and n.value is not None]
    held = {name for name in names if "hook" in name or "handle" in name}
    return any(dotted(n) in held for value in gives for n in ast.walk(value) if isinstance(n, ast.Name))


def _is_safe(unit: Unit, node: ast.AST) -> bool:
    current = node
    while (parent := unit.parents.get(current)) is not None:
        if isinstance(parent, ast.Try) and current in parent.finalbody:
            return True
        if isinstance(parent, Function) and parent.name in ("__exit__", "close", "remove", "__del__"):
            return True
        current = parent
    return False


def _options(function: Function) -> Iterator[Found]:
    """Attributes of the parsed options that a function sets: later readers see other values than were given."""
    parsed = {
        dotted(target)
        for node in own_nodes(function)
        if isinstance(node, ast.Assign) and "parse_args" in ast.unparse(node.value)
        for target in node.targets
    } | {argument.arg for argument in function.args.args if argument.arg in ("args", "opt", "opts", "options", "cfg")}
    parsed.discard("")
    found: dict[str, ast.AST] = {}
    for node in own_nodes(function):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            owner, _, attribute = dotted(target).rpartition(".")
            if owner in parsed and attribute:
                found.setdefault(f"`{owner}.{attribute}`", node)
    if len(found) >= REWRITTEN:
        text = f"sets {counted(len(found), 'attribute')} of the options it was given: {listed(list(found), SHOWN)}"
        yield "rewritten options", next(iter(found.values())), text


def _dispatch(function: Function) -> Iterator[Found]:
    """Tests of a text within the name of a type or model that choose what is done."""
    found: dict[str, ast.AST] = {}
    for node in own_nodes(function):
        if isinstance(node, ast.If | ast.IfExp):
            for part in ast.walk(node.test):
                if _by_name(part):
                    found.setdefault(f"`{source_of(part, 60)}`", node)
    if found:
        text = f"decides by the name of a type or model: {listed(list(found), SHOWN)}"
        yield "dispatch by name", next(iter(found.values())), text


def _by_name(part: ast.AST) -> bool:
    match part:
        case ast.Compare(left=ast.Constant(value=str()), ops=[ast.In() | ast.NotIn()], comparators=[where]):
            return _is_name(where)
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=str())]):
            return "__name__" in ast.unparse(left) and dotted(left) != "__name__"
        case ast.Call(func=ast.Attribute(attr="startswith" | "endswith", value=where), args=[ast.Constant()]):
            return _is_name(where)
    return False


def _is_name(where: ast.expr) -> bool:
    """`model_name`, `args.model.lower()`, `type(x).__name__`."""
    if isinstance(where, ast.Call) and call_name(where) in ("lower", "upper", "str") and not where.args:
        where = where.func.value if isinstance(where.func, ast.Attribute) else where
    if isinstance(where, ast.Attribute) and where.attr == "__name__":
        return True
    return bool(_NAMED.search(dotted(where)))
