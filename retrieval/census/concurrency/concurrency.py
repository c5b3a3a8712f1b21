"""Kind `concurrency`: what runs side by side, which models run beside the main thread, who shares memory, in words."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.concurrency.side_by_side import PLACES, Group, groups_of, spoken
from retrieval.census.concurrency.worker_words import (
    LABELS,
    flagged,
    group_said,
    homes,
    names_in_code,
    programs,
    targets,
    web,
)
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.web_handlers import handlers_said, web_handlers
from retrieval.census.language import Query, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.memory_sharing import launched_ranks, memory
from retrieval.census.models.models_elsewhere import runs_model
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 4
WAITED = re.compile(r"(?:^|\.)(?:run|call|check_call|check_output|system|getoutput|getstatusoutput)$")
_BENCHMARKS = frozenset({"benchmark", "benchmarks", "bench"})


@kind(
    "concurrency",
    summary="in sentences: what runs side by side (async), models in the background (models), shared memory (memory)",
    example="concurrency: models",
    reads="python",
    ordered=True,
)
def concurrency(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per sentence; patterns are `async`, `models` and `memory`."""
    groups = groups_of(codebase)
    launched = launched_ranks(codebase)
    handlers, _idle_handlers = reach_of(codebase).parted(web_handlers(codebase), aside=True)
    told = {
        "async": partial(_asynchronous, codebase, launched), "models": partial(_models, handlers),
        "memory": partial(memory, codebase),
    }  # fmt: skip
    for name, tell in told.items():
        if query.matches(name):
            for text, hits in tell(groups):
                yield spoken(codebase, name, text, hits)


_STARTED = ("threads", "processes", "scripts")
Told = Iterator[tuple[str, list[CensusHit]]]


def _asynchronous(codebase: "Codebase", launched: list[CensusHit], groups: dict[str, Group]) -> Told:
    found = [groups[name] for name in LABELS if groups[name].run]
    idle = [groups[name] for name in LABELS if groups[name].idle and not groups[name].run]
    told = [
        "maps",
        *(["processes"] if groups["maps"].hits else []),
        "collective",
        *(["ranks"] if groups["collective"].hits or groups["worded"].hits else []),
    ]  # not denied
    absent = [
        label
        for name, label in LABELS.items()
        if not groups[name].hits and name not in told and not names_in_code(codebase, name)
    ]
    if found:
        said = "; ".join(group_said(group.name, group.run) for group in found)
        yield f"Yes, in what the main programs run: {said}", [hit for group in found for hit in group.run[:2]]
    told = "; ".join(group_said(group.name, group.idle) for group in idle)
    outside = groups["outside"].run
    plus = f"; only outside programs are started and waited for: {programs(outside)}" if outside else ""
    alone = f"the main programs run in one thread of one process, one step after the other{plus}"
    ranks = _ranks(launched) if not groups["ranks"].run else ""
    shown = [hit for group in idle for hit in group.idle[:2]]
    if ranks:
        also = f"apart from that {alone}" if not found else ""
        yield (
            f"{'Under a launcher also' if found else 'Yes, under a launcher'}: {ranks}{also and f'; {also}'}",
            launched[:2],
        )
    if idle and not found and not ranks:
        yield f"Yes, but only in code that the main programs are not seen to run: {told}; {alone}", shown
    elif idle:
        yield f"In code that the main programs are not seen to run also: {told}", shown
    elif not found and not ranks:
        yield f"No: {alone}", list(outside[:2])
    if (worded := groups["worded"].idle) and not groups["ranks"].hits and not ranks:
        said = listed([f"`{hit.text}` ({hit.path})" for hit in worded], 3)
        yield f"Distributed running is named, and left to a framework or launcher: {said}", list(worded[:3])
    if groups["servers"].run:
        servers = groups["servers"].run
        calls = listed([web(hit) for hit in servers], SHOWN)
        yield (
            f"A web server or web interface ({calls}) takes requests and runs their handlers beside its own thread",
            list(servers),
        )
    if absent:
        yield f"Not found in the Python code: {', '.join(absent)}", []


