"""Kinds `config_values` and `config_reads`: what stands in configuration files, and which functions read entries.

A file's entries are told as `key = value`, those that code reads first. Entries are matched with code by their last
key, on objects that are called configuration; a file that is given under another name is not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import subject_of
from retrieval.census.settings.config_files import Entry, config_entries
from retrieval.census.settings.lookups import Lookup, lookups
from retrieval.census.settings.options import all_options, variables
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, VALUE, ALIKE, KEYS, LEAST = 16, 60, 8, 14, 3


@kind(
    "config_values",
    summary="entries of configuration files, as key and value, those that code reads first",
    example="config_values, or config_values: *.ckpt",
    reads="text",
    ordered=True,
)
def config_values(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per file; files of one folder with the same keys are one. Patterns match keys."""
    read = {item.key for item in lookups(codebase)}
    groups: dict[tuple[str, frozenset[str]], list[tuple[str, list[Entry]]]] = {}
    for path, entries in config_entries(codebase).items():
        chosen = [entry for entry in entries if query.matches(entry.key)]
        if chosen:
            keys = frozenset(entry.key for entry in chosen)
            groups.setdefault((path.rpartition("/")[0], keys), []).append((path, chosen))
    spoken = "\n".join(
        file.text for file in codebase.snapshot.files if file.language == "python" and file.role == "source"
    )
    ordered = [sorted(group, key=lambda item: not _is_named(spoken, item[0])) for group in groups.values()]
    for group in sorted(ordered, key=lambda group: not _is_named(spoken, group[0][0])):
        yield _file(codebase, group, read)


def _is_named(spoken: str, path: str) -> bool:
    """Whether source code names a file: those come first."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(PurePosixPath(path).name)}[\"']", spoken))


def _file(codebase: Codebase, group: list[tuple[str, list[Entry]]], read: set[str]) -> CensusHit:
    path, entries = group[0]
    entries = sorted(entries, key=lambda entry: entry.key.rpartition(".")[2] not in read)
    shown = ", ".join(f"`{entry.key} = {_value(entry.value)}`" for entry in entries[:SHOWN])
    more = f" and {counted(len(entries) - SHOWN, 'more entry')}" if len(entries) > SHOWN else ""
    more = more.replace("entrys", "entries")
    others = [other for other, _ in group[1:]]
    also = f"; {listed(others, ALIKE, '`')} have the same keys" if others else ""
    text = f"`{path}`: {shown}{more}{also}"
    first = min(entry.line for entry in entries)
    last = max(entry.line for entry in entries)
    related = tuple(("same keys", other, 1, 1) for other in others[:ALIKE])
    about = {"about": "repository"}
    return hit_at(codebase, path, (first, last), symbol="", name=path, text=text, related=related, detail=about)


def _value(text: str) -> str:
    flat = " ".join(text.split()).replace("`", "'")
    return flat if len(flat) <= VALUE else flat[: VALUE - 1] + "…"


@kind(
    "config_reads",
    summary="functions that read entries of configuration objects, with keys and defaults (known=yes: see README)",
    example="config_reads: known=yes",
    reads="python",
    options=("known",),
    ordered=True,
)
def config_reads(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function; patterns match keys. `known=yes` keeps keys of configuration files and of options."""
    wanted = query.options.get("known") == "yes"
    known = _known_keys(codebase) if wanted else frozenset()
    groups: dict[tuple[str, str], list[Lookup]] = {}
    for item in lookups(codebase):
        if query.matches(item.key) and (item.key in known or not wanted):
            groups.setdefault((item.path, item.symbol), []).append(item)
    for (path, symbol), items in sorted(groups.items(), key=lambda group: -len({item.key for item in group[1]})):
        yield _reader(codebase, path, symbol, items)


def _known_keys(codebase: Codebase) -> frozenset[str]:
    """The last keys of entries of configuration files, and the names of command-line options."""
    files = {e.key.rpartition(".")[2] for entries in config_entries(codebase).values() for e in entries}
    known = {name for hit in all_options(codebase) for name, flag in variables(hit) if len(flag) > LEAST}
    return frozenset(files | known)


def _reader(codebase: Codebase, path: str, symbol: str, items: list[Lookup]) -> CensusHit:
    holders: dict[str, dict[str, str]] = {}
    for item in items:
        keys = holders.setdefault(item.holder, {})
        keys[item.key] = keys.get(item.key, "") or item.default
    parts = []
    for holder, keys in holders.items():
        named = [f"`{key}`" + (f" (default `{default}`)" if default else "") for key, default in keys.items()]
        parts.append(f"{listed(named, KEYS)} of `{holder}`")
    text = f"{subject_of(codebase, path, symbol)} reads {'; '.join(parts)}"
    lines = list(dict.fromkeys(item.line for item in items))
    related = tuple(("read", path, line, line) for line in lines[1:8])
    return hit_at(codebase, path, (lines[0], lines[0]), symbol=symbol, name=symbol or path, text=text, related=related)
