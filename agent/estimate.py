"""What a load on the CPU takes, by formula over the file's header: the planner's cross-check and
fallback.

Formulas as in llama.cpp's own sources (kv cache, graph reserve), for dense models with all layers on
the host; they equal its dry run for the architectures in the catalogue.
Knows no devices.
"""

from pathlib import Path

from agent.gguf_header import Header, read_header
from agent.ladder import LoadPlan

# Bytes per element of a cache type, by ggml's number.
_ELEMENT = {1: 2.0, 8: 34 / 32, 2: 18 / 32}
# ggml types that llama.cpp's CPU backend repacks on x86 with AVX2: Q4_0, Q4_K, IQ4_NL, Q2_K.
_REPACKED = {2, 10, 12, 20}


def estimate(path: Path, plan: LoadPlan) -> int:
    """Peak bytes of weights, cache, scratch, output rows and scores; the process itself comes on top."""
    header = read_header(path)
    return (
        weight_bytes(header, repack=plan.repack)
        + cache_bytes(header, plan)
        + compute_bytes(header, plan)
        + 4 * header.vocabulary * (plan.sequences + 1)
        + (0 if plan.flash else 2 * (plan.ubatch + 64) * plan.context * header.number("attention.head_count", 1))
    )


def weight_bytes(header: Header, *, repack: bool) -> int:
    """Mapped weights, and the copies of those that are repacked."""
    copies = sum(
        tensor.bytes
        for tensor in header.tensors
        if repack and tensor.type in _REPACKED and not tensor.name.startswith("token_embd")
    )
    return sum(tensor.bytes for tensor in header.tensors) + copies


def cache_bytes(header: Header, plan: LoadPlan) -> int:
    """Keys and values of every layer for every cell."""
    heads = max(1, header.number("attention.head_count", 1))
    width = header.number("embedding_length") // heads
    sizes = [header.number(f"attention.{name}_length", width) for name in ("key", "value")]
    kv_heads = header.number("attention.head_count_kv", heads)
    per_cell = header.number("block_count") * kv_heads * sum(sizes) * _ELEMENT[plan.kv_type]
    return int(per_cell * plan.context)


def compute_bytes(header: Header, plan: LoadPlan) -> int:
    """Scratch of the greediest phase: logits, one layer's feed-forward, or its attention."""
    rows = plan.ubatch + 64
    width, inner = header.number("embedding_length"), header.number("feed_forward_length")
    logits = 4 * min(rows, plan.sequences + 1) * header.vocabulary + 8 * rows * width
    layer = 4 * rows * (3 * inner + 4 * width) + 2 * rows * plan.context
    if plan.flash:
        return max(logits, layer)
    # Written out, attention keeps the scores of every head.
    heads = header.number("attention.head_count", 1)
    return max(logits, layer, 4 * rows * (plan.context * (heads + 1) + 5 * width))
