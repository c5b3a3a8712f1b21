"""Kind `memory_measures`: the measures that keep memory small, in one sentence, most telling first."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.scope import ASIDE, functions, parted, places, said_of
from retrieval.census.language import Query, kind, run_query
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.half_given import half_given
from retrieval.census.memory.memory_answers import let_go
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED, MOST_CITED, MOST_SWITCHES, MOST_ASIDE = 4, 8, 10, 4
_ADAPTED = "calls: peft.get_peft_model, peft.LoraConfig"
_SHARDED = "calls: torch.distributed.fsdp.FullyShardedDataParallel, torch.distributed.fsdp.fully_shard"
_CAST = "weight_types: weight cast in forward"
# What a measure is called, and the query that finds it. `{}` is filled with functions or names.
_MEASURES = (
    ("switches that people set: {}", "memory_limits: switch", "name"),
    ("quantised weights in {}", "weight_types: quantization", "function"),
    (
        "adapters trained in place of whole weights (LoRA) in {}",
        "calls: peft.get_peft_model, peft.LoraConfig",
        "function",
    ),
    ("weights sharded over processes (FSDP) in {}", _SHARDED, "function"),
    ("offloading by a library in {}", "unloading: offload", "function"),
    (
        "parts of pipelines let go after each run, where offloading is on, by {}",
        "calls: *.maybe_free_model_hooks",
        "function",
    ),
    ("models moved back to the CPU by {}", "unloading: cpu", "controlled"),
    (
        "models deleted or taken out of their containers by {}",
        "unloading: delete, container, none, release",
        "controlled",
    ),
    ("half precision of models in {}", "weight_types: model cast, model made in type", "half"),
    ("autocast in {}", "weight_types: autocast", "function"),
    ("weights cast at each call, while those that are kept stay as they are, in {}", _CAST, "half"),
    ("activation checkpointing in {}", "recomputing: on, off", "controlled"),
    ("activations kept on the CPU until the backward pass in {}", "recomputing: offloaded", "controlled"),
    ("inputs moved to the device piece by piece in {}", "piecewise: inputs", "function"),
    ("results taken back to the CPU inside loops in {}", "piecewise: results", "function"),
    ("caches and hooks dropped after use by {}", "piecewise: dropped", "function"),
    ("batch sizes chosen by the memory there is in {}", "memory_limits: ladder", "function"),
    ("batch sizes chosen in {}", "memory_limits: batch", "function"),
    ("shares of memory given to engines in {}", "memory_limits: engine", "function"),
    ("work in pieces in {}", "memory_bounds: chunks", "function"),
    ("tile, batch or precision settings given to models in {}", "memory_bounds: settings", "function"),
    ("results given one by one by {}", "memory_bounds: stream", "function"),
    ("caches with a limit in {}", "memory_limits: evicting", "function"),
    ("limits set on process or device in {}", "memory_limits: process", "function"),
    ("workers replaced after some tasks in {}", "memory_limits: recycling", "function"),
    ("weights shared between processes in {}", "memory_limits: shared", "function"),
    ("cached memory given back by {}", "clearing", "function"),
    ("inference without gradients in {}", "no_gradients", "function"),
    (
        "memory-efficient attention in {}",
        "calls: torch.*scaled_dot*, xformers.*, flash_attn.*",
        "function",
    ),
)
_HALF = "half precision or autocast"
_ASKED = {
    "quantised weights": "weight_types: quantization",
    "offloading by a library": "unloading: offload",
    "models moved back to the CPU": "unloading: cpu",
    "models deleted or taken out of their containers": "unloading: delete, container, none, release",
    _HALF: "weight_types: model *, autocast, precision option, weight cast*",
    "cached memory given back": "clearing",
}
_NAMED = {  # what a switch speaks of is not denied
    "quantised weights": r"(?i)quanti|int8|[48]bit",
    "offloading by a library": r"(?i)offload",
    _HALF: r"(?i)half|fp16|bf16|dtype|precision|amp\b",
}
_OFF = re.compile(r"(?:default False; )?action ['\"]store_true['\"]")
_MUTE = re.compile(r"type \w+; |; choices \[[^\]]*\]")
_NO_GRADIENTS = (
    "decorators: torch.no_grad, torch.inference_mode",
    "with: torch.no_grad, torch.inference_mode, torch.set_grad_enabled, *.INFERENCE_MODE, *.inference_mode",
)


@kind(
    "memory_measures",
    summary="the measures that keep memory small in what the main programs run, and what there is none of",
    example="memory_measures",
    reads="python",
    ordered=True,
)
def memory_measures(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit, named "measures"."""
    if not query.matches("measures"):
        return
    told, proving, aside = list[str](), list[CensusHit](), list[tuple[str, list[CensusHit]]]()
    for words, text, form in _MEASURES:
        queries = _NO_GRADIENTS if text == "no_gradients" else (text,)
        if text.startswith("unloading: "):
            run, idle, _ = let_go(codebase, text.partition(": ")[2])
        else:
            run, idle = parted(codebase, [hit for item in queries for hit in run_query(codebase, item).hits])
        if run and (said := _said(run, form)):
            told.append(words.format(said))
            proving += run[:2]
        elif idle and _said(idle, form):
            aside.append((words.format(_said(idle, form) if form == "name" else places(_fitting(idle, form))), idle))
    switches = " ".join(hit.text for hit in run_query(codebase, "memory_limits: switch").hits)
    named = {words for words, names in _NAMED.items() if re.search(names, switches)}
    named |= {_HALF} if half_given(codebase) else set()
    absent = [words for words, text in _ASKED.items() if words not in named and not run_query(codebase, text).hits]
    sentence = f"Measures in what the main programs run: {'; '.join(told)}." if told else ""
    if aside:
        rows = "; ".join(words for words, _hits in aside[:MOST_ASIDE])
        lead = f"{ASIDE} has also" if told else "Measures, in code that the main programs are not seen to run"
        sentence = f"{sentence} {lead}: {rows}.".strip()
        proving += [hit for _words, hits in aside for hit in hits[:1]]
    sentence = sentence or "No measure was found."
    if absent:
        sentence += f" Not found: {', '.join(absent)}."
    yield said_of(codebase, "measures", sentence, proving[:MOST_CITED])


def _fitting(hits: Sequence[CensusHit], form: str) -> list[CensusHit]:
    return [hit for hit in hits if form != "half" or _is_half(hit.text)]


def _said(hits: Sequence[CensusHit], form: str) -> str:
    if form == "name":
        return listed(list(dict.fromkeys(_setting(hit) for hit in hits)), MOST_SWITCHES)
    if form == "half":
        hits = [hit for hit in hits if _is_half(hit.text)]
    if not hits:
        return ""
    switched = list(dict.fromkeys(words for hit in hits if (words := hit.detail.get("controlled", ""))))
    return functions(hits) + (
        f" (controlled by {'; '.join(switched[:2])})" if form == "controlled" and switched else ""
    )


def _setting(hit: CensusHit) -> str:
    """ "option `--tile` (default 0)"."""
    told = re.split(r"(?<=\)): |(?<=\)) (?:fills|is read)|: ", hit.text)[0]
    return _MUTE.sub("", _OFF.sub("off by default", told)).removeprefix("option ")


def _is_half(text: str) -> bool:
    text = re.sub(r"\w*dtype=torch\.float32", "", text)
    return any(word in text.lower() for word in ("half", "float16", "bfloat16", "fp16", "bf16", "dtype"))
