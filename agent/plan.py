"""How a model is loaded: context, sequences, batch sizes, cache types, layers on a device, threads.

Knows what a plan is and which one fits a memory budget. Loads nothing itself.
"""

import os
from dataclasses import asdict, dataclass
from typing import Any

from agent.catalogue import ModelSpec

F16, Q8_0, Q4_0 = 1, 8, 2


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Parameters of one load. Sizes are in tokens.

    `context` cells are shared by all sequences; `sequences` questions are decoded side by side;
    `ubatch` tokens are evaluated at a time; `kv_type` is ggml's number of the cache's type (1 f16,
    8 q8_0, 2 q4_0); `gpu_layers` -1 puts every layer on the device; `threads` 0 means every core
    this process may use.
    """

    context: int = 8192
    sequences: int = 8
    ubatch: int = 128
    kv_type: int = F16
    gpu_layers: int = 0
    threads: int = 0

    @property
    def thread_count(self) -> int:
        """Threads to compute with."""
        return self.threads or usable_cores()

    def __str__(self) -> str:
        """One line for a person."""
        kv = {F16: "f16", Q8_0: "q8_0", Q4_0: "q4_0"}.get(self.kv_type, str(self.kv_type))
        where = f"{self.gpu_layers} layers on the GPU" if self.gpu_layers else "CPU"
        return f"{self.context} tokens of context, {kv} cache, {where}, {self.thread_count} threads"

    def to_wire(self) -> dict[str, Any]:
        """The plan as plain values for the worker's pipe."""
        return asdict(self) | {"threads": self.thread_count}


def plan_model(spec: ModelSpec, budget: int | None, wanted_context: int) -> LoadPlan:
    """The best plan for a model within `budget` bytes (None: what is free)."""
    return LoadPlan(context=-(-wanted_context // 256) * 256)


def usable_cores() -> int:
    """Cores that affinity and the cgroup's CPU quota leave to this process, at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, allowed or 1)
