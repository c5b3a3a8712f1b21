"""Calls that unload a model by a method of its own, or that have a library offload weights."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep, Guard, one_line
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, FunctionRef
from retrieval.census.models.made_models import Made
from retrieval.census.models.shelves import Shelves
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.body import Binding
    from retrieval.census.meaning.frame import Frame

MOST_NAMED = 4
_RELEASING = words(
    """unload unload_model unload_models model_unload shutdown close release free free_memory offload offload_model
    unload_all maybe_free_model_hooks free_hooks destroy unload_lora_weights detach sleep"""
)
_ENDING = words("stop terminate kill quit")  # of a server or process that runs a model, where its name is let go too
_OFFLOADING = re.compile(
    r"(?:^|\.)(?:enable_model_cpu_offload|enable_sequential_cpu_offload|enable_group_offload|cpu_offload\w*|"
    r"disk_offload\w*)$"
)
_OFFLOAD_KEYS = re.compile(
    r"^(?:offload_folder|offload_dir|offload_state_dict|offload_params|cpu_offload|offload_to_cpu"
    r"|llm_int8_enable_fp32_cpu\w*)$"
)

_OF_NO_WEIGHTS = re.compile(r"(?:checkpoint_wrapper|StateDict(?:Config|Options))$")  # activations, copies for saving
_SETTING = "CPUOffload"  # of torch.distributed.fsdp: `offload_params` comes first and is off unless it is given


@dataclass(frozen=True)
class Act:
    """One statement that lets models go: its sort, what it does in words, and its place."""

    sort: str
    frame: "Frame"
    lines: tuple[int, int]
    guards: tuple[Guard, ...]
    said: str
    what: str = ""  # the models, in words


def named(made: Iterable[Made]) -> str:
    """Names of models, each once."""
    names = list(dict.fromkeys(f"`{item.name}`" for item in made))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def released(shelves: Shelves, frame: "Frame") -> Iterator[Act]:
    """The calls of a body that unload models, or have a library offload them."""
    text = frame.body.tree.text
    for step in frame.body.calls:
        shown = f"`{one_line(text(step.node), 90)}`"
        if act := _by_accelerate(shelves, frame, step, shown):
            yield act
            continue
        function = step.node.child_by_field_name("function")
        own = isinstance(frame.value(function, step.order, step.guards), FunctionRef | ClassRef)
        if not own and (_OFFLOADING.search(step.written) or _offloads(frame, step)):
            yield Act("offload", frame, (step.start, step.end), step.guards, f"has weights offloaded: {shown}")
            continue
        holder, _, method = step.written.rpartition(".")
        ends = method in _ENDING and any(_is_none(b) for b in frame.body.bindings if b.name == holder)
        if (method not in _RELEASING and not ends) or not holder or holder.startswith("super"):
            continue
        value = frame.value(function, step.order, step.guards)
        owner = function.child_by_field_name("object") if function is not None else None
        if isinstance(value, External | FunctionRef) and not (isinstance(value, FunctionRef) and value.receiver):
            continue
        if owner is not None and (made := shelves.carried(frame, owner) or _of_module(shelves, frame, holder)):
            said = f"has {named(made)} let go by its own method: {shown}"
            yield Act("release", frame, (step.start, step.end), step.guards, said, named(made))


def _by_accelerate(shelves: Shelves, frame: "Frame", step: CallStep, shown: str) -> Act | None:
    """`model = release_memory(model)`, and `accelerator.free_memory()` for all that was prepared."""
    function = step.node.child_by_field_name("function")
    owner = function.child_by_field_name("object") if function is not None else None
    last = step.written.rpartition(".")[2]
    if last not in ("release_memory", "free_memory"):
        return None
    values = [frame.value(node, step.order, step.guards) for node in (function, owner) if node is not None]
    makers = [
        v.name if isinstance(v, External) else v.maker for v in values if isinstance(v, External | ExternalObject)
    ]
    if not any(maker.startswith("accelerate.") for maker in makers):
        return None
    lines = (step.start, step.end)
    if last == "free_memory":
        said = f"has Accelerate let go of what it has prepared, and gives cached memory back: {shown}"
        return Act("release", frame, lines, step.guards, said, "what Accelerate has prepared")
    found = [made for node in arguments(step.node) for made in shelves.carried(frame, node)]
    if not found:
        return None
    return Act(
        "release", frame, lines, step.guards,
        f"lets {named(found)} go and gives cached memory back: {shown}", named(found),
    )  # fmt: skip


def _of_module(shelves: Shelves, frame: "Frame", name: str) -> tuple[Made, ...]:
    """The models that a variable of the own module may hold."""
    if not name.isidentifier() or (frame.bound(name) and name not in frame.body.not_local):
        return ()
    bound = shelves.holders.globals(frame.path, name)
    return tuple(made for around, binding in bound for made in shelves.held(around, binding))


def _is_none(binding: "Binding") -> bool:
    return binding.value is not None and binding.value.type == "none"


def _offloads(frame: "Frame", step: CallStep) -> bool:
    """Whether an argument asks for weights to be kept off the GPU; what is copied only for saving is none."""
    text = frame.body.tree.text
    given = arguments(step.node)
    made = [step.written, *(text(node) for node in given[:1] if step.written.rpartition(".")[2] == "partial")]
    if any(_OF_NO_WEIGHTS.search(name) for name in made):
        return False
    if step.written.rpartition(".")[2] == _SETTING:
        return asked_for(frame, step.node)
    return any(_OFFLOAD_KEYS.match(name) and asked_for(frame, value) for name, value in _keywords(frame, step.node))


def has_on(frame: "Frame", call: Node, name: str) -> bool:
    """Whether a call gives the keyword `name` a value that turns it on."""
    return any(key == name and asked_for(frame, value) for key, value in _keywords(frame, call))


def asked_for(frame: "Frame", value: Node) -> bool:
    """Whether a value turns something on: not False, None or 0, nor a setting or a variable that says so."""
    text = frame.body.tree.text
    if value.type in ("false", "none") or text(value) in ("0", "dict()", "{}"):
        return False
    if value.type == "identifier":
        bound = frame.bound(text(value))
        whole = bound[0].value if len(bound) == 1 and bound[0].taken == "whole" else None
        return whole is None or whole.type == "identifier" or asked_for(frame, whole)
    if value.type != "call":
        return True
    inner = [given for name, given in _keywords(frame, value) if _OFFLOAD_KEYS.match(name)]
    if text(value.child_by_field_name("function")).rpartition(".")[2] == _SETTING:
        inner += [node for node in arguments(value)[:1] if node.type != "keyword_argument"]
        return any(asked_for(frame, node) for node in inner)  # off by default
    return not inner or any(asked_for(frame, node) for node in inner)


def _keywords(frame: "Frame", call: Node) -> Iterator[tuple[str, Node]]:
    given = call.child_by_field_name("arguments")
    for child in given.named_children if given is not None else ():
        name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
        if child.type == "keyword_argument" and name is not None and value is not None:
            yield frame.body.tree.text(name), value
