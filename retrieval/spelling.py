"""The spellings under which a census pattern may mean a name: resolved, re-exported, bare, through a type.

Knows the facts of the whole repository through a Codebase; each answer is computed once.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.facts import Call, Definition, Fact

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Spellings = tuple[str, ...]


@dataclass(eq=False, slots=True)
class Speller:
    """Spells the names of one codebase."""

    codebase: Codebase = field(repr=False)
    _names: dict[tuple[str, str], Spellings] = field(default_factory=dict, repr=False)
    _types: dict[tuple[str, str], Spellings] = field(default_factory=dict, repr=False)
    _bound: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _imported: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def decorated(self, path: str, decorator: Fact) -> Definition | None:
        """The definition that a `decorator` fact of file `path` stands on."""
        for item in self.codebase.facts[path].definitions:
            if item.start <= decorator.start <= decorator.end < item.head_start:
                inner = [d for d in self.codebase.facts[path].definitions if d.start == item.start]
                return inner[0]
        return None

    def names(self, path: str, name: str) -> tuple[str, ...]:
        """Spellings of a name used in file `path`: resolved there, through re-exports, and bare if local."""
        key = (path, name)
        if key not in self._names:
            canonical = self.codebase.canonical(name, path)
            found = [name, *self.spellings(canonical)]
            root, dot, _ = name.partition(".")
            if root not in self._roots(path):
                found += [f"{module}.{name}" for module in self.codebase.wildcards[path] if not dot or root]
            self._names[key] = tuple(dict.fromkeys(found))
        return self._names[key]

    def _roots(self, path: str) -> frozenset[str]:
        """Roots that a wildcard import cannot be the source of: bound in the file, or builtin."""
        if path not in self._bound:
            facts = self.codebase.facts[path]
            bound = {item.alias for item in facts.imports} | set(dir(builtins))
            bound |= {item.symbol.split(".")[0] for item in facts.definitions}
            bound |= {fact.name.split(".")[0] for fact in facts.facts if fact.kind == "name"}
            bound |= {"()", "super()", facts.module.split(".")[0]}
            self._bound[path] = frozenset(bound)
        return self._bound[path]

    def spellings(self, canonical: str) -> tuple[str, ...]:
        """A canonical name, and without its module if it is one of this repository."""
        parts = canonical.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            if ".".join(parts[:cut]) in self.codebase.modules:
                return canonical, ".".join(parts[cut:])
        return (canonical,)

    def call_names(self, path: str, call: Call) -> tuple[str, ...]:
        """Spellings of what a call calls; as written too, unless its root is an import."""
        names = self.names(path, call.name)
        if call.written == call.name or call.written.split(".")[0] in self._imports_of(path):
            return names
        return (*names, call.written)

    def _imports_of(self, path: str) -> frozenset[str]:
        if path not in self._imported:
            self._imported[path] = frozenset(i.alias for i in self.codebase.facts[path].imports)
        return self._imported[path]

    def typed_names(self, path: str, call: Call) -> tuple[str, ...]:
        """Spellings through the receiver's type and its bases: `threading.Thread.start` for `t.start`."""
        if not call.receiver:
            return ()
        key = (path, call.receiver)
        if key not in self._types:
            owners = dict.fromkeys(self.names(path, call.receiver))
            owner = self.codebase.class_of(path, call.receiver)
            if owner is not None:
                owners |= dict.fromkeys([*self.names(*self._dotted(owner)), *self.codebase.bases(*owner)])
            self._types[key] = tuple(owners)
        method = call.name.rpartition(".")[2]
        return tuple(f"{owner}.{method}" for owner in self._types[key])

    def _dotted(self, found: tuple[str, Definition]) -> tuple[str, str]:
        path, definition = found
        module = self.codebase.facts[path].module
        return path, f"{module}.{definition.symbol}" if module else definition.symbol
