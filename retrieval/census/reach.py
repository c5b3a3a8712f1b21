"""What the main programs of a repository may run: definitions named, in steps, from where programs start.

An over-approximation on purpose: a definition counts as reached when code that is reached names it, or names
a method of a class that is reached. So "not reached" is a statement with weight, "reached" is only likely.
What is loaded by a computed name is found where a text constant names its package.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from retrieval.census.program import program_of
from retrieval.census.starts import Start, Unit, main_starts
from retrieval.facts import CensusHit, Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_TOKEN = re.compile(
    r'''(?s)"""(?:\\.|.)*?"""|\'\'\'(?:\\.|.)*?\'\'\'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#[^\n]*'''
    r"""|(?P<after>\.[ ]*[A-Za-z_]\w*)|(?P<chain>[A-Za-z_]\w*(?:[ ]*\.[ ]*[A-Za-z_]\w*)*)"""
)
_DOTTED = re.compile(r"""["']([A-Za-z_][\w.]*?)\.?["'{%]""")
_PLAIN_DECORATORS = words(
    """dataclass dataclasses.dataclass staticmethod classmethod property abstractmethod abc.abstractmethod
    functools.lru_cache functools.cache functools.wraps functools.cached_property contextmanager
    contextlib.contextmanager torch.no_grad torch.inference_mode torch.jit.script overload typing.overload"""
)
_RUN_BY_LIBRARIES = re.compile(
    r"forward|run|emit|predict|setup|configure_\w+|(?:training|validation|test|predict)_\w+|on_\w+|\w+Event|do_[A-Z]+|visit_\w+"
)
_INSTANCES: "WeakKeyDictionary[Codebase, Reach]" = WeakKeyDictionary()


@dataclass
class Reach:
    """The main programs of a codebase by name, and the units that they may run."""

    programs: tuple[str, ...]
    starts: tuple[Start, ...]
    units: frozenset[Unit]
    guarded: frozenset[str]
    codebase: "Codebase" = field(repr=False)

    @property
    def tells(self) -> bool:
        """Whether main programs are known, so that being reached says something."""
        return bool(self.programs)

    def has(self, hit: CensusHit) -> bool:
        """Whether the main programs may run the lines of a hit. What is no Python code counts as reached, and so does
        what is said of the whole repository."""
        facts = self.codebase.facts.get(hit.path)
        whole = "repository" in (hit.detail.get("about"), hit.detail.get("scope"))
        if facts is None or facts.language != "python" or whole:
            return True
        unit = _unit_of(self.codebase, hit.path, hit.start)
        if unit not in self.units:
            return False
        guard = program_of(self.codebase).main_guard(hit.path) if not unit[1] else None
        return guard is None or not guard[0] <= hit.start <= guard[1] or hit.path in self.guarded


def reach_of(codebase: "Codebase") -> Reach:
    """What the main programs of a codebase may run; worked out once."""
    found = _INSTANCES.get(codebase)
    if found is None:
        starts = main_starts(program_of(codebase))
        names = tuple(dict.fromkeys(start.name for start in starts))
        guarded = frozenset(path for start in starts if start.guarded for path, _ in start.units)
        found = _INSTANCES[codebase] = Reach(names, tuple(starts), reached_from(codebase, starts), guarded, codebase)
    return found


def reached_from(codebase: "Codebase", starts: Iterable[Start]) -> frozenset[Unit]:
    """The units that programs may run."""
    search = _Search(codebase)
    for start in starts:
        search.begin(start)
    return frozenset(search.run())


class _Search:
    """A worklist over units. Classes and method names meet in any order."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.program = program_of(codebase)
        self.found: set[Unit] = set()
        self.guarded: set[str] = set()
        self.waiting: list[Unit] = []
        self.methods: dict[str, set[Unit]] = {}
        self.named: set[str] = set()

    def begin(self, start: Start) -> None:
        if start.guarded:
            self.guarded.update(path for path, _ in start.units)
        for unit in start.units:
            self.add(unit)

    def run(self) -> set[Unit]:
        while self.waiting:
            unit = self.waiting.pop()
            self._read(unit)
        return self.found

    def add(self, unit: Unit) -> None:
        if unit not in self.found and unit[0] in self.codebase.facts:
            self.found.add(unit)
            self.waiting.append(unit)

    def _read(self, unit: Unit) -> None:
        path, symbol = unit
        facts = self.codebase.facts[path]
        self.add((path, ""))
        for item in facts.imports:
            if not item.symbol or item.symbol == symbol or item.symbol.startswith(f"{symbol}."):
                self._imported(path, item.module, item.name)
        definition = self._units(path).get(symbol)
        if definition is not None and definition.kind == "class":
            self._class(path, definition)
        if not symbol:
            self._registered(path)
        text = self._text(path, definition)
        self._mentions(path, symbol, text)

    def _local_names(self, path: str, symbol: str) -> dict[str, str]:
        """What names that are imported inside a function stand for."""
        inside = [
            i for i in self.codebase.facts[path].imports if i.symbol == symbol or i.symbol.startswith(f"{symbol}.")
        ]
        named = {i.alias: f"{i.module}.{i.name}" if i.name else i.module for i in inside if i.name != "*"}
        return {alias: dotted for alias, dotted in named.items() if alias and alias != dotted.split(".")[0]}

    def _imported(self, path: str, module: str, name: str) -> None:
        for dotted in (f"{module}.{name}", module):
            located = self.codebase.locate(dotted, path)
            if located is not None:
                self.add((located, ""))
                return

    def _class(self, path: str, definition: Definition) -> None:
        prefix = f"{definition.symbol}."
        for symbol in self._units(path):
            if symbol.startswith(prefix) and "." not in symbol.removeprefix(prefix):
                self._method(path, symbol)
        for base in definition.bases:
            found = self.codebase.resolve_local(path, base)
            if found is not None:
                self.add((found[0], found[1].symbol))

    def _method(self, path: str, symbol: str) -> None:
        name = symbol.rpartition(".")[2]
        special = name.startswith("__") and name.endswith("__")
        if special or name in self.named or _RUN_BY_LIBRARIES.fullmatch(name):
            self.add((path, symbol))
        else:
            self.methods.setdefault(name, set()).add((path, symbol))

    def _registered(self, path: str) -> None:
        """Decorated definitions at the top level of a file that is loaded: the decorator may hand them on."""
        for symbol, definition in self._units(path).items():
            if "." not in symbol and any(name not in _PLAIN_DECORATORS for name in definition.decorators):
                self.add((path, symbol))

    def _mentions(self, path: str, symbol: str, text: str) -> None:
        local = self._local_names(path, symbol) if symbol else {}
        for token in set(_TOKEN.findall(text)):
            after, chain = token
            if after:
                self._attribute(after.lstrip(". "))
            elif chain:
                self._chain(path, chain.replace(" ", ""), local)
        if "import_module" in text or "__import__" in text:
            self._packages(path, text)

    def _chain(self, path: str, chain: str, local: dict[str, str]) -> None:
        parts = chain.split(".")
        if parts[0] in local:
            parts = [*local[parts[0]].split("."), *parts[1:]]
        for size in range(len(parts), 0, -1):
            found = self.codebase.resolve_local(path, ".".join(parts[:size]))
            if found is not None:
                self.add((found[0], _outermost(self._units(found[0]), found[1].symbol)))
                break
        for name in parts[1:]:
            self._attribute(name)

    def _attribute(self, name: str) -> None:
        if name not in self.named:
            self.named.add(name)
            for unit in self.methods.pop(name, ()):
                self.add(unit)

    def _packages(self, path: str, text: str) -> None:
        """Modules loaded by a computed name, when a constant beside the call names their package."""
        for dotted in set(_DOTTED.findall(text)):
            for module, where in self.codebase.modules.items():
                if module == dotted or (module.startswith(f"{dotted}.") and "." in dotted):
                    self._whole(where)

    def _whole(self, path: str) -> None:
        self.add((path, ""))
        for symbol, definition in self._units(path).items():
            if definition.kind != "method":
                self.add((path, symbol))

    def _units(self, path: str) -> dict[str, Definition]:
        return _tables(self.codebase)[path]

    def _text(self, path: str, definition: Definition | None) -> str:
        """The lines of a unit, without those of the units and import statements inside it."""
        lines = self.codebase.snapshot.by_path[path].lines
        first, last = (definition.start, definition.end) if definition else (1, len(lines))
        inside = [] if definition is not None and definition.kind != "class" else self._inside(path, definition)
        skipped = {number for start, end in inside for number in range(start, end + 1)}
        return "\n".join(lines[n - 1] for n in range(first, min(last, len(lines)) + 1) if n not in skipped)

    def _inside(self, path: str, definition: Definition | None) -> Iterator[tuple[int, int]]:
        prefix = f"{definition.symbol}." if definition else ""
        for symbol, inner in self._units(path).items():
            if symbol.startswith(prefix) and "." not in symbol.removeprefix(prefix):
                yield inner.head_start, inner.end
        if definition is None:
            yield from ((item.start, item.end) for item in self.codebase.facts[path].imports)
            guard = self.program.main_guard(path) if path not in self.guarded else None
            yield from [guard] if guard else []


_TABLES: "WeakKeyDictionary[Codebase, dict[str, dict[str, Definition]]]" = WeakKeyDictionary()


def _tables(codebase: "Codebase") -> dict[str, dict[str, Definition]]:
    """path → symbol → definition of each unit: what stands at top level or in a class, not inside a function."""
    if codebase not in _TABLES:
        _TABLES[codebase] = {path: _outer(facts.definitions) for path, facts in codebase.facts.items()}
    return _TABLES[codebase]


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


def _unit_of(codebase: "Codebase", path: str, line: int) -> Unit:
    units = _tables(codebase)[path]
    around = [symbol for symbol, d in units.items() if d.start <= line <= d.end]
    return path, max(around, key=lambda symbol: units[symbol].start, default="")
