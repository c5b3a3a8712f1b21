"""What ended a load, a request or the model's process: from llama.cpp's words, exit status and
signals.

Knows the kinds of `agent.errors.WorkerFailed` and a cure for each. Starts and loads nothing.
"""

import signal
from pathlib import Path

from agent.errors import WorkerFailed

_OUT_OF_MEMORY = ("out of memory", "failed to allocate", "bad_alloc", "unable to allocate")
AMX_CURE = (
    "This processor reports AMX and a default build of llama.cpp crashes on it "
    "(ggml-org/llama.cpp#20824); reinstall with CMAKE_ARGS=\"-DCMAKE_C_FLAGS='-mno-amx-tile "
    "-mno-amx-int8 -mno-amx-bf16' -DCMAKE_CXX_FLAGS='-mno-amx-tile -mno-amx-int8 -mno-amx-bf16'\" "
    "pip install --force-reinstall --no-binary llama-cpp-python llama-cpp-python"
)
_KIND_HINTS = {
    "memory": "choose a smaller context or model, end other programs that hold the memory, or raise --memory-budget",
    "architecture": "this llama.cpp does not know the architecture; update llama-cpp-python",
    "corrupt": "download the model again",
    "deadline": "the model's process gave no sign of life and was ended",
    "request": "",
    "crash": "python -m agent models doctor",
}


class EngineError(Exception):
    """llama.cpp said no; `kind` as in `agent.errors.WorkerFailed`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def failure_kind(log: str) -> str:
    """What a failed load died of, as `WorkerFailed.kind`, by llama.cpp's own words."""
    lowered = log.lower()
    if any(sign in lowered for sign in _OUT_OF_MEMORY):
        return "memory"
    if "unknown model architecture" in lowered or "unsupported" in lowered:
        return "architecture"
    return "corrupt" if "load" in lowered else "crash"


def telling_lines(log: str) -> str:
    """The last two lines that sound like an error, else the last two."""
    lines = [line.strip() for line in log.split("\n") if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "fail" in line.lower()]
    return "; ".join((telling or lines)[-2:])


def diagnose(status: int | None, words: str, *, killed_for_memory: bool = False) -> WorkerFailed:
    """The failure behind an exit status (negative: a signal) and the last lines of the error
    stream.
    """
    lowered = words.lower()
    last = telling_lines(words)[:300]
    if killed_for_memory or any(sign in lowered for sign in _OUT_OF_MEMORY):
        return failure("memory", f"the model's process ran out of memory: {last}")
    if "no module named 'llama_cpp'" in lowered:
        hint = "pip install llama-cpp-python"
        return WorkerFailed("llama-cpp-python is not installed", hint, kind="crash")
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        died = failure("crash", f"the model's process died of {name}. {last}".rstrip())
        if -status in (signal.SIGSEGV, signal.SIGILL) and reports_amx():
            died.hint = AMX_CURE
        return died
    return failure("crash", f"the model's process ended with status {status}: {last}")


def failure(kind: str, message: str) -> WorkerFailed:
    """A failure of that kind with its cure as hint."""
    return WorkerFailed(message, _KIND_HINTS[kind], kind=kind)


def reports_amx() -> bool:
    """Whether the processor says that it has AMX."""
    try:
        return "amx_tile" in Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False
