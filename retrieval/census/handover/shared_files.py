"""Kind `shared_files`: files that one function writes and another reads, joined by what their paths look like.

Two paths meet when their last parts agree and have a name of their own (`okvqa.json`, `2-name2text-*.txt`), or when
they lie in one folder with a name of its own (`3_features/*.npy` and a listing of `3_features`); see `path_meets.py`.
Downloads and logs are no results; what a function reads and writes back at one path is told as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.files.disk import Contact, contacts_of
from retrieval.census.files.path_meets import LETTERS, letters, meeting, parts_of
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.handover.handed_files import handed_files_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMED, PLACES, NEAR, LONG = 4, 24, 3, 8
_LISTING = words("listdir scandir walk iterdir rglob")
_COMMON = words(
    "config configs result results output out data info meta metadata index model args params settings log test train "
    "val tmp temp input image video audio readme pytorch_model model adapter_model weights checkpoint tokenizer"
)
_NO_RESULT = re.compile(r"download|log$|^folder$|^removal$|^link$|upload|^temporary|database|cache|^model files$")
_OPTION = re.compile(r"(?!self\.)[A-Za-z_]\w*\.[A-Za-z_]\w{3,}")
_PLAIN = re.compile(r"^(?:file|move|copy)\b|program$")
_KNOWN: Beside[Codebase, list[SharedFile]] = Beside()
Place = tuple[str, str]


@dataclass(slots=True)
class SharedFile:
    """One pattern with who writes and reads the files, and who removes them."""

    pattern: str
    writers: list[Contact] = field(default_factory=list)
    readers: list[Contact] = field(default_factory=list)
    removers: list[Contact] = field(default_factory=list)

    given: bool = False  # the path is a parameter
    folders: int = 1  # in so many folders

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
    """One hit per pattern, what the main programs run first; what one body writes and hands on itself is told by
    `handed_files`. Patterns match the path."""
    handed = {(item.writer.path, item.writer.start) for item in handed_files_of(codebase)}
    for item in shared_files_of(codebase):
        told = item.alone and any((contact.path, contact.start) in handed for contact in item.writers)
        if not told and query.matches(item.pattern):
            yield _hit(codebase, item)


def shared_files_of(codebase: Codebase) -> list[SharedFile]:
    """The files of a codebase that go from function to function; worked out once."""
    if codebase not in _KNOWN:
        reach = reach_of(codebase)
        contacts = [c for c in contacts_of(codebase) if not reach.tests_itself(c.path, c.start)]
        found = [*_joined(contacts), *_rewritten(codebase), *_at_options(contacts)]
        for item in found:
            item.writers.sort(key=lambda c: c.place not in reach.units)

        def order(item: SharedFile) -> tuple[bool, bool, bool, str]:
            run = [c.place in reach.units for c in (*item.writers, *item.readers)]
            apart = {c.path for c in item.writers} != {c.path for c in item.readers}
            return reach.tells and not any(run), item.alone or item.given, not apart, item.pattern

        _KNOWN[codebase] = sorted(found, key=order)
    return _KNOWN[codebase]


def _joined(contacts: list[Contact]) -> Iterator[SharedFile]:
    """Per kind of written file who reads it: what is read before it can be written in its function is input."""
    groups: dict[tuple[str, ...], SharedFile] = {}
    several = _several(contacts)
    for contact in contacts:
        parts = parts_of(contact.pattern)
        if contact.effect == "writes" and parts and not _NO_RESULT.search(contact.what):
            own = letters(parts[0]) >= LETTERS and "*" not in parts[0] and parts[0] not in several
            key = parts[:2] if own else (contact.path, contact.pattern)
            groups.setdefault(key, SharedFile(contact.pattern)).writers.append(contact)
    readers = [(c, _read_parts(c)) for c in contacts if c.effect == "reads" or c.what == "removal"]
    merged: dict[tuple[str, frozenset[Place]], SharedFile] = {}
    for item in groups.values():
        own_places = {(c.path, c.start) for c in item.writers}
        for contact, parts in readers:
            if (contact.path, contact.start) not in own_places and any(
                _same(writer, contact, parts, several) for writer in item.writers
            ):
                (item.removers if contact.what == "removal" else item.readers).append(contact)
        if item.readers:
            read = {c.pattern for c in item.readers}
            item.pattern = max((c.pattern for c in item.writers), key=lambda told: (told in read, len(told)))
            _merge(merged, item)
    yield from {id(item): item for item in merged.values()}.values()


def _merge(merged: dict[tuple[str, frozenset[Place]], SharedFile], item: SharedFile) -> None:
    """Files of one name in several folders that the same functions read are told once, and so is one pattern that
    methods of one name write."""
    name = parts_of(item.pattern)[0]
    read = frozenset(c.place for c in item.readers)
    methods = frozenset((item.pattern, c.symbol.rpartition(".")[2]) for c in (*item.writers, *item.readers))
    known = merged.get((name, read)) or merged.get((name, methods))
    if known is None:
        merged[name, read] = merged[name, methods] = item
    else:
        known.folders += known.pattern != item.pattern
        sides = ((known.writers, item.writers), (known.readers, item.readers), (known.removers, item.removers))
        for mine, others in sides:
            mine += [contact for contact in others if contact not in mine]


def _several(contacts: list[Contact]) -> frozenset[str]:
    """The base names that stand in several named folders, or that say nothing of their program."""
    above: dict[str, set[str]] = {}
    for contact in contacts:
        parts = parts_of(contact.pattern)
        if parts and letters(parts[0]) >= LETTERS:
            above.setdefault(parts[0], set()).update(p for p in parts[1:2] if "*" not in p)
    return frozenset(n for n, found in above.items() if len(found) > 1 or n.partition(".")[0].lower() in _COMMON)


def _read_parts(contact: Contact) -> tuple[str, ...]:
    """The parts of what is read; of a folder that is listed, any file in it."""
    parts = parts_of(contact.pattern)
    listed = contact.what == "folder listing" and contact.call.rpartition(".")[2] in _LISTING
    return ("*", *parts) if listed and parts else parts


def _same(writer: Contact, reader: Contact, parts: tuple[str, ...], several: frozenset[str]) -> bool:
    """Whether a path that is written and one that is read are one: one expression of one file, a name that is written
    out and stands nowhere else, or a name with unknown parts in a folder of the same telling name."""
    found = meeting(written := parts_of(writer.pattern), parts)
    if found is None:
        return False
    near = writer.path == reader.path
    if near and writer.pattern == reader.pattern:
        return "/" in writer.pattern or found.name >= LETTERS
    if found.name >= LETTERS and "*" not in written[0] + parts[0]:
        return bool(found.folders) or not ({written[0], parts[0]} & several)
    root = writer.pattern.rpartition("/")[0]
    rooted = bool(root) and root in (reader.pattern.rpartition("/")[0], reader.pattern.rstrip("/"))
    if found.name >= LETTERS:
        alike = written[0] == parts[0] and found.name >= LONG
        return alike or near or rooted or (bool(found.folders) and found.telling)
    if parts[0] == "*" and reader.what != "folder listing" and "*" not in written[0] and not near:
        return False  # one file is written, and which one is read is not known
    beside = bool(found.folders) and parts[1:2] == (found.folders[0],) == written[1:2]
    if rooted and root.count("/") > 1 and found.folders:
        return True
    return (near or found.telling) and (beside or (bool(found.folders) and found.equal >= NEAR))


def _rewritten(codebase: Codebase) -> Iterator[SharedFile]:
    """Files that functions read and write back at the path that they are given; the same words in one hit."""
    by_place: dict[tuple[str, str, str], list[Contact]] = {}
    for contact in contacts_of(codebase):
        names = paths_of(codebase).names(*contact.place)
        handed = contact.where in names.parameters or contact.where in names.loops
        steady = handed and contact.where not in names.bound  # a name that is bound anew means another file
        if steady and contact.symbol and _is_unknown(contact.pattern) and contact.what != "removal":
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


def _at_options(contacts: list[Contact]) -> Iterator[SharedFile]:
    """What is written and read, of one sort, at the path that one option of an options object gives."""
    by_option: dict[tuple[str, str], SharedFile] = {}
    for contact in contacts:
        named = _OPTION.fullmatch(contact.where) is not None and _is_unknown(contact.pattern)
        if named and contact.effect in ("reads", "writes") and not _NO_RESULT.search(contact.what):
            item = by_option.setdefault((contact.where, contact.what), SharedFile(contact.where))
            (item.readers if contact.effect == "reads" else item.writers).append(contact)
    yield from (item for item in by_option.values() if item.readers and item.writers)


def _is_unknown(pattern: str) -> bool:
    """Whether a path has no part with a name of its own."""
    return not any(letters(part) >= LETTERS for part in parts_of(pattern)[: NEAR + 1])


def _hit(codebase: Codebase, item: SharedFile) -> CensusHit:
    whats = {c.what for c in item.writers if not _PLAIN.search(c.what)}
    sort = f" ({sorted(whats)[0]})" if len(whats) == 1 else ""
    shown = item.pattern.replace("`", "'")
    sort += f", and the same in {counted(item.folders - 1, 'other folder')}" if item.folders > 1 else ""
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
