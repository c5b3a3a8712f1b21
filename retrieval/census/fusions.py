"""Kind `fusions`: where values of different modalities meet - joined, attended to, or compared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import CallStep, one_line
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.modalities import Told, modalities, named
from retrieval.census.roster import Roster, roster_of
from retrieval.census.spots import Spot, arguments
from retrieval.census.values import ClassRef, External
from retrieval.census.wording import caller
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.parse import Node, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

HOW = ("joined", "attended", "compared")
_JOINING = re.compile(r"(?:^|\.)(?:cat|concat|concatenate|stack|hstack|vstack|column_stack)$")
_COMPARING = re.compile(r"(?:^|\.)(?:cosine_similarity|CosineSimilarity|cos_sim|pairwise_distance|cdist|dot_score)$")
_PRODUCT = re.compile(r"(?:^|\.)(?:matmul|bmm|mm|einsum|baddbmm)$")
_ATTENDING = re.compile(
    r"(?i)(?:^|\.|_)(?:x_?attn|cross_?att\w*|\w*cross_?att(?:n|ention)\w*|fus\w*|qformer|multihead_attn)(?:$|\[)"
)
_CONTEXT = words("encoder_hidden_states context xa key_value_states cross_attention_states vision_hidden_states")
_LIBRARIES = (
    "torch",
    "numpy",
    "tensorflow",
    "jax",
    "paddle",
    "keras",
    "mlx",
    "einops",
    "sentence_transformers",
    "sklearn",
)
_ASIDE = re.compile(r"(?i)(?:^|[._])(?:\w*mask|pos(?:ition(?:al|s)?)?_?(?:emb\w*|enc\w*|ids?))$")
"""Operands that are of no modality: masks and encodings of positions."""
SHOWN, MOST_OPERANDS, DEEP = 90, 8, 60


@dataclass(frozen=True)
class Meeting:
    """Values of different modalities that meet: how, at which node, and what tells the modality of each."""

    how: str
    node: Node
    operands: tuple[tuple[str, Told], ...]  # as written, and what it is


@kind(
    "fusions",
    summary="where values of different modalities meet; how=joined (cat, +), attended (cross-attention), compared",
    example="fusions: how=joined",
    reads="python",
    options=("how",),
    ordered=True,
)
def fusions(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per place, those that programs reach first; patterns match "image + text" and the like.

    Raises QueryError for an unknown `how`.
    """
    asked = [word.strip() for word in query.options.get("how", "|".join(HOW)).split("|")]
    if unknown := [word for word in asked if word not in HOW]:
        raise QueryError(f"{query.text!r}: unknown how={unknown[0]}", hint=f"known: {', '.join(HOW)}")
    roster = roster_of(codebase)
    _ = roster.uses  # lets the tracer know which methods calls of models run
    for frame, _depth in roster.frames:
        for meeting in _meetings(roster, frame):
            name = " + ".join(dict.fromkeys(told.modality for _, told in meeting.operands))
            if meeting.how in asked and query.matches(name):
                yield _hit(codebase, frame, meeting, name)


def _meetings(roster: Roster, frame: "Frame") -> Iterator[Meeting]:
    seen: set[int] = set()
    for step in frame.body.calls:
        meeting = _of_call(roster, frame, step)
        if meeting is not None:
            seen.add(first_line(meeting.node))
            yield meeting
    for meeting in (*_of_operators(roster, frame), *_of_stores(roster, frame)):
        if first_line(meeting.node) not in seen:
            seen.add(first_line(meeting.node))
            yield meeting


def _of_call(roster: Roster, frame: "Frame", step: CallStep) -> Meeting | None:
    function = step.node.child_by_field_name("function")
    if function is None:
        return None
    given = arguments(step.node)
    place = Spot(frame, step.node, step.order, step.guards)
    if _JOINING.search(step.written) and given and _is_library(frame, step):
        return _meeting(roster, "joined", step.node, _members(roster, place.inner(given[0], take=())[0]))
    if _COMPARING.search(step.written) and len(given) > 1:
        return _meeting(roster, "compared", step.node, [s for g in given[:2] for s in place.inner(g, take=())])
    if _PRODUCT.search(step.written):
        owner = function.child_by_field_name("object") if function.type == "attribute" else None
        value = frame.value(owner, step.order, step.guards)
        sides = given if owner is None or isinstance(value, External) else [owner, *given]
        sides = [side for side in sides if side.type != "string"]
        return _meeting(roster, "compared", step.node, [s for side in sides[:3] for s in place.inner(side, take=())])
    return _attention(roster, frame, step, place)


def _is_library(frame: "Frame", step: CallStep) -> bool:
    value = frame.callee(step)
    return isinstance(value, External) and value.name.partition(".")[0] in _LIBRARIES


def _attention(roster: Roster, frame: "Frame", step: CallStep, place: Spot) -> Meeting | None:
    """Cross-attention and fusion modules, and calls that are given hidden states of another encoder."""
    text = frame.body.tree.text
    listed = arguments(step.node, keywords=True)
    keywords = [c for c in listed if c.type == "keyword_argument" and text(c.child_by_field_name("name")) in _CONTEXT]
    if not keywords and (not _ATTENDING.search(step.written) or isinstance(frame.callee(step), ClassRef)):
        return None
    nodes = [child.child_by_field_name("value") if child.type == "keyword_argument" else child for child in listed]
    values = [
        node for node in nodes if node is not None and node.type in ("identifier", "attribute", "call", "subscript")
    ]
    return _meeting(roster, "attended", step.node, [s for v in values[:MOST_OPERANDS] for s in place.inner(v, take=())])


