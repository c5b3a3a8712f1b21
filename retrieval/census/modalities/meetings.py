"""Where values of different modalities meet in one body: joined, attended to, compared, or given to one model."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.handover.model_inputs import inputs_of
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef, External, Instance
from retrieval.census.modalities.gathered import gathered
from retrieval.census.modalities.handed import VALUES, handed, is_sure
from retrieval.census.modalities.joined import members, segments
from retrieval.census.modalities.modalities import Told, nearest
from retrieval.census.modalities.modality_names import CONTEXT, GEOMETRY, named
from retrieval.census.modalities.operands import MOST_OPERANDS, Meeting, is_aside, meeting_of
from retrieval.census.modalities.placed import placed
from retrieval.census.modalities.prompted import prompted
from retrieval.census.models.fillers import is_filler, is_unread
from retrieval.census.models.roster import Roster, Use
from retrieval.languages import words
from retrieval.parse import Node, descendants, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_JOINING = re.compile(r"(?:^|\.)(?:cat|concat|concatenate|stack|hstack|vstack|column_stack)$")
_COMPARING = re.compile(r"(?:^|\.)(?:cosine_similarity|CosineSimilarity|cos_sim|pairwise_distance|cdist|dot_score)$")
_PRODUCT = re.compile(r"(?:^|\.)(?:matmul|bmm|mm|einsum|baddbmm)$")
_ATTENDING = re.compile(
    r"(?i)(?:^|\.|_)(?:x_?attn|cross_?att\w*|\w*cross_?att(?:n|ention)\w*|fus\w*|qformer|multihead_attn)(?:$|\[)"
)
FUSING = re.compile(r"(?i)(?:^|\.|_)fus\w*$")
_ATTENTION = re.compile(r"(?i)att(?:n|ention)|softmax")
_MADE = re.compile(r"_?[A-Z]\w*[a-z]\w*$")
_WHOLE = words("chat generate stream_chat predict infer inference ask complete")  # what they do inside is not seen
_SIDES = {"v": "image", "l": "text"}  # what the arguments of blocks that fuse vision and language are called
_LIBRARIES = words("torch numpy tensorflow jax paddle keras mlx einops sentence_transformers sklearn")
_MASKING = re.compile(
    r"\.(?:bool|ne|eq|lt|gt|le|ge|isnan|logical_\w+)\(|\* ?0(?:\.0*)?(?!\w|\.)|[<>=!]=|(?:zeros|ones)_like"
)
_WITHIN = re.compile(r"(?:self\.)?(?:query|key|value|q|k|v|attn|attention|scores?|weights?)(?:_\w+)?\b")
_NOISED = re.compile(r"(?i)(?:^|_)(?:nois\w*|latents?|samples?|hidden_states|x|z)(?:$|_)")
_CONTRAST = re.compile(r"(?i)contrast|similarity|clip_?loss|siglip")
_NO_MODEL = re.compile(r"(?i)loss|discriminator|criterion|metric|scheduler|processor|tokenizer|criteria")


def meetings(roster: Roster, frame: "Frame", uses: list[Use]) -> Iterator[Meeting]:
    """The meetings of a body, each line once; `uses` are its calls of models."""
    seen: set[int] = set()
    found = [meeting for step in frame.body.calls if (meeting := _of_call(roster, frame, step))]
    found += [*_of_operators(roster, frame), *placed(roster, frame), *_gathered(roster, frame)]
    found += [meeting for use in uses if (meeting := _given(roster, use))]
    found += prompted(frame)
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
        return meeting_of(roster, "joined", step.node, members(roster.tracer, place.inner(given[0], take=())[0]))
    if _COMPARING.search(step.written) and len(given) > 1:
        return meeting_of(roster, "compared", step.node, [s for g in given[:2] for s in place.inner(g, take=())])
    if _PRODUCT.search(step.written):
        owner = function.child_by_field_name("object") if function.type == "attribute" else None
        value = frame.value(owner, step.order, step.guards)
        sides = given if owner is None or isinstance(value, External) else [owner, *given]
        spots = [s for side in sides[:3] if side.type != "string" for s in place.inner(side, take=())]
        return None if _masks(frame, step.node, spots) else meeting_of(roster, "compared", step.node, spots)
    return _attention(roster, frame, step, place) or handed(roster, frame, step, place)


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
    context = [child for name, child in keywords.items() if name in CONTEXT and _is_value(child)]
    context = [] if step.written.rpartition(".")[2] in _WHOLE else context
    if not context and (not _ATTENDING.search(step.written) or isinstance(frame.callee(step), ClassRef)):
        return None
    if _MADE.match(step.written.rpartition(".")[2]):
        return None  # an object is made: a module, or what holds the results of one
    if set(_SIDES) <= keywords.keys():
        values = [(keywords[name].child_by_field_name("value"), kind) for name, kind in _SIDES.items()]
        told = [(text(n), Told(kind, place.inner(n, take=())[0])) for n, kind in values if n is not None]
        return Meeting("attended", step.node, tuple(told))
    first = [child for child in listed if child not in context][:1]
    ordered = [*first, *context, *(child for child in listed if child not in context and child not in first)]
    nodes = [child.child_by_field_name("value") if child.type == "keyword_argument" else child for child in ordered]
    nodes = [node for node in nodes if node is not None and node.type in VALUES]
    how = "attended" if context or not FUSING.search(step.written) or _attends(frame, step) else "joined"
    spots = [s for v in nodes[:MOST_OPERANDS] for s in place.inner(v, take=())]
    meeting = meeting_of(roster, how, step.node, spots)
    return _of_query(meeting, spots[0]) if meeting is not None and context and how == "attended" else meeting


def _of_query(meeting: Meeting, query: Spot) -> Meeting | None:
    """A meeting whose first operand is the query: contexts alone do not attend to one another."""
    written = one_line(query.text(), 50)
    if meeting.operands[0][0] == written:
        return meeting
    latents = ((written, Told("latents", query)), *meeting.operands)
    return replace(meeting, operands=latents) if _NOISED.search(written) else None


def _is_value(child: Node) -> bool:
    """Whether a keyword is given something: `context=None` hands nothing down."""
    value = child.child_by_field_name("value")
    return value is not None and value.type in VALUES


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
        compared = None if _masks(place.frame, place.node, sides) else meeting_of(roster, "compared", place.node, sides)
        return compared or _contrasted(roster, place, sides)
    for parts in segments(roster.tracer, sides):
        if meeting := meeting_of(roster, "joined", place.node, parts):
            return meeting
    if not any(_says(w) for w in written) or not all(_is_feature(w) for w in written):
        return None
    return meeting_of(roster, "joined", place.node, sides)


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
    if re.search(r"(?i)loss|entropy|logits_per|size|_len\b|count|indices|idx", written):
        return False
    told = r"(?i)feat|emb|hidden|state|token|memory|src|logit|latent|encod|^x$|proj|attn"
    return re.search(told, written) is not None


def _gathered(roster: Roster, frame: "Frame") -> Iterator[Meeting]:
    """What data structures bring together: experts chosen by a mask, lists sorted by time."""
    for one in gathered(frame):
        if one.how == "routed":
            told = tuple((one_line(spot.text(), 50), Told(kind, spot)) for spot, kind in one.values)
            yield Meeting(one.how, one.node, told)
        elif meeting := meeting_of(roster, one.how, one.node, [spot for spot, _ in one.values]):
            yield meeting


def _given(roster: Roster, use: Use) -> Meeting | None:
    """Inputs of different modalities that one call gives to a model."""
    if any(_NO_MODEL.search(made.name) for made in use.made):
        return None
    operands: list[tuple[str, Told]] = []
    given = inputs_of(roster.tracer, use)[:MOST_OPERANDS]
    for said, spot in given:
        told = [Told(said, spot)] if said and is_sure(roster, said) else nearest(roster.tracer, spot)
        idle = is_aside(spot) or is_filler(spot) or is_unread(roster, use, spot.node)
        if told and len({item.group for item in told}) == 1 and not idle:
            operands.append((one_line(spot.text(), 50), told[0]))
    operands = [(written, told) for written, told in operands if told.modality not in GEOMETRY]
    kinds = {told.group for _, told in operands}
    by = _through(use, [spot for said, spot in given if said]) if len(kinds) > 1 else ""
    return Meeting("given", use.step.node, tuple(operands), _model(use), by) if len(kinds) > 1 else None


def _through(use: Use, given: list[Spot]) -> str:
    """ "self.processor(text, images)": the call before that takes all of it, whose result the model is given."""
    around = [_call_around(spot.node) for spot in given]
    first = around[0] if around else None
    if first is None or first.id == use.step.node.id or any(one is None or one.id != first.id for one in around):
        return ""
    text = given[0].frame.body.tree.text
    names = [text(spot.node.parent.child_by_field_name("name")) for spot in given if spot.node.parent is not None]
    return f"{text(first.child_by_field_name('function'))}({', '.join(filter(None, names))})"


def _call_around(node: Node) -> Node | None:
    """The call that has a node as one of its arguments."""
    at = node.parent if node.parent is not None and node.parent.type == "keyword_argument" else node
    listed = at.parent
    return listed.parent if listed is not None and listed.type == "argument_list" else None


def _model(use: Use) -> str:
    """The model that a call runs, by its name; what only a runtime loads, by the variable that holds it."""
    holder = use.step.written.rpartition(".")[0]
    known = use.made[0].known if use.made else None
    if known is not None and holder and not known.takes:
        return f"the {known.does or 'model'} `{holder}`"
    return " or ".join(dict.fromkeys(f"`{made.name}`" for made in use.made[:3]))
