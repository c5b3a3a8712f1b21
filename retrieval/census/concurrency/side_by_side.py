"""What of a repository runs beside its main thread, by group: threads, processes, other programs, async code, ranks.

Each group is told apart into what the main programs may run and the rest. `concurrency.py` puts it into words.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, run_query
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Related = tuple[str, str, int, int]

PLACES = 8
DISTRIBUTED = (
    "calls: torch.distributed.init_process_group, *.init_process_group, torch.nn.parallel.DistributedDataParallel, "
    "*.DistributedDataParallel, *.DistributedOptimizer, torch.distributed.fsdp.FullyShardedDataParallel, "
    "accelerate.Accelerator, accelerate.*.Accelerator, xfuser.*.init_distributed_environment, deepspeed.initialize, "
    "deepspeed.init_inference, "
    "hvd.init, horovod.torch.init, ray.init, ray.remote"
)
COLLECTIVE = "calls: torch.distributed.*, flashy.distrib.*, dist.broadcast*, dist.all_*, xm.*, mpi4py.*"
PARALLEL = "calls: torch.nn.DataParallel, torch.nn.parallel.DataParallel, *.DataParallel"
SERVERS = (
    "calls: uvicorn.run, uvicorn.Server, waitress.serve, gunicorn.*, gevent.pywsgi.*, aiohttp.web.run_app, *.launch, "
    "werkzeug.serving.run_simple, flask.Flask, fastapi.FastAPI"
)
SHARED = (
    "calls: multiprocessing.shared_memory.*, multiprocessing.Value, multiprocessing.Array, multiprocessing.RawArray, "
    "*.share_memory_, *.share_memory, torch.multiprocessing.set_sharing_strategy"
)
MANAGERS = "calls: multiprocessing.Manager, multiprocessing.managers.*"
_WEB = re.compile(r"gradio|demo|app|interface|blocks|uvicorn|waitress|gunicorn|run_app|run_simple|Flask|FastAPI", re.I)
_INTERFACES = ("gradio", "streamlit", "nicegui", "panel")
_ONE_RANK = re.compile(r"mp_size\s*=\s*1\b|tp_size[\"']?\s*[=:]\s*1\b")
_OFF = re.compile(r"num_workers\s*=\s*0\b")
_ONE = re.compile(r"num_proc\s*=\s*(?:1|None)\b")


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of side-by-side running: `run` in what the main programs may run, `idle` in other code, no tests."""

    name: str
    run: tuple[CensusHit, ...]
    idle: tuple[CensusHit, ...]

    @property
    def hits(self) -> tuple[CensusHit, ...]:
        """All hits, those of the main programs first."""
        return (*self.run, *self.idle)


@once
def groups_of(codebase: "Codebase") -> dict[str, Group]:
    """Every group by name: threads, processes, scripts, outside, async, loaders, maps, ranks (a process each), parallel
    (threads of one process), servers, shared, managers."""
    queries: dict[str, tuple[str, Callable[[CensusHit], bool]]] = {
        "threads": ("workers: worker=thread", _any),
        "processes": ("workers: worker=process", _any),
        "scripts": ("started: own=yes", _any),
        "outside": ("started: own=no", _any),
        "loaders": ("keywords: num_workers", _loads),
        "maps": ("keywords: num_proc", lambda hit: _ONE.search(hit.text) is None),
        "ranks": (DISTRIBUTED, lambda hit: _ONE_RANK.search(hit.text) is None),
        "collective": (COLLECTIVE, _crosses),
        "parallel": (PARALLEL, lambda hit: _on_several(codebase, hit)),
        "servers": (SERVERS, lambda hit: _serves(codebase, hit)),
        "shared": (SHARED, _any),
        "managers": (MANAGERS, _any),
    }
    found = {
        name: _group(codebase, name, filter(fits, run_query(codebase, q).hits)) for name, (q, fits) in queries.items()
    }
    worded = Group("worded", (), tuple(_worded(codebase)))
    return found | {"async": _group(codebase, "async", _async(codebase)), "worded": worded}


def _group(codebase: "Codebase", name: str, hits: Iterable[CensusHit]) -> Group:
    run, idle = reach_of(codebase).parted(filter(in_python, hits), aside=True)
    return Group(name, tuple(run), tuple(idle))


def in_python(hit: CensusHit) -> bool:
    """Whether a hit was parsed from Python: names of Python libraries say nothing about other languages."""
    return hit.detail.get("by") != "text"


