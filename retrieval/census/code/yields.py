"""Kind `yields`: what generators hand out, told apart from context managers and fixtures, which stream nothing.

Knows the decorators that turn a generator into something else. That nothing reaches a generator is said only when
no code that may run so much as mentions its name.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.code.statements import fact_hit
from retrieval.census.language import Query, kind
from retrieval.census.meaning.program import program_of
from retrieval.census.project.exports import all_frames, entries_in_order
from retrieval.errors import QueryError
from retrieval.facts import CensusHit, Definition, Fact
from retrieval.languages import words
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_MANAGERS = words(
    """contextlib.contextmanager contextlib.asynccontextmanager contextmanager asynccontextmanager
    contextlib2.contextmanager async_generator.asynccontextmanager"""
)
_FIXTURES = words("pytest.fixture pytest_asyncio.fixture fixture pytest.yield_fixture pytest.hookimpl")
_PLAIN = words(
    "staticmethod classmethod property functools.lru_cache functools.wraps typing.no_type_check torch.no_grad"
)
WHAT = ("stream", "context_manager")
Symbol = tuple[str, str]


@kind(
    "yields",
    summary="`yield` and `yield from` by the value as written; option what=stream leaves context managers out",
    example="yields: what=stream",
    reads="python",
    options=("what",),
    ordered=True,
)
def yields(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Every yield that fits: streams first, those that nothing reaches later, context managers last.

    Raises QueryError for an unknown `what`.
    `detail` has `what` (stream or context_manager, a fixture being one too) and `reached`: "no" when no way from an
    entry point to the function was found, "yes" when there is one, "" when that is not certain.
    """
    asked = query.options.get("what", "")
    if asked and asked not in WHAT:
        raise QueryError(f"{query.text!r}: unknown what={asked}", hint=f"known: {', '.join(WHAT)}")
    found: list[CensusHit] = []
    reach: _Reach | None = None
    for path, fact in codebase.all_facts("yield"):
        role = _role(codebase, path, fact)
        what = "context_manager" if role else "stream"
        if asked in ("", what) and query.matches(*codebase.speller.names(path, fact.name)):
            reach = reach or _Reach(codebase)
            found.append(_hit(codebase, path, fact, (what, role, reach.of(path, fact.symbol))))
    yield from sorted(found, key=_rank)


def _rank(hit: CensusHit) -> tuple[int, bool, bool, str, int]:
    aside = hit.detail["what"] != "stream"
    return ROLES.index(hit.role), aside, hit.detail["reached"] == "no", hit.path, hit.start


def _role(codebase: "Codebase", path: str, fact: Fact) -> str:
    """ "context manager" or "pytest fixture" when a decorator makes the generator that, "" for a generator."""
    for item in codebase.facts[path].definitions:
        if item.symbol == fact.symbol and item.start <= fact.start <= item.end:
            names = {codebase.canonical(name, path) for name in item.decorators} | set(item.decorators)
            if names & _MANAGERS:
                return "context manager"
            if names & _FIXTURES:
                return "pytest fixture"
    return ""


class _Reach:
    """Which functions the entry points reach, and which nothing that runs so much as names."""

    def __init__(self, codebase: "Codebase") -> None:
        program = program_of(codebase)
        self.known: frozenset[Symbol] = frozenset()
        if entries_in_order(program):
            self.known = frozenset((frame.path, frame.symbol) for frame, depth in all_frames(program) if depth >= 0)
        self.named = _named(codebase, self.known)

    def of(self, path: str, symbol: str) -> str:
        """ "yes", "no", or "" when it is not certain, as it is without entry points."""
        parts = symbol.split(".")
        around = [(path, ".".join(parts[:size])) for size in range(1, len(parts) + 1)]
        if any(place in self.known for place in around):
            return "yes"
        return "" if not symbol or not self.known or any(p in self.named for p in around[-2:]) else "no"


def _named(codebase: "Codebase", known: frozenset[Symbol]) -> set[Symbol]:
    """The definitions that code which may run names, in whatever way; the decorated ones, and what those name."""
    waiting: list[frozenset[str]] = []
    by_name: dict[str, list[tuple[str, Definition]]] = {}
    alive: set[Symbol] = set()
    for path, facts in codebase.facts.items():
        if codebase.snapshot.by_path[path].role != "test":
            waiting.append(_words(codebase, path, None))
            for item in facts.definitions:
                by_name.setdefault(item.name, []).append((path, item))
                if (path, item.symbol) in known or not _PLAIN.issuperset(item.decorators):
                    alive.add((path, item.symbol))
                    waiting.append(_words(codebase, path, item))
    while waiting:
        for name in waiting.pop():
            for path, item in by_name.get(name, ()):
                if (path, item.symbol) not in alive:
                    alive.add((path, item.symbol))
                    waiting.append(_words(codebase, path, item))
    return alive


def _words(codebase: "Codebase", path: str, item: Definition | None) -> frozenset[str]:
    """The words of a definition, of its methods only those that Python calls; of a file, those outside definitions.

    An import alone uses nothing, so its line does not count.
    """
    facts, lines = codebase.facts[path], codebase.snapshot.by_path[path].lines
    span = set(range(item.head_start + 1, item.end + 1)) if item else set(range(1, len(lines) + 1))
    inner = [d for d in facts.definitions if item is None or (item.kind == "class" and _is_method(item, d))]
    cut = {line for found in inner for line in range(found.start, found.end + 1)}
    cut |= {line for found in facts.imports if item is None for line in range(found.start, found.end + 1)}
    text = "\n".join(lines[line - 1] for line in sorted(span - cut) if line <= len(lines))
    return frozenset(word for word in re.findall(r"\w+", text) if not word.startswith("__"))


def _is_method(owner: Definition, item: Definition) -> bool:
    """Whether `item` is a method of the class that runs only when it is named."""
    return item.symbol == f"{owner.symbol}.{item.name}" and item.kind != "class" and not item.name.startswith("__")


def _hit(codebase: "Codebase", path: str, fact: Fact, said: tuple[str, str, str]) -> CensusHit:
    what, role, reached = said
    text = fact.text
    if role:
        does = "hands control to the `with` block" if role == "context manager" else "hands its value to a test"
        text = f"`{fact.text}` in the {role} `{fact.symbol}` {does}; it streams nothing"
    elif reached == "no":
        text = f"{fact.text} (nothing that an entry point reaches calls `{fact.symbol}`)"
    hit = fact_hit(codebase, path, fact, text=text)
    return replace(hit, detail={**hit.detail, "what": what, "reached": reached})
