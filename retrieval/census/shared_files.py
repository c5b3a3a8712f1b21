"""Kind `shared_files`: files that one function writes and another reads, joined by what their paths look like.

Two paths meet when their last parts agree and have a name of their own (`okvqa.json`, `2-name2text-*.txt`), or when
they agree in extension and in a named folder close above (`temp/*/%04d.png`), or when they are the same expression
all the way up. Downloads and logs are no results; what a function reads and writes back at one path is told as such.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.disk import Contact, contacts_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.path_patterns import paths_of
from retrieval.census.people import people
from retrieval.census.reach import reach_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMED, PLACES, NEAR, LETTERS, TELLING = 4, 24, 3, 3, 5
_HOLE = re.compile(r"\{[^{}]*\}|%0?\d*[ds]")
_NO_RESULT = re.compile(r"download|log$|^folder$|^removal$|^link$|upload|^temporary|database|cache|^model files$")
_PLAIN = re.compile(r"^(?:file|move|copy)\b|program$")
_KNOWN: Beside[Codebase, list[SharedFile]] = Beside()
Key = tuple[str, str]


@dataclass(slots=True)
class SharedFile:
    """One pattern with who writes and reads the files, and who removes them."""

    pattern: str
    writers: list[Contact] = field(default_factory=list)
    readers: list[Contact] = field(default_factory=list)
    removers: list[Contact] = field(default_factory=list)

    given: bool = False  # the path is a parameter

    @property
    def alone(self) -> bool:
        """Whether the same functions write and read it."""
        return {c.place for c in self.writers} == {c.place for c in self.readers}


@kind(
    "shared_files",
    summary="files that one function writes and another reads, by the pattern of their path, with who removes them",
    example="shared_files, or shared_files: *.png",
    reads="python",
    ordered=True,
)
def shared_files(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per pattern, what the main programs run first. Patterns match the path."""
    for item in shared_files_of(codebase):
        if query.matches(item.pattern):
            yield _hit(codebase, item)


def shared_files_of(codebase: Codebase) -> list[SharedFile]:
    """The files of a codebase that go from function to function; worked out once."""
    if codebase not in _KNOWN:
        reach = reach_of(codebase)
        found = [*_joined(contacts_of(codebase)), *_rewritten(codebase)]
        for item in found:
            item.writers.sort(key=lambda c: c.place not in reach.units)

        def order(item: SharedFile) -> tuple[bool, bool, bool, str]:
            run = [c.place in reach.units for c in (*item.writers, *item.readers)]
            apart = {c.path for c in item.writers} != {c.path for c in item.readers}
            return reach.tells and not any(run), item.alone and not item.given, not apart, item.pattern

        _KNOWN[codebase] = sorted(found, key=order)
    return _KNOWN[codebase]


def _joined(contacts: list[Contact]) -> Iterator[SharedFile]:
    groups: dict[Key, SharedFile] = {}
    for contact in contacts:
        key = key_of(contact.pattern)
        if key is None:
            continue
        item = groups.setdefault(key, SharedFile(contact.pattern))
        if contact.what == "removal":
            item.removers.append(contact)
        elif contact.effect == "reads":
            item.readers.append(contact)
        elif not _NO_RESULT.search(contact.what):
            item.writers.append(contact)
    _meet(groups)
    for item in groups.values():
        own = {(c.path, c.start) for c in item.writers}
        item.readers = [c for c in item.readers if (c.path, c.start) not in own]
        if item.writers and item.readers:
            read = {c.pattern for c in item.readers}
            item.pattern = max((c.pattern for c in item.writers), key=lambda told: (told in read, len(told)))
            yield item


def _meet(groups: dict[Key, SharedFile]) -> None:
    """Give readers of `name-*.txt` to the writers of `name-{part}.txt` and of names that fit."""
    named = [key for key in groups if not key[0]]
    written = [key for key in named if groups[key].writers]
    for key in (key for key in named if groups[key].readers):
        for other in written if "*" in key[1] else [other for other in written if "*" in other[1]]:
            fits = _fits(other[1], key[1]) or _fits(key[1], other[1])
            if other != key and fits:
                groups[other].readers += groups[key].readers


