"""Kind `concurrent_models`: whether models run at the same time, in words, and which: workers, replicas, or none."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency import concurrency
from retrieval.census.language import Query, kind, parse_query, run_query
from retrieval.census.memory_answers import functions, parted, said_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_WORKERS = 6
_REPLICAS = (
    "calls: torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel, torch.nn.parallel.DataParallel, "
    "*.DistributedDataParallel, torch.distributed.fsdp.*, deepspeed.initialize, *.DistributedOptimizer"
)
_IN_TURN = (
    "Models run one after another: no thread, process or coroutine of the main programs was found that runs a model, "
    "so each model is called by plain calls in the thread of its caller"
)


@kind(
    "concurrent_models",
    summary="direct answer: whether models run at the same time, in which workers, or as replicas of training",
    example="concurrent_models",
    reads="python",
    ordered=True,
)
def concurrent_models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit for the answer, and one for each worker that runs a model."""
    if not query.matches("concurrent"):
        return
    told = list(concurrency(codebase, parse_query("concurrency: models")))
    workers = [hit for hit in told if " starts " in hit.text or "is a thread" in hit.text or "is a process" in hit.text]
    replicas, idle = parted(codebase, list(run_query(codebase, _REPLICAS).hits))
    yes = next((hit for hit in told if hit.text.startswith("Yes")), None)
    also = f"; under a distributed launcher each process runs a replica, wrapped in {functions(replicas)}"
    if yes is not None:
        text = f"{yes.text.rstrip('.')}{also if replicas else ''}."
        yield said_of(codebase, "concurrent", text, [yes, *replicas[:2]])
        yield from workers[:MOST_WORKERS]
    elif replicas:
        alone = f"Within a process {_IN_TURN[0].lower()}{_IN_TURN[1:]}"
        text = f"Only as replicas{also.replace('; under', ': under')}. {alone}."
        yield said_of(codebase, "concurrent", text, replicas[:4])
    else:
        unused = f" Replicas for distributed training stand only in other code: {functions(idle)}." if idle else ""
        yield said_of(codebase, "concurrent", f"No. {_IN_TURN}.{unused}", idle[:3])
