"""What each unit of code names: other units, and names of methods on objects that are not known.

A unit is a function, a method, a class body or the top level of a file. What is said depends on the text alone,
so it is worked out once for a codebase. Comments and strings name nothing, but for packages of modules that are
loaded by a computed name.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.starts import Unit
from retrieval.census.meaning.configured import may_configure
from retrieval.census.meaning.following import loads, runs, scripts
from retrieval.census.meaning.program import program_of
from retrieval.census.models.config_targets import named_by_config
from retrieval.facts import Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_TOKEN = re.compile(
    r'''(?s)"""(?:\\.|.)*?"""|\'\'\'(?:\\.|.)*?\'\'\'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#[^\n]*'''
    r"""|(?P<after>\.[ ]*[A-Za-z_]\w*)|(?P<chain>[A-Za-z_]\w*(?:[ ]*\.[ ]*[A-Za-z_]\w*)*)"""
)
_DOTTED = re.compile(r"""["']([A-Za-z_][\w.]*)["'{%]""")
_PLAIN_DECORATORS = words(
    """dataclass dataclasses.dataclass staticmethod classmethod property abstractmethod abc.abstractmethod
    functools.lru_cache functools.cache functools.wraps functools.cached_property contextmanager
    contextlib.contextmanager torch.no_grad torch.inference_mode torch.jit.script overload typing.overload
    cached_property override typing.override typing_extensions.override torch.compile torch.jit.ignore"""
)
_INSTANCES: "Beside[Codebase, Naming]" = Beside()


@dataclass(frozen=True, slots=True)
class Named:
    """What a unit names: `units` it uses, its own `methods` when it is a class, and `names` of attributes.

    `scripts` are files that it runs as programs; with `open` it may load a module of any name.
    """

    units: tuple[Unit, ...]
    methods: tuple[Unit, ...]
    names: tuple[str, ...]
    scripts: tuple[str, ...] = ()
    open: bool = False


def naming_of(codebase: "Codebase") -> "Naming":
    """The naming of a codebase; one per codebase."""
    found = _INSTANCES.get(codebase)
    if found is None:
        found = _INSTANCES[codebase] = Naming(codebase)
    return found


class Naming:
    """Answers what units name, each worked out once; `guarded` says that the file's `__main__` block runs."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.program = program_of(codebase)
        self.tables = {path: _outer(facts.definitions) for path, facts in codebase.facts.items()}
        self._told: dict[tuple[Unit, bool], Named] = {}

    def knows(self, path: str) -> bool:
        """Whether the file is part of the codebase."""
        return path in self.tables

    def unit_at(self, path: str, line: int) -> Unit:
        """The innermost unit around a line."""
        units = self.tables[path]
        around = [symbol for symbol, d in units.items() if d.start <= line <= d.end]
        return path, max(around, key=lambda symbol: units[symbol].start, default="")

    def outer(self, unit: Unit) -> Unit:
        """The unit that a function or class belongs to: itself, or the function around it."""
        return unit[0], _outermost(self.tables.get(unit[0], {}), unit[1]) or unit[1]

    def of(self, unit: Unit, *, guarded: bool = False) -> Named:
        """What a unit names."""
        key = (unit, guarded and not unit[1])
        if key not in self._told:
            self._told[key] = self._read(unit, key[1])
        return self._told[key]

    def _read(self, unit: Unit, guarded: bool) -> Named:
        path, symbol = unit
        definition = self.tables[path].get(symbol)
        text = self._text(path, definition, guarded)
        units: dict[Unit, None] = {(path, ""): None}
        names: dict[str, None] = {}
        units |= dict.fromkeys(self._imported(path, symbol))
        methods = tuple(self._methods(path, definition)) if definition and definition.kind == "class" else ()
        if definition is not None and definition.kind == "class":
            units |= dict.fromkeys(self._bases(path, definition))
        if not symbol:
            units |= dict.fromkeys(self._registered(path))
        self._mentions(unit, text, units, names)
        run = runs(self.program, path, definition, guarded=guarded)
        held = [(p, _outermost(self.tables[p], name)) for p, name in run]
        units |= dict.fromkeys(unit for unit in held if self.knows(unit[0]))
        units |= dict.fromkeys(self._configured) if may_configure(self.codebase, text) else {}
        known, any_name = loads(self.program, path, definition, text)
        units |= dict.fromkeys(unit for where in known for unit in self._whole(where))
        units |= dict.fromkeys(self._packages(text)) if any_name else {}
        started = tuple(dict.fromkeys(scripts(self.program, path, definition, text)))
        return Named(tuple(units), methods, tuple(names), started, any_name)

    @cached_property
    def _configured(self) -> tuple[Unit, ...]:
        """The definitions that configurations name: interpolation and overrides may put any of them anywhere."""
        named = (item.name for items in named_by_config(self.codebase).values() for item in items)
        found = (self.codebase.find(name) for name in dict.fromkeys(named))
        return tuple((path, definition.symbol) for path, definition in filter(None, found))

    def _whole(self, path: str) -> Iterator[Unit]:
        """A module with its functions and classes."""
        yield path, ""
        yield from ((path, symbol) for symbol, item in self.tables[path].items() if item.kind != "method")

    def _imported(self, path: str, symbol: str) -> Iterator[Unit]:
        for item in self.codebase.facts[path].imports:
            if item.symbol and item.symbol != symbol and not item.symbol.startswith(f"{symbol}."):
                continue
            places = (self.codebase.locate(name, path) for name in (f"{item.module}.{item.name}", item.module))
            located = next((place for place in places if place is not None), None)
            if located is not None:
                yield located, ""

    def _methods(self, path: str, definition: Definition) -> Iterator[Unit]:
        prefix = f"{definition.symbol}."
        for symbol in self.tables[path]:
            if symbol.startswith(prefix) and "." not in symbol.removeprefix(prefix):
                yield path, symbol

    def _bases(self, path: str, definition: Definition) -> Iterator[Unit]:
        for base in definition.bases:
            found = self.codebase.resolve_local(path, base)
            if found is not None:
                yield found[0], found[1].symbol

    def hands_on(self, unit: Unit) -> bool:
        """Whether a decorator may hand a definition on to something that calls it: `@strawberry.mutation`."""
        item = self.tables[unit[0]].get(unit[1])
        return item is not None and any(
            name not in _PLAIN_DECORATORS and not name.endswith((".setter", ".deleter", ".getter"))
            for name in item.decorators
        )

    def _registered(self, path: str) -> Iterator[Unit]:
        """Decorated definitions at the top level of a file that is loaded: the decorator may hand them on."""
        for symbol in self.tables[path]:
            if "." not in symbol and self.hands_on((path, symbol)):
                yield path, symbol

    def _mentions(self, unit: Unit, text: str, units: dict[Unit, None], names: dict[str, None]) -> None:
        path, symbol = unit
        local = self._local_names(path, symbol) if symbol else {}
        for after, chain in dict.fromkeys(_TOKEN.findall(text)):
            if after:
                names[after.lstrip(". ")] = None
            elif chain:
                parts = chain.replace(" ", "").split(".")
                parts = [*local[parts[0]].split("."), *parts[1:]] if parts[0] in local else parts
                names |= dict.fromkeys(parts[1:])
                found = self._defined(path, parts)
                units |= {found: None} if found else {}

    def _local_names(self, path: str, symbol: str) -> dict[str, str]:
        """What names that are imported inside a function stand for."""
        inside = [
            i for i in self.codebase.facts[path].imports if i.symbol == symbol or i.symbol.startswith(f"{symbol}.")
        ]
        named = {i.alias: f"{i.module}.{i.name}" if i.name else i.module for i in inside if i.name != "*"}
        return {alias: dotted for alias, dotted in named.items() if alias and alias != dotted.split(".")[0]}

    def _defined(self, path: str, parts: list[str]) -> Unit | None:
        """The unit that the longest known part of a chain of names stands for."""
        for size in range(len(parts), 0, -1):
            found = self.codebase.resolve_local(path, ".".join(parts[:size]))
            if found is not None:
                return found[0], _outermost(self.tables[found[0]], found[1].symbol)
        return None

    def _packages(self, text: str) -> Iterator[Unit]:
        """Modules loaded by a computed name, when a constant beside the call names their package."""
        for where in self._loadable(text):
            yield from self._whole(where)

    def _loadable(self, text: str) -> Iterator[str]:
        for dotted in dict.fromkeys(_DOTTED.findall(text)):
            for module, where in self.codebase.modules.items():
                inside = module.startswith(f"{dotted.removesuffix('.')}.")
                if module == dotted or (inside and "." in dotted):
                    yield where

    def loaded(self, unit: Unit) -> list[str]:
        """The files that a unit may load by a computed name."""
        definition = self.tables[unit[0]].get(unit[1])
        text = self._text(unit[0], definition, False)
        known, any_name = loads(self.program, unit[0], definition, text)
        return known or (list(self._loadable(text)) if any_name else [])

    def registered(self, path: str) -> list[Definition]:
        """The classes at the top level of a file whose decorator says that it registers them."""
        return [
            item
            for item in self.tables[path].values()
            if item.kind == "class" and "." not in item.symbol and any("regist" in name for name in item.decorators)
        ]

    def _text(self, path: str, definition: Definition | None, guarded: bool) -> str:
        """The lines of a unit, without those of the units and import statements inside it."""
        lines = self.codebase.snapshot.by_path[path].lines
        first, last = (definition.start, definition.end) if definition else (1, len(lines))
        whole = definition is not None and definition.kind != "class"
        inside = [] if whole else self._inside(path, definition, guarded)
        skipped = {number for start, end in inside for number in range(start, end + 1)}
        return "\n".join(lines[n - 1] for n in range(first, min(last, len(lines)) + 1) if n not in skipped)

    def _inside(self, path: str, definition: Definition | None, guarded: bool) -> Iterator[tuple[int, int]]:
        prefix = f"{definition.symbol}." if definition else ""
        for symbol, inner in self.tables[path].items():
            if symbol.startswith(prefix) and "." not in symbol.removeprefix(prefix):
                yield inner.head_start, inner.end
        if definition is None:
            yield from ((item.start, item.end) for item in self.codebase.facts[path].imports)
            guard = None if guarded else self.program.main_guard(path)
            yield from [guard] if guard else []


def _outer(definitions: Iterable[Definition]) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for item in definitions:
        owner = item.symbol.rpartition(".")[0]
        if not owner or (owner in found and found[owner].kind == "class"):
            found[item.symbol] = item
    return found


def _outermost(units: dict[str, Definition], symbol: str) -> str:
    while symbol and symbol not in units:
        symbol = symbol.rpartition(".")[0]
    return symbol
