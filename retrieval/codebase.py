"""A whole repository as facts: one record per file, module names, and lookups across files.

Knows how names travel through re-exports, and which classes derive from which; `modules.py` knows how an import
finds its file. Facts are cached by content, so a second run reads nothing.
"""

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from retrieval.extract import module_names
from retrieval.factcache import FactCache
from retrieval.facts import Call, Definition, Fact, FileFacts, Import, Unread
from retrieval.hierarchy import outside_bases
from retrieval.modules import Modules
from retrieval.snapshot import Snapshot
from retrieval.spelling import Speller

Found = tuple[str, Definition]
HOPS = 12
_IMPORTED = re.compile(r"(?m)^[ \t]*(?:from|import)[ \t]+([A-Za-z_][\w.]*)")


@dataclass(eq=False)
class Codebase:
    """The facts of every Python file and notebook of a snapshot; other files have empty facts."""

    snapshot: Snapshot
    facts: dict[str, FileFacts]
    unread: tuple[Unread, ...]

    @cached_property
    def names(self) -> Modules:
        """The modules by their import names."""
        return Modules(self.snapshot, self.facts)

    @property
    def modules(self) -> dict[str, str]:
        """Dotted module name → path. Of two files with one name the more important role wins."""
        return self.names.table

    @cached_property
    def _definitions(self) -> dict[str, dict[str, Definition]]:
        """path → symbol → definition; of several with one symbol the last one in the file."""
        return {path: {item.symbol: item for item in facts.definitions} for path, facts in self.facts.items()}

    @cached_property
    def _imports(self) -> dict[str, dict[str, Import]]:
        """path → name bound at module level → import."""
        return {
            path: {item.alias: item for item in reversed(facts.imports) if not item.symbol}
            for path, facts in self.facts.items()
        }

    @cached_property
    def wildcards(self) -> dict[str, list[str]]:
        """path → modules that the file imports everything from."""
        return {path: [item.module for item in facts.imports if item.name == "*"] for path, facts in self.facts.items()}

    def all_calls(self) -> Iterator[tuple[str, Call]]:
        """Every call of every file, by path and line."""
        for path in sorted(self.facts):
            for call in self.facts[path].calls:
                yield path, call

    @cached_property
    def _facts_by_kind(self) -> dict[str, list[tuple[str, Fact]]]:
        found: dict[str, list[tuple[str, Fact]]] = {}
        for path in sorted(self.facts):
            for fact in self.facts[path].facts:
                found.setdefault(fact.kind, []).append((path, fact))
        return found

    def all_facts(self, *kinds: str) -> Iterator[tuple[str, Fact]]:
        """Every fact of these kinds; of each kind by path and line."""
        for wanted in kinds:
            yield from self._facts_by_kind.get(wanted, ())

    def all_definitions(self) -> Iterator[Found]:
        """Every definition of every file, by path and line."""
        for path in sorted(self.facts):
            for item in self.facts[path].definitions:
                yield path, item

    def locate(self, module: str, near: str = "") -> str | None:
        """The path of module `module` as imported from file `near`, None when it is not of this repository."""
        return self.names.locate(module, near)

    def find(self, dotted: str, near: str = "") -> Found | None:
        """The definition a dotted name stands for, through re-exports and wildcard imports of the repository.

        `near` is the file that uses the name. "pkg.mod.Class.method" finds the method, also an inherited one.
        """
        return self._find(dotted, near, HOPS)

    def _find(self, dotted: str, near: str, hops: int) -> Found | None:
        if hops <= 0 or not dotted or "(" in dotted:
            return None
        parts = dotted.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            path = self.locate(".".join(parts[:cut]), near)
            if path is not None:
                return self._in_file(path, parts[cut:], hops)
        return None

    def _in_file(self, path: str, parts: list[str], hops: int) -> Found | None:
        """The definition that `parts` names as seen from inside the file `path`."""
        defined = self._definitions[path]
        if (exact := defined.get(".".join(parts))) is not None:
            return path, exact
        owner = defined.get(parts[0])
        if owner is not None:
            return self._inherited(path, owner, parts[1:], hops) if len(parts) > 1 else None
        imported = self._imports[path].get(parts[0])
        if imported is not None:
            target = f"{imported.module}.{imported.name}" if imported.name else imported.module
            if not imported.name and imported.alias == imported.module.split(".")[0]:
                target = imported.alias
            return self._find(".".join([target, *parts[1:]]), path, hops - 1)
        for module in self.wildcards[path]:
            found = self._find(".".join([module, *parts]), path, hops - 1)
            if found is not None:
                return found
        return None

    def _inherited(self, path: str, owner: Definition, parts: list[str], hops: int) -> Found | None:
        for base in owner.bases:
            found = self._find(".".join([base, *parts]), path, hops - 1)
            found = found or self._local_base(path, base, parts, hops)
            if found is not None:
                return found
        return None

    def _local_base(self, path: str, base: str, parts: list[str], hops: int) -> Found | None:
        """Bases of a script have no module in front of their names."""
        if self.facts[path].module or hops <= 0:
            return None
        return self._in_file(path, [*base.split("."), *parts], hops - 1)

    def resolve_local(self, path: str, name: str) -> Found | None:
        """The repository definition that `name` (resolved or as written) means in file `path`, else None."""
        return self._find(name, path, HOPS) or (self._in_file(path, name.split("."), HOPS) if "(" not in name else None)

    def resolve_call(self, path: str, call: Call) -> Found | None:
        """The function, method or class of this repository that a call reaches, None when unknown.

        Follows the receiver's type: a method of a local class, or of what a local function says it returns.
        An instance that is called reaches its `__call__`, or `forward` if it has none.
        """
        found = self.resolve_local(path, call.name)
        if found is not None:
            return found
        method = call.name.rpartition(".")[2]
        if call.receiver and (owner := self.class_of(path, call.receiver)) is not None:
            return self.member(owner, method)
        if call.instance and (owner := self.class_of(path, call.instance)) is not None:
            return self.member(owner, "__call__") or self.member(owner, "forward")
        return None

    def class_of(self, path: str, type_name: str) -> Found | None:
        """The local class that a receiver type names: the class itself, or a local function's return annotation."""
        found = self.resolve_local(path, type_name)
        for _ in range(HOPS):
            if found is None or found[1].kind == "class":
                return found
            where, function = found
            annotation = function.returns.strip("\"' ").removeprefix("Optional[").split("[")[0]
            annotation = annotation.split("|")[0].strip("\"' ]")
            if not annotation:
                return None
            if annotation in ("Self", "typing.Self"):
                annotation = function.symbol.rpartition(".")[0]
            found = self.resolve_local(where, annotation)
        return None

    def member(self, owner: Found, name: str) -> Found | None:
        """The method `name` of a class of this repository, own or inherited from local bases."""
        path, definition = owner
        own = self._definitions[path].get(f"{definition.symbol}.{name}")
        return (path, own) if own else self._inherited(path, definition, [name], HOPS)

    def canonical(self, name: str, near: str = "") -> str:
        """`name` with re-exports of this repository followed: the name at the definition, or the outside name."""
        found = self._find(name, near, HOPS)
        if found is not None:
            path, definition = found
            module = self.facts[path].module
            return f"{module}.{definition.symbol}" if module else definition.symbol
        return self._outside(self._brought(name, near, HOPS), near, HOPS)

    def _brought(self, name: str, near: str, hops: int) -> str:
        """`name` behind the module whose wildcard import brings its root: `nn` of `from .base import *`."""
        root = name.partition(".")[0]
        if hops <= 0 or not self.wildcards.get(near) or root in self._imports[near] or root in self._definitions[near]:
            return name
        for module in self.wildcards[near]:
            path = self.locate(module, near)
            if path is not None and (root in self._imports[path] or self._brought(name, path, hops - 1) != name):
                return f"{module}.{name}"
        return name

    def _outside(self, name: str, near: str, hops: int) -> str:
        """Follow `name` through local modules until it leaves the repository: `.compat.json` is `json`."""
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            path = self.locate(".".join(parts[:cut]), near)
            if path is None:
                continue
            imported = self._imports[path].get(parts[cut])
            if imported is None or hops <= 0 or parts[cut] in self._definitions[path]:
                return name
            target = f"{imported.module}.{imported.name}" if imported.name else imported.module
            return self._outside(".".join([target, *parts[cut + 1 :]]), path, hops - 1)
        return name

    def bases(self, path: str, definition: Definition) -> list[str]:
        """Canonical names of all bases of a class, its own first, then inherited through local classes."""
        found: dict[str, None] = {}
        waiting = [(path, definition)]
        while waiting:
            where, current = waiting.pop(0)
            for base in current.bases:
                name = self.canonical(base, where)
                if name in found:
                    continue
                found[name] = None
                found |= dict.fromkeys(outside_bases(name))
                parent = self.resolve_local(where, base)
                if parent is not None and parent[1].kind == "class" and parent[1] != current:
                    waiting.append(parent)
        return list(found)

    @cached_property
    def _classes(self) -> list[tuple[str, Definition, list[str]]]:
        return [(path, item, self.bases(path, item)) for path, item in self.all_definitions() if item.kind == "class"]

    def classes(self) -> list[tuple[str, Definition, list[str]]]:
        """Every class with the canonical names of all its bases, inherited ones too."""
        return self._classes

    def subclasses(self, matches: str | Callable[[str], bool]) -> list[Found]:
        """Every class with a base (direct or through local classes) that fits a glob or predicate."""
        test = matches if callable(matches) else partial(fnmatch.fnmatchcase, pat=matches)
        return [(path, item) for path, item, bases in self._classes if any(map(test, bases))]

    def symbol_at(self, path: str, line: int) -> str:
        """The innermost definition around a line, "" at module level."""
        around = [d for d in self.facts[path].definitions if d.start <= line <= d.end]
        return around[-1].symbol if around else ""

    @cached_property
    def speller(self) -> Speller:
        """Spellings of names for census patterns."""
        return Speller(self)


def read_codebase(
    snapshot: Snapshot,
    cache: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Codebase:
    """Facts of every file. `cache` is a folder for facts by content hash; `on_progress` gets (done, total).

    A file that cannot be parsed in time, or only with syntax errors, is listed in `unread`.
    """
    python = [file for file in snapshot.files if file.language == "python"]
    imported = {name for file in python for name in _IMPORTED.findall(file.text) if "." in name}
    names = module_names((file.path for file in python), imported)
    store = FactCache(cache)
    facts: dict[str, FileFacts] = {}
    unread: list[Unread] = []
    for done, file in enumerate(snapshot.files, start=1):
        facts[file.path] = store.read(file, names.get(file.path, ""), unread)
        if on_progress is not None:
            on_progress(done, len(snapshot.files))
    store.close()
    return Codebase(snapshot, facts, tuple(unread))
