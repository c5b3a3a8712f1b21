"""Where values of different modalities meet in one body: joined, attended to, compared, or given to one model."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import CallStep, one_line
from retrieval.census.fillers import is_filler, is_unread
from retrieval.census.gathered import gathered
from retrieval.census.joined import halves, members, segments
from retrieval.census.modalities import Told, nearest, reads_text
from retrieval.census.modality_names import GROUPS, named
from retrieval.census.model_inputs import inputs_of
from retrieval.census.roster import Roster, Use
from retrieval.census.spots import Spot, arguments
from retrieval.census.values import ClassRef, External, Instance
from retrieval.languages import words
from retrieval.parse import Node, descendants, first_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame

_JOINING = re.compile(r"(?:^|\.)(?:cat|concat|concatenate|stack|hstack|vstack|column_stack)$")
_COMPARING = re.compile(r"(?:^|\.)(?:cosine_similarity|CosineSimilarity|cos_sim|pairwise_distance|cdist|dot_score)$")
_PRODUCT = re.compile(r"(?:^|\.)(?:matmul|bmm|mm|einsum|baddbmm)$")
_ATTENDING = re.compile(
    r"(?i)(?:^|\.|_)(?:x_?attn|cross_?att\w*|\w*cross_?att(?:n|ention)\w*|fus\w*|qformer|multihead_attn)(?:$|\[)"
)
FUSING = re.compile(r"(?i)(?:^|\.|_)fus\w*$")
_ATTENTION = re.compile(r"(?i)att(?:n|ention)|softmax")
_MADE = re.compile(r"_?[A-Z]\w*[a-z]\w*$")
_CONTEXT = words("encoder_hidden_states context xa key_value_states cross_attention_states vision_hidden_states")
_SIDES = {"v": "image", "l": "text"}  # what the arguments of blocks that fuse vision and language are called
_LIBRARIES = words("torch numpy tensorflow jax paddle keras mlx einops sentence_transformers sklearn")
_ASIDE = re.compile(
    r"(?i)(?:^|[._])(?:\w*mask\w*|(?:\w*_)?atts?(?:_\w+)?|\w*quer(?:y|ies)(?:_tokens?|_emb\w*)?|"
    r"pos(?:ition(?:al|s)?)?_?(?:emb\w*|enc\w*|ids?)|(?:\w+_)?(?:tokenizer|processor|func|fn|callback))$"
)
"""Operands that are of no modality: masks, learned queries, encodings of positions, and what takes text apart."""
_MASKING = re.compile(
    r"\.(?:bool|ne|eq|lt|gt|le|ge|isnan|logical_\w+)\(|\* ?0(?:\.0*)?(?!\w|\.)|[<>=!]=|(?:zeros|ones)_like"
)
_WITHIN = re.compile(r"(?:self\.)?(?:query|key|value|q|k|v|attn|attention|scores?|weights?)(?:_\w+)?\b")
_CONTRAST = re.compile(r"(?i)contrast|similarity|clip_?loss|siglip")
_NO_MODEL = re.compile(r"(?i)loss|discriminator|criterion|metric|scheduler|processor|tokenizer|criteria")
MOST_OPERANDS = 8
VALUES = ("identifier", "attribute", "call", "subscript", "binary_operator")


@dataclass(frozen=True)
class Meeting:
    """Values of different modalities that meet: how, at which node, and what tells the modality of each."""

    how: str
    node: Node
    operands: tuple[tuple[str, Told], ...]  # as written, and what it is
    model: str = ""  # the model that is given them


def meetings(roster: Roster, frame: "Frame", uses: list[Use]) -> Iterator[Meeting]:
    """The meetings of a body, each line once; `uses` are its calls of models."""
    seen: set[int] = set()
    found = [meeting for step in frame.body.calls if (meeting := _of_call(roster, frame, step))]
    found += [*_of_operators(roster, frame), *_of_stores(roster, frame), *_gathered(roster, frame)]
    found += [meeting for use in uses if (meeting := _given(roster, use))]
    for meeting in found:
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
        return _meeting(roster, "joined", step.node, members(roster.tracer, place.inner(given[0], take=())[0]))
    if _COMPARING.search(step.written) and len(given) > 1:
        return _meeting(roster, "compared", step.node, [s for g in given[:2] for s in place.inner(g, take=())])
    if _PRODUCT.search(step.written):
        owner = function.child_by_field_name("object") if function.type == "attribute" else None
        value = frame.value(owner, step.order, step.guards)
        sides = given if owner is None or isinstance(value, External) else [owner, *given]
        spots = [s for side in sides[:3] if side.type != "string" for s in place.inner(side, take=())]
        return None if _masks(frame, step.node, spots) else _meeting(roster, "compared", step.node, spots)
    return _attention(roster, frame, step, place)


def _is_library(frame: "Frame", step: CallStep) -> bool:
    value = frame.callee(step)
    return isinstance(value, External) and value.name.partition(".")[0] in _LIBRARIES


def _masks(frame: "Frame", node: Node, spots: list[Spot]) -> bool:
    """Whether a product builds a mask (of zeros, of comparisons, taken as booleans) or is a step inside attention."""
    around = node.parent.parent if node.parent is not None and node.parent.type == "attribute" else None
    if any(_WITHIN.match(spot.text()) for spot in spots):
        return True
    written = [frame.body.tree.text(around)[-12:] if around is not None else "", *(spot.text() for spot in spots)]
    for spot in spots:
        names = re.findall(r"^[\w.]+", spot.text())
        for binding in frame.bound(names[0].partition(".")[0]) if names else ():
            written.append(frame.body.tree.text(binding.value) if binding.value is not None else "")
    return any(_MASKING.search(text) for text in written)


def _attention(roster: Roster, frame: "Frame", step: CallStep, place: Spot) -> Meeting | None:
    """Cross-attention and fusion modules, and calls that are given hidden states of another encoder."""
    text = frame.body.tree.text
    listed = arguments(step.node, keywords=True)
    keywords = {text(c.child_by_field_name("name")): c for c in listed if c.type == "keyword_argument"}
    context = [child for name, child in keywords.items() if name in _CONTEXT]
    if not context and (not _ATTENDING.search(step.written) or isinstance(frame.callee(step), ClassRef)):
        return None
    if _MADE.match(step.written.rpartition(".")[2]):
        return None  # an object is made: a module, or what holds the results of one
    if set(_SIDES) <= keywords.keys():
        values = [(keywords[name].child_by_field_name("value"), kind) for name, kind in _SIDES.items()]
        told = [(text(n), Told(kind, place.inner(n, take=())[0])) for n, kind in values if n is not None]
        return Meeting("attended", step.node, tuple(told))
    ordered = sorted(listed, key=lambda child: child in context)
    nodes = [child.child_by_field_name("value") if child.type == "keyword_argument" else child for child in ordered]
    nodes = [node for node in nodes if node is not None and node.type in VALUES]
    how = "attended" if context or not FUSING.search(step.written) or _attends(frame, step) else "joined"
    return _meeting(roster, how, step.node, [s for v in nodes[:MOST_OPERANDS] for s in place.inner(v, take=())])


def _attends(frame: "Frame", step: CallStep) -> bool:
    """Whether the class of a called module has to do with attention: a module that fuses may do so in other ways."""
    value = frame.callee(step)
    if not isinstance(value, Instance):
        return False
    node = frame.program.node(value.cls.path, value.cls.definition)
    return node is not None and _ATTENTION.search((node.text or b"").decode("utf-8", "replace")) is not None


def _of_operators(roster: Roster, frame: "Frame") -> Iterator[Meeting]:
    """`a + b` and `a @ b`, where the names of both sides or of one side say a modality."""
    text = frame.body.tree.text
    for event in (*frame.body.bindings, *frame.body.exits):
        value = event.value
        if value is None or value.type in ("identifier", "string", "integer", "none"):
            continue
        for node in _operators(value):
            sign = text(node.child_by_field_name("operator"))
            sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
            if sign not in ("+", "@") or any(side is None or side.type in ("string", "integer") for side in sides):
                continue
            place = Spot(frame, node, event.order, event.guards)
            meeting = _of_sides(roster, place, sign, [s for side in sides for s in place.inner(side, take=())])
            if meeting is not None:
                yield meeting


def _of_sides(roster: Roster, place: Spot, sign: str, sides: list[Spot]) -> Meeting | None:
    written = [side.text() for side in sides]
    if sign == "@":
        compared = None if _masks(place.frame, place.node, sides) else _meeting(roster, "compared", place.node, sides)
        return compared or _contrasted(roster, place, sides)
    for parts in segments(roster.tracer, sides):
        if meeting := _meeting(roster, "joined", place.node, parts):
            return meeting
    if not any(_says(w) for w in written) or not all(_is_feature(w) for w in written):
        return None
    return _meeting(roster, "joined", place.node, sides)


def _contrasted(roster: Roster, place: Spot, sides: list[Spot]) -> Meeting | None:
    """`x @ text.T` in what is named for contrast: what is compared with one modality is features of another."""
    if not _CONTRAST.search(place.frame.symbol):
        return None
    told = [nearest(roster.tracer, side) for side in sides]
    known = [(side, found[0]) for side, found in zip(sides, told, strict=True) if found]
    others = [side for side, found in zip(sides, told, strict=True) if not found and side.node.type == "identifier"]
    if len(known) != 1 or len(others) != 1 or others[0].text() not in place.frame.parameters:
        return None
    pairs = [(others[0].text(), Told("features", others[0])), (one_line(known[0][0].text(), 50), known[0][1])]
    return Meeting("compared", place.node, tuple(pairs))


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


def _gathered(roster: Roster, frame: "Frame") -> Iterator[Meeting]:
    """What data structures bring together: experts chosen by a mask, lists sorted by time."""
    for one in gathered(frame):
        if one.how == "routed":
            told = tuple((one_line(spot.text(), 50), Told(kind, spot)) for spot, kind in one.values)
            yield Meeting(one.how, one.node, told)
        elif meeting := _meeting(roster, one.how, one.node, [spot for spot, _ in one.values]):
            yield meeting


def _given(roster: Roster, use: Use) -> Meeting | None:
    """Inputs of different modalities that one call gives to a model."""
    if any(_NO_MODEL.search(made.name) for made in use.made):
        return None
    operands: list[tuple[str, Told]] = []
    for said, spot in inputs_of(roster.tracer, use)[:MOST_OPERANDS]:
        told = [Told(said, spot)] if said and _is_sure(roster, said) else nearest(roster.tracer, spot)
        idle = _aside(spot) or is_filler(spot) or is_unread(roster, use, spot.node)
        if told and len({item.group for item in told}) == 1 and not idle:
            operands.append((one_line(spot.text(), 50), told[0]))
    operands = [(written, told) for written, told in operands if told.modality != "landmarks"]
    kinds = {told.group for _, told in operands}
    return Meeting("given", use.step.node, tuple(operands), _model(use)) if len(kinds) > 1 else None


def _is_sure(roster: Roster, said: str) -> bool:
    """Whether a parameter's name says enough: prompts are points and boxes where no text is read."""
    return said != "prompt" or reads_text(roster.program)