def _models(handlers: list[CensusHit], groups: dict[str, Group]) -> Told:
    workers = [*groups["threads"].run, *groups["processes"].run]
    yes, measuring = running_models(groups)
    unknown = _split(workers, "unknown")
    scripts = list(groups["scripts"].run)
    launched = launching(scripts)
    if yes or launched:
        yield from _yes(yes, launched)
    else:
        yield from _none_found(groups, handlers, (workers, unknown, measuring))
    for hit in (yes or measuring)[:SHOWN]:
        yield how(hit), [hit, *shown_at(hit)]
    if yes and measuring:
        yield f"Benchmarks run models in workers too: {listed(targets(measuring), SHOWN)}", measuring[:4]
    if more := yes[SHOWN:]:
        yield f"{len(more)} more reach a model: {listed(targets(more), 6)}", more
    yield from _scripts(launched, [hit for hit in scripts if hit.detail["model"] != "yes"])
    if (yes or launched) and (rest := "; ".join(filter(None, (_free(workers), _untraced(unknown))))):
        yield rest[0].upper() + rest[1:], [hit for hit in workers if hit not in yes][:PLACES]
    asked = [hit for hit in groups["outside"].run if runs_model(hit)]
    if (yes or launched) and asked:
        yield f"Outside programs run models too, in processes of their own: {flagged(asked)}", asked
    yield from _idle(groups) if yes or launched else ()
    yield from _others(groups, handlers)
    if reloading := [hit for hit in groups["servers"].run if "reload=True" in hit.text]:
        text = "With `reload=True` the server, and what its module loads, runs in a child process that it starts anew"
        yield f"{text} when files change ({reloading[0].path})", reloading


def running_models(groups: dict[str, Group]) -> tuple[list[CensusHit], list[CensusHit]]:
    """The workers of the main programs that run models, those off by default and those that ask services last, and
    those of benchmarks."""
    found = _split([*groups["threads"].run, *groups["processes"].run], "yes")
    measuring = [hit for hit in found if _BENCHMARKS.intersection(PurePosixPath(hit.path).parts[:-1])]
    yes = [hit for hit in found if hit not in measuring]
    return sorted(yes, key=lambda hit: (_only_asks(hit), bool(hit.detail.get("off")))), measuring


def _none_found(groups: dict[str, Group], handlers: list[CensusHit], found: tuple[list[CensusHit], ...]) -> Told:
    """That no worker of the main programs is seen to run a model, and what else does."""
    workers, unknown, measuring = found
    why = "; ".join(filter(None, (_free(workers), _untraced(unknown), _none_started(groups))))
    aside = _aside(groups)
    none = f"o thread or process of the main programs was found that runs a model: {why}"
    started = [hit for hit in groups["outside"].run if runs_model(hit)]
    if started:
        text = "Yes, as far as their arguments tell, in outside programs, which are processes of their own: "
        text += f"{flagged(started)}. In the program's own process n{none}"
        yield (f"{text}. Code that they do not run has workers with models too" if aside else text), started
    elif measuring:
        shown = listed(targets(measuring), SHOWN)
        yield f"Only in benchmarks, in workers of their own: {shown}. N{none}", measuring[:4]
    elif aside:
        shown = listed([f"{what} ({hit.path})" for hit in aside for what in targets([hit])], SHOWN)
        yield f"Yes, but only in code that the main programs are not seen to run: {shown}. N{none}", aside[:4]
    elif outside := [hit for hit in groups["outside"].hits if runs_model(hit)]:
        yield f"Yes, as far as their arguments tell, in outside programs: {flagged(outside)}. N{none}", outside
    elif handlers:
        yield (
            f"Only as handlers that the web server or interface calls: {handlers_said(handlers)}. N{none}",
            handlers[:4],
        )
    else:
        yield f"N{none}", workers[:4]


def _yes(yes: list[CensusHit], launched: list[CensusHit]) -> Told:
    said = []
    asking = [hit for hit in yes if _only_asks(hit)]
    for maker, noun in (("thread", "background threads"), ("process", "worker processes")):
        if found := [hit for hit in yes if hit.detail["worker"] == maker and hit not in asking]:
            said.append(f"in {noun} ({listed(targets(found), SHOWN)})")
    if launched:
        noun = "a program" if len(launched) == 1 else f"{len(launched)} programs"
        each = "a process of its own" if len(launched) == 1 else "processes of their own"
        names = listed([f"`{hit.detail['program']}`" for hit in launched], 3)
        said.append(f"in {noun} of the repository started as {each} ({names})")
    apart = f"{len(asking)} workers" if len(asking) > 1 else "a worker"
    told = f"hosted models, which need no GPU here, are asked in {apart} ({listed(targets(asking), SHOWN)})"
    text = f"Yes, models run {', '.join(said)}" if said else f"Yes, as far as {told}"
    if launched and not yes and all(WAITED.search(hit.name) for hit in launched):
        text = f"Only launchers: models run {', '.join(said)}, for which the starter waits; inside each program they "
        text += "run in the thread that calls them"
    shown = [*(hit for hit in yes if hit not in asking), *asking]
    yield f"{text}; {told}" if said and asking else text, [*shown[:SHOWN], *launched[:2]]


