"""Kind `cache_homes`: the folders in which downloads are kept and those that the code makes, with names resolved.

Where libraries keep what they download stands in `data/download_caches.yaml`; a `cache_dir` argument and environment
variables that the code sets move it. Folders that only other code than the main programs makes are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from retrieval.census.files.disk import Contact, contacts_of
from retrieval.census.files.path_defaults import default_of_name, with_defaults
from retrieval.census.files.path_meets import LETTERS, letters, parts_of
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, compile_pattern, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import listed
from retrieval.facts import Call, CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[2] / "data" / "download_caches.yaml"
NAMED, FOLDERS, PLACES = 4, 8, 24
_HUB = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_FOLDER = re.compile(r"^(?:cache_dir|cache_folder|download_root|local_dir|model_dir|root|cache_path|save_dir)$")
_OPEN = frozenset({"cache_dir", "cache_folder", "download_root"})  # None where a name holds it leaves the folder
_ENDS = re.compile(r"\.(?:from_pretrained|from_single_file)$")


@dataclass(slots=True)
class Home:
    """One cache folder: what is fetched into it and where."""

    row: dict[str, Any]
    wanted: dict[str, None] = field(default_factory=dict)
    moved: dict[str, None] = field(default_factory=dict)
    here: int = 0  # how many calls leave the folder as it is
    places: list[tuple[str, str, int, int]] = field(default_factory=list)


@kind(
    "cache_homes",
    summary="cache folders that downloads go to, with what is fetched, and folders that the code makes (what=…)",
    example="cache_homes, or cache_homes: what=folders",
    reads="python",
    options=("what",),
    ordered=True,
)
def cache_homes(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One sentence on caches and one on folders."""
    what = query.options.get("what", "caches|folders").split("|")
    if "caches" in what and (homes := list(_homes(codebase).values())):
        yield _caches(codebase, homes)
    if "folders" in what:
        yield from _folders(codebase)


@cache
def _table() -> list[tuple[dict[str, Any], list[Any]]]:
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return [(row, [compile_pattern(word) for word in row["calls"].split()]) for row in rows]


def _homes(codebase: Codebase) -> dict[str, Home]:
    reach = reach_of(codebase)
    found: dict[str, Home] = {}
    for path, call in codebase.all_calls():
        if codebase.snapshot.by_path[path].role != "source" or not reach.runs_line(path, call.start):
            continue
        row = _row(codebase, path, call)
        if row is not None:
            home = found.setdefault(row["folder"], Home(row))
            home.places.append((path, call.symbol, call.start, call.end))
            if wanted := _wanted(codebase, path, call):
                home.wanted[f"`{wanted}`"] = None
            moved = [(k, v) for k, v in call.keywords if _FOLDER.match(k) and v != "None"]
            home.here += not moved or all(k in _OPEN and v.isidentifier() for k, v in moved)
            for key, value in moved:
                home.moved[f"`{key}={_resolved(codebase, path, call, value)}` given by {_who(path, call)}"] = None
    return found


def _who(path: str, call: Call) -> str:
    return f"`{call.symbol}()`" if call.symbol else path


def _row(codebase: Codebase, path: str, call: Call) -> dict[str, Any] | None:
    names = codebase.speller.names(path, call.name)
    for row, patterns in _table():
        if any(pattern.matches(name) for name in names for pattern in patterns):
            return None if codebase.resolve_call(path, call) is not None else row
    hub = _table()[0][0]
    if _ENDS.search(call.name) and _wanted(codebase, path, call):
        return hub
    pretrained = dict(call.keywords).get("pretrained") == "True"
    if pretrained and call.name.startswith("timm."):
        return hub
    if call.name.startswith("torchvision.models.") and (pretrained or "weights" in dict(call.keywords)):
        return _table()[1][0]
    return None


def _wanted(codebase: Codebase, path: str, call: Call) -> str:
    """The name of a model on a hub that a call is given, "" for a path or what is not known."""
    given = [v for k, v in call.keywords if k in ("repo_id", "pretrained_model_name_or_path", "repo_or_dir")]
    given += call.arguments[:1]
    for value in given:
        told = paths_of(codebase).written(path, call.symbol, value, call.start)
        alone = re.fullmatch(r"\{([\w.]+)\}", told)
        told = default_of_name(codebase, path, call.symbol, alone[1]).strip("\"'") if alone else told
        local = any(file.path.startswith(told) for file in codebase.snapshot.files) if told else True
        if told and _HUB.fullmatch(told) and not local and not re.match(r"\d*$|\.", told):
            return told
    return ""


