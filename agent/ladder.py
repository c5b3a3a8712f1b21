"""How a model can be loaded, and the order in which ways are given up when memory is short.

The order is by what giving up costs: first scratch and batch size, then length of context, then the
type of the cache. A mixture of GPU and CPU comes after everything on the GPU, the CPU alone after
that; smaller models after that are `agent.catalogue.smaller_models`. Measures nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agent.room import tiled_kernels, usable_cores

F16, Q8_0 = 1, 8
KV_NAMES = {F16: "f16", Q8_0: "q8_0"}
LEAST_CONTEXT = 2048
_CELL_STEP = 256
_SHORTENED = 0.7
_EIGHTHS = (7, 6, 5, 4, 3, 2, 1)  # of the layers, on the GPU
_USUAL_LAYERS = 32  # where the file does not say


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Parameters of one load. Sizes are in tokens.

    `context` cells are shared by all sequences; `sequences` answers are written side by side;
    `ubatch` tokens are evaluated at a time; `kv_type` is ggml's number of the cache's type (1 f16,
    8 q8_0); `gpu_layers` -1 puts every layer on the device; `threads` 0 means every core this
    process may use; with `repack` weights are copied into the layout that older kernels want, else
    they stay in the mapped file; `flash` attention takes less scratch, and on a CPU 1.2 to 1.4 times
    as long. `predicted` bytes, of host and devices, 0 if not measured; `on_device` of them on devices.
    """

    context: int = 8192
    sequences: int = 8
    ubatch: int = 256
    kv_type: int = F16
    gpu_layers: int = 0
    threads: int = 0
    repack: bool = field(default_factory=lambda: not tiled_kernels())
    flash: bool = False
    predicted: int = 0
    on_device: int = 0

    @property
    def thread_count(self) -> int:
        """Threads to compute with."""
        return self.threads or usable_cores()

    @property
    def place(self) -> str:
        """Where the layers are computed."""
        if self.gpu_layers == 0:
            return "CPU"
        return "every layer on the GPU" if self.gpu_layers < 0 else f"{self.gpu_layers} layers on the GPU"

    @property
    def cache_name(self) -> str:
        """The cache's type in ggml's words."""
        return KV_NAMES.get(self.kv_type, str(self.kv_type))

    def __str__(self) -> str:
        """One line for a person."""
        parts = [f"{self.context} tokens of context", f"{self.cache_name} cache", self.place]
        parts.append(f"{self.thread_count} threads")
        if self.repack:
            parts.append("repacked weights")
        if self.flash:
            parts.append("flash attention")
        if self.predicted:
            parts.append(f"{self.predicted / 2**30:.1f} GiB")
        return ", ".join(parts)

    def to_wire(self) -> dict[str, Any]:
        """The plan as plain values for the worker's pipe."""
        return asdict(self) | {"threads": self.thread_count}


def contexts_of(wanted: int, least: int, trained: int) -> list[int]:
    """Contexts to try, longest first: at most what is wanted and what the model was trained for (0: unknown)."""
    top = min(wanted, trained) if trained else wanted
    found = []
    size = float(top)
    while size > least:
        found.append(_padded(int(size)))
        size *= _SHORTENED
    return [*found, _padded(min(least, top))]


def _padded(context: int) -> int:
    return -(-context // _CELL_STEP) * _CELL_STEP


def rungs(contexts: Sequence[int], *, gpu: bool, layers: int = 0) -> Iterator[LoadPlan]:
    """From the fastest way of loading a model of so many layers (0: unknown) to the one that takes least."""
    if gpu:
        yield from _on_gpu(contexts, layers or _USUAL_LAYERS)
    if not tiled_kernels():
        yield from _on_cpu(contexts, repack=True)
    yield from _on_cpu(contexts, repack=False)
    yield from _smallest(contexts[-1])


def _on_gpu(contexts: Sequence[int], layers: int) -> Iterator[LoadPlan]:
    least = contexts[-1]
    yield from (LoadPlan(context=context, gpu_layers=-1, flash=True) for context in contexts)
    yield LoadPlan(context=least, gpu_layers=-1, flash=True, kv_type=Q8_0)
    parts = dict.fromkeys(layers * eighths // 8 for eighths in _EIGHTHS)
    yield from (LoadPlan(context=least, gpu_layers=part, flash=True) for part in parts if part)


def _on_cpu(contexts: Sequence[int], *, repack: bool) -> Iterator[LoadPlan]:
    for context in contexts:
        yield LoadPlan(context=context, repack=repack)
        yield LoadPlan(context=context, repack=repack, flash=True)


def _smallest(context: int) -> Iterator[LoadPlan]:
    """What saves little and costs much: narrow batches, few answers at a time, a cache of half the size.

    On a CPU a quantised cache takes twice the time (82 against 145 tokens/s).
    """
    yield LoadPlan(context=context, repack=False, flash=True, ubatch=128)
    yield LoadPlan(context=context, repack=False, flash=True, ubatch=128, sequences=2)
    yield LoadPlan(context=context, repack=False, flash=True, ubatch=128, sequences=2, kv_type=Q8_0)
