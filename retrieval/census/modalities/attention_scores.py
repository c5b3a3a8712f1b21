"""What cross-attention is made of: where queries meet keys in the module that is called, in which models, how often.

The scores of attention are products of the features of one modality with those of another, which compares them.
"""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, Instance
from retrieval.census.modalities.operands import Meeting
from retrieval.census.models.roster import Roster
from retrieval.census.models.tiers import Anatomy, anatomy_of
from retrieval.parse import Node, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_PRODUCT = re.compile(r"(?:^|\.)(?:matmul|bmm|mm|einsum|baddbmm)$")
_FUSED = re.compile(
    r"scaled_dot_product_attention|multi_head_attention_forward|memory_efficient_attention|flash_attn\w*"
)
_QUERY = re.compile(r"(?i)(?:^|[^a-z])(?:q|quer(?:y|ies))(?:$|[^a-z])")
_KEY = re.compile(r"(?i)(?:^|[^a-z])(?:k|keys?)(?:$|[^a-z])")
_ATTENTION = re.compile(r"(?i)att(?:n|ention)")
_TRIAL = re.compile(r"\b(?:torch|np)\.(?:randn?|zeros|ones|empty)\(")
_HOOK = re.compile(r"\.register_forward_hook$")
DEEP, SHOWN, WHOLES = 4, 70, 4


@dataclass(frozen=True)
class Scores:
    """The place where queries meet keys: the body and the expression, and the fused call that may stand for it."""

    frame: "Frame"
    node: Node
    fused: Node | None = None

    @property
    def place(self) -> tuple[str, str, int, int]:
        """Where it stands."""
        return "scores", self.frame.path, first_line(self.node), last_line(self.node)

    @property
    def said(self) -> str:
        """ "`qk = q @ k.T` in `Attention.forward()` (model.py:130)"."""
        text = self.frame.body.tree.text
        other = "" if self.fused is None else f" (or `{text(self.fused.child_by_field_name('function'))}` in its place)"
        written = one_line(text(self.node), SHOWN)
        return f"`{written}`{other} in `{self.frame.symbol}()` ({self.frame.path}:{first_line(self.node)})"


def scores_of(roster: Roster, frame: "Frame", meeting: Meeting) -> Scores | None:
    """Where the module that a meeting calls multiplies queries with keys; None when that is not seen."""
    classes = run_classes(roster, frame, meeting.node)
    anatomy = anatomy_of(roster.program, roster.family.bases)
    waiting, seen = [(cls, 0) for cls in classes], set(classes)
    while waiting:
        cls, deep = waiting.pop(0)
        for own in (cls, *roster.program.line(cls)):
            for method in roster.program.methods(own, cls):
                product, fused = _product(method), _fused(method)
                if product is not None or fused is not None:
                    return Scores(method, product or fused, fused if product is not None else None)  # type: ignore[arg-type]
        parts = [part for part in anatomy.parts.get(cls, ()) if part not in seen and deep < DEEP]
        parts.sort(key=lambda part: _ATTENTION.search(part.definition.name) is None)
        seen.update(parts)
        waiting += [(part, deep + 1) for part in parts]
    return None


def run_classes(roster: Roster, frame: "Frame", node: Node) -> list[ClassRef]:
    """The classes of the repository whose objects a call may run."""
    step = next((step for step in frame.body.calls if step.node.id == node.id), None)
    function = node.child_by_field_name("function") if step is not None else None
    if step is None or function is None:
        return []
    value = frame.value(function, step.order, step.guards)
    if isinstance(value, Instance):
        return [value.cls]
    spot = Spot(frame, function, step.order, step.guards)
    return roster.tracer.classes(spot) or _cloned(roster, spot)


def _cloned(roster: Roster, spot: Spot) -> list[ClassRef]:
    """The classes of the modules that a list holds copies of: `ModuleList([copy.deepcopy(m) for _ in range(n)])`."""
    found: dict[ClassRef, None] = {}
    for at in roster.tracer.walk(spot, computed=False, most=60):
        text = at.frame.body.tree.text
        if at.node.type != "call" or not text(at.node.child_by_field_name("function")).endswith("ModuleList"):
            continue
        for given in arguments(at.node)[:1]:
            node = given.child_by_field_name("body") or given
            copied = node.type == "call" and text(node.child_by_field_name("function")).endswith("deepcopy")
            node = arguments(node)[0] if copied and arguments(node) else node
            found |= {cls: None for cls in roster.tracer.classes(replace(at, node=node, take=()))}
    return list(found)