LONGEST_LINE = 1000
_RANKS = re.compile(
    r"\b(?:ddp|fsdp|torchrun|deepspeed|rank_zero\w*)\b|(?<![A-Za-z])DDP|\bFSDP|DistributedSampler|torch\.distributed"
)


def _worded(codebase: "Codebase") -> Iterator[CensusHit]:
    """The first lines of code, settings and scripts that speak of distributed running, which is then not denied."""
    for file in codebase.snapshot.files:
        told = file.language in ("python", "notebook", "shell", "yaml", "toml")
        if not told or file.role not in ("source", "config", "example") or not _RANKS.search(file.text):
            continue
        lines = ((number, line) for number, line in enumerate(file.lines, 1) if len(line) <= LONGEST_LINE)
        found = next(((number, match) for number, line in lines if (match := _RANKS.search(line))), None)
        if found is not None:  # nothing in what a picture of a notebook is encoded as
            yield hit_at(codebase, file.path, (found[0], found[0]), symbol="", name="worded", text=found[1][0])


def _any(_hit: CensusHit) -> bool:
    return True


_DEVICES = re.compile(r"\bdevice_ids\s*=\s*(\[[^\]]*\]|\w+)")
_SINGLE = re.compile(r"\[\s*[^,\[\]]*\s*,?\]")


def _on_several(codebase: "Codebase", hit: CensusHit) -> bool:
    """Whether a wrapper may spread batches: one whose list of devices is of a single one spreads nothing."""
    given = _DEVICES.search(hit.text)
    if given is None or _SINGLE.fullmatch(given[1]):
        return given is None
    assigned = (fact for fact in codebase.facts[hit.path].facts if fact.kind == "assign" and fact.name == given[1])
    values = [fact.detail["value"] for fact in assigned if fact.symbol == hit.symbol]
    return not values or not all(_SINGLE.fullmatch(value) for value in values)


_CROSSING = re.compile(r"(?:barrier|broadcast|all_|gather|scatter|reduce|send|recv|isend|irecv|sync_|init$)\w*")


def _crosses(hit: CensusHit) -> bool:
    """Whether a call moves data between processes or waits for others; questions for the rank say nothing."""
    return _CROSSING.match(hit.name.rpartition(".")[2]) is not None


def _loads(hit: CensusHit) -> bool:
    """Whether a loader is given workers of its own: `num_workers=0` means that it has none."""
    return "oader" in hit.text and not _OFF.search(hit.text)


def _serves(codebase: "Codebase", hit: CensusHit) -> bool:
    """Whether a call serves requests; a browser or a job may be launched too, a web interface only by its library."""
    if not hit.name.endswith(".launch"):
        return _WEB.search(hit.name) is not None
    if hit.name.startswith(_INTERFACES):
        return True
    used = {item.module.partition(".")[0] for item in codebase.facts[hit.path].imports}
    head = hit.name.removeprefix("().").partition(".")[0]
    return bool(used & set(_INTERFACES)) and head not in used


def _async(codebase: "Codebase") -> list[CensusHit]:
    """The `async def` functions of the repository."""
    return [
        hit_at(
            codebase,
            path,
            (item.head_start, item.head_end),
            symbol=item.symbol,
            name=item.name,
            text=f"`{item.symbol}()`",
        )
        for path, facts in codebase.facts.items()
        for item in facts.definitions
        if item.is_async
    ]


def sentences(
    codebase: "Codebase", query: Query, parts: Mapping[str, Iterable[tuple[str, Iterable[CensusHit]]]]
) -> Iterator[CensusHit]:
    """The sentences of those parts of an answer that the query's patterns match, each with the hits that show it."""
    for name, told in parts.items():
        if query.matches(name):
            for text, hits in told:
                yield spoken(codebase, name, text, hits)


def spoken(codebase: "Codebase", name: str, text: str, hits: Iterable[CensusHit]) -> CensusHit:
    """A sentence about the whole repository as a hit, with the places that show it; without any it is a measurement."""
    spans: list[Related] = list(dict.fromkeys(("place", hit.path, hit.start, hit.end) for hit in hits))[:PLACES]
    python = (path for path, facts in codebase.facts.items() if facts.language == "python")
    first = spans[0] if spans else ("place", next(python, ""), 1, 1)
    detail = {"about": "repository"} | ({} if spans else {"scope": "repository"})
    return hit_at(
        codebase, first[1], first[2:], symbol="", name=name, text=text, related=tuple(spans[1:]), detail=detail
    )