def _members(roster: Roster, spot: Spot) -> list[Spot]:
    """The members of a list that is joined: written out, or put into it before."""
    if spot.node.type in ("list", "tuple"):
        return [s for child in spot.node.named_children if child.type != "comment" for s in spot.inner(child)]
    found = [
        source for source, _ in roster.tracer.sources(Spot(spot.frame, spot.node, spot.order, spot.guards, ("[]",)))
    ]
    return found if spot.node.type in ("identifier", "attribute") else []


def _of_operators(roster: Roster, frame: "Frame") -> Iterator[Meeting]:
    """`a + b` and `a @ b`, where the names of both sides or of one side say a modality."""
    for exit_or_binding in (*frame.body.bindings, *frame.body.exits):
        value = exit_or_binding.value
        if value is None or value.type in ("identifier", "string", "integer", "none"):
            continue
        for node in _operators(value):
            text = frame.body.tree.text
            sign = text(node.child_by_field_name("operator"))
            sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
            if sign not in ("+", "@") or any(side is None or side.type in ("string", "integer") for side in sides):
                continue
            written = [text(side) for side in sides]
            if not any(_says(w) for w in written):
                continue
            place = Spot(frame, node, exit_or_binding.order, exit_or_binding.guards)
            spots = [s for side in sides for s in place.inner(side, take=())]
            meeting = _meeting(roster, "compared" if sign == "@" else "joined", node, spots)
            if meeting is not None and (sign == "@" or all(_is_feature(w) for w in written)):
                yield meeting


def _operators(value: Node) -> Iterator[Node]:
    if value.end_byte - value.start_byte > 600:
        return
    for node in descendants(value):
        if node.type == "binary_operator":
            yield node


def _says(written: str) -> bool:
    return any(named(part) for part in re.findall(r"\w+", written))


def _is_feature(written: str) -> bool:
    """Whether a summand may be a tensor of features and not a text, a count or a loss."""
    if re.search(r"(?i)loss|entropy|logits_per|size|_len\b|count", written):
        return False
    told = r"(?i)feat|emb|hidden|state|token|memory|src|logit|latent|encod|^x$|proj|attn"
    return re.search(told, written) is not None


def _of_stores(roster: Roster, frame: "Frame") -> Iterator[Meeting]:
    """`embeds[mask] = features`: features of one modality put among those of another."""
    for store in frame.body.stores:
        left = (
            store.value.parent.child_by_field_name("left") if store.value is not None and store.value.parent else None
        )
        key = left.child_by_field_name("subscript") if left is not None and left.type == "subscript" else None
        if store.value is None or left is None or key is None or key.type in ("string", "integer"):
            continue
        if not _is_feature(store.name) or not _says(frame.body.tree.text(store.value)):
            continue
        place = Spot(frame, store.value, store.order, store.guards)
        owner = left.child_by_field_name("value")
        meeting = _meeting(roster, "joined", left, [*place.inner(owner, take=()), place])
        if meeting is not None:
            yield meeting


def _meeting(roster: Roster, how: str, node: Node, spots: list[Spot]) -> Meeting | None:
    """The meeting of values that are each of one modality, when they are of at least two kinds."""
    operands: list[tuple[str, Told]] = []
    for spot in spots[:MOST_OPERANDS]:
        told = modalities(roster.tracer, spot, DEEP) if not _ASIDE.search(spot.text()) else []
        if told and len({item.group for item in told}) == 1:
            operands.append((one_line(spot.text(), 50), told[0]))
    kinds = {told.group for _, told in operands}
    return Meeting(how, node, tuple(operands)) if len(kinds) > 1 else None


def _hit(codebase: "Codebase", frame: "Frame", meeting: Meeting, name: str) -> CensusHit:
    subject = caller(frame)
    does = {"joined": "joins", "attended": "lets attend to each other", "compared": "multiplies or compares"}[
        meeting.how
    ]
    told: dict[str, str] = {}
    for written, item in meeting.operands:
        told.setdefault(item.modality, f"{item.modality} (`{written}`{_why(written, item)})")
    shown = one_line(frame.body.tree.text(meeting.node), SHOWN)
    text = f"{subject[0].upper()}{subject[1:]} {does} {' and '.join(told.values())}: `{shown}`"
    related = [
        ("evidence", i.spot.frame.path, first_line(i.spot.node), last_line(i.spot.node)) for _, i in meeting.operands
    ]
    lines = (first_line(meeting.node), last_line(meeting.node))
    return hit_at(
        codebase, frame.path, lines, symbol=frame.symbol, name=name, text=text,
        related=tuple(dict.fromkeys(related)), detail={"how": meeting.how},
    )  # fmt: skip


def _why(written: str, told: Told) -> str:
    """What tells the modality, when the operand's own name does not."""
    shown = one_line(told.spot.text(), 50)
    return f", from `{shown}`" if shown != written and shown not in written else ""
