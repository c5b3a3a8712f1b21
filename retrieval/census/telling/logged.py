"""Kind `logged`: calls that log, each with the library that really does it: logging, loguru, rich, an aliased print.

A logger is followed to where it is made: through imports, variables of modules and functions that give one.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.actions import LOG_METHODS
from retrieval.beside import once
from retrieval.census.code.syntax import call_text
from retrieval.census.language import Query, hit_at, kind
from retrieval.facts import Call, CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LIBRARIES = {
    "logging": "logging",
    "loguru": "loguru",
    "structlog": "structlog",
    "absl.logging": "absl logging",
    "rich": "rich",
    "transformers": "logging (of transformers)",
    "diffusers": "logging (of diffusers)",
    "accelerate.logging": "logging (of accelerate)",
    "logbook": "logbook",
    "warnings": "warnings",
    "print": "print",
}
METHODS = LOG_METHODS | {"success", "trace", "fatal"}
_ALIAS = re.compile(r"^(?:[\w.]+\.(?:log|info|debug|print|warning|error|warn|echo)|print)$")
_KEPT = re.compile(r"^self\._?logger\.\w+$")
_OTHERS = re.compile(r"^\w+(?:\.\w+)+\._?logger$|^(?!self\.)\w+\._?logger$")
_HANDED = re.compile(r"^(?:self\.)?_?(?:logger|LOGGER)$")
_GETTER = re.compile(r"\.(?:get|create|setup|init|make)_?(?:\w+_)?[lL]ogger$")
_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical"})
HOPS = 5


@kind(
    "logged",
    summary="calls that log, with the library behind the logger (logging, loguru, rich …), aliases followed",
    example="logged: loguru",
    reads="python",
)
def logged(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call; patterns match the library or the call. `detail["library"]`, `detail["level"]`."""
    for hit in every_message(codebase):
        if query.matches(hit.detail["library"], hit.name):
            yield hit


@once
def every_message(codebase: "Codebase") -> tuple[CensusHit, ...]:
    """Every call that logs, of the whole repository."""
    source = _Source(codebase)
    return tuple(_hits(codebase, source))


def _hits(codebase: "Codebase", source: "_Source") -> Iterator[CensusHit]:
    calls = [(path, call, source.library(path, call)) for path, call in codebase.all_calls()]
    kept = {library for _, call, library in calls if library and _KEPT.match(call.written)}
    only = kept.pop() if len(kept) == 1 else ""  # what objects keep as their logger, which others use too
    used = [library for library in ("logging", "loguru", "structlog") if _imports(codebase, library)]
    for path, call, found in calls:
        owner, _, method = call.written.rpartition(".")
        library = found or (only if _OTHERS.search(owner) and method in METHODS else "")
        if not library and used and method in _LEVELS and _HANDED.match(owner):
            library = used[0]  # a logger that callers hand in
        if library:
            yield hit_at(
                codebase,
                path,
                (call.start, call.end),
                symbol=call.symbol,
                name=call.name,
                text=f"`{call_text(call)}`",
                detail={"library": library, "level": call.written.rpartition(".")[2], "written": call.written},
            )


def _imports(codebase: "Codebase", library: str) -> bool:
    return any(item.module == library for facts in codebase.facts.values() for item in facts.imports)


class _Source:
    """Finds the library behind names of one codebase."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.known: dict[tuple[str, str], str] = {}
        self.aliases: dict[str, dict[str, str]] = {}
        self.values: dict[tuple[str, str], str] = {}
        for path, fact in codebase.all_facts("assign"):
            if fact.detail.get("scope") == "module":
                value = fact.detail.get("constructor") or fact.detail.get("value", "")
                self.values.setdefault((path, fact.name), value)
                if _ALIAS.match(fact.detail.get("value", "")):
                    self.aliases.setdefault(fact.name, {}).setdefault(path, fact.detail["value"])

    def library(self, path: str, call: Call) -> str:
        """The library behind a call that logs, "" for every other call."""
        owner, _, method = call.written.rpartition(".")
        if not owner and (alias := self._aliased(path, call)):
            return alias
        if method not in METHODS or not owner:
            return ""
        dotted = call.receiver or call.name.rpartition(".")[0]
        if method == "log" and not re.search(r"(?i)log|console", owner):
            return ""
        found = self._behind(path, dotted, HOPS)
        return "" if found == "warnings" else found

    def _aliased(self, path: str, call: Call) -> str:
        """The library of a function that goes by another name: `rlog = console.log`."""
        module, _, name = call.name.rpartition(".")
        if name not in self.aliases:
            return ""
        where = (self.codebase.locate(module, path) or "") if module else path
        value = self.aliases[name].get(where, "")
        return self._behind(where, value.rpartition(".")[0] or value, HOPS) if value else ""

    def _behind(self, path: str, dotted: str, hops: int) -> str:
        key = (path, dotted)
        if key not in self.known:
            self.known[key] = ""
            self.known[key] = self._find(path, dotted, hops)
        return self.known[key]

    def _find(self, path: str, dotted: str, hops: int) -> str:
        for name, library in LIBRARIES.items():
            if dotted == name or dotted.startswith(f"{name}."):
                return library
        if hops <= 0 or not dotted:
            return ""
        found = self.codebase.find(dotted, path) or self.codebase.resolve_local(path, dotted)
        if found is not None and found[1].kind != "class":
            return self._within(*found, hops - 1)
        module, _, name = dotted.rpartition(".")
        where = (self.codebase.locate(module, path) or "") if module else path
        inside = self.codebase.locate(dotted, path)
        if inside:  # a module of the repository whose functions log
            return self._module(inside, hops - 1)
        if not where and _GETTER.search(dotted):
            return f"logging (of {dotted.partition('.')[0]})"  # a function of another package gives the logger
        if module and where and (imported := self._imported(where, name)):
            return self._behind(where, imported, hops - 1)
        value = self.values.get((where, name), "")
        return self._behind(where, value.split("(")[0], hops - 1) if value and value != dotted else ""

    def _imported(self, path: str, name: str) -> str:
        """The full name of what a file imports as `name` and other files take from it; "" when it imports no such."""
        for item in self.codebase.facts[path].imports:
            if item.alias == name and not item.symbol:
                return f"{item.module}.{item.name}" if item.name else item.module
        return ""

    def _within(self, path: str, definition: object, hops: int) -> str:
        """The library that a function takes its logger from."""
        symbol = definition.symbol  # type: ignore[attr-defined]
        for call in self.codebase.facts[path].calls:
            if call.symbol == symbol:
                for name in (call.receiver, call.name):
                    if name and (library := self._behind(path, name.split("().")[-1], hops)):
                        return library
        return ""

    def _module(self, path: str, hops: int) -> str:
        for call in self.codebase.facts[path].calls:
            if call.written.rpartition(".")[2] in METHODS and (library := self._behind(path, call.receiver, hops)):
                return library
        return ""