def _fused(frame: "Frame") -> Node | None:
    """The first call in a body that multiplies queries with keys inside a library."""
    for step in frame.body.calls:
        value = frame.callee(step)
        maker = value.maker if isinstance(value, ExternalObject) else ""
        if _TRIAL.search(frame.body.tree.text(step.node)):
            continue  # a trial whether the library has it
        if _FUSED.search(step.written) or maker.endswith("MultiheadAttention"):
            return step.node
    return None


def _product(frame: "Frame") -> Node | None:
    """The first product of queries with keys in a body."""
    text = frame.body.tree.text
    for step in frame.body.calls:
        outside = isinstance(frame.callee(step), External)
        if _PRODUCT.search(step.written) and _is_score(text(step.node), outside):
            return step.node
    for event in (*frame.body.bindings, *frame.body.exits):
        for node in descendants(event.value) if event.value is not None else ():
            operator = node.child_by_field_name("operator") if node.type == "binary_operator" else None
            if operator is not None and text(operator) == "@" and _is_score(text(node), outside=False):
                return node
    return None


def _is_score(written: str, outside: bool) -> bool:
    inside = written.partition("(")[2] if outside else written
    return _QUERY.search(inside) is not None and _KEY.search(inside) is not None


def repeated(roster: Roster, frame: "Frame", node: Node) -> str:
    """ ", in a loop over `…`" when a meeting stands in one, or ", once in each of the `…` layers of …"."""
    around = node.parent
    while around is not None and around.type not in ("function_definition", "lambda"):
        if around.type == "for_statement":
            over = one_line(frame.body.tree.text(around.child_by_field_name("right")), 60)
            return f", once per turn of the loop over `{over}`"
        around = around.parent
    holders = _listed(roster, frame.owner) if frame.owner is not None else []
    if not holders or frame.owner is None:
        return ""
    verb = "stacks" if len(holders) == 1 else "stack"
    return f", in every `{frame.owner.definition.name}` that {' and '.join(f'`{name}`' for name in holders)} {verb}"


def _listed(roster: Roster, cls: ClassRef) -> list[str]:
    """The classes that make a list of objects of a class in one expression; those that ask for crossing, if any do."""
    made = re.compile(rf"\b{re.escape(cls.definition.name)}\(")
    found: dict[str, str] = {}
    for holder in anatomy_of(roster.program, roster.family.bases).holders.get(cls, ()):
        for method in roster.program.methods(holder, holder):
            for step in method.body.calls:
                written = method.body.tree.text(step.node)
                if made.search(written) and " for " in written:
                    found.setdefault(holder.definition.name, written)
    crossing = [name for name, written in found.items() if "cross" in written]
    return crossing or list(found)


def wholes(roster: Roster, frame: "Frame") -> list[str]:
    """The complete models that contain the class of a body; none when it is one itself or nothing holds it."""
    anatomy = anatomy_of(roster.program, roster.family.bases)
    if frame.owner is None or not anatomy.holders.get(frame.owner):
        return []
    found = _above(anatomy, frame.owner)
    return [f"`{cls.definition.name}`" for cls in found if not anatomy.holders.get(cls)][:WHOLES]


def _above(anatomy: Anatomy, cls: ClassRef) -> list[ClassRef]:
    found: dict[ClassRef, None] = {}
    waiting = list(anatomy.holders.get(cls, ()))
    while waiting:
        holder = waiting.pop(0)
        if holder not in found:
            found[holder] = None
            waiting += anatomy.holders.get(holder, ())
    return list(found)


def collected(roster: Roster, meeting: Meeting, frame: "Frame") -> "tuple[Frame, Node] | None":
    """A forward hook on the module that a meeting calls: code that takes its scores up."""
    function = meeting.node.child_by_field_name("function")
    name = frame.body.tree.text(function).rpartition(".")[2] if function is not None else ""
    for other, _ in roster.frames:
        for step in other.body.calls:
            holder = step.written.rpartition(".")[0].rpartition(".")[2]
            if _HOOK.search(step.written) and holder == name and name.isidentifier():
                return other, step.node
    return None
