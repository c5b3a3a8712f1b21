"""What the operands of an operation are: which of them count, of which modality each is, and whether kinds meet."""

import re
from dataclasses import dataclass

from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.spots import Spot
from retrieval.census.modalities.joined import halves
from retrieval.census.modalities.modalities import SHAPING, Told, nearest
from retrieval.census.modalities.modality_names import GEOMETRY, GROUPS, named
from retrieval.census.modalities.worked_with import hears_only
from retrieval.census.models.families import snake
from retrieval.census.models.fillers import is_filler
from retrieval.census.models.roster import Roster
from retrieval.parse import Node, Tree

Operand = tuple[Spot, list[Told]]
_ASIDE = re.compile(
    r"(?i)(?:^|[._])(?:\w*mask\w*|(?:\w*_)?atts?(?:_\w+)?|\w*quer(?:y|ies)(?:_tokens?|_emb\w*)?|"
    r"n_\w+|num_\w+|\w+_(?:len|lens|lengths?|count|counts|size|sizes|channels)(?:_\w+)?|pos(?:ition(?:al|s)?)?_?(?:emb\w*|enc\w*|ids?)|"
    r"\w*rot(?:ary)?_?(?:pos_)?emb\w*|freqs?_cis|t_?emb(?:ed\w*)?|temb|time(?:step)?s?(?:_(?:emb\w*|proj\w*))?|(?:past_)?key_values?|\w*kv_?caches?|"
    r"\w*indices_to_\w+|\w*(?:element|region|keep|kept|selected|valid)_(?:indices|idxs?)|cache|height|width|device|dtype|fps|seed|\w*scales?|(?:\w+_)?(?:tokenizer|processor|func|fn|callback))$"
)
"""Operands that are of no modality: masks, learned queries, encodings of positions and of time steps, caches, sizes,
places, factors, and what takes text apart."""
_NOISED = re.compile(r"(?i)(?:^|\.)(?:noisy_)?latents?_model_input$")
_STATES = re.compile(r"^_?(?:hidden_states|sample|h|x)$")
_DENOISER = re.compile(r"(?i)unet|denoi[sz]")
MOST_OPERANDS, DEEPEST = 8, 6


@dataclass(frozen=True)
class Meeting:
    """Values of different modalities that meet: how, at which node, and what tells the modality of each."""

    how: str
    node: Node
    operands: tuple[tuple[str, Told], ...]  # as written, and what it is
    model: str = ""  # the model that is given them
    by: str = ""  # the call that puts them together first, as written: a processor's


def is_aside(spot: Spot) -> bool:
    """Whether an operand is of no modality: a mask, a learned query, an encoding of positions, a tokenizer."""
    return spot.node.type != "binary_operator" and _ASIDE.search(_base(spot)) is not None


def _base(spot: Spot) -> str:
    """What is written, without the form that it is brought into: `t_emb` for `t_emb.unsqueeze(1)`."""
    text, node = spot.frame.body.tree.text, spot.node
    for _ in range(DEEPEST):
        function = node.child_by_field_name("function") if node.type == "call" else None
        inner = function.child_by_field_name("object") if function is not None else None
        if inner is None or text(function).rpartition(".")[2] not in SHAPING:
            break
        node = inner
    return text(node)


def meeting_of(roster: Roster, how: str, node: Node, spots: list[Spot]) -> Meeting | None:
    """The meeting of values that are each of one modality, when they are of at least two kinds."""
    spots = [spot for spot in spots if not spot.text().endswith("[0:0]")]  # nothing is taken of it
    found = [(spot, [] if is_aside(spot) else told_of(roster, spot)) for spot in spots[:MOST_OPERANDS]]
    found = _queried(found) if how == "attended" else found
    told_all = _merged([(s, told) for s, told in found if told and not is_filler(s)])
    sure = [(s, told) for s, told in told_all if len({item.group for item in told}) == 1]
    several = _spliced(sure, told_all) if how == "joined" else []
    groups = {told[0].group for _, told in sure if told[0].modality not in GEOMETRY}
    geometry = any(told[0].modality in GEOMETRY for _, told in sure)
    groups |= {"geometry"} if geometry and groups == {"audio"} else set()
    named_only = [
        (spot, told[0].group)
        for spot, told in sure
        if told[0].spot.node.id == spot.node.id or spot.node.type == "identifier"
    ]
    if several and len(groups) == 1:
        return Meeting(
            how, node, tuple((one_line(s.text(), 50), item) for s, told in [*sure, *several] for item in told)
        )
    if len(groups) < 2 or (how == "joined" and len(named_only) == len(sure) and halves(roster.tracer, named_only)):
        return None
    return Meeting(how, node, tuple((one_line(spot.text(), 50), told[0]) for spot, told in sure))


