"""Data that one object sets into another by a method, for other methods of that one to read when they run.

`layer.condition(features)` with `self.features = features` and a `forward()` that reads `self.features`: a way of
context that no argument of `forward()` shows. Constructors, options and names are left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import is_screen
from retrieval.census.handover.handoffs import NAMES, OPTIONS
from retrieval.census.handover.model_bodies import TOOLS
from retrieval.census.language import hit_at
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

CALLERS, READERS, CLASSES, PLACES = 2, 3, 3, 20
_COMMON = words(
    "forward __init__ __call__ __setattr__ __setitem__ __enter__ set reset update add init setup load build start run"
    " train eval to apply register step append write read open close put push"
    " load_state_dict set_input_embeddings set_output_embeddings set_decoder set_epoch"
)
_SWITCH = re.compile(
    r"(?i)^(?:is|use|do|has|no|with|enable|num|n|max|min)_|(?:_|^)(?:value|mode|enabled?|flag|step|size|scale|rate|ratio"
    r"|alpha|beta|gamma|seed|index|idx|level|count|length|dim|func|fn|callback|hook|processor|kwargs|type|state_dict)s?$"
)
_SETTING = re.compile(r"(?:^|_)(?:param(?:eter)?s?|config|options?|settings?|args)(?:_|$)")
Place = tuple[str, str]


@dataclass(slots=True)
class Setter:
    """A method that keeps what it is given: the classes that have it, the attributes, who reads them and who calls."""

    name: str
    classes: dict[str, tuple[str, int]] = field(default_factory=dict)
    attributes: dict[str, None] = field(default_factory=dict)
    readers: dict[Place, int] = field(default_factory=dict)
    callers: dict[Place, int] = field(default_factory=dict)
    values: dict[str, None] = field(default_factory=dict)


def set_into_parts(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per such method that other objects of the main programs call, those with most callers first."""
    found = _setters(codebase)
    _call(codebase, found)
    told = [s for s in found.values() if s.callers and s.readers and len(s.classes) <= CLASSES]
    for setter in sorted(told, key=lambda s: -len(s.callers) - len(s.readers)):
        yield _hit(codebase, setter)


def _setters(codebase: Codebase) -> dict[str, Setter]:
    reach, found = reach_of(codebase), dict[str, Setter]()
    for unit in units(codebase, r"self\.\w+ *= *\w+ *(?:#|$|\n)"):
        if codebase.snapshot.by_path[unit.path].role != "source" or is_screen(codebase, unit.path):
            continue
        for node in unit.nodes:
            if isinstance(node, ast.ClassDef):
                methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
                for method in methods:
                    plain = method.name in _COMMON or _SETTING.search(method.name)
                    kept = [] if plain else _kept(method)
                    if kept and reach.runs((unit.path, unit.symbol_of(node))):
                        _note(unit, node, (method, methods), kept, found)
    return found


def _kept(method: Function) -> list[str]:
    """The attributes that a method which gives nothing back sets to one of its parameters as it is."""
    if any(isinstance(node, ast.Return | ast.Yield) and node.value is not None for node in own_nodes(method)):
        return []
    given = {a.arg for a in (*method.args.args, *method.args.kwonlyargs)} - {"self", "cls"}
    given = {n for n in given if not any(p.search(n) for p in (OPTIONS, NAMES, TOOLS, _SWITCH))}
    plain = {
        a.arg for a in method.args.args if a.annotation and ast.unparse(a.annotation) in ("bool", "int", "float", "str")
    }
    found = []
    for node in own_nodes(method):
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(value, ast.Name) and value.id in given - plain:
            found += [t.attr for t in node.targets if isinstance(t, ast.Attribute) and ast.unparse(t.value) == "self"]
    return found


def _note(
    unit: Unit, cls: ast.ClassDef, at: tuple[Function, list[Function]], kept: list[str], found: dict[str, Setter]
) -> None:
    method, methods = at
    setter = found.setdefault(method.name, Setter(method.name))
    setter.classes.setdefault(unit.symbol_of(cls), (unit.path, unit.row(method.lineno)))
    setter.attributes |= dict.fromkeys(kept)
    for other in methods:
        for node in own_nodes(other) if other is not method else ():
            read = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in kept
            if isinstance(node, ast.Attribute) and read and ast.unparse(node.value) == "self":
                place = unit.path, f"{unit.symbol_of(cls)}.{other.name}"
                setter.readers.setdefault(place, unit.row(node.lineno))


def _call(codebase: Codebase, found: dict[str, Setter]) -> None:
    """Note who calls each method on another object, with what."""
    reach = reach_of(codebase)
    for path, call in codebase.all_calls():
        holder, _, name = call.written.rpartition(".")
        setter = found.get(name)
        given = [*call.arguments, *(value for _, value in call.keywords)]
        if setter is None or holder in ("", "self", "super()") or codebase.snapshot.by_path[path].role != "source":
            continue
        inside = any(path == where and call.symbol.startswith(f"{cls}.") for cls, (where, _) in setter.classes.items())
        if not inside and given and given[0] not in ("None", "True", "False") and reach.runs((path, call.symbol)):
            setter.callers.setdefault((path, call.symbol), call.start)
            setter.values.setdefault(given[0][:40].replace("`", "'"))


def _hit(codebase: Codebase, setter: Setter) -> CensusHit:
    classes = listed([f"`{name}`" for name in setter.classes], CLASSES)
    values = listed([f"`{value}`" for value in setter.values], 2)
    kept = listed([f"`{name}`" for name in setter.attributes], 3)
    text = f"{values} {'is' if len(setter.values) == 1 else 'are'} put into {classes} with `{setter.name}()` by "
    text += f"{people(codebase, setter.callers, CALLERS)}, and kept there in {kept}, which "
    text += f"{people(codebase, setter.readers, READERS)} read when they run, without an argument for it"
    spots = [(path, n, n) for (path, _), n in (*setter.callers.items(), *setter.readers.items())]
    spots += [(path, line, line) for path, line in setter.classes.values()]
    path, first, last = spots[0]
    related = tuple(("place", *spot) for spot in dict.fromkeys(spots[1:PLACES]))
    return hit_at(codebase, path, (first, last), symbol="", name=setter.name, text=text, related=related)
