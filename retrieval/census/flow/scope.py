"""What direct answers say of hits: which the main programs run, the functions and files they stand in, and as a hit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED, MOST_CITED = 4, 6
ASIDE = "Code that the main programs are not seen to run"


def said_of(codebase: "Codebase", name: str, text: str, hits: Sequence[CensusHit]) -> CensusHit:
    """An answer that stands at its first hits, or is measured on the whole repository without any."""
    if not hits:
        path = min(codebase.facts, default="")
        return hit_at(codebase, path, (1, 1), symbol="", name=name, text=text, detail={"scope": "repository"})
    first = hits[0]
    related = [("hit", hit.path, hit.start, hit.end) for hit in hits[1:MOST_CITED]]
    related += [row for hit in hits[:2] for row in hit.related[:2]]
    return hit_at(
        codebase, first.path, (first.start, first.end), symbol="", name=name, text=text,
        related=tuple(dict.fromkeys(related)), detail={"about": "repository"},
    )  # fmt: skip


def parted(codebase: "Codebase", hits: Sequence[CensusHit]) -> tuple[list[CensusHit], list[CensusHit]]:
    """The hits in main code that the main programs run, and those that they do not, demos and examples among them."""
    return reach_of(codebase).parted((hit for hit in hits if hit.role != "docs"), aside=True)


def functions(hits: Sequence[CensusHit]) -> str:
    """The functions of hits, each once."""
    names = list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else f"`{hit.path}`" for hit in hits))
    return listed(names, MOST_NAMED)


def places(hits: Sequence[CensusHit]) -> str:
    """The functions of hits with their files, each once."""
    names = [f"`{hit.symbol}()` in {hit.path}" if hit.symbol else f"`{hit.path}`" for hit in hits]
    return listed(list(dict.fromkeys(names)), MOST_NAMED)


def programs(names: Sequence[str]) -> str:
    """Names of programs in a sentence."""
    return listed([name if "`" in name else f"`{name}`" for name in names], MOST_NAMED)
