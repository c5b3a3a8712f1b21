"""The names of a codebase, looked up by what a person writes: exact, in other letter case, in words, or nearly.

Knows which identifiers stand in which of the files, documents included, so that a word can be said to be absent.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from retrieval.census import run_query
from retrieval.codebase import Codebase
from retrieval.lexical import tokens
from retrieval.snapshot import ROLES

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_COVERAGE, _CLOSE, _CANDIDATES = 0.5, 0.85, 3
OWNER, SURE = 0.4, 0.75


class Vocabulary:
    """Every identifier of a codebase. Spellings come most important first."""

    def __init__(self, codebase: Codebase) -> None:
        self._codebase = codebase

    @cached_property
    def files(self) -> Counter[str]:
        """Identifier → number of files that hold it; words of documents and comments count."""
        found: Counter[str] = Counter()
        for file in self._codebase.snapshot.files:
            found.update(set(_IDENTIFIER.findall(file.text)))
        return found

    @cached_property
    def defined(self) -> frozenset[str]:
        """The names of functions, classes and methods of the repository."""
        return frozenset(item.name for _, item in self._codebase.all_definitions())

    @cached_property
    def names(self) -> frozenset[str]:
        """What code defines, calls, imports or assigns to, parameters too, without the path in front of it."""
        return self.defined | frozenset(self._names())

    def _names(self) -> Iterator[str]:
        for _, fact in self._codebase.all_facts("name", "raise", "catch"):
            yield from (name.strip().rpartition(".")[2] for name in fact.name.split(","))
        for facts in self._codebase.facts.values():
            yield from (call.name.rpartition(".")[2] for call in facts.calls)
            for item in facts.imports:
                yield from item.module.split(".")
                yield from (name for name in (item.name, item.alias) if name)

    @cached_property
    def imported(self) -> frozenset[str]:
        """The modules that are imported, each without what stands below it."""
        return frozenset(item.module.split(".")[0] for facts in self._codebase.facts.values() for item in facts.imports)

    @cached_property
    def options(self) -> frozenset[str]:
        """The names of command-line options, without dashes in front, `_` for `-`."""
        hits = run_query(self._codebase, "cli_options").hits
        return frozenset(name.lstrip("-").replace("-", "_") for hit in hits for name in hit.name.split(", "))

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        """Letters and digits in lower case → spellings, those in most files first."""
        found: dict[str, list[str]] = {}
        for name, _ in sorted(self.files.items(), key=lambda item: (-item[1], item[0])):
            found.setdefault(_fold(name), []).append(name)
        return found

    def spelling(self, word: str, *, plain: bool = False) -> str:
        """The identifier that `word` means: itself, or one that differs in case, `_` or `-`; "" when there is none.

        Of a dotted name the last part must be one. A `plain` word means a definition before anything else.
        """
        head, dot, last = word.rpartition(".")
        if plain and (named := [name for name in self._folded.get(_fold(last), []) if name in self.defined]):
            return named[0]
        if last in self.files:
            return word
        others = self._folded.get(_fold(last), [])
        known = [name for name in others if name in self.names] or others
        return head + dot + known[0] if known else ""

    def near(self, word: str, most: int = 4) -> list[str]:
        """Names of the code that look like `word`."""
        known = {name.lower(): name for name in sorted(self.names)}
        return [known[name] for name in difflib.get_close_matches(word.lower(), known, most, 0.75)]

    def absent(self, words: Sequence[str]) -> list[str]:
        """Those of `words` of which no identifier, and no word of any document, has a root."""
        return [word for word in words if tokens(word) and not _roots(word) & self._known_roots]

    @cached_property
    def _known_roots(self) -> frozenset[str]:
        return frozenset(root for name in self.files for root in _roots(name))

    def symbol(self, name: str) -> str:
        """`name` without its module: the longest end of it that is the symbol of a definition, else its last part."""
        parts = name.split(".")
        ends = (".".join(parts[start:]) for start in range(len(parts)))
        return next((end for end in ends if end in self._symbols), parts[-1])

    @cached_property
    def _symbols(self) -> frozenset[str]:
        return frozenset(item.symbol for _, item in self._codebase.all_definitions())

    @cached_property
    def _definitions(self) -> list[tuple[str, frozenset[str], frozenset[str]]]:
        """(symbol, roots of its own name, roots of what it stands in) of every definition of the main code."""
        roles = {file.path: ROLES.index(file.role) for file in self._codebase.snapshot.files}
        found = [item.symbol for path, item in self._codebase.all_definitions() if roles[path] <= 1]
        return [(symbol, _roots(symbol.rpartition(".")[2]), _roots(symbol.rpartition(".")[0])) for symbol in found]

    @cached_property
    def _weights(self) -> dict[str, float]:
        """Root → how much it tells: the logarithm of one over the share of definitions that have it."""
        counts = Counter(root for _, own, _ in self._definitions for root in own)
        total = len(self._definitions) + 1
        return {root: math.log(total / count) for root, count in counts.items()}

    def worded(self, words: Sequence[str]) -> "Worded":
        """The definitions whose names are made of these words."""
        wanted = [frozenset(_roots(word)) for word in words if tokens(word)]
        rare = math.log(len(self._definitions) + 1)
        weights = [max((self._weights.get(root, 0.0) for root in roots), default=0.0) or rare for roots in wanted]
        scored = []
        for symbol, own, around in self._definitions:
            hits = [
                weight * (1.0 if _meet(roots, own) else OWNER)
                for roots, weight in zip(wanted, weights, strict=True)
                if _meet(roots, own) or _meet(roots, around)
            ]
            named = sum(1 for roots in wanted if _meet(roots, own))
            covered = sum(hits) / sum(weights) if hits and named else 0.0
            if covered >= _COVERAGE:
                scored.append((0.75 * covered + 0.25 * named / max(1, len(own)), covered, named, symbol))
        scored.sort(key=lambda one: (-one[0], len(one[3]), one[3]))
        kept = [one for one in scored if one[0] >= _CLOSE * scored[0][0]]
        symbols = tuple(symbol for symbol, _ in groupby(one[3] for one in kept))[:_CANDIDATES]
        return Worded(symbols, kept[0][1] if kept else 0.0, kept[0][2] if kept else 0)


@dataclass(frozen=True)
class Worded:
    """Symbols, best first, at most three; the share of the words that the best one covers (0 to 1, rare words count
    more), and how many of them stand in its own name."""

    symbols: tuple[str, ...]
    coverage: float
    named: int

    @property
    def sure(self) -> bool:
        """Whether the best one is very likely what was meant."""
        return self.named > 1 and self.coverage >= SURE


def _roots(text: str) -> frozenset[str]:
    """Stems of the words of `text`, nouns such as "detection" cut down to their verbs in both ways they are made."""
    found = set(tokens(text))
    for stem in list(found):
        if len(stem) > 4 and stem[-1] == stem[-2]:
            found.add(stem[:-1])
        for ending in ("ation", "ion", "or", "ment"):
            if stem.endswith(ending) and len(stem) - len(ending) >= 4:
                found.add(stem.removesuffix(ending))
    return frozenset(found)


def _meet(roots: frozenset[str], others: frozenset[str]) -> bool:
    """Whether they share a root, or one is short for the other ("eval", "evaluat")."""
    return bool(roots & others) or any(
        min(len(a), len(b)) >= 4 and abs(len(a) - len(b)) >= 2 and (a.startswith(b) or b.startswith(a))
        for a in roots
        for b in others
    )


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
