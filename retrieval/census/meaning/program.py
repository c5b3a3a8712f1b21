"""The repository as a program: what a dotted name, an attribute or a call stands for across its files.

Everything said is certain or left out: a name with two possible meanings has none. `frame.py` evaluates
expressions inside one body and stands on this module.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.code.examples import read_examples
from retrieval.census.meaning.arguments import given_values
from retrieval.census.meaning.attributes import of_bases, of_class, of_object, stored_value
from retrieval.census.meaning.narrowing import Given, narrowed
from retrieval.census.meaning.set_from_outside import set_from_outside
from retrieval.census.meaning.settling import settle
from retrieval.census.meaning.sources import TOP_LEVEL, Sources
from retrieval.census.meaning.values import (
    ClassRef,
    External,
    FunctionRef,
    Instance,
    Loaded,
    ModuleRef,
    Nothing,
    OneOf,
    Super,
    Value,
    agreed,
    alternatives,
)
from retrieval.facts import Definition, Import

if TYPE_CHECKING:
    from retrieval.census.meaning.callgraph import Site
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_INSTANCES: "Beside[Codebase, Program]" = Beside()
Among = tuple[ClassRef, ...] | None


def program_of(codebase: "Codebase") -> "Program":
    """The program of a codebase; one per codebase, so that every kind shares what was worked out."""
    found = _INSTANCES.get(codebase)
    if found is None:
        found = _INSTANCES[codebase] = Program(codebase, Program(codebase))
    return found


class Program(Sources):
    """Answers what names mean; with `first`, what calls give to parameters too. Answers are kept."""

    def __init__(self, codebase: "Codebase", first: "Program | None" = None) -> None:
        super().__init__(codebase, first)
        self.given = given_values(first) if first else {}
        self._frames: dict[tuple[str, int, ClassRef | None, Given, Among], Frame | None] = {}
        self.tested: dict[tuple[str | int, ...], frozenset[str]] = {}
        self._attributes: dict[tuple[ClassRef, str], Value | None] = {}
        self.returns: dict[tuple[FunctionRef, Given], Value | None] = {}
        self._lines: dict[tuple[str, int], tuple[ClassRef, ...]] = {}
        self._sites: dict[int, list[Site]] = {}
        self.busy: set[object] = set()
        self.cycles = 0  # how often a question led back to itself

    def frame(
        self,
        path: str,
        definition: Definition | None,
        receiver: ClassRef | None = None,
        given: Given = (),
        among: Among = None,
    ) -> "Frame | None":
        """A body ready for evaluation; `receiver` is the class of `self` when it is known, or the base of the classes
        `among` which it is, () for any that derives from it. `given` are constants that a call gives to parameters:
        what they exclude is left out."""
        from retrieval.census.meaning.frame import Frame

        definition = None if definition is not None and definition.kind in TOP_LEVEL else definition
        key = (path, definition.head_start if definition else 0, receiver, given, among)
        if key not in self._frames:
            body = self.body(path, definition)
            body = narrowed(body, given) if body and given else body
            self._frames[key] = Frame(self, path, definition, body, receiver, given, among) if body else None
        return self._frames[key]

    def sites(self, frame: "Frame") -> "list[Site]":
        """The calls of repository code in a body (see `callgraph.sites`), worked out once."""
        from retrieval.census.meaning.callgraph import sites

        if id(frame) not in self._sites:
            self._sites[id(frame)] = sites(self, frame)
        return self._sites[id(frame)]

    # Names

    @cached_property
    def _imports(self) -> dict[tuple[str, str, str], list[Import]]:
        table: dict[tuple[str, str, str], list[Import]] = {}
        for part in (*self.facts.values(), *read_examples(self.codebase)):
            for item in part.imports:
                table.setdefault((part.path, item.symbol, item.alias), []).append(item)
        return table

    def imported(self, path: str, symbol: str, name: str) -> tuple[bool, Value | None]:
        """Whether `name` is imported in that scope of the file, and what it then is."""
        items = self._imports.get((path, symbol, name), [])
        if not items:
            return False, None
        return True, self.settle([self._import_value(path, item) for item in items])

    def _import_value(self, path: str, item: Import) -> Value | None:
        if not item.name:
            whole = item.module if item.alias != item.module.split(".")[0] else item.alias
            return self.module(path, whole)
        inside = self.module(path, item.module)
        return self.attribute(inside, item.name)

    def module(self, path: str, dotted: str) -> Value:
        """The module `dotted` as the file at `path` sees it."""
        found = self.codebase.locate(dotted, path)
        if found is not None:
            return ModuleRef(dotted, found)
        if dotted in self._folders and dotted not in self.codebase.names.foreign:
            return ModuleRef(dotted, "")
        return External(dotted)

    @cached_property
    def _folders(self) -> frozenset[str]:
        """Dotted names of folders that hold modules, packages or not."""
        parts = (name.split(".") for name in self.modules)
        return frozenset(".".join(p[:size]) for p in parts for size in range(1, len(p)))

    def lookup(self, dotted: str, near: str = "") -> Value | None:
        """What an absolute dotted name stands for, to the file `near` when it is told."""
        parts = dotted.split(".")
        for size in range(len(parts), 0, -1):
            inner = ".".join(parts[:size])
            if (path := self.codebase.locate(inner, near or "setup.py")) is None:
                continue
            value: Value | None = ModuleRef(inner, path)
            for name in parts[size:]:
                value = self.attribute(value, name)
            return value
        return External(dotted)

    def member(self, path: str, name: str) -> Value | None:
        """What `name` is at the top level of a file: a definition, an import or an alias."""
        key = ("member", path, name)
        if key in self.busy or not path:
            return None
        self.busy.add(key)
        try:
            return self._member(path, name)
        finally:
            self.busy.discard(key)

    def _member(self, path: str, name: str) -> Value | None:
        known, value = self.imported(path, "", name)
        if (path, name) in self._by_symbol:
            definition = self.definition(path, name)
            return self.reference(path, definition) if definition and not known else None
        frame = self.frame(path, None)
        bound = [(frame, binding) for binding in frame.bound(name)] if frame else []
        setting = (self.frame(path, item) for item in self.setters(path, name))
        later = [*((f, b) for f in setting if f for b in f.bound(name)), *set_from_outside(self, path, name)]
        if bound or later:
            values = [inner.binding_value(binding) for inner, binding in (*bound, *later)]
            values += [value] if known else []
            return self.settle(values) if later else agreed(values)
        if known:
            return value
        return self._wildcard(path, name)

    def _wildcard(self, path: str, name: str) -> Value | None:
        inside = [self.module(path, item.module) for item in self._imports.get((path, "", "*"), [])]
        given = (self.attribute(module, name) for module in inside if isinstance(module, ModuleRef))
        return next(filter(None, given), None)

    # Attributes

    def attribute(self, value: Value | None, name: str) -> Value | None:
        """What `value.name` is."""
        match value:
            case ModuleRef(dotted, path):
                found, inner = self.member(path, name), f"{dotted}.{name}"
                located = self.codebase.locate(inner, path) if found is None else None
                return ModuleRef(inner, located) if located else found
            case Loaded(modules):
                given = [self.attribute(module, name) for module in modules]
                return self.settle([found for found in given if found is not None])
            case External(dotted):
                return External(f"{dotted}.{name}")
            case OneOf():
                return self.settle([self.attribute(member, name) for member in alternatives(value)])
            case ClassRef():
                return of_class(self, value, name)
            case Instance():
                return of_object(self, value, name)
            case Super():
                return of_bases(self, value, name)
        return None

    def bases(self, cls: ClassRef) -> Iterator[ClassRef]:
        """The direct base classes that stand in the repository."""
        for dotted in cls.definition.bases:
            found = self.named_class(cls.path, dotted)
            if found is not None:
                yield found

    def named_class(self, path: str, dotted: str) -> ClassRef | None:
        """The repository class that `dotted` (resolved, or as seen from `path`) names."""
        value = self.lookup(dotted, path)
        if not isinstance(value, ClassRef):
            head, *rest = dotted.split(".")
            value = self.member(path, head)
            for name in rest:
                value = self.attribute(value, name)
        return value if isinstance(value, ClassRef) else None

    def line(self, cls: ClassRef) -> tuple[ClassRef, ...]:
        """`cls` and its repository base classes, nearest first, each once."""
        key = (cls.path, cls.definition.head_start)
        if key not in self._lines:
            self._lines[key] = (cls,)  # while a base is looked up in the class itself: `class tool(tool.base)`
            found = [cls]
            for current in found:
                found.extend(base for base in self.bases(current) if base not in found)
            self._lines[key] = tuple(found)
        return self._lines[key]

    def descendants(self, cls: ClassRef) -> tuple[ClassRef, ...]:
        """The repository classes that derive from `cls`, directly or not."""
        return tuple(self._deriving.get((cls.path, cls.definition.head_start), ()))

    @cached_property
    def _deriving(self) -> dict[tuple[str, int], list[ClassRef]]:
        table: dict[tuple[str, int], list[ClassRef]] = {}
        for cls in self.classes:
            for base in self.line(cls)[1:]:
                table.setdefault((base.path, base.definition.head_start), []).append(cls)
        return table

    def settle(self, values: list[Value | None]) -> Value | None:
        """The one value that all of `values` are, see `settling.py`."""
        return settle(self, values)

    def method(self, cls: ClassRef, name: str) -> tuple[ClassRef, Definition] | None:
        """The method `name` of a class, with the class that defines it."""
        for owner in self.line(cls):
            symbol = f"{owner.definition.symbol}.{name}"
            definition = self.definition(owner.path, symbol)
            if definition is not None:
                return owner, definition
            if (owner.path, symbol) in self._by_symbol:
                return None
        return None

    def methods(self, owner: ClassRef, receiver: ClassRef | None = None) -> "list[Frame]":
        """The bodies of the methods that a class itself defines, on an object of class `receiver`."""
        prefix = f"{owner.definition.symbol}."
        listed = self.facts[owner.path].definitions
        own = [d for d in listed if d.kind != "class" and d.symbol.rpartition(".")[0] + "." == prefix]
        frames = [self.frame(owner.path, definition, receiver) for definition in own]
        return [frame for frame in frames if frame and frame.parameters]

    def stored(self, cls: ClassRef, name: str, receiver: ClassRef | None) -> Value | None:
        """What is stored under a name in a class or on its objects; on one of class `receiver` a function is bound."""
        key, busy = (cls, name), ("stored", cls, name)
        if key in self._attributes:
            value = self._attributes[key]
        elif busy in self.busy:
            self.cycles += 1
            return Nothing()  # an attribute set from itself adds nothing to its other settings
        else:
            value = self._settled(key, busy)
        if receiver and isinstance(value, FunctionRef) and value.receiver is None:
            return FunctionRef(value.path, value.definition, value.owner, receiver)
        return value

    def _settled(self, key: tuple[ClassRef, str], busy: object) -> Value | None:
        before = self.cycles
        self.busy.add(busy)
        try:
            value = stored_value(self, *key)
        finally:
            self.busy.discard(busy)
        # What was found inside a cycle may lack what the rest of the cycle adds.
        if self.cycles == before or not self.busy:
            self._attributes[key] = value
        return value
