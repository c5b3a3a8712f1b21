"""Every place where the source code touches the disk, with the pattern of the path, wrappers seen through.

A function that opens the path it is given touches nothing by itself: the calls that give it a path do. Lists of words
for another program (`["ffmpeg", "-i", a, …, b]`) read what follows `-i` and write what stands last.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.files.commands import command_files
from retrieval.census.files.library_files import given_paths
from retrieval.census.files.path_meets import folder_of
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.files.storage import access_of, is_buffer
from retrieval.facts import Call, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

ROUNDS = 3
_BARE = re.compile(r"(?:.*/)?\{(\w+)\}")
_FOLDER = re.compile(r"\{folder of (\w+)\}")
_FETCH = re.compile(
    r"^(?:urllib\.request\.urlopen|requests\.(?:get|request)|httpx\.(?:get|stream)|aiohttp\.ClientSession)$"
)
_GENERIC = frozenset({"write", "read", "open", "save", "load", "get", "put", "run", "close", "__init__", "__call__"})
_KNOWN: Beside[Codebase, list[Contact]] = Beside()
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Contact:
    """One place: its effect ("reads" or "writes"), what is touched, the pattern of the path, the call as written."""

    path: str
    symbol: str
    start: int
    end: int
    effect: str
    what: str
    pattern: str
    call: str
    where: str

    @property
    def place(self) -> Place:
        """The function."""
        return self.path, self.symbol


def contacts_of(codebase: Codebase) -> list[Contact]:
    """Every contact of the source code with the disk, worked out once; of wrappers where they are called."""
    if codebase not in _KNOWN:
        found = [*_direct(codebase), *_commands(codebase)]
        known = {_key(c) for c in found}
        fresh = found
        for _ in range(ROUNDS):
            fresh = [c for c in _called(codebase, fresh) if _key(c) not in known]
            known |= {_key(c) for c in fresh}
            found += fresh
            if not fresh:
                break
        _KNOWN[codebase] = found
    return _KNOWN[codebase]


def _key(contact: Contact) -> tuple[str, int, str, str, str]:
    return contact.path, contact.start, contact.effect, contact.call, contact.where


def given_to(contact: Contact, parameters: list[str]) -> str:
    """The parameter whose value is the last part of the path, "" when the function itself says what it is."""
    found = _BARE.fullmatch(contact.pattern) or _FOLDER.fullmatch(contact.pattern)
    return found[1] if found and found[1] in parameters else ""


def _main(codebase: Codebase, path: str) -> bool:
    return codebase.snapshot.by_path[path].role == "source"


def _direct(codebase: Codebase) -> Iterator[Contact]:
    paths = paths_of(codebase)
    for path, call in codebase.all_calls():
        if not _main(codebase, path):
            continue
        known = False
        for effect in ("reads", "writes"):
            found = access_of(codebase, path, call, effect)
            known = known or found is not None
            if found is None or found.effect != effect or is_buffer(codebase, path, call, found.where):
                continue
            pattern = paths.written(path, call.symbol, found.where, call.start) if found.where else ""
            place = (path, call.symbol, call.start, call.end)
            what = "download" if _takes_down(call, effect, found.what) and _fetches(codebase, place[:2]) else found.what
            yield Contact(*place, effect, what, pattern, call.written, found.where)
        for given in given_paths(codebase, path, call) if not known else ():
            place = (path, call.symbol, call.start, call.end)
            yield Contact(*place, given.effect, given.what, given.pattern, call.written, given.where)


def _takes_down(call: Call, effect: str, what: str) -> bool:
    """Whether a call writes bytes as they are."""
    raw = what == "file opened for writing" and re.search(r"[\"'](?:w\+?b|wb\+)[\"']", call.text) is not None
    return effect == "writes" and (raw or what == "bytes" or call.written.endswith("copyfileobj"))


@once
def _fetching(codebase: Codebase) -> frozenset[Place]:
    """The functions that ask a server for something."""
    return frozenset((path, call.symbol) for path, call in codebase.all_calls() if _FETCH.search(call.name))


def _fetches(codebase: Codebase, place: Place) -> bool:
    return place in _fetching(codebase)


def _called(codebase: Codebase, contacts: list[Contact]) -> Iterator[Contact]:
    """The calls that give a path to functions that touch what they are given."""
    paths = paths_of(codebase)
    wrappers: dict[Place, list[tuple[Contact, int, str]]] = {}
    for contact in contacts:
        parameters = paths.names(contact.path, contact.symbol).parameters
        if contact.symbol and (name := given_to(contact, parameters)):
            wrappers.setdefault(contact.place, []).append((contact, parameters.index(name), name))
    by_name: dict[str, list[Place]] = {}
    for place in wrappers:
        by_name.setdefault(place[1].rpartition(".")[2], []).append(place)
    for path, call in codebase.all_calls():
        last = call.name.rpartition(".")[2]
        if not _main(codebase, path) or last not in by_name:
            continue
        target = codebase.resolve_call(path, call)
        places = [(target[0], target[1].symbol)] if target is not None else _by_name(call, by_name[last])
        if target is not None and places[0] not in wrappers:
            places = [place for place in by_name[last] if _derives(codebase, place, target[1])]
        seen: set[tuple[str, str]] = set()
        for contact, index, name in (item for place in places for item in wrappers.get(place, ())):
            given = dict(call.keywords).get(name) or (call.arguments[index] if index < len(call.arguments) else "")
            if given and (contact.effect, name) not in seen and not is_buffer(codebase, path, call, given):
                seen.add((contact.effect, name))
                pattern = paths.written(path, call.symbol, given, call.start)
                pattern = folder_of(pattern) if _FOLDER.fullmatch(contact.pattern) else pattern
                yield Contact(
                    path, call.symbol, call.start, call.end, contact.effect, contact.what, pattern, call.written, given
                )


def _derives(codebase: Codebase, place: Place, method: Definition) -> bool:
    """Whether a method belongs to a class below the one that defines `method`."""
    owner, above = place[1].rpartition(".")[0], method.symbol.rpartition(".")[0]
    item = next((d for d in codebase.facts[place[0]].definitions if d.symbol == owner and d.kind == "class"), None)
    return bool(above) and item is not None and above in {b.rpartition(".")[2] for b in codebase.bases(place[0], item)}


def _by_name(call: Call, places: list[Place]) -> list[Place]:
    """The wrapper methods that a call on an unknown object may mean, when the name says enough."""
    method = call.name.rpartition(".")[2]
    return places if "." in call.written and method not in _GENERIC and "_" in method else []


def _commands(codebase: Codebase) -> Iterator[Contact]:
    """The files that the words of commands name; a bare parameter makes its function a wrapper of the program."""
    paths = paths_of(codebase)
    for found in command_files(codebase):
        pattern = paths.pattern((found.path, found.symbol, found.line), found.node, {}, 7)
        bare = _BARE.fullmatch(pattern)
        own = bare is not None and bare[1] in paths.names(found.path, found.symbol).parameters
        if own or "." in pattern.rpartition("}")[2] or "/" in pattern or pattern.startswith("{own temporary"):
            told = found.program or "a command"
            place = (found.path, found.symbol, found.line, found.line)
            yield Contact(*place, found.effect, "file of another program", pattern, told, ast.unparse(found.node))
