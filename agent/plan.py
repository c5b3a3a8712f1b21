"""How a model is loaded, and which way of loading it fits the memory there is.

Each candidate is measured by a dry run of llama.cpp in a child process, which allocates nothing
(`agent.engine_process`, operation `measure`); where that is not possible, by formulas over the
file's header (`agent.estimate`). Loads nothing itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agent.catalogue import ModelSpec, list_models
from agent.errors import MemoryRefused, WorkerFailed
from agent.room import Room, find_room, tiled_kernels, usable_cores

if TYPE_CHECKING:
    from agent.worker import Worker

F16, Q8_0 = 1, 8
_KV_NAMES = {F16: "f16", Q8_0: "q8_0"}
_CELL_STEP = 256
LEAST_CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Parameters of one load. Sizes are in tokens.

    `context` cells are shared by all sequences; `sequences` answers are written side by side;
    `ubatch` tokens are evaluated at a time; `kv_type` is ggml's number of the cache's type (1 f16,
    8 q8_0); `gpu_layers` -1 puts every layer on the device; `threads` 0 means every core this
    process may use; with `repack` weights are copied into the layout that older kernels want, else
    they stay in the mapped file. `predicted` bytes, of host and devices, 0 if not measured.
    """

    context: int = 8192
    sequences: int = 8
    ubatch: int = 256
    kv_type: int = F16
    gpu_layers: int = 0
    threads: int = 0
    repack: bool = field(default_factory=lambda: not tiled_kernels())
    predicted: int = 0

    @property
    def thread_count(self) -> int:
        """Threads to compute with."""
        return self.threads or usable_cores()

    def __str__(self) -> str:
        """One line for a person."""
        parts = [
            f"{self.context} tokens of context",
            f"{_KV_NAMES.get(self.kv_type, str(self.kv_type))} cache",
            _place(self.gpu_layers),
            f"{self.thread_count} threads",
        ]
        if self.repack:
            parts.append("repacked weights")
        if self.predicted:
            parts.append(f"{self.predicted / 2**30:.1f} GiB")
        return ", ".join(parts)

    def to_wire(self) -> dict[str, Any]:
        """The plan as plain values for the worker's pipe."""
        return asdict(self) | {"threads": self.thread_count}


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes at the peak: `host` and each of `devices` by name right after the load, and `saved`
    more of the host for prompts put away while others are read (`agent.prefill`).
    """

    host: int
    devices: Mapping[str, int] = field(default_factory=dict)
    saved: int = 0

    @property
    def total(self) -> int:
        """Of host and devices together."""
        return self.host + self.saved + sum(self.devices.values())


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to load the model, what it takes (None: it cannot be loaded so), and whether that
    fits.
    """

    plan: LoadPlan
    need: Need | None
    fits: bool


Measure = Callable[[ModelSpec, LoadPlan], Need]


def plan_model(
    spec: ModelSpec,
    budget: int | None,
    wanted_context: int,
    *,
    least_context: int = LEAST_CONTEXT,
    room: Room | None = None,
    measure: Measure | None = None,
) -> LoadPlan:
    """The first plan of the ladder that fits `budget` bytes (None: what is free less a reserve).

    `wanted_context` tokens would take the fullest batch at once; less, down to `least_context`,
    makes smaller groups of it. Raises `MemoryRefused`, `ModelMissing`, and `WorkerFailed` for a
    file llama.cpp refuses.
    """
    tried = []
    for candidate in candidates(spec, budget, wanted_context, least_context=least_context, room=room, measure=measure):
        if candidate.fits and candidate.need:
            return replace(candidate.plan, predicted=candidate.need.total)
        tried.append(candidate)
    raise _refusal(spec, budget, tried)


def candidates(
    spec: ModelSpec,
    budget: int | None,
    wanted_context: int,
    *,
    least_context: int = LEAST_CONTEXT,
    room: Room | None = None,
    measure: Measure | None = None,
) -> Iterator[Candidate]:
    """The ladder, best first, each rung measured when it is asked for."""
    spec.require()
    with _Measuring(measure) as measuring:
        space = room or find_room(budget, measuring.devices())
        contexts = _contexts(wanted_context, least_context, spec.context)
        for plan in _ladder(contexts, gpu=bool(space.devices)):
            need = measuring.need(spec, plan)
            yield Candidate(plan, need, need is not None and space.holds(need.host + need.saved, need.devices))


