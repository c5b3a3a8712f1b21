"""What a context takes, per kind of memory, and which devices there are, as llama.cpp itself
counts.

llama.cpp tells its accounts in C++ only: `llama_get_memory_breakdown` gives a `std::map` of buffer
types. It is read here as GNU's libstdc++ lays it out (a red-black tree of nodes;
`bits/stl_tree.h`). Where the symbol is missing the caller does without. Handed libllama by
`agent.llama`; imports no heavy library.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

_SYMBOL = "_Z26llama_get_memory_breakdownPK13llama_context"
_MOST_NODES = 64
_KINDS = {0: "cpu", 1: "gpu", 2: "gpu", 3: "accelerator"}  # enum ggml_backend_dev_type


@dataclass(frozen=True, slots=True)
class Buffers:
    """Bytes in one buffer type, such as "CPU", "CPU_REPACK" or "CUDA0"."""

    name: str
    weights: int
    cache: int
    compute: int


class _Node(ctypes.Structure):
    pass


_Node._fields_ = [
    ("color", ctypes.c_int),
    ("parent", ctypes.POINTER(_Node)),
    ("left", ctypes.POINTER(_Node)),
    ("right", ctypes.POINTER(_Node)),
    ("key", ctypes.c_void_p),
    ("weights", ctypes.c_size_t),
    ("cache", ctypes.c_size_t),
    ("compute", ctypes.c_size_t),
]


class _Map(ctypes.Structure):
    _fields_ = (
        ("comparison", ctypes.c_void_p),
        ("color", ctypes.c_int),
        ("root", ctypes.POINTER(_Node)),
        ("leftmost", ctypes.POINTER(_Node)),
        ("rightmost", ctypes.POINTER(_Node)),
        ("count", ctypes.c_size_t),
    )


def read_breakdown(library: Any, context: int) -> list[Buffers] | None:
    """Bytes per buffer type of a context, also of one loaded with `no_alloc`; None if not to be
    had.
    """
    if not hasattr(library, _SYMBOL):
        return None
    function = getattr(library, _SYMBOL)
    # A structure of this size comes back through a hidden pointer, which ctypes arranges.
    function.restype, function.argtypes = _Map, [ctypes.c_void_p]
    found = function(context)
    if not 0 < found.count <= _MOST_NODES:
        return None
    library.ggml_backend_buft_name.restype = ctypes.c_char_p
    library.ggml_backend_buft_name.argtypes = [ctypes.c_void_p]
    buffers = []
    waiting = [found.root]
    while waiting and len(buffers) <= _MOST_NODES:
        node = waiting.pop()
        if node:
            entry = node.contents
            name = library.ggml_backend_buft_name(entry.key).decode("ascii", "replace")
            buffers.append(Buffers(name, entry.weights, entry.cache, entry.compute))
            waiting += [entry.left, entry.right]
    return sorted(buffers, key=lambda b: b.name) if len(buffers) == found.count else None


def list_devices(library: Any) -> list[dict[str, Any]]:
    """Devices that llama.cpp can compute on: `name` ("CUDA0"), `title` (the card's), `kind` ("cpu" | "gpu" | …),
    `free` and `total` bytes.

    The free bytes of the CPU are not to be trusted: on Linux llama.cpp reports the total.
    """
    library.ggml_backend_dev_count.restype = ctypes.c_size_t
    library.ggml_backend_dev_get.restype = ctypes.c_void_p
    library.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    library.ggml_backend_dev_name.restype = ctypes.c_char_p
    library.ggml_backend_dev_name.argtypes = [ctypes.c_void_p]
    library.ggml_backend_dev_description.restype = ctypes.c_char_p
    library.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    library.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    sizes = [ctypes.POINTER(ctypes.c_size_t)] * 2
    library.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, *sizes]
    return [_device(library, index) for index in range(library.ggml_backend_dev_count())]


def _device(library: Any, index: int) -> dict[str, Any]:
    device = library.ggml_backend_dev_get(index)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    return {
        "name": library.ggml_backend_dev_name(device).decode("ascii", "replace"),
        "title": library.ggml_backend_dev_description(device).decode("ascii", "replace"),
        "kind": _KINDS.get(library.ggml_backend_dev_type(device), "other"),
        "free": free.value,
        "total": total.value,
    }
