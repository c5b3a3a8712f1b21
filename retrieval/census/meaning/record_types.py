"""The class of the repository that an expression holds an object of, or a collection of, inside one function.

By annotations of parameters and fields, by constructors, by what functions are annotated to return, and by attributes
that only one class is ever put into. What loops and comprehensions take out of a collection is one object of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units
from retrieval.languages import words
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.facts import Definition

DEEPEST = 4
_MANY = words("list List tuple Tuple set Set Sequence Iterable Iterator Generator Collection Deque deque")
_MAPS = words("dict Dict Mapping MutableMapping defaultdict")
_SAME = words("list sorted reversed tuple set iter tqdm deepcopy copy filter")
Found = tuple[str, "Definition"]
Place = tuple[str, str]
Held = tuple[Place, bool]  # the class, and whether it is a collection of its objects
_KNOWN: Beside[Codebase, Types] = Beside()


@dataclass(slots=True)
class Record:
    """A class of the repository with the annotations of its fields."""

    path: str
    definition: Definition
    fields: dict[str, ast.expr] = field(default_factory=dict)


def types_of(codebase: Codebase) -> Types:
    """The types of a codebase, worked out once."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = Types(codebase)
    return _KNOWN[codebase]


class Types:
    """The classes with annotated fields, and what attributes hold."""

    def __init__(self, codebase: Codebase) -> None:
        self.codebase = codebase
        self.records: dict[Place, Record] = {}
        self.named: dict[tuple[str, str], Place | None] = {}
        self.attributes: dict[str, set[Place]] = {}
        self._declared: dict[Place, frozenset[str]] = {}
        every = [unit for unit in units(codebase) if codebase.snapshot.by_path[unit.path].role == "source"]
        for unit in every:
            self._read_classes(unit)
        for unit in every:
            for function, symbol in unit.functions():
                self._read_attributes(unit, function, symbol)

    def _read_classes(self, unit: Unit) -> None:
        defined = {d.symbol: d for d in self.codebase.facts[unit.path].definitions if d.kind == "class"}
        for node in unit.nodes:
            symbol = unit.symbol_of(node) if isinstance(node, ast.ClassDef) else ""
            if isinstance(node, ast.ClassDef) and symbol in defined:
                record = self.records.setdefault((unit.path, symbol), Record(unit.path, defined[symbol]))
                for part in node.body:
                    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                        record.fields[part.target.id] = part.annotation

    def _read_attributes(self, unit: Unit, function: Function, symbol: str) -> None:
        """What `self.x` is bound to: an object that is made there, a typed parameter, or what the annotation says."""
        typed = {arg.arg: arg.annotation for arg in function.args.args if arg.annotation is not None}
        for node in own_nodes(function):
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(target, ast.Attribute):
                continue
            value, told = node.value, node.annotation if isinstance(node, ast.AnnAssign) else None
            if isinstance(value, ast.Name):
                told = told or typed.get(value.id)
            held = self.annotated(unit.path, told) if told is not None else None
            if held is None and isinstance(value, ast.Call):
                made = self.class_named(unit.path, dotted(value.func))
                held = (made, False) if made is not None else None
            if held is not None and not held[1]:
                self.attributes.setdefault(target.attr, set()).add(held[0])

    def class_named(self, path: str, name: str) -> Place | None:
        """The class of the repository that a name means in a file."""
        if not name:
            return None
        if (path, name) not in self.named:
            found = self.codebase.resolve_local(path, name)
            place = (found[0], found[1].symbol) if found is not None and found[1].kind == "class" else None
            self.named[path, name] = place if place in self.records else None
        return self.named[path, name]

    def annotated(self, path: str, told: ast.expr, depth: int = DEEPEST) -> Held | None:
        """What an annotation says, `Optional[T]` and `T | None` read as `T`, `list[T]` as a collection of `T`."""
        if depth <= 0:
            return None
        match told:
            case ast.Constant(value=str(text)):
                try:
                    return self.annotated(path, ast.parse(text, mode="eval").body, depth - 1)
                except SyntaxError:
                    return None
            case ast.Name() | ast.Attribute():
                place = self.class_named(path, dotted(told))
                return (place, False) if place is not None else None
            case ast.BinOp(op=ast.BitOr()):
                return self.annotated(path, told.left, depth - 1) or self.annotated(path, told.right, depth - 1)
            case ast.Subscript():
                return self._subscripted(path, told, depth)
        return None

    def _subscripted(self, path: str, told: ast.Subscript, depth: int) -> Held | None:
        name = dotted(told.value).rpartition(".")[2]
        parts = told.slice.elts if isinstance(told.slice, ast.Tuple) else [told.slice]
        parts = parts[-1:] if name in _MAPS else parts
        inner = next((held for part in parts if (held := self.annotated(path, part, depth - 1))), None)
        return (inner[0], True) if inner is not None and name in _MANY | _MAPS else inner

    def field_of(self, place: Place, name: str, depth: int = DEEPEST) -> Held | None:
        """What the field of a class, or of its bases, is annotated to hold."""
        record = self.records[place]
        if name in record.fields:
            return self.annotated(record.path, record.fields[name])
        for base in record.definition.bases if depth else ():
            owner = self.class_named(record.path, base)
            if owner is not None and owner != place and (held := self.field_of(owner, name, depth - 1)):
                return held
        return None

    def declared(self, place: Place, depth: int = DEEPEST) -> frozenset[str]:
        """The annotated fields of a class and of its bases in the repository."""
        if place not in self._declared:
            record = self.records[place]
            owners = [self.class_named(record.path, base) for base in record.definition.bases] if depth else []
            inner = [self.declared(owner, depth - 1) for owner in owners if owner is not None and owner != place]
            self._declared[place] = frozenset(record.fields).union(*inner)
        return self._declared[place]

    def environment(self, unit: Unit, function: Function, symbol: str) -> dict[str, Held]:
        """What the names of a function hold."""
        owner, given = (unit.path, symbol.rpartition(".")[0]), function.args
        found: dict[str, Held] = {}
        for item in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            held = self.annotated(unit.path, item.annotation) if item.annotation is not None else None
            held = (owner, False) if item.arg == "self" and owner in self.records else held
            found |= {item.arg: held} if held is not None else {}
        for node in own_nodes(function):
            for target, value, taken in _bindings(node):
                held = self.held(unit.path, value, found)
                if held is not None and taken:
                    held = (held[0], False) if held[1] else None
                if held is not None:
                    found[target] = held
        return found

    def held(self, path: str, node: ast.expr | None, env: dict[str, Held], depth: int = 6) -> Held | None:
        """What an expression holds, None when that is not known."""
        if depth <= 0:
            return None
        match node:
            case ast.Name():
                return env.get(node.id)
            case ast.Attribute():
                owner = self.held(path, node.value, env, depth - 1)
                known = self.field_of(owner[0], node.attr) if owner is not None and not owner[1] else None
                only = self.attributes.get(node.attr, set())
                return known or ((next(iter(only)), False) if len(only) == 1 else None)
            case ast.Subscript():
                owner = self.held(path, node.value, env, depth - 1)
                many = isinstance(node.slice, ast.Slice)
                return (owner[0], many) if owner is not None and owner[1] else None
            case ast.Call():
                return self._called(path, node, env, depth)
            case ast.BoolOp():
                return next((held for v in node.values if (held := self.held(path, v, env, depth - 1))), None)
            case ast.IfExp():
                return self.held(path, node.body, env, depth - 1) or self.held(path, node.orelse, env, depth - 1)
            case ast.ListComp() | ast.GeneratorExp():
                inner = self.held(path, node.elt, env, depth - 1)
                return (inner[0], True) if inner is not None and not inner[1] else None
            case ast.NamedExpr() | ast.Await():
                return self.held(path, node.value, env, depth - 1)
        return None

    def _called(self, path: str, node: ast.Call, env: dict[str, Held], depth: int) -> Held | None:
        if call_name(node) in _SAME and node.args:
            return self.held(path, node.args[-1 if call_name(node) == "filter" else 0], env, depth - 1)
        name = dotted(node.func)
        made = self.class_named(path, name)
        if made is not None:
            return made, False
        found = self.codebase.resolve_local(path, name) if name else None
        if found is None or not found[1].returns:
            return None
        try:
            return self.annotated(found[0], ast.parse(found[1].returns, mode="eval").body)
        except SyntaxError:
            return None


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr, bool]]:
    """(name, expression, whether one element of it) for what a node binds."""
    match node:
        case ast.Assign():
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value, False
        case ast.NamedExpr():
            yield node.target.id, node.value, False
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            yield from _looped(node.target, node.iter)


def _looped(target: ast.expr, source: ast.expr) -> Iterator[tuple[str, ast.expr, bool]]:
    """The elements that a loop takes, also through `enumerate` and `zip`."""
    given = source.args if isinstance(source, ast.Call) else []
    if isinstance(target, ast.Name):
        yield target.id, source, True
    elif isinstance(target, ast.Tuple) and given and call_name(source) == "enumerate":
        yield from _looped(target.elts[-1], given[0])
    elif isinstance(target, ast.Tuple) and given and call_name(source) == "zip":
        for item, part in zip(target.elts, given, strict=False):
            yield from _looped(item, part)
