"""What launch scripts and DeepSpeed's files set of memory: adapters, checkpointing, precision, ZeRO, offloading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.snapshot import SourceFile

MOST_FILES, MOST_CHARACTERS, SHOWN = 60, 100_000, 3
_FLAG = re.compile(
    r"--((?:gradient_checkpointing|lora_enable|use_lora|q_lora|bf16|fp16|tf32|deepspeed|fsdp|load_in_[48]bit|bits"
    r"|gradient_accumulation_steps|per_device_train_batch_size|mixed_precision|cpu_offload|offload\w*))[= ]+"
    r"([\w./$\-{}]+)"
)
_OFFLOADED = re.compile(r'"(offload_(?:param|optimizer))"\s*:\s*\{[^{}]{0,300}?"device"\s*:\s*"(cpu|nvme)"')
_STAGE = re.compile(r'"stage"\s*:\s*([0-3])')


@once
def launch_settings(codebase: Codebase) -> tuple[CensusHit, ...]:
    """One hit per setting of launch scripts with its values, and one per DeepSpeed file. `detail["offload"]` is "yes"
    for a file that has weights or the state of the optimiser kept off the GPU."""
    return (*_flags(codebase), *_deepspeed(codebase))


def _files(codebase: Codebase, language: str) -> list[SourceFile]:
    listed_ = [
        f for f in codebase.snapshot.files if f.language == language and f.role in ("source", "config", "example")
    ]
    return [file for file in listed_ if len(file.data) < MOST_CHARACTERS][:MOST_FILES]


def _flags(codebase: Codebase) -> Iterator[CensusHit]:
    found: dict[str, dict[str, list[tuple[str, int]]]] = {}
    for file in _files(codebase, "shell"):
        for number, line in enumerate(map(str, file.lines), 1):
            for match in _FLAG.finditer(line) if "--" in line and not line.lstrip().startswith("#") else ():
                found.setdefault(match[1], {}).setdefault(match[2], []).append((file.path, number))
    for flag, values in found.items():
        told = [f"`{value}` in {listed(list(dict.fromkeys(p for p, _ in at)), 2)}" for value, at in values.items()]
        (path, line), *_ = next(iter(values.values()))
        text = f"launch scripts set `--{flag}` to {listed(told, SHOWN)}"
        yield hit_at(codebase, path, (line, line), symbol="", name="switch", text=text, detail={"offload": "no"})


def _deepspeed(codebase: Codebase) -> Iterator[CensusHit]:
    """The settings files of DeepSpeed, those that a launch script names first."""
    found: list[tuple[bool, CensusHit]] = []
    for file in _files(codebase, "json"):
        at = file.text.find('"zero_optimization"')
        if at < 0:
            continue
        line = file.text.count("\n", 0, at) + 1
        inside = file.text[at : at + 2_000]
        stage = _STAGE.search(inside)
        kept = [f"`{what}` on `{where}`" for what, where in _OFFLOADED.findall(inside)]
        last = file.path.rpartition("/")[2]
        by = [script.path for script in _files(codebase, "shell") if last in script.text]
        told = f"ZeRO stage {stage[1] if stage else 'not given'}, {' and '.join(kept) or 'nothing offloaded'}, "
        told += f"named by {listed(by, 2)}" if by else "which no launch script names"
        detail = {"offload": "yes" if kept else "no"}
        text = f"DeepSpeed settings {file.path} ({told})"
        hit = hit_at(codebase, file.path, (line, line), symbol="", name="switch", text=text, detail=detail)
        found.append((not by, hit))
    yield from (hit for _, hit in sorted(found, key=lambda row: row[0]))