def _contexts(wanted: int, least: int, trained: int) -> list[int]:
    top = min(wanted, trained) if trained else wanted
    found = []
    size = float(top)
    while size > least:
        found.append(_padded(int(size)))
        size *= 0.7
    return [*found, _padded(min(least, top))]


def _padded(context: int) -> int:
    return -(-context // _CELL_STEP) * _CELL_STEP


def _ladder(contexts: Sequence[int], *, gpu: bool) -> Iterator[LoadPlan]:
    """From the fastest way of loading to the one that takes least."""
    least = contexts[-1]
    if gpu:
        yield from (LoadPlan(context=context, gpu_layers=-1) for context in contexts)
        yield LoadPlan(context=least, gpu_layers=-1, kv_type=Q8_0)
        yield from (LoadPlan(context=least, gpu_layers=layers) for layers in (36, 24, 16, 8))
    if not tiled_kernels():
        yield from (LoadPlan(context=context, repack=True) for context in contexts)
    yield from (LoadPlan(context=context, repack=False) for context in contexts)
    # On a CPU a quantised cache takes twice the time (82 against 145 tokens/s): the last resort.
    yield LoadPlan(context=least, repack=False, kv_type=Q8_0)


class _Measuring:
    """Measures with one child process for the whole ladder, or with a function given instead."""

    def __init__(self, measure: Measure | None) -> None:
        self._measure = measure
        self._worker: Worker | None = None

    def __enter__(self) -> "_Measuring":
        if self._measure is None:
            from agent.worker import Worker

            self._worker = Worker()
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker:
            self._worker.close()

    def devices(self) -> dict[str, int]:
        """Free bytes of each GPU."""
        if self._worker is None:
            return {}
        found = self._worker.ask({"op": "devices"})["devices"]
        return {device["name"]: device["free"] for device in found if device["kind"] == "gpu"}

    def need(self, spec: ModelSpec, plan: LoadPlan) -> Need | None:
        """What the plan takes; None if llama.cpp refuses this cache type for the model."""
        try:
            if self._measure:
                return self._measure(spec, plan)
            assert self._worker
            return measure_plan(spec, plan, self._worker)
        except WorkerFailed:
            if plan.kv_type == F16:
                raise
            return None


def measure_plan(spec: ModelSpec, plan: LoadPlan, worker: "Worker") -> Need:
    """What a load takes, by a dry run, or by formula where llama.cpp's accounts cannot be read."""
    request = {"op": "measure", "path": str(spec.path), "plan": plan.to_wire()}
    found = worker.ask(request, deadline=120)
    if found["buffers"] is None:
        from agent.estimate import estimate

        return Need(estimate(spec.path, plan) + found["resident"])
    return need_of(found["buffers"], found["resident"], found["output"])


def need_of(buffers: Sequence[Mapping[str, Any]], resident: int, output: int) -> Need:
    """Peak bytes from the accounts of a dry run.

    Repacked weights count twice on the host: their copy, and the file's pages they were read from.
    The kernel can take the latter back, but they show in the process's peak.
    """
    host = resident + output
    devices: dict[str, int] = {}
    for buffer in buffers:
        size = buffer["weights"] + buffer["cache"] + buffer["compute"]
        if _on_host(buffer["name"]):
            host += size + (buffer["weights"] if "REPACK" in buffer["name"] else 0)
        else:
            devices[buffer["name"]] = devices.get(buffer["name"], 0) + size
    return Need(host, devices, saved=sum(buffer["cache"] for buffer in buffers))


def _on_host(buffer: str) -> bool:
    return buffer.startswith("CPU") or buffer.endswith("_Host")


def _refusal(spec: ModelSpec, budget: int | None, tried: Sequence[Candidate]) -> MemoryRefused:
    least = min((c.need.total for c in tried if c.need), default=0)
    room = f"the budget of {budget / 2**30:.1f} GiB" if budget else "the memory that is free"
    smaller = [s.alias for s in list_models("writer") if 0 < s.size < spec.size and s.present]
    hint = f"it takes {least / 2**30:.1f} GiB at least"
    if smaller:
        hint += f"; smaller models here: {', '.join(smaller)}"
    return MemoryRefused(f"{spec.alias} does not fit {room}", hint)


def _place(layers: int) -> str:
    if layers == 0:
        return "CPU"
    return "every layer on the GPU" if layers < 0 else f"{layers} layers on the GPU"