def _fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern that says enough."""
    telling = len(re.findall(r"[A-Za-z0-9]", pattern.rpartition(".")[0])) >= TELLING
    return telling and "*" in pattern and fnmatch.fnmatchcase(name.replace("*", "x"), pattern)


def key_of(pattern: str) -> Key | None:
    """What a path is recognised by: ("", its last part), or (a folder close above, its extension)."""
    if not pattern:
        return None
    parts = [_HOLE.sub("*", part) for part in pattern.split("/")]
    last = re.sub(r"\*+", "*", parts[-1])
    stem, dot, ending = last.rpartition(".")
    if len(re.findall(r"[A-Za-z0-9]", stem if dot else "")) >= LETTERS and re.search(r"[A-Za-z]", stem):
        return "", last
    folder = next((p for p in reversed(parts[-1 - NEAR : -1]) if len(re.findall(r"[A-Za-z0-9]", p)) >= LETTERS), "")
    if dot and ending.isalnum() and folder and folder not in ("..", "."):
        return folder, f".{ending}"
    whole = dot and ending.isalnum() and len(parts) > 1
    return (pattern, f".{ending}") if whole else None


def _rewritten(codebase: Codebase) -> Iterator[SharedFile]:
    """Files that functions read and write back at the path that they are given; the same words in one hit."""
    by_place: dict[tuple[str, str, str], list[Contact]] = {}
    for contact in contacts_of(codebase):
        names = paths_of(codebase).names(*contact.place)
        handed = contact.where in names.parameters or contact.where in names.loops
        if handed and contact.symbol and key_of(contact.pattern) is None and contact.what != "removal":
            by_place.setdefault((*contact.place, contact.where), []).append(contact)
    alike: dict[tuple[str, str, str], SharedFile] = {}
    for (_, _, where), found in by_place.items():
        reads = [c for c in found if c.effect == "reads" and c.what != "folder listing"]
        writes = [c for c in found if c.effect == "writes" and not _NO_RESULT.search(c.what)]
        later = [c for c in writes if reads and c.start > reads[0].start]
        if later:
            item = alike.setdefault((where, reads[0].call, later[0].call), SharedFile(f"{{{where}}}", given=True))
            item.readers += reads[:1]
            item.writers += later[:1]
    yield from alike.values()


def _hit(codebase: Codebase, item: SharedFile) -> CensusHit:
    whats = {c.what for c in item.writers if not _PLAIN.search(c.what)}
    sort = f" ({sorted(whats)[0]})" if len(whats) == 1 else ""
    shown = item.pattern.replace("`", "'")
    if item.given:
        alone = len({c.place for c in item.writers}) == 1
        read, write = ("reads", "writes") if alone else ("read", "write")
        text = f"the file at `{item.writers[0].where}`: {_who(codebase, item.writers)} {read} it with "
        text += (
            f"`{item.readers[0].call}()` and {write} the result back to the same path with `{item.writers[0].call}()`"
        )
    elif item.alone:
        order = "read, and written" if item.readers[0].start < item.writers[0].start else "written, and read again"
        text = f"`{shown}`{sort}: {order} by {_who(codebase, item.writers)}"
    else:
        text = f"`{shown}`{sort}: written by {_who(codebase, item.writers)}; read by {_who(codebase, item.readers)}"
    text += f"; removed by {_who(codebase, item.removers)}" if item.removers else ""
    places = [*item.writers, *item.readers, *item.removers]
    first = places[0]
    return hit_at(
        codebase,
        first.path,
        (first.start, first.end),
        symbol=first.symbol,
        name=item.pattern,
        text=text,
        related=tuple((c.effect, c.path, c.start, c.end) for c in places[1:PLACES]),
        detail={"writers": str(len(item.writers)), "readers": str(len(item.readers))},
    )


def _who(codebase: Codebase, contacts: list[Contact]) -> str:
    return people(codebase, [c.place for c in contacts], NAMED)
