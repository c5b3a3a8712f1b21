"""Kind `concurrent_models`: whether models run at the same time, in words, and which: workers, replicas, or none.

Only what starts several workers runs models side by side: a pool, a start in a loop, a thread in each object of a
class. One thread that runs a model while its caller waits for the text runs no second model.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.concurrency.concurrency import WAITED, how, launching, running_models, shown_at
from retrieval.census.concurrency.gathered_tasks import gathered_tasks
from retrieval.census.concurrency.side_by_side import Group, groups_of, spoken
from retrieval.census.concurrency.worker_words import targets
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.scope import ASIDE, functions, places, said_of
from retrieval.census.flow.web_handlers import handlers_said, web_handlers
from retrieval.census.language import Query, kind
from retrieval.census.meaning.callgraph import reached
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.models.asking import asking_units
from retrieval.census.models.models_elsewhere import OWN, elsewhere, runs_model
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_WORKERS, MOST_NAMED, DEEPEST = 6, 3, 4
_IN_TURN = (
    "Models run one after another: no thread or process of the main programs was found that runs a model, "
    "so each model is called by plain calls in the thread of its caller"
)
_ASKED = (
    "Only as requests: no thread or process of the main programs runs a model itself; the model works in a server, "
    "which is sent several requests before the first one is answered."
)
_ALONE = "No two models were found that run at the same time. One runs in a worker beside the code that starts it: "
_REQUESTS = (
    "Only requests that come at the same time may overlap, as far as the web server or interface lets them in, in the "
    "handlers that run models:"
)
_SERVERS = (
    "Programs of the repository ask such servers over HTTP: each server that is started is a process with models of "
    "its own, and several run at the same time."
)
_RUN = re.compile(r"\bruns (`[^`]+`(?: \(hosted\))?) with")
_RANKS = re.compile(r"\.(?:spawn|start_processes|notebook_launcher)$")  # a process for each rank of a training
_CALL = re.compile(r"which runs (`[^`]+`), a call on a model")


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
    groups = groups_of(codebase)
    yes, measuring = running_models(groups)
    ranks = [hit for hit in yes if groups["ranks"].hits and _RANKS.search(hit.name)]
    yes = [hit for hit in yes if hit not in ranks]
    many = [hit for hit in yes if hit.detail.get("many") != "no" or hit.detail.get("held")]
    alone = [hit for hit in yes if hit not in many]
    copies = _replicas(groups["ranks"], groups["parallel"])
    tasks = reach_of(codebase).parted(gathered_tasks(codebase), aside=True)[0]
    sending = [hit for hit in tasks if hit.detail["asks"] == "yes"]
    text = _led(many, alone, copies)
    if sending and text == f"No. {_IN_TURN}.":
        text = _ASKED
    text += f" {copies[0].upper()}{copies[1:]}." if copies and many else ""
    text += f" In a worker of its own runs also {_named(alone)}." if alone and (many or copies) else ""
    asking = _asking(codebase, groups, yes)
    if asking or sending:
        sent = [*([_named(asking)] if asking else []), *(hit.text for hit in sending[:MOST_NAMED])]
        text += f" Requests to models behind a service are sent several at a time: {'; '.join(sent)}."
    if taking_turns := [hit for hit in tasks if hit not in sending]:
        told = "; ".join(hit.text for hit in taking_turns[:MOST_NAMED])
        text += f" Coroutines that run models take turns: {told}; a model of the process itself holds the others up."
    more, shown = _beside(codebase, groups, measuring) if not many else ("", [])
    hits = [
        *many[:2],
        *alone[:1],
        *groups["ranks"].run[:2],
        *groups["parallel"].run[:2],
        *asking[:1],
        *tasks[:3],
        *shown,
    ]
    yield said_of(codebase, "concurrent", f"{text}{more}", hits)
    for hit in (*many, *alone, *ranks)[:MOST_WORKERS]:
        yield spoken(codebase, "worker", how(hit), [hit, *shown_at(hit)])


def _led(many: Sequence[CensusHit], alone: Sequence[CensusHit], copies: str) -> str:
    on = [hit for hit in many if not hit.detail.get("off")]
    if on:
        off = [hit for hit in many if hit not in on]
        said = f"Yes: {'; '.join(_told(on))}."
        return said + (f" Only where turned on: {'; '.join(_told(off))}." if off else "")
    if many:
        said = "; ".join(_told(many))
        return f"By default no, models run one after another. Only where turned on: {said}."
    if copies:
        plain = f" Apart from that {_IN_TURN[0].lower()}{_IN_TURN[1:]}." if not alone else ""
        return f"Different models: no; copies of one model: {copies}.{plain}"
    if len(alone) == 1:
        return f"{_ALONE}{_named(alone)}."
    if alone:
        single = "single workers run one model beside the code that starts them"
        return f"No pool or loop starts models side by side; {single}: {_named(alone)}."
    return f"No. {_IN_TURN}."


def _told(hits: Sequence[CensusHit]) -> list[str]:
    """What the first workers run, each text once."""
    return list(dict.fromkeys(map(_side_by_side, hits)))[:MOST_NAMED]


def _side_by_side(hit: CensusHit) -> str:
    """What one kind of worker runs at the same time as others of it."""
    off = hit.detail.get("off", "")
    if held := hit.detail.get("held"):
        owner = hit.symbol.rpartition(".")[0] or hit.symbol
        made = "what it was made with, at the same time as the others"
        return f"each `{owner}` object runs in a {hit.detail['worker']} of its own {made}: {held}{off}"
    models = list(dict.fromkeys(_RUN.findall(hit.text)))
    ran = f", which runs {listed(models, MOST_NAMED)}" if models else ""
    workers = {"thread": "threads", "process": "processes"}[hit.detail["worker"]]
    runs = hit.detail.get("runs", "").split(", ")[0]
    what = f"`{runs}()`" if runs else f"`{hit.name.rpartition('.')[2]}`"
    at = f" of `{hit.symbol}()`" if hit.symbol and not hit.text.startswith("class") else ""
    return f"{what} several times in {workers}{at}{off}{ran}"


def _named(hits: Sequence[CensusHit]) -> str:
    """Workers with the models that they are seen to run: "`work()` started in `go()`, which runs `Net`"."""
    said, places_of = list[str](), dict[str, dict[str, None]]()
    for hit in hits:
        models = list(dict.fromkeys(_RUN.findall(hit.text)))
        call = _CALL.search(hit.text)
        if call is not None:  # the text of one model, made in a thread while the caller hands it on
            places_of.setdefault(call[1], {})[f"`{hit.symbol}()`" if hit.symbol else hit.path] = None
        else:
            said += [targets([hit])[0] + (f", which runs {listed(models, MOST_NAMED)}" if models else "")]
    said += [f"{call} in a thread of {listed(list(at), MOST_NAMED)}" for call, at in places_of.items()]
    more = f"; {len(said) - MOST_NAMED} more" if len(said) > MOST_NAMED else ""
    return "; ".join(dict.fromkeys(said[:MOST_NAMED])) + more


def _asking(codebase: "Codebase", groups: dict[str, Group], known: Sequence[CensusHit]) -> list[CensusHit]:
    """Pools whose functions ask models behind a service."""
    asking, program = asking_units(codebase), program_of(codebase)
    found = []
    for hit in (*groups["threads"].run, *groups["processes"].run) if asking else ():
        if hit in known or hit.detail.get("many") != "yes":
            continue
        spots = [(path, start) for label, path, start, _ in hit.related if label == "definition"]
        items = [(p, d) for p, line in spots for d in codebase.facts[p].definitions if line in (d.start, d.head_start)]
        frames = [frame for p, d in items if (frame := program.frame(p, d)) is not None]
        run = {(frame.path, frame.symbol) for frame, _ in reached(program, frames, depth=DEEPEST)}
        found += [hit] if run & asking else []
    return found


def _beside(codebase: "Codebase", groups: dict[str, Group], measuring: list[CensusHit]) -> tuple[str, list[CensusHit]]:
    """What else of the repository runs models: handlers, started programs, other code, benchmarks; with its places."""
    handlers, _ = reach_of(codebase).parted(web_handlers(codebase), aside=True)
    launched = launching(groups["scripts"].run)
    outside = [hit for hit in groups["outside"].run if runs_model(hit)]
    idle = [*groups["ranks"].idle, *groups["parallel"].idle]
    text = f" {_REQUESTS} {handlers_said(handlers)}." if handlers else ""
    if handlers and any(told.startswith(OWN) for told, _ in elsewhere(codebase)):
        text += f" {_SERVERS}"
    if launched:
        waited = all(WAITED.search(hit.name) for hit in launched)
        names = listed([f"`{hit.detail['program']}`" for hit in launched], MOST_NAMED)
        text += (
            f" {names} {'is' if len(launched) == 1 else 'are'} started as a process of its own, which runs its models "
        )
        text += "while its starter waits." if waited else "beside its starter."
    if outside:
        names = listed(list(dict.fromkeys(f"`{hit.detail['program'] or hit.name}`" for hit in outside)), MOST_NAMED)
        text += f" An outside program that runs a model is started as a process: {names}."
    text += f" {ASIDE} sets up replicas of a model, one for each process: {places(idle)}." if idle else ""
    aside = [hit for name in ("threads", "processes") for hit in groups[name].idle if hit.detail["model"] == "yes"]
    text += f" {ASIDE} runs models in workers: {_named(aside)}." if aside else ""
    text += f" Only benchmarks run models in workers: {listed(targets(measuring), MOST_NAMED)}." if measuring else ""
    return text, [*handlers[:1], *launched[:1], *outside[:1], *idle[:2], *aside[:2], *measuring[:1]]


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
