"""Kind `disk_roles`: what the main programs keep in memory and what they write, by what it is for, in sentences.

Intermediate is what other code of the repository was seen to read again, or what a function writes to give back its
path; the rest are results. Checkpoints, logs, settings, what is fetched and what is removed again are neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.files.disk import Contact, contacts_of
from retrieval.census.files.library_files import sort_of
from retrieval.census.files.path_defaults import with_defaults
from retrieval.census.files.path_meets import LETTERS, letters, parts_of
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.files.temporary import temporary
from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.reach import reach_of
from retrieval.census.handover.collected import collected
from retrieval.census.handover.handed_files import handed_files, handed_files_of
from retrieval.census.handover.shared_files import shared_files_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import reached
from retrieval.census.meaning.people import people
from retrieval.census.meaning.units import written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

FILES, NAMED, PLACES, MEMORY, ROOTS = 6, 2, 24, 3, 8
ROLES = "memory|handed|intermediate|temporary|returned|results|checkpoints|fetched|logs|settings"
_LOG = re.compile(
    r"(?i)log$|(?:^|/)debug(?:_|/|$)|/[^/]*log[^/]*$|\.log$|/[^/]*(?:stats|metrics?|progress|losses)[^/]*\.(?:txt|jsonl?|csv)$"
)
_SETTINGS = re.compile(
    r"(?i)(?:^|/)[^/]*(?:config|param|args|settings|options)[^/]*\.(?:ya?ml|json|txt|toml)$|(?:^|/)(?:[\w-]*credentials|\.env|\.netrc)$"
)
_WEIGHTS = re.compile(r"checkpoint|^model files$|^weights$|safetensors|ONNX|TorchScript")
_STATE = re.compile(r"state_dict|model|optim|checkpoint|ckpt|\bema|weights|\bsd\b|adapter|lora", re.IGNORECASE)
_HANDLE = re.compile(r"(?:^|\.)(?:dump|safe_dump|writer|DictWriter)$")  # takes what `open` gives
_NO_FILE = re.compile(r"^folder$|^removal$|^link$|upload|^temporary|database|cache$")
_FETCHING = re.compile(r"(?i)^_*(?:download|fetch)(?:_|$)")
_NETWORK = re.compile(r"(?:requests|httpx|urllib|aiohttp|boto3|huggingface_hub|modelscope|gdown|wget)\b")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TOLD = {"temporary": temporary, "handed": handed_files}
_LEADS = {
    "temporary": "Written to temporary files or folders",
    "handed": "Written to be handed on by path, to a later step, a model or a program",
    "intermediate": "Intermediate results on disk, written by one step and read by another",
    "returned": "Files whose path the writing function returns to its caller",
    "results": "Results on disk",
    "checkpoints": "Weights and checkpoints saved",
    "fetched": "Files that are fetched and kept, no results",
    "logs": "Logs, records and output for debugging",
    "settings": "Settings and credentials that are written",
}


@kind(
    "disk_roles",
    summary="what the main programs keep in memory and write: intermediate, final, checkpoints, logs, fetched (what=…)",
    example="disk_roles, or disk_roles: what=intermediate|results",
    reads="python",
    options=("what",),
    ordered=True,
)
def disk_roles(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One sentence per role, in the order of `what`; all of them without it."""
    sorted_out = _by_role(codebase)
    for role in query.options.get("what", ROLES).split("|"):
        if role == "memory":
            yield from _memory(codebase)
        elif role in _TOLD:
            yield from _sentence(codebase, role, iter(_TOLD[role](codebase, Query("", role, (), {}))))
        elif found := sorted_out.get(role):
            yield _told(codebase, role, found)


def _by_role(codebase: Codebase) -> dict[str, list[Contact]]:
    """The writing places that the main programs run, by what the file is for."""
    reach = reach_of(codebase)
    shared = {(c.path, c.start) for item in shared_files_of(codebase) if not item.given for c in item.writers}
    passing = {(hit.path, hit.start) for hit in temporary(codebase, Query("", "temporary", (), {}))}
    passing |= {(item.writer.path, item.writer.start) for item in handed_files_of(codebase)}
    passing |= {place[1:3] for hit in temporary(codebase, Query("", "temporary", (), {})) for place in hit.related}
    found: dict[str, list[Contact]] = {}
    writing = [c for c in contacts_of(codebase) if c.effect == "writes" and not _NO_FILE.search(c.what)]
    own = [c for c in writing if not c.pattern.startswith("{own temporary")]  # told with the folder or file
    passing |= {(c.path, c.start) for c in own if _fills(codebase, c)}  # told where the path comes from
    kept = _clear([c for c in own if reach.runs_line(c.path, c.start) and (c.path, c.start) not in passing])
    ranks = _ranks(codebase)
    for contact in sorted(kept, key=lambda c: ranks.get(c.place, len(ranks))):
        role = _role(codebase, contact, (contact.path, contact.start) in shared)
        found.setdefault(role, []).append(contact)
    return found


def _fills(codebase: Codebase, contact: Contact) -> bool:
    """Whether a function writes at a path that it is given by a body which hands the file on."""
    called = {item.writer.call.rpartition(".")[2] for item in handed_files_of(codebase)}
    function = contact.symbol.rpartition(".")[2]
    return function in called and bool(set(_NAME.findall(contact.where)) & set(_parameters(codebase, contact)))


def _parameters(codebase: Codebase, contact: Contact) -> list[str]:
    return paths_of(codebase).names(*contact.place).parameters


