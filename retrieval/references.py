"""Which chunks name definitions of other chunks: the neighbours that a search should also look at.

A name counts where few chunks define it; so the edges are calls, base classes, imports and other uses, of
any language whose definitions are known. It does not follow types: `call graph` proper is the census'.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import sqrt

from retrieval.chunk import Chunk

SEEDS = 20
DEFINED_AT_MOST = 3  # a name defined in more places says little about which is meant
SHORTEST_NAME = 4
_NAME = re.compile(r"[^\W\d]\w{3,}")


class References:
    """Edges between places of chunks, weighted by how surely the name means that definition."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._uses: list[dict[int, float]] = [{} for _ in chunks]
        self._users: list[dict[int, float]] = [{} for _ in chunks]
        defined = _defined(chunks)
        for place, chunk in enumerate(chunks):
            for name in defined.keys() & set(_NAME.findall(chunk.text)):
                for target in defined[name]:
                    if target != place:
                        self._add(place, target, 1 / len(defined[name]))

    def _add(self, place: int, target: int, weight: float) -> None:
        self._uses[place][target] = self._uses[place].get(target, 0.0) + weight
        self._users[target][place] = self._users[target].get(place, 0.0) + weight

    def rank(self, places: Sequence[int], count: int) -> list[int]:
        """The `count` nearest neighbours of `places` (best first), best first.

        One step of a random walk in both directions, from the first places more than from later ones.
        """
        found: defaultdict[int, float] = defaultdict(float)
        for rank, place in enumerate(places[:SEEDS], 1):
            for neighbour, weight in self._neighbours(place):
                found[neighbour] += weight / (SEEDS + rank)
        return [place for place, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:count]]

    def _neighbours(self, place: int) -> Iterator[tuple[int, float]]:
        for edges, back in ((self._uses, self._users), (self._users, self._uses)):
            out = 1 + sum(edges[place].values())
            for neighbour, weight in edges[place].items():
                yield neighbour, weight / sqrt(out * (1 + sum(back[neighbour].values())))


def _defined(chunks: Sequence[Chunk]) -> dict[str, list[int]]:
    """The last part of each defined name → the places that define it, where these are few."""
    found: dict[str, list[int]] = {}
    for place, chunk in enumerate(chunks):
        for name in {name.rpartition(".")[2] for name in chunk.names}:
            if len(name) >= SHORTEST_NAME and not name.startswith("__"):
                found.setdefault(name, []).append(place)
    return {name: places for name, places in found.items() if len(places) <= DEFINED_AT_MOST}
