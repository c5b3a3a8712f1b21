"""Classes that keep other classes by a key: a method that enters one, and a method that gives or makes it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import MODEL_WORD, Point
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units, written
from retrieval.census.models.model_tables import gives_model
from retrieval.facts import Call, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_HOLDS = re.compile(r"(?i)(?:^|_)(?:cls|klass|class|factory|builder|fn|func|function|callable)s?$")
_ANYTHING = re.compile(r"(?i)^(?:obj|object|item|entry|module|target)$")  # in a class that is called a registry
_TYPED = re.compile(r"^(?:typing\.)?(?:Type|type|Callable)\b")
SHOWN = 5

Place = tuple[str, str, int, bool]  # path, symbol, line, whether the key is written there


@dataclass(frozen=True, slots=True)
class Registry:
    """A class with a table of classes: who enters one, who takes one out by which key."""

    unit: Unit
    node: ast.ClassDef
    table: str
    enters: tuple[str, ...]
    gives: tuple[str, ...]
    key: str


def class_registries(codebase: "Codebase") -> Iterator[Point]:
    """One point per registry whose entries or users are about models, those that are asked in most places first."""
    found = [registry for registry in _registries(codebase)]
    points = [point for registry in found if (point := _point(codebase, registry)) is not None]
    yield from sorted(points, key=lambda point: -len(point.related))


def _registries(codebase: "Codebase") -> Iterator[Registry]:
    for unit in units(codebase, r"(?m)^\s+(?:self|cls|[A-Z]\w*)\.\w+(?:\[[^\]]+\])+ = "):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for node in ast.walk(unit.tree):
                if isinstance(node, ast.ClassDef) and (found := _registry(unit, node)) is not None:
                    yield found


def _registry(unit: Unit, node: ast.ClassDef) -> Registry | None:
    methods = [item for item in node.body if isinstance(item, Function)]
    for method in methods:
        for table in _entered(method, node.name):
            gives = [(other, key) for other in methods if other is not method and (key := _given(other, table))]
            if gives:
                enters = [m.name for m in methods if table in _entered(m, node.name)]
                enters += [m.name for m in methods if m.name not in enters and _hands_on(m, enters)]
                gives.sort(key=lambda item: not MODEL_WORD.search(item[0].name))
                enters.sort(key=lambda name: (name.startswith("_"), not MODEL_WORD.search(name)))
                return Registry(unit, node, table, tuple(enters), tuple(m.name for m, _ in gives), gives[0][1])
    return None


def _hands_on(method: Function, enters: list[str]) -> bool:
    """Whether a method calls one of the entering methods, or returns it filled in part, as decorators do."""
    names = {f"{owner}.{name}" for name in enters for owner in ("self", "cls")}
    returned = [node.value for node in own_nodes(method) if isinstance(node, ast.Return) and node.value is not None]
    if any(isinstance(node, ast.Call) and written(node.func) in names for node in ast.walk(method)):
        return True
    return any(
        isinstance(part, ast.Attribute) and written(part) in names for value in returned for part in ast.walk(value)
    )


def _entered(method: Function, owner: str) -> list[str]:
    """The attributes of the object or class into which a method puts a class or function that it is given."""
    given: dict[str, str] = {}
    for body in ast.walk(method):
        if isinstance(body, Function):
            for arg in (*body.args.posonlyargs, *body.args.args, *body.args.kwonlyargs):
                given[arg.arg] = written(arg.annotation) if arg.annotation is not None else ""
    found = []
    for node in ast.walk(method):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Name):
            continue
        name = node.value.id
        told = _HOLDS.search(name) or (_ANYTHING.match(name) and "regist" in owner.lower())
        held = name in given and name not in ("self",) and (told or _TYPED.match(given[name]))
        for target in node.targets if held else ():
            while isinstance(target, ast.Subscript):
                inner = target.value
                if isinstance(inner, ast.Attribute) and written(inner.value) in ("self", "cls", owner):
                    found.append(inner.attr)
                target = inner
    return list(dict.fromkeys(found))


def _given(method: Function, table: str) -> str:
    """The key by which a method takes an entry out of the table and returns or calls it, "" when it does not."""
    held: dict[str, str] = {}
    for node in own_nodes(method):
        key = _key(node, table)
        if key and isinstance(node, ast.expr):
            held[written(node)] = key
    for node in own_nodes(method):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and written(node.value) in held:
            held[node.targets[0].id] = held[written(node.value)]
    for node in own_nodes(method):
        used = node.value if isinstance(node, ast.Return) else node.func if isinstance(node, ast.Call) else None
        if used is not None and written(used) in held:
            return held[written(used)]
    return ""


def _key(node: ast.AST, table: str) -> str:
    """`k` of `self.table[k]`, `cls.table["x"][k]` and `self.table.get(k)`."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        owner, key = node.value, node.slice
    elif call_name(node) == "get" and isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Attribute):
        owner, key = node.func.value, node.args[0]
    else:
        return ""
    if isinstance(key, ast.Constant):
        return ""
    while isinstance(owner, ast.Subscript):
        owner = owner.value
    return written(key) if isinstance(owner, ast.Attribute) and owner.attr == table else ""