def _only_asks(hit: CensusHit) -> bool:
    """Whether all models that a worker is seen to run are hosted."""
    runs = re.findall(r"runs (`[^`]+`(?: \(hosted\))?) with", hit.text)
    return bool(runs) and all(name.endswith("(hosted)") for name in runs)


def launching(scripts: Iterable[CensusHit]) -> list[CensusHit]:
    """The programs of the repository that are started and run models, each once."""
    return list({hit.detail["program"]: hit for hit in reversed(_split(scripts, "yes"))}.values())[::-1]


def _split(hits: Iterable[CensusHit], model: str) -> list[CensusHit]:
    return [hit for hit in hits if hit.detail["model"] == model]


def how(hit: CensusHit) -> str:
    """A worker in a sentence: the function that starts it, the call, what runs."""
    at = f"`{hit.symbol}()`: " if hit.symbol and not hit.text.startswith("class") else ""
    return at + (hit.text if at else hit.text[:1].upper() + hit.text[1:])


def shown_at(hit: CensusHit) -> list[CensusHit]:
    """The first places that a hit names beside its own."""
    return [CensusHit(path, start, end, "", "", "", hit.role) for _label, path, start, end in hit.related[:3]]


def _free(workers: list[CensusHit]) -> str:
    free = _split(workers, "no")
    return (
        f"{listed(targets(free), SHOWN)} {'runs' if len(free) == 1 else 'run'} in workers that reach no model"
        if free
        else ""
    )


def _untraced(unknown: list[CensusHit]) -> str:
    return f"what {listed(targets(unknown), 6)} reaches could not be traced" if unknown else ""


def _none_started(groups: dict[str, Group]) -> str:
    if any(groups[name].run for name in _STARTED):
        return ""
    return "none is started, models run in the thread that calls them"


def _scripts(launched: list[CensusHit], rest: list[CensusHit]) -> Told:
    if launched:
        said = listed([f"`{hit.detail['program']}` ({hit.symbol or hit.path})" for hit in launched], 8)
        yield f"Programs of the repository that run models are started as processes of their own: {said}", launched
        for hit in launched[:2]:
            yield how(hit), [hit, *shown_at(hit)]
    if rest:
        said = listed([f"`{name}`" for name in dict.fromkeys(hit.detail["program"] for hit in rest)], 8)
        yield f"Also started as processes, without a model that could be traced: {said}", rest


def _idle(groups: dict[str, Group]) -> Told:
    if idle := _aside(groups):
        files = listed(list(dict.fromkeys(f"`{hit.path}`" for hit in idle)), SHOWN)
        yield f"In code that no main program is known to run, others that reach a model are started too: {files}", idle


def _aside(groups: dict[str, Group]) -> list[CensusHit]:
    """Workers that run models in code that the main programs do not run."""
    return [hit for name in _STARTED for hit in groups[name].idle if hit.detail["model"] == "yes"]


def _others(groups: dict[str, Group], handlers: list[CensusHit]) -> Told:
    if handlers:
        shown = listed([hit.text for hit in handlers], 3)
        yield f"Handlers of the web server or interface run models: {handlers_said(handlers)}: {shown}", handlers[:4]
    elif servers := list(groups["servers"].run):
        yield (
            f"The web server or interface ({web(servers[0])}) runs what it is given for a request in worker threads "
            "or an event loop of its own",
            servers,
        )
    if ranks := list(groups["ranks"].run):
        yield (
            f"Under a distributed launcher each rank runs the model: `{ranks[0].name}()` in {ranks[0].path}",
            ranks,
        )
    if parallel := list(groups["parallel"].run):
        yield (
            f"`{parallel[0].name}()` in {homes(parallel)} splits each batch over the GPUs that it is given, in "
            "threads of the calling process, which waits for all of them; it starts no process",
            parallel,
        )
    if outside := list(groups["outside"].run):
        yield f"Outside programs that are started: {programs(outside)}", outside


def _ranks(launched: list[CensusHit]) -> str:
    """ "one process per rank, each with a model of its own, of `train.py` as documented, with `torchrun`"."""
    if not launched:
        return ""
    names = listed(list(dict.fromkeys(f"`{hit.name}`" for hit in launched)), SHOWN)
    words = listed(list(dict.fromkeys(f"`{hit.text}`" for hit in launched)), 3)
    return f"one process per rank, each with a model of its own, of {names} as documented, with {words}"