def _resolved(codebase: Codebase, path: str, call: Call, value: str) -> str:
    told = paths_of(codebase).written(path, call.symbol, value, call.start)
    alone = re.fullmatch(r"\{([\w.]+)\}", told)
    default = default_of_name(codebase, path, call.symbol, alone[1]) if alone else ""
    return (
        f"{alone[1]} (default {default})".replace("`", "'") if alone and default else (told or value)[:60].strip("{}")
    )


def _caches(codebase: Codebase, homes: list[Home]) -> CensusHit:
    told = []
    for home in sorted(homes, key=lambda h: -len(h.places)):
        where = home.row["folder"]
        text = f"`{where}`" if where.startswith("~") else where
        who = people(codebase, [(path, symbol) for path, symbol, *_ in home.places], NAMED)
        things = listed(list(home.wanted), NAMED) if home.wanted else home.row.get("what", "what is downloaded")
        if home.here:
            text += f" ({things}, by {who}; moved by {_moved(home.row['moved'])}"
            text += f"; here by {listed(list(home.moved), 2)}" if home.moved else ""
            told.append(f"{text})")
        else:  # every call names a folder of its own
            told.append(f"the folder of {listed(list(home.moved), 2)} ({things}, by {who}), instead of {text}")
    variables = _variables(codebase, homes)
    places = [(path, first, last) for home in homes for path, _, first, last in home.places]
    places += [(path, line, line) for _, path, line in variables]
    first = places[0]
    said = f"Caches of libraries that the downloads go to: {'; '.join(told)}"
    said += f". The code sets {', '.join(text for text, *_ in variables)}" if variables else ""
    related = tuple(("place", *place) for place in dict.fromkeys(places[1:]))
    return hit_at(codebase, first[0], first[1:], symbol="", name="caches", text=said, related=related[:PLACES])


def _moved(what: str) -> str:
    return f"`{what}`" if re.fullmatch(r"[A-Z_0-9]+", what) else what


def _variables(codebase: Codebase, homes: list[Home]) -> list[tuple[str, str, int]]:
    """Where the code sets an environment variable that moves a cache."""
    from retrieval.census.files.cache_dirs import CACHE_VARIABLE

    found = []
    for path in codebase.facts:
        if codebase.snapshot.by_path[path].role != "source":
            continue
        for number, line in enumerate(codebase.snapshot.by_path[path].lines, 1):
            text = str(line)
            match = re.match(r"""\s*os\.environ\[["'](\w+)["']\]\s*=\s*(.+)""", text) if "environ" in text else None
            if match and CACHE_VARIABLE.match(match[1]):
                found.append((f"`{match[1]}` to `{match[2].strip()[:50]}` ({path})", path, number))
    return found


def _folders(codebase: Codebase) -> Iterator[CensusHit]:
    """The folders that the main programs make, with what their names are by default."""
    reach = reach_of(codebase)
    groups: dict[tuple[str, ...], list[Contact]] = {}
    for contact in contacts_of(codebase):
        made = contact.effect == "writes" and contact.what == "folder"
        made = made and reach.runs_line(contact.path, contact.start)
        parts = parts_of(contact.pattern)
        if made and parts and (any(letters(part) >= LETTERS for part in parts) or _default(codebase, contact)):
            groups.setdefault(parts if parts != ("*",) else (contact.pattern,), []).append(contact)
    if not groups:
        return
    told = []
    for group in list(groups.values())[:FOLDERS]:
        default = _default(codebase, group[0])
        note = f" ({default})" if default else ""
        told.append(
            f"`{group[0].pattern.replace('`', chr(39))}`{note} by {people(codebase, [c.place for c in group], 2)}"
        )
    more = f"; {len(groups) - FOLDERS} more" if len(groups) > FOLDERS else ""
    every = [c for group in groups.values() for c in group]
    related = tuple(("place", c.path, c.start, c.end) for c in every[1:PLACES])
    first = every[0]
    text = f"Folders that are made and stay: {'; '.join(told)}{more}"
    lines = (first.start, first.end)
    yield hit_at(codebase, first.path, lines, symbol=first.symbol, name="folders", text=text, related=related)


def _default(codebase: Codebase, contact: Contact) -> str:
    return with_defaults(codebase, contact.place, contact.pattern)