def _point(codebase: "Codebase", registry: Registry) -> Point | None:
    unit, node = registry.unit, registry.node
    symbol = unit.symbol_of(node)
    below = _below(codebase, unit.path, symbol)
    asked, names = _asked(codebase, registry)
    entries = _entries(codebase, registry)
    entered = list(dict.fromkeys(item.name for _, item in entries))
    telling = " ".join([node.name, *below, *registry.enters, *registry.gives, *names, *entered])
    if not asked or not (MODEL_WORD.search(telling) or any(gives_model(codebase, found) for found in entries)):
        return None
    enters = listed([f"`{name}()`" for name in registry.enters], 4)
    gives = listed([f"`{name}()`" for name in registry.gives], 4)
    enter = "enter" if len(registry.enters) > 1 else "enters"
    give = "give" if len(registry.gives) > 1 else "gives"
    text = f"By registering: `{symbol}` ({unit.path}) keeps classes or functions by a key: {enters} {enter} one, "
    text += f"{gives} {give} the one for `{registry.key}`"
    are = "is" if len(entered) == 1 else "are"
    shown = listed([f"`{name}`" for name in entered], SHOWN)
    text += f"; {counted(len(entered), 'definition')} {are} entered: {shown}" if entered else ""
    text += f"; kept apart by its subclasses {listed([f'`{b}`' for b in below], SHOWN)}" if below else ""
    fixed = [place for place in asked if place[3]]
    text += "".join(
        f"; asked {how} in {_spoken(places)}"
        for how, places in (
            ("by a computed name", [place for place in asked if not place[3]]),
            ("by a name that is written there", fixed),
        )
        if places
    )
    asked = [place for place in asked if not place[3]] or asked
    entering, giving = next(iter(registry.enters)), next(iter(registry.gives))
    short = f"what is given to `{node.name}.{entering}()` is found by its key with `{giving}()`"
    related = tuple(("asked", path, line, line) for path, _, line, _ in asked[:8])
    holds = (*((path, item.symbol) for path, item in entries), *_kept_below(codebase, unit.path, symbol))
    return Point("registering", short, text, unit.path, unit.lines(node), symbol, related, tuple(entered), holds)


def _below(codebase: "Codebase", path: str, symbol: str) -> list[str]:
    own = f"{codebase.facts[path].module}.{symbol}" if codebase.facts[path].module else symbol
    return [item.name for _, item in codebase.subclasses(own)]


def _kept_below(codebase: "Codebase", path: str, symbol: str) -> Iterator[tuple[str, str]]:
    """The classes that subclasses of a registry keep: `Base` of `class Engines(Registry[Base])`."""
    below = set(_below(codebase, path, symbol))
    for unit in units(codebase, rf"\b{re.escape(symbol.rpartition('.')[2])}\[") if below else ():
        for node in unit.tree.body:
            bases = node.bases if isinstance(node, ast.ClassDef) and node.name in below else []
            for base in (base for base in bases if isinstance(base, ast.Subscript)):
                kept = codebase.resolve_local(unit.path, written(base.slice))
                if kept is not None and kept[1].kind == "class":
                    yield kept[0], kept[1].symbol


def _spoken(places: list[Place]) -> str:
    return listed(
        list(dict.fromkeys(f"`{symbol}()` ({path})" if symbol else path for path, symbol, _, _ in places)), SHOWN
    )


def _asked(codebase: "Codebase", registry: Registry) -> tuple[list[Place], list[str]]:
    """Where other code takes entries out, whether by a name that is written there, and what results are bound to."""
    found: list[Place] = []
    names: list[str] = []
    objects = _objects(codebase, registry)
    gives = [name for name in registry.gives if MODEL_WORD.search(name)] or list(registry.gives)
    for path, call in codebase.all_calls():
        head, _, method = call.name.rpartition(".")
        other = path != registry.unit.path and codebase.snapshot.by_path[path].role == "source"
        if other and method in gives and head and _is_method(codebase, path, call, (registry, objects)):
            literal = bool(call.arguments) and call.arguments[0][:1] in "\"'"
            found.append((path, call.symbol, call.start, literal))
            names += call.assigned
    return found, names


def _objects(codebase: "Codebase", registry: Registry) -> frozenset[str]:
    """The names of the module-level objects of the registry class."""
    symbol = registry.unit.symbol_of(registry.node)
    return frozenset(
        fact.name
        for path, fact in codebase.all_facts("assign")
        if not fact.symbol
        and fact.detail.get("constructor")
        and (found := codebase.resolve_local(path, fact.detail["constructor"])) is not None
        and (found[0], found[1].symbol) == (registry.unit.path, symbol)
    )


def _is_method(codebase: "Codebase", path: str, call: Call, told: tuple[Registry, frozenset[str]]) -> bool:
    registry, objects = told
    head, _, method = call.name.rpartition(".")
    if head.rpartition(".")[2] in objects:
        return True
    found = codebase.resolve_call(path, call)
    if found is not None:
        return found[0] == registry.unit.path
    alone = sum(item.name == method for _, item in codebase.all_definitions()) == 1
    return alone and "_" in method  # no method of the language's own types is called so


def _entries(codebase: "Codebase", registry: Registry) -> list[tuple[str, Definition]]:
    """The definitions on which the entering methods stand as decorators, those about models first."""
    found = []
    objects = {*_objects(codebase, registry), registry.node.name}
    for path, fact in codebase.all_facts("decorator"):
        head, _, method = fact.name.rpartition(".")
        if method not in registry.enters or (head.rpartition(".")[2] not in objects and "_" not in method):
            continue
        target = codebase.speller.decorated(path, fact)
        if target is not None and codebase.snapshot.by_path[path].role == "source":
            found.append((not MODEL_WORD.search(method), (path, target)))
    return [entry for _, entry in sorted(found, key=lambda item: item[0])]