def _model(use: Use) -> str:
    """The model that a call runs, by its name; what only a runtime loads, by the variable that holds it."""
    holder = use.step.written.rpartition(".")[0]
    known = use.made[0].known if use.made else None
    if known is not None and holder and not known.takes:
        return f"the {known.does or 'model'} `{holder}`"
    return " or ".join(dict.fromkeys(f"`{made.name}`" for made in use.made[:3]))


def _aside(spot: Spot) -> bool:
    return spot.node.type != "binary_operator" and _ASIDE.search(spot.text()) is not None


def _meeting(roster: Roster, how: str, node: Node, spots: list[Spot]) -> Meeting | None:
    """The meeting of values that are each of one modality, when they are of at least two kinds."""
    spots = [spot for spot in spots if not spot.text().endswith("[0:0]")]  # nothing is taken of it
    found = [(spot, [] if _aside(spot) else _told(roster, spot)) for spot in spots[:MOST_OPERANDS]]
    found = _queried(found) if how == "attended" else found
    sure = [(s, told) for s, told in found if told and len({item.group for item in told}) == 1 and not is_filler(s)]
    # boxes and points are geometry, which is a modality of its own only beside sound
    groups = {told[0].group for _, told in sure if told[0].modality != "landmarks"}
    groups |= (
        {"landmarks"} if groups == {"audio"} and any(told[0].modality == "landmarks" for _, told in sure) else set()
    )
    named_only = [spot for spot, told in sure if told[0].spot.node.id == spot.node.id or spot.node.type == "identifier"]
    if len(groups) < 2 or (how == "joined" and len(named_only) == len(sure) and halves(roster.tracer, named_only)):
        return None
    return Meeting(how, node, tuple((one_line(spot.text(), 50), told[0]) for spot, told in sure))


def _told(roster: Roster, spot: Spot) -> list[Told]:
    """What a value is of; of several kinds, as where what is fused goes round, that which its own name says."""
    told = nearest(roster.tracer, spot)
    said = named(spot.text().rpartition(".")[2])
    own = [item for item in told if item.group == GROUPS.get(said, said)]
    return own if said and own and spot.node.type in ("identifier", "attribute") else told


def _queried(found: list[tuple[Spot, list[Told]]]) -> list[tuple[Spot, list[Told]]]:
    """In a block that serves several encoders, what attends to one modality is of the other."""
    context = {told[0].group for _, told in found[1:] if told and len({item.group for item in told}) == 1}
    if not found or len(context) != 1:
        return found
    spot, told = found[0]
    others = [item for item in told if item.group not in context]
    return [(spot, others or told), *found[1:]]
