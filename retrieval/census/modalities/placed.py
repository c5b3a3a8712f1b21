"""Where values of one modality are put among those of another: `x[mask] = y`, `x.masked_scatter(mask, y)`, `where`.

What a container holds is told without what the same body puts into it, for that is what meets it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, CallStep, one_line
from retrieval.census.meaning.names import reaching
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.modalities.modalities import Told
from retrieval.census.modalities.operands import Meeting, is_aside, meeting_of, told_of
from retrieval.census.models.fillers import is_filler
from retrieval.census.models.roster import Roster
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

WRITING = re.compile(r"\.(?:masked_scatter_?|index_copy_?|index_put_?|scatter_?|slice_scatter|select_scatter)$")
CHOOSING = re.compile(r"^(?:torch|np|numpy|tf|jnp|mx|ops)\.where$")
_FEATURES = re.compile(r"(?i)feat|emb|hidden|state|token|memory|src|logit|latent|encod|^x$|proj|attn|_ids$")
_NAME = re.compile(r"(?i)(?:^|[._])\w*(?:name|key|kwarg)s?$")  # of an entry of a dictionary
SHOWN = 50


def placed(roster: Roster, frame: "Frame") -> Iterator[Meeting]:
    """The meetings of a body by such writes."""
    for step in frame.body.calls:
        if meeting := _of_call(roster, frame, step):
            yield meeting
    by: dict[str, list[Binding]] = {}
    for store in frame.body.stores:
        key = _key(store)
        told = key is not None and (key.type in ("string", "integer") or _NAME.search(frame.body.tree.text(key)))
        if key is not None and not told and _FEATURES.search(store.name):
            by.setdefault(store.name, []).append(store)
    for stores in by.values():
        yield from _of_stores(roster, frame, stores)


def _of_call(roster: Roster, frame: "Frame", step: CallStep) -> Meeting | None:
    given, place = arguments(step.node), Spot(frame, step.node, step.order, step.guards)
    if CHOOSING.match(step.written) and len(given) > 2:
        return meeting_of(roster, "joined", step.node, [s for child in given[1:3] for s in place.inner(child, take=())])
    function = step.node.child_by_field_name("function")
    owner = function.child_by_field_name("object") if function is not None and WRITING.search(step.written) else None
    named = [c for c in arguments(step.node, keywords=True) if c.type == "keyword_argument"]
    sources = [c.child_by_field_name("value") for c in named if frame.body.tree.text(c)[:3] in ("sou", "src")]
    what = next(iter([*sources, *given[-1:]]), None)
    if owner is None or what is None:
        return None
    return _written(roster, step.node, place.inner(owner, take=()), place.inner(what, take=()))


def _key(store: Binding) -> Node | None:
    left = _left(store)
    return left.child_by_field_name("subscript") if left is not None and left.type == "subscript" else None


def _left(store: Binding) -> Node | None:
    parent = store.value.parent if store.value is not None else None
    return parent.child_by_field_name("left") if parent is not None else None


def _of_stores(roster: Roster, frame: "Frame", stores: Sequence[Binding]) -> Iterator[Meeting]:
    """Each write into what already holds another modality; into a fresh container all of them together."""
    found: list[tuple[str, Told]] = []
    for store in stores:
        left = _left(store)
        place = Spot(frame, store.value, store.order, store.guards)  # type: ignore[arg-type]
        owner = left.child_by_field_name("value") if left is not None else None
        if left is None or owner is None:
            continue
        holding = [Spot(frame, owner, store.order, store.guards)]
        if meeting := _written(roster, left, holding, [place]):
            yield meeting
        elif told := _one(roster, place):
            found.append((one_line(place.text(), SHOWN), told))
    if len({told.group for _, told in found}) > 1 and (last := _left(stores[-1])) is not None:
        yield Meeting("joined", last, tuple(found))


def _written(roster: Roster, node: Node, owner: Sequence[Spot], what: Sequence[Spot]) -> Meeting | None:
    if not owner or not what:
        return None
    put = _one(roster, what[0])
    held = [told for told in _held(roster, owner[0]) if put is not None and told.group != put.group]
    if put is None or len({told.group for told in held}) != 1:
        return None
    return Meeting("joined", node, ((owner[0].text(), held[0]), (one_line(what[0].text(), SHOWN), put)))


def _one(roster: Roster, spot: Spot) -> Told | None:
    """The one kind of modality that a value is of."""
    told = [] if is_aside(spot) or is_filler(spot) else told_of(roster, spot)
    return told[0] if len({item.group for item in told}) == 1 else None


def _held(roster: Roster, owner: Spot) -> list[Told]:
    """What a container is bound to: of a name its bindings, without what is written into it."""
    if owner.node.type != "identifier":
        return told_of(roster, owner)
    frame = owner.frame
    bound = roster.tracer.holders.bindings(frame, owner.text())
    if not bound:
        return told_of(roster, owner) if owner.text() in frame.parameters else []
    reach = reaching(bound, owner.order, owner.guards, looped=True)
    values = [Spot(frame, b.value, b.order, b.guards) for b in reach.bindings if b.value is not None]
    return [told for spot in values if not is_filler(spot) for told in told_of(roster, spot)]