def _merged(found: list[Operand]) -> list[Operand]:
    """One entry for what is written alike: a name that branches bind differently is of all their kinds."""
    by: dict[str, Operand] = {}
    for spot, told in found:
        name = spot.text() if spot.node.type == "identifier" else f"{spot.node.id}"
        first, known = by.get(name, (spot, []))
        by[name] = first, [*known, *(item for item in told if item.modality not in {one.modality for one in known})]
    return list(by.values())


def _spliced(sure: list[Operand], told: list[Operand]) -> list[Operand]:
    """Operands that are of one modality or another, by the branch that bound them, and never of that of the rest."""
    known = {items[0].group for _, items in sure}
    others = [(s, items) for s, items in told if not known & {item.group for item in items}]
    others = [(s, items) for s, items in others if len({item.group for item in items}) > 1]
    others = [(s, items) for s, items in others if all(item.spot.frame is s.frame for item in items)]
    return [(s, sorted(items, key=lambda item: item.spot.node.start_byte)) for s, items in others]


def told_of(roster: Roster, spot: Spot) -> list[Told]:
    """What a value is of, nearest first; of several kinds, as where what is fused goes round, what its name says."""
    if spot.node.type in ("identifier", "attribute") and _is_noised(spot) and not _sounds(roster, spot):
        return [Told("latents", spot)]
    told = nearest(roster.tracer, spot)
    said = _said(spot.frame.body.tree, spot.node)
    own = [item for item in told if item.group == GROUPS.get(said, said)]
    return own if said and own else told


def _said(tree: Tree, node: Node | None, left: int = DEEPEST) -> str:
    """The modality that the name of a value says, whatever form it is brought into: "text" for `text_features.t()`,
    `scale * text_features` and `out["text_features"]`; "" where no name or more than one says any."""
    if node is None or left <= 0:
        return ""
    match node.type:
        case "identifier":
            return named(tree.text(node))
        case "attribute":
            held = node.child_by_field_name("object")
            name = tree.text(node.child_by_field_name("attribute"))
            return _said(tree, held, left - 1) if name in SHAPING else named(name)
        case "call":
            function = node.child_by_field_name("function")
            name = tree.text(function).rpartition(".")[2]
            return _said(tree, function, left - 1) if name in SHAPING and function is not None else ""
        case "subscript":
            key = node.child_by_field_name("subscript")
            return named(tree.text(key).strip("\"'")) if key is not None and key.type == "string" else ""
        case "binary_operator" if tree.text(node.child_by_field_name("operator")) in "*/":
            sides = {_said(tree, node.child_by_field_name(side), left - 1) for side in ("left", "right")} - {""}
            return sides.pop() if len(sides) == 1 else ""
        case "parenthesized_expression":
            return _said(tree, node.named_children[0], left - 1) if node.named_children else ""
    return ""


def _is_noised(spot: Spot) -> bool:
    """Whether a value is what a generator makes of noise: by its name, or a general one in a denoiser."""
    owner = spot.frame.owner.definition.name if spot.frame.owner is not None else ""
    within = _DENOISER.search(f"{spot.frame.path.rpartition('/')[2]} {owner}") is not None
    return _NOISED.search(spot.text()) is not None or (within and _STATES.match(spot.text()) is not None)


def _sounds(roster: Roster, spot: Spot) -> bool:
    """Whether what is made of noise may be sound: in code without pictures, and in a class that is named for audio."""
    owner = spot.frame.owner
    return hears_only(roster.program) or (owner is not None and named(snake(owner.definition.name)) == "audio")


def _queried(found: list[tuple[Spot, list[Told]]]) -> list[tuple[Spot, list[Told]]]:
    """In a block that serves several encoders, what attends to one modality is of the other."""
    context = {told[0].group for _, told in found[1:] if told and len({item.group for item in told}) == 1}
    if not found or len(context) != 1:
        return found
    spot, told = found[0]
    others = [item for item in told if item.group not in context]
    return [(spot, others or told), *found[1:]]
