"""Kind `blocking`: what makes work wait for the GPU, a model or another worker, in sentences, the gravest first.

Waiting for outside programs is no such mechanism. What guards a model is told apart from what guards other things.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, kind, run_query
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.side_by_side import in_python, spoken
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SYNC = (
    "calls: torch.cuda.synchronize, torch.cuda.Event, torch.npu.synchronize, torch.mps.synchronize, "
    "torch.xpu.synchronize, torch.cuda.Stream.synchronize, torch.cuda.Event.synchronize"
)
STREAMS = "calls: torch.cuda.Stream, torch.cuda.stream, torch.cuda.current_stream, *.wait_stream"
BARRIERS = "calls: torch.distributed.barrier, *.barrier, *.wait_for_everyone, horovod.*.join"
_RANKED = re.compile(
    r"^(?:torch\.distributed|accelerate|horovod|deepspeed|mpi4py|multiprocessing|lightning|pytorch_lightning)\b"
)
QUEUES = (
    "calls: queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue, multiprocessing.Queue, "
    "multiprocessing.JoinableQueue, multiprocessing.SimpleQueue, "
    "torch.multiprocessing.Queue, asyncio.Queue, *.JoinableQueue"
)
WEB = (
    "calls: *.queue, *.wrap_queued_call, *.wrap_gradio_gpu_call",
    "keywords: enable_queue, concurrency_count, default_concurrency_limit, concurrency_limit",
)
EVENTS = "calls: threading.Event, multiprocessing.Event, asyncio.Event, *.Event"
COPIES = "keywords: non_blocking"
_EVENT = re.compile(r"^(?:threading|multiprocessing|asyncio|mp|manager)\b.*Event$|^\w+\.Event$")
_PLAIN = frozenset(["queue", "q", "event", "lock", "done"])
SHOWN = 5
Told = tuple[str, list[CensusHit]]


@kind(
    "blocking",
    summary="in sentences: what makes work wait for the GPU, a model or other workers: locks, queues, barriers",
    example="blocking",
    reads="python",
    ordered=True,
)
def blocking(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per sentence, those about what the main programs run first; patterns match nothing else."""
    if not query.matches("blocking"):
        return
    found = _Found(codebase)
    for text, hits in (*_verdict(found), *_details(found), *_rest(found)):
        yield spoken(codebase, "blocking", text, hits)


