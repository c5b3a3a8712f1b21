"""What model runs gave, kept from call to call in a store of the object, and inputs that a predictor encodes once.

`self.memory.add(key, value)` where a run gave `key`, and `self.memory.match(…)` gives what later runs take; tables by
key, as `self.flow_cache[uuid]`, that a run fills and a later one reads; `predictor.set_image(…)` before many prompts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.census.models.roster import roster_of
from retrieval.census.models.touches import touches_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 3
_PUTTING = re.compile(r"^(?:add|append|put|store|insert|push|remember|set)(?:_\w+)?$")
_TELLING = re.compile(r"(?i)log|writer|metric|meter|progress|bar|timer|tracker|board|result|output|queue|streamer")
_BESIDE = re.compile(
    r"^(?:add|append|put|store|insert|push|remember|set|init|reset|clear|update|load|save|to)(?:_\w+)?$"
)
_SETTING = re.compile(r"^set_(?:torch_)?(?:image|images|image_batch|audio|video)$")
Row = tuple[str, ast.AST]


def kept_state(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per class and store, table or predictor."""
    runs: dict[str, set[int]] = {}
    for touches in touches_of(codebase).values():
        for touch in touches:
            if touch.does == "runs":
                runs.setdefault(touch.path, set()).add(touch.line)
    models = {(cls.path, cls.definition.symbol) for cls in roster_of(codebase).family.bases}
    for unit in units(codebase, r"self\."):
        if codebase.snapshot.by_path[unit.path].role not in ("source", "example"):
            continue
        lines = runs.get(unit.path, set())
        for node in unit.nodes if lines or "set_" in codebase.snapshot.by_path[unit.path].text else ():
            if isinstance(node, ast.ClassDef) and (unit.path, unit.symbol_of(node)) not in models:
                yield from _of_class(codebase, unit, node, lines)


def _of_class(codebase: Codebase, unit: Unit, node: ast.ClassDef, lines: set[int]) -> Iterator[CensusHit]:
    methods = [item for item in node.body if isinstance(item, Function)]
    owner = unit.symbol_of(node)
    for name, rows in _stores(unit, methods, lines).items():
        takers = list(dict.fromkeys(f"`{dotted(call.func)}()`" for m in methods for call in _taking(m, name)))
        if takers:
            putting = listed(list(dict.fromkeys(f"`{method}()`" for method, _ in rows)), MOST_NAMED)
            text = f"`{owner}.{name}` keeps what model runs gave from call to call: put in by {putting}, taken out for "
            yield _hit(codebase, unit, rows[0][1], owner, f"{text}later runs with {listed(takers, MOST_NAMED)}")
    for name, rows in _tables(unit, methods, lines).items():
        by = listed(list(dict.fromkeys(f"`{method}()`" for method, _ in rows)), MOST_NAMED)
        text = f"`{owner}.{name}` keeps by key what model runs gave, for later runs with that key: filled by {by}"
        yield _hit(codebase, unit, rows[0][1], owner, text)
    yield from _encoded_once(codebase, unit, methods, owner)


def _stores(unit: Unit, methods: list[Function], lines: set[int]) -> dict[str, list[Row]]:
    """Attributes whose own method is given what a model run gave."""
    found: dict[str, list[Row]] = {}
    for method in (item for item in methods if item.name != "__init__"):
        known = _results(unit, method, lines)
        for call in (n for n in own_nodes(method) if isinstance(n, ast.Call)) if known else ():
            parts = dotted(call.func).split(".")
            if len(parts) != 3 or parts[0] != "self" or not _PUTTING.match(parts[2]) or _TELLING.search(parts[1]):
                continue
            given = _names(*call.args, *(keyword.value for keyword in call.keywords))
            if given & known and parts[2] not in (
                "append",
                "add",
                "insert",
            ):  # no mere list of what there is to give back
                found.setdefault(parts[1], []).append((method.name, call))
    return found


def _tables(unit: Unit, methods: list[Function], lines: set[int]) -> dict[str, list[Row]]:
    """Attributes of which a method fills an entry with what a model run gave, and reads entries as well."""
    found: dict[str, list[Row]] = {}
    for method in (item for item in methods if item.name != "__init__"):
        known = _results(unit, method, lines)
        for node in (n for n in own_nodes(method) if isinstance(n, ast.Assign)):
            if not _is_run(unit, node.value, lines) and not _names(node.value) & known:
                continue
            for target in node.targets:
                for item in target.elts if isinstance(target, ast.Tuple) else [target]:
                    name = dotted(item.value) if isinstance(item, ast.Subscript) else ""
                    if name.startswith("self.") and name.count(".") == 1 and _reads(method, name[5:]):
                        found.setdefault(name[5:], []).append((method.name, node))
    return found


def _names(*values: ast.expr) -> set[str]:
    return {node.id for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}


def _encoded_once(codebase: Codebase, unit: Unit, methods: list[Function], owner: str) -> Iterator[CensusHit]:
    """Predictors that are given an input in one method and asked in another."""
    calls = [(m.name, dotted(n.func), n) for m in methods for n in own_nodes(m) if isinstance(n, ast.Call)]
    for setter, name, node in calls:
        holder, _, method = name.rpartition(".")
        if holder.startswith("self.") and _SETTING.match(method):
            asked = [f"`{other}()`" for other, called, _ in calls if called.startswith(f"{holder}.predict")]
            if asked and f"`{setter}()`" not in asked:
                text = f"`{owner}.{holder[5:]}` keeps the encoding of its input, worked out once by `{name}()` in "
                text += f"`{setter}()`, for every prompt that {listed(list(dict.fromkeys(asked)), MOST_NAMED)} gives it"
                yield _hit(codebase, unit, node, owner, text)
                return


def _results(unit: Unit, method: Function, lines: set[int]) -> set[str]:
    """The variables that a method sets to what a model run gives."""
    found = [n for n in own_nodes(method) if isinstance(n, ast.Assign) and _is_run(unit, n.value, lines)]
    return {
        item.id for node in found for target in node.targets for item in ast.walk(target) if isinstance(item, ast.Name)
    }


def _is_run(unit: Unit, value: ast.expr, lines: set[int]) -> bool:
    return any(isinstance(node, ast.Call) and unit.row(node.lineno) in lines for node in ast.walk(value))


def _taking(method: Function, name: str) -> Iterator[ast.Call]:
    """Calls on a store whose result is used."""
    bare = {node.value for node in ast.walk(method) if isinstance(node, ast.Expr)}
    for node in ast.walk(method):
        if isinstance(node, ast.Call) and node not in bare:
            parts = dotted(node.func).split(".")
            if parts[:2] == ["self", name] and len(parts) == 3 and not _BESIDE.match(parts[2]):
                yield node


def _reads(method: Function, name: str) -> bool:
    return any(
        isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and dotted(node.value) == f"self.{name}"
        for node in ast.walk(method)
    )


def _hit(codebase: Codebase, unit: Unit, node: ast.AST, owner: str, text: str) -> CensusHit:
    return hit_at(codebase, unit.path, unit.lines(node), symbol=owner, name="results", text=text)