def _role(codebase: Codebase, contact: Contact, shared: bool) -> str:
    if "download" in contact.what or contact.what == "unpacked archive" or _fetches(codebase, contact):
        return "fetched"
    if _LOG.search(contact.what) or _LOG.search(contact.pattern):
        return "logs"
    if _SETTINGS.search(contact.pattern):
        return "settings"
    lines = codebase.snapshot.by_path[contact.path].lines[contact.start - 1 : contact.end]
    if _WEIGHTS.search(contact.what) and _STATE.search("".join(map(str, lines))):
        return "checkpoints"
    if shared:
        return "intermediate"
    return "returned" if _is_returned(codebase, contact) else "results"


def _fetches(codebase: Codebase, contact: Contact) -> bool:
    """Whether a file comes by a function that is named for fetching, in a module that works with the network."""
    named = any(map(_FETCHING.search, (contact.call.rpartition(".")[2], contact.symbol.rpartition(".")[2])))
    return named and any(_NETWORK.match(item.module) for item in codebase.facts[contact.path].imports)


def _is_returned(codebase: Codebase, contact: Contact) -> bool:
    """Whether the function that writes a file gives back its path, alone or in a tuple."""
    names = paths_of(codebase).names(*contact.place)
    given = [part for value in names.returned for part in (getattr(value, "elts", None) or [value])]
    return contact.where.isidentifier() and contact.where in {written(part) for part in given}


def _clear(contacts: list[Contact]) -> list[Contact]:
    """Of a wrapper and its calls the calls, which say what the path is."""
    known = [c for c in contacts if sort_of(c.pattern) or any(letters(part) >= LETTERS for part in parts_of(c.pattern))]
    wrapping = {c.call.rpartition(".")[2] for c in known}
    rest = [c for c in contacts if c not in known and c.symbol.rpartition(".")[2] not in wrapping]
    return [*known, *(c for c in rest if not _HANDLE.search(c.call) or "/" in c.pattern)]


@once
def _ranks(codebase: Codebase) -> dict[tuple[str, str], int]:
    """The functions in the order in which the first programs come to them."""
    focus = focus_of(codebase)
    found: dict[tuple[str, str], int] = {}
    for root in main_roots(focus)[:ROOTS]:
        for frame, _ in reached(focus.program, [root.frame]):
            found.setdefault((frame.path, frame.symbol), len(found))
    return found


def _memory(codebase: Codebase) -> Iterator[CensusHit]:
    """What functions collect in memory before they use it."""
    reach = reach_of(codebase)
    hits = [h for h in collected(codebase) if h.role == "source" and reach.has(h)]
    if hits:
        first, told = (
            hits[0],
            "; ".join(h.text[0].lower() + h.text[1:] if h.text[0] != "`" else h.text for h in hits[:MEMORY]),
        )
        related = tuple(("place", h.path, h.start, h.end) for h in hits[1:MEMORY])
        text = f"Held in memory until they are used together: {told}"
        yield hit_at(
            codebase, first.path, (first.start, first.end), symbol="", name="memory", text=text, related=related
        )


def _sentence(codebase: Codebase, role: str, every: Iterator[CensusHit]) -> Iterator[CensusHit]:
    """The files of the main programs that a kind tells, in one sentence."""
    reach = reach_of(codebase)
    hits = list(islice((h for h in every if h.role == "source" and reach.has(h)), FILES))
    if hits:
        text = f"{_LEADS[role]}: {'; '.join(h.text for h in hits[:MEMORY])}"
        text += f"; {len(hits) - MEMORY} more below" if len(hits) > MEMORY else ""
        first = hits[0]
        related = tuple(("place", h.path, h.start, h.end) for h in hits[1:])
        yield hit_at(codebase, first.path, (first.start, first.end), symbol="", name=role, text=text, related=related)


def _told(codebase: Codebase, role: str, contacts: list[Contact]) -> CensusHit:
    groups: dict[tuple[str, ...], list[Contact]] = {}
    for contact in contacts:
        parts = parts_of(contact.pattern)
        named = "/" in contact.pattern or any(letters(part) >= LETTERS for part in parts)
        groups.setdefault(parts if named else (contact.where, contact.call), []).append(contact)
    told = list(dict.fromkeys(_file(codebase, group) for group in groups.values()))
    text = f"{_LEADS[role]}: {'; '.join(told[:FILES])}"
    text += f"; {len(told) - FILES} more" if len(told) > FILES else ""
    first = contacts[0]
    related = tuple(("write", c.path, c.start, c.end) for c in contacts[1:PLACES])
    lines = (first.start, first.end)
    return hit_at(codebase, first.path, lines, symbol=first.symbol, name=role, text=text, related=related)


def _file(codebase: Codebase, group: list[Contact]) -> str:
    """ "`outputs/{n}.png` (image) by `predict()` (app.py)"."""
    first = group[0]
    who = people(codebase, [c.place for c in group], NAMED)
    sort = sort_of(first.pattern) or (first.what if not re.match(r"file|download|move|copy", first.what) else "")
    shown = first.pattern.replace("`", "'")
    if not re.search(r"\w", re.sub(r"\{[^{}]*\}", "", shown)) and "/" not in shown:
        shown = first.where.replace("`", "'")[:60]
    defaults = with_defaults(codebase, first.place, first.pattern)
    notes = ", ".join(note for note in (sort, defaults) if note)
    return (
        (f"`{shown}`" if shown else f"what `{first.call}()` writes") + (f" ({notes})" if notes else "") + f" by {who}"
    )