class _Found:
    """What was found of each mechanism, apart by whether the main programs run it."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.guards = self._of("locks: model=yes")
        self.locks = self._of("locks: model=no")
        self.queues = self._of(QUEUES)
        self.web = self._of(*WEB)
        self.sync = self._of(SYNC)
        self.streams = self._of(STREAMS)
        self.barriers = self._ranked(*self._of(BARRIERS))
        self.events = self._of(EVENTS, only=_EVENT)
        self.copies = self._of(COPIES)

    def _of(self, *queries: str, only: re.Pattern[str] | None = None) -> tuple[list[CensusHit], list[CensusHit]]:
        every = [hit for query in queries for hit in run_query(self.codebase, query).hits if in_python(hit)]
        return reach_of(self.codebase).parted(hit for hit in every if only is None or only.match(hit.name))

    def _ranked(self, *groups: list[CensusHit]) -> tuple[list[CensusHit], list[CensusHit]]:
        """Only what waits for other processes: a barrier of a distributed library, or in a file that imports one."""
        run, idle = ([hit for hit in hits if self._is_ranked(hit)] for hits in groups)
        return run, idle

    def _is_ranked(self, hit: CensusHit) -> bool:
        if _RANKED.match(hit.name) or hit.name.endswith("wait_for_everyone"):
            return True
        imported = self.codebase.facts[hit.path].imports
        return any(_RANKED.match(f"{item.module}.{item.name}") for item in imported)


def _verdict(found: _Found) -> Iterator[Told]:
    said: list[str] = []
    hits: list[CensusHit] = []
    for (run, _idle), words in (
        (found.guards, "locks or semaphores around model runs"),
        (found.web, "the request queue of the web interface"),
        (found.queues, "queues between workers"),
        (found.sync, "`torch.cuda.synchronize()` and events"),
        (found.streams, "CUDA streams"),
        (found.barriers, "barriers between distributed processes"),
    ):
        if run:
            said.append(f"{words} ({counted(len(run), 'place')})")
            hits += run[:2]
    if said:
        yield f"Yes, in what the main programs run: {', '.join(said)}", hits
        return
    plus = f"; of the {counted(len(found.locks[0]), 'lock')} none was traced to a model run" if found.locks[0] else ""
    yield (
        f"No: nothing in what the main programs run makes work wait for the GPU or queues model runs{plus}",
        found.locks[0][:3],
    )


def _details(found: _Found) -> Iterator[Told]:
    for hit in found.guards[0][:SHOWN]:
        yield hit.text, [hit, *_related(hit)]
    if rest := found.guards[0][SHOWN:]:
        yield f"{len(rest)} more locks are held around model runs: {listed([f'`{hit.name}`' for hit in rest], 6)}", rest
    if web := found.web[0]:
        calls = listed(list(dict.fromkeys(f"`{_short(hit)}` in {hit.path}" for hit in web)), SHOWN)
        yield f"The web interface lets requests in through its queue: {calls}", web
    if queues := found.queues[0]:
        yield f"Queues: {listed([_queue(found.codebase, hit) for hit in queues], SHOWN)}", queues
    if sync := found.sync[0]:
        yield f"`{sync[0].name}()` waits until the GPU has finished, in {_where(sync)}", sync
    if streams := found.streams[0]:
        yield f"CUDA streams are used in {_where(streams)}", streams
    if barriers := found.barriers[0]:
        yield (
            f"Distributed processes wait for each other at {counted(len(barriers), 'barrier')}, in {_where(barriers)}",
            barriers,
        )


def _rest(found: _Found) -> Iterator[Told]:
    if locks := found.locks[0]:
        yield (
            f"Other locks, around which no model run was traced: {listed([_brief(hit) for hit in locks], SHOWN)}",
            locks,
        )
    if events := found.events[0]:
        yield f"Events that workers wait for: {listed([_event(found.codebase, hit) for hit in events], SHOWN)}", events
    if copies := found.copies[0]:
        yield f"Copies to the GPU that do not wait (`non_blocking`): {_where(copies)}", copies
    idle = {
        "locks around model runs": found.guards[1],
        "queues": found.queues[1],
        "GPU synchronisation": found.sync[1],
        "CUDA streams": found.streams[1],
        "barriers": found.barriers[1],
    }
    if said := [f"{name} in {_files(hits)}" for name, hits in idle.items() if hits]:
        yield (
            f"Only in code that the main programs do not run: {'; '.join(said)}",
            [h for hits in idle.values() for h in hits[:2]],
        )


def _related(hit: CensusHit) -> list[CensusHit]:
    return [CensusHit(path, start, end, "", "", "", hit.role) for _label, path, start, end in hit.related[:4]]


def _short(hit: CensusHit) -> str:
    text = hit.text.replace("`", "'").split(" in ")[0] if "=" in hit.text else f"{hit.name.rpartition('.')[2]}()"
    return text[:60]


def _brief(hit: CensusHit) -> str:
    uses = hit.text.split(" is held ", 1)
    return f"`{hit.name}`" + (
        f" ({uses[1].split('; ')[0]})" if len(uses) > 1 else " (no place that holds it was found)"
    )


def _where(hits: Iterable[CensusHit]) -> str:
    return listed(list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else f"`{hit.path}`" for hit in hits)), SHOWN)


def _files(hits: Iterable[CensusHit]) -> str:
    return listed(list(dict.fromkeys(f"`{hit.path}`" for hit in hits)), 3)


def _bound(codebase: "Codebase", hit: CensusHit) -> str:
    """The name that what a call makes is bound to, as written."""
    for call in codebase.facts[hit.path].calls:
        if (call.start, call.end, call.name) == (hit.start, hit.end, hit.name) and call.assigned:
            return call.assigned[0]
    return ""


def _queue(codebase: "Codebase", hit: CensusHit) -> str:
    """A queue with who puts into it and who takes out of it, followed by its name through the repository."""
    name = _bound(codebase, hit)
    said = f"`{name or hit.name}` (`{hit.name}`)"
    into, out = (
        _callers(codebase, hit, name, ("put", "put_nowait")),
        _callers(codebase, hit, name, ("get", "get_nowait")),
    )
    said += f", filled in {into}" if into else ""
    return said + (f", emptied in {out}" if out else "")


def _event(codebase: "Codebase", hit: CensusHit) -> str:
    name = _bound(codebase, hit)
    sets, waits = _callers(codebase, hit, name, ("set",)), _callers(codebase, hit, name, ("wait", "is_set"))
    said = f"`{name or hit.name}`" + (f", set in {sets}" if sets else "")
    return said + (f", waited for in {waits}" if waits else "")


def _callers(codebase: "Codebase", hit: CensusHit, name: str, methods: tuple[str, ...]) -> str:
    """The functions that call one of the methods on what has this name: in its own file, else anywhere."""
    last = name.rpartition(".")[2]
    found: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for path, call in codebase.all_calls() if last else ():
        owner, _, method = call.written.rpartition(".")
        if method in methods and owner.rpartition(".")[2] == last and codebase.snapshot.by_path[path].role != "test":
            found[path == hit.path][f"`{call.symbol}()`" if call.symbol else path] = None
    elsewhere = found[False] if last not in _PLAIN else {}
    return listed(list(found[True] or elsewhere), 3)
