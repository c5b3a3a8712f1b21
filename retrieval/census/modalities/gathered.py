"""Values of two modalities that data structures bring together: experts chosen by a mask, lists sorted by time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.spots import Spot, key_node
from retrieval.census.modalities.modality_names import GROUPS, named
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_TIMES = re.compile(r"(?i)(?:^|[._])(?:t|time|times|timestamps?|start|begin|start_time|ts|pts|offset|onset)$")
_SORTS = re.compile(r"(?:^|\.)(?:sort|sorted)$")


@dataclass(frozen=True)
class Gathered:
    """How values are brought together, where, and each value with the modality that its names say, "" for none."""

    how: str  # routed, merged
    node: Node
    values: tuple[tuple[Spot, str], ...]


def gathered(frame: "Frame") -> Iterator[Gathered]:
    """What a body brings together by its data structures."""
    by: dict[str, list[Binding]] = {}
    for store in frame.body.stores:
        by.setdefault(store.name, []).append(store)
    for name, stores in by.items():
        if len(stores) > 1:
            yield from _routed(frame, stores)
            yield from _merged(frame, name, stores)


def _routed(frame: "Frame", stores: list[Binding]) -> Iterator[Gathered]:
    """`out[mask] = f(…)` and `out[~mask] = g(…)`: tokens of two modalities go through different weights."""
    text = frame.body.tree.text
    keyed = {text(key): store for store in stores if (key := key_node(store)) is not None}
    for key, store in keyed.items():
        other = keyed.get(f"~{key}")
        if other is None or store.value is None or other.value is None:
            continue
        one, two = _names(frame, store.value) or named(key.partition(".")[0]), _names(frame, other.value)
        if one and two and GROUPS.get(one, one) != GROUPS.get(two, two):
            values = ((_spot(frame, store), one), (_spot(frame, other), two))
            yield Gathered("routed", store.value.parent or store.value, values)


def _names(frame: "Frame", value: Node) -> str:
    """The one modality that the names in an expression say."""
    text = frame.body.tree.text
    told = {named(text(node)) for node in descendants(value) if node.type == "identifier"} - {""}
    return min(told) if len({GROUPS.get(one, one) for one in told}) == 1 else ""


def _merged(frame: "Frame", name: str, stores: list[Binding]) -> Iterator[Gathered]:
    """A list that is given moments with what belongs to them, of several sources, and is then sorted."""
    text = frame.body.tree.text
    last = max(store.order for store in stores)
    for step in frame.body.calls:
        given = step.written == f"{name}.sort" or (step.written == "sorted" and f"({name}" in text(step.node))
        if not (_SORTS.search(step.written) and given and step.order > last):
            continue
        values = [(spot, "") for store in stores for spot in _payload(frame, store)]
        if len(values) > 1:
            yield Gathered("merged", step.node, tuple(values))
        return


def _payload(frame: "Frame", store: Binding) -> list[Spot]:
    """What stands beside the moment in a tuple that is put into a list: the last member that is a name."""
    value = store.value
    if value is None or value.type != "tuple":
        return []
    members = [child for child in value.named_children if child.type != "comment"]
    timed = [child for child in members if _TIMES.search(frame.body.tree.text(child))]
    held = [child for child in members if child not in timed and child.type in ("identifier", "attribute")]
    return _spot(frame, store).inner(held[-1], take=()) if timed and held else []


def _spot(frame: "Frame", store: Binding) -> Spot:
    return Spot(frame, store.value, store.order, store.guards)  # type: ignore[arg-type]
