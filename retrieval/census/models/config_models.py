"""Kind `config_models`: models that configuration files name, by key: how many files, and which names."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ENTRY = re.compile(
    r"\b((?:\w+_)?(?:model_name|model_id|model_name_or_path|pretrained_model|base_model|backbone_name))"
    r"[\"']?[ \t]*[:=][ \t]*[\"']?([A-Za-z][\w./\-]{2,80})[\"']?"
)
_NO_MODEL = re.compile(r"^(?:null|none|true|false|auto|default)$|\.(?:json|ya?ml|txt|md|py)$", re.IGNORECASE)
SHOWN, LARGEST = 8, 65536


@kind(
    "config_models",
    summary="models that configuration files name, by key: how many files, and which names",
    example="config_models: *timm*",
    reads="text",
    ordered=True,
)
def config_models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per key and folder, those that most files have first; patterns match the key."""
    found: dict[tuple[str, str], dict[str, tuple[str, int]]] = {}
    files: dict[tuple[str, str], set[str]] = {}
    for file in codebase.snapshot.files:
        if file.language not in ("json", "yaml", "toml") or len(file.data) > LARGEST:
            continue
        if file.role not in ("source", "config"):
            continue
        for match in _ENTRY.finditer(file.text):
            if not _NO_MODEL.search(match[2]):
                place = (match[1], str(PurePosixPath(file.path).parent))
                line = file.text.count("\n", 0, match.start(1)) + 1
                found.setdefault(place, {}).setdefault(match[2], (file.path, line))
                files.setdefault(place, set()).add(file.path)
    for key, folder in sorted(found, key=lambda place: -len(files[place])):
        if query.matches(key):
            names = found[key, folder]
            yield _hit(codebase, key, folder, names, len(files[key, folder]))


def _hit(codebase: "Codebase", key: str, folder: str, names: dict[str, tuple[str, int]], files: int) -> CensusHit:
    places = list(names.values())
    where = folder if folder != "." else "the repository's own folder"
    text = f"`{key}` in {counted(files, 'file')} of {where} is "
    text += f"one of {counted(len(names), 'model')}: " if len(names) > SHOWN else ""
    text += listed([f"`{name}`" for name in names], SHOWN)
    related = tuple(("named", path, line, line) for path, line in places[1:SHOWN])
    path, line = places[0]
    return hit_at(codebase, path, (line, line), symbol="", name=key, text=text, related=related)
