"""The exact versions that lock files fix, a sentence for each file, and sentences with their proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit
from retrieval.manifests import Declaration
from retrieval.manifests.distributions import distribution_of
from retrieval.manifests.wording import condition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

ASKED = ("torch", "torchvision", "torchaudio", "transformers")
PINNED = 14


def locks(codebase: Codebase, items: list[Declaration], chosen: tuple[str, ...]) -> Iterator[CensusHit]:
    """One sentence per lock file: the frameworks that are asked about, then the `chosen` ones in their order."""
    locked: dict[str, list[Declaration]] = {}
    for item in items:
        if item.scope == "lock" and item.exact:
            locked.setdefault(item.path, []).append(item)
    for path, found in locked.items():
        by_name: dict[str, list[Declaration]] = {}
        for item in found:
            by_name.setdefault(distribution_of(item), []).append(item)
        asked = [name for name in ASKED if name in by_name]
        others = [name for name in chosen if name in by_name]
        told = [f"`{name}` {fixed(by_name[name])}" for name in asked]
        rest = [f"`{name}` {' and '.join(dict.fromkeys(i.exact for i in by_name[name]))}" for name in others]
        text = f"`{path}` fixes exact versions of {counted(len(by_name), 'package')}"
        text += f": {listed(told)}" if told else ""
        text += f"; also {listed(rest, PINNED)}" if rest else ""
        major = [item for name in (*asked, *others) for item in by_name[name]]
        yield sentence(codebase, "locks", text, major[:PINNED] or found[:1])


def fixed(items: list[Declaration]) -> str:
    """ "2.11.0 (only on Linux) and 2.13.0 (elsewhere)": the versions that a lock file fixes, each with where."""
    several = len({item.exact for item in items}) > 1
    places = [_where(item.marker) if several and item.marker else "" for item in items]
    told = [place if place != "elsewhere" or places.count(place) == 1 else "" for place in places]
    found = dict.fromkeys(f"{i.exact} ({where})" if where else i.exact for i, where in zip(items, told, strict=True))
    return listed(list(found), 4)


def _where(marker: str) -> str:
    """What all alternatives of a marker ask for, in words; "elsewhere" when they have nothing in common."""
    first, *more = [part.strip("()").split(" and ") for part in marker.split(") or (")]
    common = [atom for atom in first if all(atom in other for other in more)]
    return condition(" and ".join(common)) if common and "(" not in " ".join(common) else "elsewhere"


def sentence(
    codebase: Codebase, name: str, text: str, proof: list[Declaration], imports: Iterable[tuple[str, int]] = ()
) -> CensusHit:
    """A sentence with the declarations and imports that prove it."""
    spots = [(item.path, item.start, item.end) for item in proof] + [(path, line, line) for path, line in imports]
    spots = list(dict.fromkeys(spots))
    path, start, end = spots[0] if spots else (codebase.snapshot.files[0].path, 1, 1)
    related = tuple(("proof", *spot) for spot in spots[1:])
    detail = {} if spots else {"scope": "repository"}
    return hit_at(codebase, path, (start, end), symbol="", name=name, text=f"{text}.", related=related, detail=detail)
