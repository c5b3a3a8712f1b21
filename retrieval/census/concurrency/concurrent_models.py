"""Kind `concurrent_models`: whether models run at the same time, in words, and which: workers, replicas, or none."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency.concurrency import concurrency
from retrieval.census.concurrency.side_by_side import Group, groups_of
from retrieval.census.flow.scope import ASIDE, functions, places, said_of
from retrieval.census.language import Query, kind, parse_query
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_WORKERS = 6
_IN_TURN = (
    "Models run one after another: no thread, process or coroutine of the main programs was found that runs a model, "
    "so each model is called by plain calls in the thread of its caller"
)
_REQUESTS = (
    "Only requests that come at the same time may overlap, as far as the web server or interface lets them in, in the "
    "handlers that run models:"
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
    yes = next((hit for hit in told if hit.text.startswith("Yes")), None)
    measured = next((hit for hit in told if hit.text.startswith("Only in benchmarks")), None)
    served = next((hit for hit in told if hit.text.startswith("Handlers of the web server")), None)
    groups = groups_of(codebase)
    ranks, parallel = groups["ranks"], groups["parallel"]
    also = _replicas(ranks, parallel)
    replicas = [*ranks.run[:2], *parallel.run[:2]]
    if yes is not None:
        text = f"{yes.text.rstrip('.')}{f'; {also}' if also else ''}."
        yield said_of(codebase, "concurrent", text, [yes, *replicas])
        yield from workers[:MOST_WORKERS]
    elif also:
        alone = f"Apart from that {_IN_TURN[0].lower()}{_IN_TURN[1:]}"
        yield said_of(codebase, "concurrent", f"Different models: no; copies of one model: {also}. {alone}.", replicas)
    else:
        idle = [*ranks.idle, *parallel.idle]
        unused = f" {ASIDE} sets up replicas of a model, one for each process: {places(idle)}." if idle else ""
        requests = f" {_REQUESTS} {served.text.partition('run models: ')[2].partition(': ')[0]}." if served else ""
        hits = [*([served] if served else []), *idle[:3]]
        bench = f" {measured.text.partition('. N')[0]}." if measured is not None else ""
        yield said_of(codebase, "concurrent", f"No. {_IN_TURN}.{requests}{unused}{bench}", hits)


def _replicas(ranks: Group, parallel: Group) -> str:
    """How copies of one model run at the same time: a process for each rank, or threads of one process."""
    said = []
    if ranks.run:
        said.append(f"under a distributed launcher each process runs its own, set up in {functions(ranks.run)}")
    if parallel.run:
        said.append(
            "with several GPUs `torch.nn.DataParallel` runs one on each, in threads of one process, for each batch "
            f"({functions(parallel.run)})"
        )
    return "; ".join(said)
