"""Conditions of generators: what embeds them, and where they are joined to what is generated.

A condition is told by the names of the field (`cond`, `context`, `crossattn`); of which modality it may be, by the
classes that embed conditions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.modalities.mixing import axis
from retrieval.census.modalities.modality_names import GROUPS, named
from retrieval.census.modalities.worked_with import works_with_audio
from retrieval.census.models.config_targets import named_by_config
from retrieval.census.models.families import snake
from retrieval.census.models.roster import Roster
from retrieval.census.models.tiers import anatomy_of
from retrieval.parse import Node, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_EMBEDDER = re.compile(r"(?:Conditioner|Conditioning|Embedder|EmbModel|ConditionEncoder|CondStage\w*)(?:V?\d+)?$")
_CONDITION = re.compile(
    r"(?i)^(?:cond|conds|conditions?|conditioning|context|crossattn|cond_\w+|condition_\w+|cross_attention_(?:src|input)|"
    r"global_cond\w*|text_cond\w*|\w+_cond)$"
)
_TABLE = re.compile(r"(?i)^(?:c|cond|conds|conditions?|conditioning)$")
_KEYS = re.compile(r"(?i)concat|cross_?attn|vector|cond|context")
_SLOTS = re.compile(r"^(?:context|cond|condition|cross_attention_src|encoder_hidden_states|crossattn|global_cond)$")
_JOINING = re.compile(r"(?:^|\.)(?:cat|concat|concatenate)$")
_MAY = re.compile(rb"(?i)cond|crossattn|context")
_MASKED = re.compile(r"(?i)mask|scale|dim|uncond|null")
_PICTURES = frozenset({"PIL", "torchvision", "cv2", "imageio", "diffusers"})
_KINDS = ("text", "image", "video", "audio", "depth")


@dataclass(frozen=True)
class Joined:
    """A body that joins conditions to what it is given: each operation in words, with its node."""

    frame: "Frame"
    steps: tuple[tuple[str, Node], ...]

    @property
    def places(self) -> list[tuple[str, str, int, int]]:
        """Where the operations stand."""
        return [("joins", self.frame.path, first_line(node), last_line(node)) for _, node in self.steps]


@once
def conditioners(roster: Roster) -> dict[ClassRef, str]:
    """The classes that embed conditions, with the modality of what they are given; those that tell none left out."""
    found: dict[ClassRef, str] = {}
    roles = roster.codebase.snapshot.by_path
    for cls in roster.family.bases:
        names = [cls.definition.name, *(base.definition.name for base in roster.program.line(cls))]
        embeds = roles[cls.path].role == "source" and any(_EMBEDDER.search(name) for name in names)
        if embeds and (kind := _embeds(roster, cls)):
            found[cls] = kind
    made = {cls: kind for cls, kind in found.items() if cls in made_classes(roster)}
    return made or found


@once
def made_classes(roster: Roster) -> frozenset[ClassRef]:
    """The classes of the repository of which code or settings make objects, with their parts and their bases."""
    anatomy = anatomy_of(roster.program, roster.family.bases)
    made = {one.cls for one in roster.made if one.cls is not None}
    targets = named_by_config(roster.codebase).values()
    named_ = {entry.name.rpartition(".")[2] for entries in targets for entry in entries}
    made |= {cls for cls in roster.family.bases if cls.definition.name in named_}
    whole = made.union(*(anatomy.reach(cls) for cls in made)) if made else made
    return frozenset(whole.union(*(roster.program.line(cls) for cls in whole)) if whole else whole)


def _embeds(roster: Roster, cls: ClassRef) -> str:
    """What a class embeds: by the library models that it makes, by its name, by the parameters of its methods."""
    own = {owner: None for owner in (cls, *roster.program.line(cls))}
    said = named(snake(cls.definition.name))
    if said in _KINDS:
        return said
    for made in roster.made:
        if made.frame.owner in own and made.known is not None and made.known.takes and len(made.known.takes) == 1:
            return GROUPS.get(made.known.takes[0], made.known.takes[0])
    for name in ("forward", "encode", "tokenize"):
        method = roster.program.method(cls, name)
        frame = entered(roster.program, FunctionRef(method[0].path, method[1], method[0], cls)) if method else None
        told = (
            {named(parameter) for parameter in list(frame.parameters)[1:]} & {*_KINDS} if frame is not None else set()
        )
        if len(told) == 1:
            return told.pop()
    return ""


@once
def joined_conditions(roster: Roster) -> tuple[Joined, ...]:
    """The bodies of models that join conditions to what they are given; none where no class embeds conditions."""
    if not _differ(roster):
        return ()
    files = roster.codebase.snapshot.by_path
    found = []
    for frame, _ in roster.frames:
        if frame.owner is None or not roster.family.is_model(frame.owner) or not _MAY.search(files[frame.path].data):
            continue
        gathers = _EMBEDDER.search(frame.owner.definition.name) and frame.owner not in conditioners(roster)
        steps = tuple(_steps(frame, bool(gathers)))
        if steps:
            found.append(Joined(frame, steps))
    return tuple(sorted(found, key=_weight))


def _differ(roster: Roster) -> bool:
    """Whether conditions are of two modalities, or texts in code that makes pictures or sound."""
    kinds = {GROUPS.get(kind, kind) for kind in conditioners(roster).values()}
    if kinds != {"text"}:
        return len(kinds) > 1
    modules = {item.module.partition(".")[0] for facts in roster.program.facts.values() for item in facts.imports}
    return works_with_audio(roster.program) or bool(modules & _PICTURES)


def _weight(one: Joined) -> tuple[int, int]:
    """Joins first, then entries of tables that are handed on, then what layers hand on to attention."""
    joins = sum(not told.startswith("hands") for told, _ in one.steps)
    entries = sum(re.search(r"condition `\w+(?:\[|\.get\()", told) is not None for told, _ in one.steps)
    return -joins - 2 * entries, -len(one.steps)


def _steps(frame: "Frame", gathers: bool) -> Iterator[tuple[str, Node]]:
    text = frame.body.tree.text
    for step in frame.body.calls:
        given = arguments(step.node)
        if _JOINING.search(step.written) and given and given[0].type in ("list", "tuple"):
            parts = [part for part in given[0].named_children if part.type != "comment"]
            conditions = [part for part in parts if _is_condition(frame, part)]
            if conditions and len(conditions) < len(parts):
                other = one_line(text(next(part for part in parts if part not in conditions)), 30)
                told = f"concatenates the condition `{one_line(text(conditions[0]), 40)}` with `{other}`"
                yield told + axis(frame, step.node), step.node
            elif gathers and len(parts) > 1:
                told = " and ".join(f"`{one_line(text(part), 40)}`" for part in parts[:2])
                yield f"concatenates the conditions {told}{axis(frame, step.node)}", step.node
        for child in arguments(step.node, keywords=True):
            name = text(child.child_by_field_name("name")) if child.type == "keyword_argument" else ""
            value = child.child_by_field_name("value") if name else None
            if value is not None and _SLOTS.match(name) and _is_condition(frame, value) and "." in step.written:
                yield f"hands the condition `{one_line(text(value), 40)}` to `{step.written}` as `{name}`", step.node
    yield from _sums(frame)


def _sums(frame: "Frame") -> Iterator[tuple[str, Node]]:
    """`x += cond` and `x + cond`."""
    text, program = frame.body.tree.text, frame.program
    whole = program.node(frame.path, frame.definition) if frame.definition is not None else None
    for node in descendants(whole) if whole is not None else ():
        if node.type not in ("augmented_assignment", "binary_operator"):
            continue
        operator = node.child_by_field_name("operator")
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or text(operator) not in ("+=", "+"):
            continue
        if _is_condition(frame, right) and left.type in ("identifier", "attribute") and not _is_condition(frame, left):
            yield f"adds the condition `{one_line(text(right), 40)}` to `{text(left)}`", node


def _is_condition(frame: "Frame", node: Node) -> bool:
    """Whether an expression is a condition by its name, or an entry of a table of conditions."""
    text = frame.body.tree.text
    if node.type in ("identifier", "attribute"):
        name = text(node).rpartition(".")[2]
        return _CONDITION.match(name) is not None and not _MASKED.search(name)
    if node.type == "subscript":
        owner = text(node.child_by_field_name("value"))
        return _TABLE.match(owner) is not None and _KEYS.search(text(node.child_by_field_name("subscript"))) is not None
    if node.type == "call":
        written = text(node.child_by_field_name("function"))
        owner, _, method = written.rpartition(".")
        if method == "get" and _TABLE.match(owner):
            return bool(arguments(node)) and _KEYS.search(text(arguments(node)[0])) is not None
        if method in ("rearrange", "repeat", "to", "unsqueeze", "view"):
            first = arguments(node)[:1] if method == "rearrange" else []
            return bool(first) and _is_condition(frame, first[0])
    return False
