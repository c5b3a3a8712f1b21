"""Kind `tensor_moves`: how often each file moves tensors between devices, and in which functions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.memory.moves import device_moves
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 4


@kind(
    "tensor_moves",
    summary="per file how many tensors, or objects not known to be models, are moved to a device or to the CPU",
    example="tensor_moves",
    reads="python",
    ordered=True,
)
def tensor_moves(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per file, most moves first; changes of the type alone do not count. Patterns match the path."""
    by_file: dict[str, list[CensusHit]] = {}
    for hit in device_moves(codebase, parse_query("device_moves: tensor, unknown, to=cpu|device")):
        by_file.setdefault(hit.path, []).append(hit)
    for path, hits in sorted(by_file.items(), key=lambda item: (-len(item[1]), item[0])):
        if not query.matches(path):
            continue
        back = sum(hit.detail["to"] == "cpu" for hit in hits)
        ways = [f"{len(hits) - back} to a device"] * (back < len(hits)) + [f"{back} to the CPU"] * bool(back)
        names = list(dict.fromkeys(f"`{hit.symbol}()`" for hit in hits if hit.symbol))
        inside = f", in {listed(names, MOST_NAMED)}" if names else ""
        text = f"`{path}`: {counted(len(hits), 'move')}, {' and '.join(ways)}{inside}"
        related = tuple(("move", path, hit.start, hit.end) for hit in hits[1:MOST_NAMED])
        first = hits[0]
        yield hit_at(
            codebase, path, (first.start, first.end), symbol="", name=path, text=text, related=related,
        )  # fmt: skip
