"""Whether an expression is a model or a tensor, for what is moved between devices.

Looks at the object's type, at what made it, at how the same body uses it, and at last at its name, and says which
of these it was. What none of them tells is unknown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, CallStep, Guard
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.names import reaching
from retrieval.census.meaning.values import ExternalObject, FunctionRef, Instance, Super, Value, alternatives
from retrieval.census.models.families import COMPANIONS, RUNNING, SETUP
from retrieval.census.models.makers import FACTORY, TENSOR_MAKER, UNKNOWN, Judged, annotated, by_name, made_by
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.models.models import Family

# Methods after which the object is what it was (torch.nn.Module and torch.Tensor).
SAME = words("to cuda cpu half float double bfloat16 type eval train requires_grad_ share_memory to_empty npu xpu")
_OF_MODELS = words(
    """eval train parameters named_parameters state_dict load_state_dict modules named_modules children
    named_children buffers named_buffers zero_grad apply register_forward_hook add_module get_submodule"""
)
_OF_TENSORS = words(
    """unsqueeze squeeze permute reshape transpose contiguous detach dim numel masked_fill masked_fill_ argmax
    argmin softmax log_softmax backward type_as new_zeros new_ones new_full new_tensor flatten repeat_interleave
    expand_as index_select matmul bmm topk cumsum clamp"""
)
_GIVING_TENSORS = _OF_TENSORS | words(
    """view repeat expand clone mean sum max min sigmoid exp log sqrt norm t unflatten gather scatter chunk split
    mm mul add sub div pow abs round any all eq ne gt lt ge le sort flip roll tril triu unbind unfold narrow
    masked_select nonzero long int short bool byte clone pin_memory stack cat"""
)
_TENSOR_PARTS = words(
    """data grad weight bias T mT H logits loss last_hidden_state pooler_output hidden_states attentions
    pixel_values input_ids attention_mask image_embeds text_embeds"""
)
_TENSORING = re.compile(r"(?:^|_)(?:tokenizer|tokenize|preprocess|processor|preprocessor|transform)$")
_LOADING = words("from_config from_checkpoint load_from_checkpoint from_single_file")
_MODEL_CLASS = re.compile(r"(?i)(?:model|net|pipeline)(?:_?cls|_?class)?$")
_COPIES = frozenset({"deepcopy", "copy"})
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Place:
    """The moment in a body at which an expression is looked at."""

    order: int
    guards: tuple[Guard, ...]


@dataclass(slots=True)
class Judge:
    """Judges the expressions of one body."""

    frame: "Frame"
    family: "Family"
    depth: int = 0

    def of(self, node: Node | None, place: Place) -> Judged:
        """Whether an expression is a model or a tensor there, and what tells it."""
        if node is None or self.depth >= DEEPEST:
            return UNKNOWN
        self.depth += 1
        try:
            known = self.of_value(self.frame.value(node, place.order, place.guards))
            return known if known != UNKNOWN else self._written(node, place)
        finally:
            self.depth -= 1

    def of_value(self, value: Value | None) -> Judged:
        """The same of a value; alternatives that are not known do not count, those that differ leave it open."""
        found = {self._plain(member) for member in alternatives(value) if member is not None}
        return found.pop() if len(found) == 1 else UNKNOWN

    def _plain(self, value: Value) -> Judged:
        if isinstance(value, Instance | Super):
            cls = value.cls if isinstance(value, Instance) else value.owner
            if self.family.is_model(cls):
                return "model", "type"
            bases = self.frame.program.codebase.bases(cls.path, cls.definition)
            return ("tensor", "type") if any(map(TENSOR_MAKER.match, bases)) else UNKNOWN
        return made_by(value.maker) if isinstance(value, ExternalObject) else UNKNOWN

    def _written(self, node: Node, place: Place) -> Judged:
        match node.type:
            case "identifier":
                return self._named(node, place)
            case "attribute":
                return self._attribute(node, place)
            case "call":
                return self._called(node, place)
            case "subscript":
                return self._subscript(node, place)
            case "binary_operator" | "unary_operator" | "comparison_operator":
                return "tensor", "use"
            case "parenthesized_expression" | "await" | "named_expression":
                inner = node.child_by_field_name("value") or node.named_children[0]
                return self.of(inner, place)
            case "conditional_expression" | "boolean_operator":
                sides = [child for child in node.named_children if child.type not in ("comment", "line_continuation")]
                sides = sides[::2] if node.type == "conditional_expression" else sides
                return _agreed([self.of(side, place) for side in sides])
        return UNKNOWN

    def _text(self, node: Node | None) -> str:
        return self.frame.body.tree.text(node)

    def _called(self, node: Node, place: Place) -> Judged:
        """What a call gives: a factory a model, a tensor method a tensor, a model that runs a tensor."""
        function = node.child_by_field_name("function")
        if function is None:
            return UNKNOWN
        name = self._text(function).rpartition(".")[2]
        owner = function.child_by_field_name("object") if function.type == "attribute" else None
        if owner is not None and name in SAME:
            return self.of(owner, place)
        if name == "from_pretrained" and not COMPANIONS.search(self._text(owner)):
            return "model", "type"
        if FACTORY.match(name) or (name in _LOADING and _MODEL_CLASS.search(self._text(owner))):
            return "model", "type"
        if owner is not None and (name in _GIVING_TENSORS or name.endswith("_")):
            return "tensor", "use"
        if _TENSORING.search(name) or "return_tensors" in self._text(node.child_by_field_name("arguments")):
            return "tensor", "name"
        if name in _COPIES and (given := node.child_by_field_name("arguments")) and given.named_children:
            return self.of(given.named_children[0], place)
        running = owner is not None and (name in RUNNING or not SETUP.match(name.lstrip("_")))
        if self.of(function, place)[0] == "model" or (running and self.of(owner, place)[0] == "model"):
            return "tensor", "use"
        return self._returned(function, place)

    def _returned(self, function: Node, place: Place) -> Judged:
        """What the `return`s of a repository function give."""
        target = self.frame.value(function, place.order, place.guards)
        inner = entered(self.frame.program, target) if isinstance(target, FunctionRef) else None
        if inner is None:
            return UNKNOWN
        judge = Judge(inner, self.family, self.depth + 1)
        exits = [item for item in inner.body.exits if item.kind == "return"]
        found = [judge.of(item.value, Place(item.order, item.guards)) for item in exits]
        return _agreed([judged for judged in found if judged != UNKNOWN])

    def _attribute(self, node: Node, place: Place) -> Judged:
        name = self._text(node.child_by_field_name("attribute"))
        if name in _TENSOR_PARTS:
            return "tensor", "use"
        if name == "module":
            return self.of(node.child_by_field_name("object"), place)
        return self._used(self._text(node), place) or by_name(name)

    def _subscript(self, node: Node, place: Place) -> Judged:
        container, key = node.child_by_field_name("value"), node.child_by_field_name("subscript")
        told = self.of(container, place)
        if told[0] == "tensor":
            return told
        if key is not None and key.type in ("slice", "tuple"):
            return "tensor", "use"
        if key is not None and key.type == "string":
            return self._used(self._text(node), place) or by_name(self._text(key).strip("\"'"))
        return UNKNOWN

    def _named(self, node: Node, place: Place) -> Judged:
        name = self._text(node)
        tested = self._tested(name, place)
        if tested != UNKNOWN:
            return tested
        written = self.frame.parameters.get(name, "")
        found = [self._bound(binding, place) for binding in self._reaching(name, place)]
        told = _agreed([judged for judged in found if judged != UNKNOWN])
        if told == UNKNOWN and name in self.frame.parameters:
            told = annotated(written) if written else self._fed(name, found)
        return told if told != UNKNOWN else self._used(name, place) or by_name(name)

    def _fed(self, name: str, bound: list[Judged]) -> Judged:
        """A parameter of a model's `forward` that nothing else was bound to is a tensor."""
        owner, frame = self.frame.owner, self.frame
        fed = owner is not None and frame.symbol.endswith(".forward") and self.family.is_model(owner)
        return ("tensor", "use") if fed and not bound and name != next(iter(frame.parameters)) else UNKNOWN

    def _reaching(self, name: str, place: Place) -> tuple[Binding, ...]:
        bindings = [item for item in self.frame.body.bindings if item.name == name]
        return reaching(bindings, place.order, place.guards, looped=False).bindings

    def _bound(self, binding: Binding, place: Place) -> Judged:
        """What one binding gives its name; the first of what a model factory gives is the model."""
        if binding.annotation and (told := annotated(binding.annotation)) != UNKNOWN:
            return told
        there = Place(binding.order, binding.guards)
        if binding.taken in ("whole", "entered") or (binding.taken == "part" and binding.index == 0):
            return self.of(binding.value, there)
        held = self.of(binding.value, there) if binding.taken in ("part", "element") else UNKNOWN
        return held if held[0] == "tensor" else UNKNOWN

    def _tested(self, name: str, place: Place) -> Judged:
        """What an `isinstance` or `is_tensor` test around the place says."""
        for guard in place.guards:
            if guard.kind != "if":
                continue
            test = re.search(rf"(?:is_tensor|isinstance)\({re.escape(name)}(?:, (?:\w+\.)*(\w+))?\)", guard.text)
            if test is not None and test[1] in (None, "Tensor", "Module"):
                return ("model" if test[1] == "Module" else "tensor"), "type"
        return UNKNOWN

    def _used(self, name: str, place: Place) -> Judged | None:
        """How the code uses a name or attribute: methods called on it, itself called, given to a model.

        That it is called says nothing when what the call gives is asked for.
        """
        for step in self._steps(name):
            holder, _, method = step.written.rpartition(".")
            called = step.written == name and self.depth <= 1
            if called or (holder == name and method in _OF_MODELS):
                return "model", "use"
            if holder == name and method in _OF_TENSORS:
                return "tensor", "use"
        for step in self.frame.body.calls:
            if name in self._given(step) and self._runs_model(step, name):
                return "tensor", "use"
        return None

    def _steps(self, name: str) -> Iterator[CallStep]:
        """The calls of the body, and for an attribute those of the other methods of the class."""
        yield from self.frame.body.calls
        if name.startswith("self.") and self.frame.owner is not None:
            for other in self.frame.program.methods(self.frame.owner):
                yield from other.body.calls if other.symbol != self.frame.symbol else ()

    def _given(self, step: CallStep) -> Iterator[str]:
        listed = step.node.child_by_field_name("arguments")
        for item in listed.named_children if listed else ():
            yield self._text(item.child_by_field_name("value") if item.type == "keyword_argument" else item)

    def _runs_model(self, step: CallStep, name: str) -> bool:
        function = step.node.child_by_field_name("function")
        if function is None or step.written.partition(".")[0] == name:
            return False
        method = step.written.rpartition(".")[2]
        owner = function.child_by_field_name("object") if function.type == "attribute" else None
        runner = owner if owner is not None and method in RUNNING else function
        if runner is function and method in (SAME | _OF_MODELS):
            return False
        return self.of(runner, Place(step.order, step.guards))[0] == "model"


def _agreed(found: list[Judged]) -> Judged:
    """The one thing that all say; the weakest of their reasons is not kept."""
    whats = {what for what, _by in found}
    return found[0] if len(whats) == 1 else UNKNOWN
