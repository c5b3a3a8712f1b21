"""How a model is loaded, and which way of loading it fits the memory there is.

Each candidate is measured by a dry run of llama.cpp in a child process, which allocates nothing
(`agent.engine_process`, operation `measure`); where that is not possible, by formulas over the
file's header (`agent.estimate`). Loads nothing itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agent.catalogue import ModelSpec, list_models
from agent.errors import MemoryRefused, ModelUnknown, WorkerFailed
from agent.gguf_header import read_header
from agent.ladder import F16, LEAST_CONTEXT, LoadPlan, contexts_of, rungs
from agent.room import Room, find_room
from agent.slot import held_bytes

if TYPE_CHECKING:
    from agent.worker import Worker


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
    """One way to load the model, what it takes (None: it cannot be loaded so), and the room there is."""

    plan: LoadPlan
    need: Need | None
    room: Room

    @property
    def lacks(self) -> Mapping[str, int]:
        """Bytes that are missing, as `Room.lacks` gives them."""
        return self.room.lacks(self.need.host + self.need.saved, self.need.devices) if self.need else {}

    @property
    def fits(self) -> bool:
        """Whether it can be loaded so here."""
        return self.need is not None and not self.lacks

    @property
    def chosen(self) -> LoadPlan:
        """The plan with what it takes written into it."""
        assert self.need
        return replace(self.plan, predicted=self.need.total, on_device=sum(self.need.devices.values()))


# Measured on one H200 with CUDA 13: 82 to 94 MiB of the device, 49 to 88 MiB of the host.
RUNTIME_DEVICE, RUNTIME_HOST = 88 << 20, 64 << 20
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
            return candidate.chosen
        tried.append(candidate)
    raise _refusal(spec, budget, tried)


def first_that_fits(
    specs: Sequence[ModelSpec],
    budget: int | None,
    wanted_context: int,
    *,
    least_context: int = LEAST_CONTEXT,
    room: Room | None = None,
    measure: Measure | None = None,
) -> tuple[ModelSpec, LoadPlan]:
    """The first model that has a plan that fits, and that plan. Raises as `plan_model` does for the first model."""
    refusal: MemoryRefused | None = None
    for spec in specs:
        try:
            plan = plan_model(spec, budget, wanted_context, least_context=least_context, room=room, measure=measure)
        except MemoryRefused as refused:
            refusal = refusal or refused
        else:
            return spec, plan
    assert refusal
    raise refusal


def next_plan(
    spec: ModelSpec,
    failed: LoadPlan,
    budget: int | None,
    wanted_context: int,
    *,
    least_context: int = LEAST_CONTEXT,
    room: Room | None = None,
    measure: Measure | None = None,
) -> LoadPlan | None:
    """The first plan below `failed` on the ladder that fits; None when there is none: for a load that ran out of
    memory though it was predicted to fit.
    """
    below = False
    for candidate in candidates(spec, budget, wanted_context, least_context=least_context, room=room, measure=measure):
        if below and candidate.fits:
            return candidate.chosen
        below = below or candidate.plan == replace(failed, predicted=0, on_device=0)
    return None


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
        space = room or find_room(budget, measuring.devices(), held_bytes())
        contexts = contexts_of(wanted_context, least_context, spec.context)
        gpu = any(space.devices.values())
        for plan in rungs(contexts, gpu=gpu, layers=_layers_of(spec) if gpu else 0):
            need = measuring.need(spec, plan)
            yield Candidate(plan, need, space)


def _layers_of(spec: ModelSpec) -> int:
    """Layers of the model, 0 where its file does not say."""
    try:
        return read_header(spec.path).number("block_count")
    except ModelUnknown:
        return 0


class _Measuring:
    """Measures with child processes, one that sees the GPUs and one that does not, or with a function given instead."""

    def __init__(self, measure: Measure | None) -> None:
        self._measure = measure
        self._workers: dict[bool, Worker] = {}

    def __enter__(self) -> "_Measuring":
        if self._measure is None:
            from agent.worker import Worker

            self._workers = {gpu: Worker(gpu=gpu) for gpu in (True, False)}
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def devices(self) -> dict[str, int]:
        """Free bytes of each GPU."""
        if not self._workers:
            return {}
        found = self._workers[True].ask({"op": "devices"})["devices"]
        return {device["name"]: device["free"] for device in found if device["kind"] == "gpu"}

    def need(self, spec: ModelSpec, plan: LoadPlan) -> Need | None:
        """What the plan takes; None if llama.cpp refuses this cache type, or does not even start on a full card."""
        try:
            if self._measure:
                return self._measure(spec, plan)
            return measure_plan(spec, plan, self._workers[plan.gpu_layers != 0])
        except WorkerFailed as failure:
            full = failure.kind == "memory" and plan.gpu_layers != 0
            if plan.kv_type == F16 and not full:
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

    The first computation on a device loads kernels and makes cuBLAS's handle, which are in no account. Pages of the
    mapped file whose weights went to a device are not counted, since the kernel drops them. Repacked weights count
    twice on the host: their copy, and the file's pages they were read from. The kernel can take the latter back, but
    they show in the process's peak.
    """
    host = resident + output
    devices: dict[str, int] = {}
    for buffer in buffers:
        size = buffer["weights"] + buffer["cache"] + buffer["compute"]
        if _on_host(buffer["name"]):
            host += size + (buffer["weights"] if "REPACK" in buffer["name"] else 0)
        else:
            devices[buffer["name"]] = devices.get(buffer["name"], 0) + size
    if devices:
        host += RUNTIME_HOST
        devices = {name: size + RUNTIME_DEVICE for name, size in devices.items()}
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
