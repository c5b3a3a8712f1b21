"""What a call that makes a model is told of device and type: by keyword, by position, or in a dictionary."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.spots import arguments, key_node
from retrieval.census.models.made_models import Made
from retrieval.census.settings.presets import is_off, unless_given
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_SETTING = re.compile(
    r"^(?:device|device_map|device_id|torch_dtype|dtype|load_in_\dbit|quantization_config|providers|provider_options|"
    r"compute_type|half|fp16|bf16|use_half|use_gpu|use_cuda|gpu|gpu_id|ctx_id|n_gpu_layers|gpu_memory_utilization|"
    r"precision|low_cpu_mem_usage|attn_implementation|tensor_parallel_size|map_location|variant|max_model_len|tile)$"
)
_DEVICES = re.compile(r"^(?:device|device_map|providers|map_location)$")
_GPU = re.compile(r"^(?:use_)?(?:gpu|cuda)$")
_POSITIONAL = re.compile(r"""(?:[\w.]+[._])?device|[\"'](?:cuda|cpu|mps|npu|xpu)(?::\d+)?[\"']|torch\.device\(.*\)""")
Pair = tuple[str, Node | None, str]  # a name, its value, and the condition if that does not hold by default


def settings_of(codebase: "Codebase", made: Made) -> tuple[list[str], Node | None]:
    """The arguments that place or type a model, as written, and the one that names its device."""
    text, device = made.frame.body.tree.text, None
    written: dict[str, str] = {}
    for child in arguments(made.step.node, keywords=True):
        if child.type not in ("dictionary_splat", "keyword_argument") and _POSITIONAL.fullmatch(text(child)):
            written.setdefault("device", one_line(text(child), 70))
            device = device or child
        for name, value, when in _pairs(codebase, made, child):
            last = name.rpartition(".")[2]
            if _SETTING.match(last) and value is not None:
                only = f"` only if `{one_line(when, 40)}" if when else ""
                written.setdefault(f"{last}={text(value)}", one_line(f"{last}={text(value)}", 70) + only)
                device = value if _DEVICES.match(last) and not (when and device) else device
    return list(dict.fromkeys(written.values())), device


def switched(made: Made) -> str:
    """The device that a truth value says, `use_gpu=False`; "" where none is written out."""
    text = made.frame.body.tree.text
    for child in arguments(made.step.node, keywords=True):
        if child.type == "keyword_argument" and _GPU.match(text(child.child_by_field_name("name"))):
            return {"True": "cuda", "False": "cpu"}.get(text(child.child_by_field_name("value")), "")
    return ""


def _pairs(codebase: "Codebase", made: Made, child: Node) -> Iterator[Pair]:
    """Names and values that one argument gives: its own, or those of the dictionary that it is."""
    text = made.frame.body.tree.text
    if child.type == "dictionary_splat":
        yield from _spread(codebase, made, text(child).lstrip("*"))
        return
    value = child.child_by_field_name("value") if child.type == "keyword_argument" else child
    if child.type == "keyword_argument":
        yield text(child.child_by_field_name("name")), value, ""
    if value is not None and value.type == "dictionary":
        yield from _entries(codebase, made, value)
    elif value is not None and value.type == "identifier":
        yield from _spread(codebase, made, text(value))


def _entries(codebase: "Codebase", made: Made, value: Node, seen: frozenset[str] = frozenset()) -> Iterator[Pair]:
    text = made.frame.body.tree.text
    for pair in value.named_children:
        key = pair.child_by_field_name("key") if pair.type == "pair" else None
        if key is not None and key.type == "string":
            yield text(key).strip("\"'"), pair.child_by_field_name("value"), ""
        elif pair.type == "dictionary_splat" and text(pair).lstrip("*").isidentifier():
            yield from _spread(codebase, made, text(pair).lstrip("*"), seen)


def _spread(codebase: "Codebase", made: Made, name: str, seen: frozenset[str] = frozenset()) -> Iterator[Pair]:
    """The entries of a dictionary by its name: written out in the same body, or put in by default; `seen` are the
    names that led here, as in `kwargs = {"device": d, **kwargs}`."""
    frame = made.frame
    for binding in frame.bound(name) if name not in seen else ():
        if binding.value is not None and binding.value.type == "dictionary":
            yield from _entries(codebase, made, binding.value, seen | {name})
    for store in frame.body.stores:
        key = key_node(store)
        put = store.name == name and key is not None and key.type == "string" and store.value is not None
        if put and not is_off(codebase, frame, store.guards):
            yield frame.body.tree.text(key).strip("\"'"), store.value, unless_given(frame, store.guards)
