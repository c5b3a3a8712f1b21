"""Places the nodes of a directed graph in columns, so that most arrows point to the right.

The steps of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981:
edges of cycles are turned around, nodes go to the column after the last node that points to them, long edges pass
through a bend in every column between (those of one node share it), and the order within columns is improved by
barycenters. Measures nothing
and draws nothing; the same graph gives the same places.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 12
Edge = tuple[str, str]
Slot = str | tuple[str, int]  # a node, or the bend in a column of all edges that come from a node


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns` of nodes and bends from top to bottom, `routes` the slots each edge passes, `back` edges of cycles."""

    columns: tuple[tuple[Slot, ...], ...]
    routes: Mapping[Edge, tuple[Slot, ...]]
    back: frozenset[Edge]


def layered(nodes: Sequence[str], edges: Collection[Edge]) -> Layout:
    """Columns and routes for the graph; an edge from a node to itself is ignored."""
    edges = [(a, b) for a, b in dict.fromkeys(edges) if a != b]
    back = _back_edges(nodes, edges)
    forward = [(b, a) if (a, b) in back else (a, b) for a, b in edges]
    column = _columns(nodes, forward)
    slots: list[list[Slot]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for node in nodes:
        slots[column[node]].append(node)
    routes: dict[Edge, tuple[Slot, ...]] = {}
    for edge, (start, end) in zip(edges, forward, strict=True):
        bends: list[tuple[str, int]] = [(start, at) for at in range(column[start] + 1, column[end])]
        for bend in bends:
            if bend not in slots[bend[1]]:
                slots[bend[1]].append(bend)
        routes[edge] = (start, *bends, end) if edge not in back else (end, *reversed(bends), start)
    return Layout(_ordered(slots, routes.values()), routes, frozenset(back))


def _back_edges(nodes: Sequence[str], edges: Sequence[Edge]) -> set[Edge]:
    """Edges to a node that the depth-first search has open: without them there is no cycle."""
    targets: dict[str, list[str]] = {node: [] for node in nodes}
    for start, end in edges:
        targets[start].append(end)
    back: set[Edge] = set()
    done: set[str] = set()
    for root in sorted(nodes, key=lambda node: (sum(end == node for _, end in edges), nodes.index(node))):
        path = [(root, iter(targets[root]))] if root not in done else []
        active = {root}
        while path:
            node, rest = path[-1]
            following = next(rest, None)
            if following is None:
                done.add(node)
                active.discard(node)
                path.pop()
            elif following in active:
                back.add((node, following))
            elif following not in done:
                active.add(following)
                path.append((following, iter(targets[following])))
    return back


def _columns(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Node → number of edges on the longest way to it; nodes without edges share the first column."""
    waiting = {node: sum(end == node for _, end in edges) for node in nodes}
    column = dict.fromkeys(nodes, 0)
    ready = [node for node, count in waiting.items() if not count]
    for node in ready:
        for start, end in edges:
            if start == node:
                column[end] = max(column[end], column[node] + 1)
                waiting[end] -= 1
                if not waiting[end]:
                    ready.append(end)
    return column


def _ordered(columns: list[list[Slot]], routes: Iterable[Sequence[Slot]]) -> tuple[tuple[Slot, ...], ...]:
    """Every column sorted by where its neighbours stand, from left to right and back, several times."""
    before: dict[Slot, list[Slot]] = {}
    after: dict[Slot, list[Slot]] = {}
    for route in routes:
        for left, right in pairwise(route):
            after.setdefault(left, []).append(right)
            before.setdefault(right, []).append(left)
    for link in (before, after):
        for slot, others in list(link.items()):
            mirror = after if link is before else before
            for other in others:
                if slot not in mirror.setdefault(other, []):
                    mirror[other].append(slot)
    best, fewest = [list(column) for column in columns], _crossings(columns, after)
    for sweep in range(SWEEPS):
        order = range(1, len(columns)) if sweep % 2 == 0 else range(len(columns) - 2, -1, -1)
        for at in order:
            _sort(columns[at], columns[at - 1 if sweep % 2 == 0 else at + 1], before if sweep % 2 == 0 else after)
        if (found := _crossings(columns, after)) < fewest:
            best, fewest = [list(column) for column in columns], found
    return tuple(tuple(column) for column in best)


def _sort(column: list[Slot], beside: Sequence[Slot], link: Mapping[Slot, Sequence[Slot]]) -> None:
    at = {slot: (number + 0.5) / len(beside) for number, slot in enumerate(beside)}
    own = {slot: (number + 0.5) / len(column) for number, slot in enumerate(column)}

    def barycenter(slot: Slot) -> float:
        known = [at[other] for other in link.get(slot, ()) if other in at]
        return sum(known) / len(known) if known else own[slot]

    column.sort(key=barycenter)


def _crossings(columns: Sequence[Sequence[Slot]], after: Mapping[Slot, Sequence[Slot]]) -> int:
    total = 0
    for left, right in pairwise(columns):
        at = {slot: number for number, slot in enumerate(right)}
        ends = [sorted(at[other] for other in after.get(slot, ()) if other in at) for slot in left]
        flat = [end for group in ends for end in group]
        total += sum(flat[i] > flat[j] for i in range(len(flat)) for j in range(i + 1, len(flat)))
    return total
