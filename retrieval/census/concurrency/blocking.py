"""Kind `blocking`: what makes work wait for the GPU, a model or another worker, in sentences, the gravest first.

Waiting for outside programs is no such mechanism. What guards a model is told apart from what guards other things.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency.lock_makers import GUARDING
from retrieval.census.concurrency.side_by_side import in_python, spoken
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, kind, run_query
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SYNC = (
    "calls: torch.cuda.synchronize, torch.cuda.Event, torch.npu.synchronize, torch.mps.synchronize, "
    "torch.xpu.synchronize, torch.cuda.Stream.synchronize, torch.cuda.Event.synchronize"
)
STREAMS = "calls: torch.cuda.Stream, torch.cuda.stream, torch.cuda.current_stream, *.wait_stream"
BARRIERS = (
    "calls: torch.distributed.barrier, *.barrier, *.wait_for_everyone, horovod.*.join, *.batch_isend_irecv, "
    "torch.distributed.irecv, torch.distributed.all_reduce, torch.distributed.all_gather, torch.distributed.broadcast"
)
_RANKED = re.compile(
    r"^(?:torch\.distributed|accelerate|horovod|deepspeed|mpi4py|multiprocessing|lightning|pytorch_lightning)\b"
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
        self.served = self._of("queues: model=yes")
        self.queues = self._of("queues: model=no")
        self.waiting = self._of("waiting_lists")
        self.shared = self._of("decorators: spaces.GPU")
        self.web = self._of(*WEB)
        self.sync = self._of(SYNC)
        self.streams = self._of(STREAMS)
        self.barriers = self._ranked(*self._of(BARRIERS))
        self.events = self._of(EVENTS, only=_EVENT)
        self.copies = self._of(COPIES)

    def _of(self, *queries: str, only: re.Pattern[str] | None = None) -> tuple[list[CensusHit], list[CensusHit]]:
        every = [hit for query in queries for hit in run_query(self.codebase, query).hits if in_python(hit)]
        every = [hit for hit in every if only is None or only.match(hit.name)]
        return reach_of(self.codebase).parted(every, aside=True)

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
    """Whether anything makes a model or the GPU wait its turn; what else waits is said behind it."""
    guards, hits = _counted(
        (found.guards, "locks or semaphores around model runs"),
        (found.served, "queues out of which models are run"),
        (found.waiting, "objects whose work waits in lists for a round of model work"),
        (found.shared, "functions that wait for their turn on a shared GPU of Hugging Face Spaces, `@spaces.GPU`"),
    )
    others, waiting = _counted(
        (found.web, _web_queue(found)),
        (found.sync, "`torch.cuda.synchronize()` and events"),
        (found.streams, "CUDA streams"),
        (found.barriers, "barriers and collective calls between distributed processes"),
        (found.queues, "queues for other work"),
    )
    plus = f". Beside that: {', '.join(others)}" if others else ""
    if guards:
        held = listed(list(dict.fromkeys(f"`{hit.name}`" for hit in found.guards[0])), SHOWN)
        told = ", ".join(guards).replace("model runs (", f"model runs, {held} (", 1) if held else ", ".join(guards)
        yield f"Yes, in what the main programs run: {told}{plus}", [*hits, *waiting]
        return
    locks = found.locks[0]
    named = [hit for hit in locks if GUARDING.search(hit.name) and "no place that holds it" not in hit.text]
    if named:
        told = listed([f"`{hit.name}`" for hit in named], SHOWN)
        yield (
            f"Yes, as far as names tell, in what the main programs run: {told} {_are_held(named)} around work on a "
            f"model, though no run of one was traced inside{plus}",
            [*named, *waiting],
        )
        return
    aside, shown = _aside(found)
    if aside:
        yield (
            f"Yes, but only in code that the main programs are not seen to run: {'; '.join(aside)}; in what they run "
            f"each model call runs at once in the thread that makes it{plus}",
            [*shown, *waiting],
        )
        return
    untied = f"; no model run was traced to the {counted(len(locks), 'lock')} that it holds" if locks else ""
    told = (
        "no lock, semaphore or queue of its own guards the GPU or a model, each model call runs at once in the thread "
    )
    told += f"that makes it{untied}"
    if found.web[0]:
        rest = [text for text in others if not text.startswith("the request queue")]
        plus = f". Beside that: {', '.join(rest)}" if rest else ""
        yield f"Only indirectly, by {_web_queue(found)}: {told}{plus}", [*waiting, *locks[:3]]
    else:
        yield f"No: in what the main programs run {told}{plus}", [*waiting, *locks[:3]]


def _web_queue(found: _Found) -> str:
    """The queue of a web interface, with how many calls it lets run at a time where Gradio says it."""
    text = "the request queue of the web interface, which holds requests back, whatever the GPU does"
    web = found.web[0]
    given = [
        m for hit in web if (m := re.search(r"(?:concurrency_count|(?:default_)?concurrency_limit)=(\w+)", hit.text))
    ]
    if given:
        return f"{text}, and lets `{given[0][0]}` calls run at a time"
    gradio = any("gradio" in hit.name or "gradio" in _imports(found.codebase, hit.path) for hit in web)
    return f"{text}; Gradio runs one call of each handler at a time unless a limit is given" if gradio else text


def _imports(codebase: "Codebase", path: str) -> set[str]:
    return {item.module.partition(".")[0] for item in codebase.facts[path].imports}


def _aside(found: _Found) -> tuple[list[str], list[CensusHit]]:
    """Locks, queues and lent GPUs for models in code that the main programs do not run, in words."""
    guards = [*found.guards[1], *(hit for hit in found.locks[1] if GUARDING.search(hit.name))]
    guards = [hit for hit in guards if "no place that holds it" not in hit.text]
    said = [f"{hit.text} ({hit.path})" for hit in guards[:2]]
    said += [f"{hit.text} ({hit.path})" for hit in found.served[1][:1]]
    said += [f"`@spaces.GPU` on {_where(found.shared[1])} ({found.shared[1][0].path})"] if found.shared[1] else []
    web = found.web[1]
    said += [f"the request queue of the web interface in {_files(web)}, which guards no GPU"] if web and said else []
    return said, [*guards[:2], *found.served[1][:1], *found.shared[1][:1]]


def _are_held(hits: list[CensusHit]) -> str:
    return "is a lock held" if len(hits) == 1 else "are locks held"


def _counted(*groups: tuple[tuple[list[CensusHit], list[CensusHit]], str]) -> tuple[list[str], list[CensusHit]]:
    said = [f"{words} ({counted(len(run), 'place')})" for (run, _idle), words in groups if run]
    return said, [hit for (run, _idle), _words in groups for hit in run[:2]]


def _details(found: _Found) -> Iterator[Told]:
    for hit in found.guards[0][:SHOWN]:
        yield hit.text, [hit, *_related(hit)]
    if rest := found.guards[0][SHOWN:]:
        yield f"{len(rest)} more locks are held around model runs: {listed([f'`{hit.name}`' for hit in rest], 6)}", rest
    if shared := found.shared[0]:
        yield f"A call waits until the service lends it a GPU: `@spaces.GPU` on {_where(shared)}", shared
    if web := found.web[0]:
        calls = listed(list(dict.fromkeys(f"`{_short(hit)}` in {hit.path}" for hit in web)), SHOWN)
        yield f"The web interface lets requests in through its queue: {calls}", web
    for hit in found.served[0][:SHOWN]:
        yield _plural(hit), [hit, *_related(hit)]
    yield from ((hit.text, [hit, *_related(hit)]) for hit in found.waiting[0][:SHOWN])
    if sync := found.sync[0]:
        yield f"`{sync[0].name}()` waits until the GPU has finished, in {_where(sync)}", sync
    if streams := found.streams[0]:
        yield f"CUDA streams are used in {_where(streams)}", streams
    if barriers := found.barriers[0]:
        yield (
            f"Distributed processes wait for each other at {counted(len(barriers), 'place')} "
            f"({listed([f'`{name}()`' for name in dict.fromkeys(hit.name for hit in barriers)], 3)}), in "
            f"{_where(barriers)}; that queues no work on one GPU",
            barriers,
        )


def _rest(found: _Found) -> Iterator[Told]:
    if queues := found.queues[0]:
        yield f"Queues for other work: {'. '.join(_plural(hit) for hit in queues[:SHOWN])}", queues
    if locks := found.locks[0]:
        said = list(dict.fromkeys(_brief(hit) for hit in locks))
        yield f"Other locks, around which no model run was traced: {listed(said, SHOWN)}", locks
    if events := found.events[0]:
        said = list(dict.fromkeys(_event(found.codebase, hit) for hit in events))
        yield f"Events that workers wait for: {listed(said, SHOWN)}", events
    if copies := found.copies[0]:
        yield f"Copies to the GPU that do not wait (`non_blocking`): {_where(copies)}", copies
    idle = {
        "locks around model runs": found.guards[1],
        "queues": [*found.served[1], *found.queues[1]],
        "GPU synchronisation": found.sync[1],
        "CUDA streams": found.streams[1],
        "barriers": found.barriers[1],
    }
    if said := [f"{name} in {_files(hits)}" for name, hits in idle.items() if hits]:
        yield (
            f"Only in code that the main programs do not run: {'; '.join(said)}",
            [h for hits in idle.values() for h in hits[:2]],
        )


def _plural(hit: CensusHit) -> str:
    return hit.text[0].upper() + hit.text[1:]


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
