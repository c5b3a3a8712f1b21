"""Kind `oom`: handlers and checks that concern running out of memory, and what is tried again.

Handlers by type (…OutOfMemoryError, MemoryError), by what they test ("out of memory" in the message), and
handlers of RuntimeError or everything whose `try` runs a model or the GPU: out of memory ends up there too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.syntax import call_text
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import subject_of
from retrieval.census.models.families import MODELISH, RUNNING, SETUP
from retrieval.facts import CensusHit, Fact

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TYPES = re.compile(r"OutOfMemory\w*\Z|(?:^|\.)MemoryError\Z|ResourceExhaustedError\Z")
_GPU_ERROR = re.compile(r"OutOfMemory\w*\Z|ResourceExhaustedError\Z")
_ERROR = re.compile(r"\b(?:e|ex|exc|err|error|exception)\b")
WIDE = frozenset(["RuntimeError", "Exception", "BaseException", "torch.cuda.CudaError", "torch.cuda.OutOfMemoryError"])
MESSAGE = re.compile(r"(?i)out of memory|\boom\b|not enough memory|CUDA error|cuda out")
NOTE = re.compile(r"(?i)out of memory|\boom\b|vram|gpu memory|memory pressure|low memory")
COMPUTING = re.compile(r"(?:^|\.)(?:run|infer|generate|forward|predict|model)\w*$|(?i:cuda)")
GPU = re.compile(r"(?i)cuda|triton|\.to\Z|(?:^|\.)backward\Z")
ELSEWHERE = re.compile(r"""\.cpu\(|["']cpu["']|\.to\(|device\s*=|map_location""")
CHECKS = re.compile(
    r"torch\.cuda\.(?:mem_get_info|memory_allocated|memory_reserved|max_memory_allocated|max_memory_reserved"
    r"|memory_summary|set_per_process_memory_fraction|empty_cache)\Z|psutil\.virtual_memory\Z"
    r"|pynvml\.nvmlDeviceGetMemoryInfo\Z|(?:^|\.)find_executable_batch_size\Z"
)
Lines = tuple[int, int]


@kind(
    "oom",
    summary="handlers and checks that concern running out of memory, and what is tried again",
    example="oom",
    reads="python",
    ordered=True,
)
def oom(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """`detail["by"]`: type, memory (of the machine, not of the GPU), message, comment, wide (broad, around a model or
    the GPU), compare, raise or check."""
    found = [hit for find in (_handlers, _tests, _raised, _checks) for hit in find(codebase)]
    order = ("type", "memory", "message", "comment", "compare", "wide", "raise", "check")
    found.sort(key=lambda hit: (hit.role != "source", order.index(hit.detail["by"]), hit.path, hit.start))
    yield from (hit for hit in found if query.matches(hit.name, hit.symbol, hit.detail["by"]))


def _handlers(codebase: Codebase) -> Iterator[CensusHit]:
    for path, fact in codebase.all_facts("catch"):
        types = [name for name in fact.detail["types"].split(", ") if name]
        tried = (int(fact.detail["try_start"]), int(fact.detail["try_end"]))
        by = _by(codebase, path, fact, types, tried)
        if by:
            told = _about(codebase, path, fact, tried, by)
            yield hit_at(
                codebase,
                path,
                (fact.start, fact.end),
                symbol=fact.symbol,
                name=", ".join(types) or "bare",
                text=f"{fact.text}{told}",
                related=(("try", path, *tried),),
                detail={"by": by, "action": fact.detail["action"]},
            )


def _by(codebase: Codebase, path: str, fact: Fact, types: list[str], tried: Lines) -> str:
    if any(TYPES.search(name) for name in types):
        if any(_GPU_ERROR.search(name) for name in types):
            return "type"
        return "memory" if not WIDE & {name.rpartition(".")[2] for name in types} else ""
    if types and not WIDE & {name.rpartition(".")[2] for name in types}:
        return ""
    if MESSAGE.search(_code(codebase, path, (fact.start, fact.end))):
        return "message"
    if _noted(codebase, path, (tried[0], fact.end)) and any(map(COMPUTING.search, _called(codebase, path, tried))):
        return "comment"
    return "wide" if "RuntimeError" in types and _running(codebase, path, tried) else ""


def _about(codebase: Codebase, path: str, fact: Fact, tried: Lines, by: str) -> str:
    """What the `try` runs, and what the handler runs again or elsewhere."""
    handler = (fact.start, fact.end)
    attempted, again = _called(codebase, path, tried), _called(codebase, path, handler)
    repeated = [name for name in again if name in attempted]
    running = _running(codebase, path, tried) if by == "wide" else attempted
    text = f"; its `try` calls {', '.join(f'`{name}()`' for name in running[:4])}" if running else ""
    if by == "wide":
        text += ", and running out of GPU memory raises a `RuntimeError` too"
    if repeated:
        text += f"; the handler calls {', '.join(f'`{name}()`' for name in repeated[:3])} again"
    line = _line_of(codebase, path, handler)
    return text + (f", with `{line}`" if line and repeated else "")


def _called(codebase: Codebase, path: str, lines: Lines) -> list[str]:
    calls = codebase.facts[path].calls
    names = [
        c.written for c in calls if lines[0] <= c.start and c.end <= lines[1] and re.fullmatch(r"[\w.]+", c.written)
    ]
    return list(dict.fromkeys(names))


def _running(codebase: Codebase, path: str, lines: Lines) -> list[str]:
    """The calls on these lines that run a model or the GPU."""
    return [name for name in _called(codebase, path, lines) if GPU.search(name) or runs_by_name(name)]


def runs_by_name(name: str) -> bool:
    """Whether a call runs a model as far as names tell: `model(x)`, `MODEL.generate(x)`."""
    holder, _, last = name.rpartition(".")
    modelish = MODELISH.search(last) and not SETUP.match(last.lstrip("_"))
    return bool(modelish) or (last in RUNNING and bool(MODELISH.search(holder.rpartition(".")[2].lower())))


def _code(codebase: Codebase, path: str, lines: Lines) -> str:
    source = codebase.snapshot.by_path[path].lines[lines[0] - 1 : lines[1]]
    return "\n".join(line.partition(" #")[0] for line in source)


def _noted(codebase: Codebase, path: str, lines: Lines) -> bool:
    """Whether a comment at a `try` says that memory is what it is there for."""
    source = codebase.snapshot.by_path[path].lines[max(0, lines[0] - 3) : lines[1]]
    return any(NOTE.search(line.partition("#")[2]) for line in source)


def _line_of(codebase: Codebase, path: str, lines: Lines) -> str:
    for line in _code(codebase, path, lines).split("\n"):
        if ELSEWHERE.search(line):
            return " ".join(line.replace("`", "'").split())[:120]
    return ""


def _tests(codebase: Codebase) -> Iterator[CensusHit]:
    """Comparisons of a message with words about memory, outside of the handlers told already too."""
    caught = {(path, fact.symbol) for path, fact in codebase.all_facts("catch")}
    for path, fact in codebase.all_facts("compare"):
        if MESSAGE.search(fact.name) and ((path, fact.symbol) in caught or _ERROR.search(fact.name)):
            shown = " ".join(fact.text.replace("`", "'").split())
            text = f"{subject_of(codebase, path, fact.symbol)} tests `{shown}`"
            yield _plain(codebase, path, fact, text, "compare")


def _raised(codebase: Codebase) -> Iterator[CensusHit]:
    for path, fact in codebase.all_facts("raise"):
        if TYPES.search(fact.name) or MESSAGE.search(fact.detail["message"]):
            shown = " ".join(fact.text.replace("`", "'").split())
            text = f"{subject_of(codebase, path, fact.symbol)} raises: `{shown}`"
            yield _plain(codebase, path, fact, text, "raise")


def _plain(codebase: Codebase, path: str, fact: Fact, text: str, by: str) -> CensusHit:
    lines = (fact.start, fact.end)
    return hit_at(codebase, path, lines, symbol=fact.symbol, name=fact.name, text=text, detail={"by": by})


def _checks(codebase: Codebase) -> Iterator[CensusHit]:
    for path, call in codebase.all_calls():
        if CHECKS.search(call.name):
            does = "frees cached GPU memory" if call.name.endswith("empty_cache") else "measures or limits memory"
            text = f"{subject_of(codebase, path, call.symbol)} {does}: `{call_text(call).replace('`', chr(39))}`"
            lines = (call.start, call.end)
            detail = {"by": "check"}
            yield hit_at(codebase, path, lines, symbol=call.symbol, name=call.name, text=text, detail=detail)
