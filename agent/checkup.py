"""Whether this machine can run a model well: build, devices, threads, speed, and what is wrong.

Loads the model as an audit would, reads and writes a little, and compares what it sees with what should be.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.catalogue import ModelSpec
from agent.diagnosis import AMX_CURE, reports_amx
from agent.plan import plan_model
from agent.room import DEVICE_RESERVE, free_host_bytes, usable_cores
from agent.slot import held_bytes

_TEXT = "The worker reads requests from a pipe, answers them one after the other, and ends with its parent. "
_READ, _WRITE, _CONTEXT = 12, 24, 2048
_FAST = ("AVX2", "NEON")
_SLOW_WRITING = 1.0  # tokens/s; an audit of the default pack would take more than a day


@dataclass(frozen=True, slots=True)
class CheckUp:
    """Facts as (name, value), and sentences that say what is wrong and what helps."""

    rows: Sequence[tuple[str, str]]
    problems: Sequence[str]


def check_up(spec: ModelSpec) -> CheckUp:
    """Load the model, let it read and write. Raises ModelMissing, MemoryRefused and WorkerFailed."""
    from agent.chat import GgufChat
    from agent.worker import Worker

    spec.require()
    asking = Worker()
    try:
        devices = asking.ask({"op": "devices"})["devices"]
    finally:
        asking.close()
    chat = GgufChat(spec, plan_model(spec, None, _CONTEXT))
    try:
        build = chat.build
        speed = _speed(chat)
    finally:
        chat.close()
    rows = [
        ("model", f"{spec.alias}, {spec.path}"),
        ("llama.cpp", build),
        ("devices", "; ".join(map(_told, devices))),
        ("plan", str(chat.plan)),
        ("free", f"{free_host_bytes() >> 20} MiB; models that run now hold {held_bytes() >> 20} MiB"),
        ("reading", f"{speed['read']:.0f} tokens/s"),
        ("writing", f"{speed['write']:.1f} tokens/s"),
        ("answer", str(speed["text"])),
    ]
    return CheckUp(rows, list(_problems(build, devices, speed)))


def _told(device: Mapping[str, Any]) -> str:
    told = f"{device['name']} ({device['kind']}): {device['title']}"
    if device["kind"] == "cpu":  # llama.cpp gives all of its memory as free
        return told
    return f"{told}, {device['free'] >> 20} of {device['total'] >> 20} MiB free"


def _speed(chat: Any) -> dict[str, Any]:
    """Tokens per second of a prompt and of an answer, the latter by an answer twice as long."""
    marks: dict[str, list[float]] = {"prompt": [], "write": []}
    chat.on_progress = lambda report: marks.setdefault(report["phase"], []).append(report["seconds"])
    metadata = {"max_tokens": _WRITE, "grammar": "root ::= [^\\x00]{200,400}"}
    reply = chat.invoke(_TEXT * _READ + "Say that again in other words.", config={"metadata": metadata})
    usage = reply.response_metadata
    read = (usage["prompt_tokens"] - usage["prompt_reused"]) / max(marks["prompt"][-1], 1e-6)
    return {"read": read, "write": usage["generated"] / max(marks["write"][-1], 1e-6), "text": reply.content}


def _problems(build: str, devices: Sequence[Mapping[str, Any]], speed: Mapping[str, Any]) -> Iterator[str]:
    if not any(f"{feature} = 1" in build for feature in _FAST):
        yield "this llama.cpp is built without AVX2 or NEON; build it here: pip install --no-binary llama-cpp-python"
    if "AMX_INT8 = 1" in build and reports_amx():
        yield f"this llama.cpp uses AMX, whose kernels crash on some machines. {AMX_CURE}"
    if shutil.which("nvidia-smi") and not any(device["kind"] == "gpu" for device in devices):
        if "CUDA" in build:
            yield "this llama.cpp is built for a GPU and sees none: hidden (CUDA_VISIBLE_DEVICES), or an old driver?"
        else:
            yield "there is a GPU that this llama.cpp cannot use: make gpu"
    for device in devices:
        if device["kind"] == "gpu" and device["free"] <= DEVICE_RESERVE:
            yield f"{device['name']} is full, nothing is put on it; nvidia-smi says which programs hold it"
    if usable_cores() < (os.cpu_count() or 1):
        yield f"only {usable_cores()} of {os.cpu_count()} cores may be used (affinity or cgroup)"
    if speed["write"] < _SLOW_WRITING:
        yield f"{speed['write']:.2f} tokens/s are written; other work takes the cores, or the model is too large"
    if not str(speed["text"]).strip():
        yield "the model wrote nothing"
