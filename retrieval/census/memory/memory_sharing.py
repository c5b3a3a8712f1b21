"""Who shares memory and what runs in a process of its own, in sentences: the part `memory` of kind `concurrency`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency.side_by_side import Group
from retrieval.census.concurrency.worker_words import LABELS, homes, programs, targets
from retrieval.census.flow.rank_launches import rank_launches
from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.models.models_elsewhere import elsewhere, runs_model
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 4
Told = Iterator[tuple[str, list[CensusHit]]]


def launched_ranks(codebase: "Codebase") -> list[CensusHit]:
    """Where documents and scripts start programs once per rank."""
    return [
        hit_at(codebase, item.path, (item.line, item.line), symbol="", name=item.program, text=item.launcher)
        for item in rank_launches(codebase)
    ]


def memory(codebase: "Codebase", groups: dict[str, Group]) -> Told:
    """Models in other processes first, then what else runs apart, then what shares the memory of one process."""
    launched, away = launched_ranks(codebase), elsewhere(codebase)
    if away:
        told = "; ".join(text for text, _ in away)
        spots = [hit for _, hits in away for hit in hits]
        yield f"Outside the process of the main programs models run as {told}", spots
    processes, threads, scripts = groups["processes"].run, groups["threads"].run, groups["scripts"].run
    apart = []
    if processes:
        apart.append(f"worker processes, each with memory of its own ({listed(targets(processes), SHOWN)})")
    if scripts:
        names = listed([f"`{name}`" for name in dict.fromkeys(hit.detail["program"] for hit in scripts)], 6)
        apart.append(f"other programs of the repository, started as processes of their own ({names})")
    if groups["ranks"].run:
        apart.append(f"one process per rank under a distributed launcher ({groups['ranks'].run[0].path})")
    if launched:
        names = listed(list(dict.fromkeys(f"`{hit.name}`" for hit in launched)), SHOWN)
        words = listed(list(dict.fromkeys(f"`{hit.text}`" for hit in launched)), 3)
        apart.append(f"one process per rank, each with a model of its own, of {names} as documented, with {words}")
    if groups["loaders"].run:
        apart.append("data-loader workers, which prepare batches")
    hits = [*processes[:3], *scripts[:3], *groups["ranks"].run[:1], *launched[:3], *groups["loaders"].run[:1]]
    others = [hit for hit in groups["outside"].run if not runs_model(hit)]
    yield _apart(apart, hits, others, bool(away))
    if threads:
        running = sum(hit.detail["model"] == "yes" for hit in threads)
        models = f"; {running} of these reach models, which are objects of it" if running else ""
        yield f"Threads share the memory of their process: {listed(targets(threads), 6)}{models}", list(threads)
    yield from _carriers(groups)
    if apart and others:
        yield f"Outside programs run as processes of their own: {programs(others)}", others
    yield from _idle_memory(groups)


def _apart(
    apart: list[str], hits: list[CensusHit], outside: list[CensusHit], away: bool
) -> tuple[str, list[CensusHit]]:
    """The sentence on what runs in processes of its own and what shares the memory of one."""
    shares = "shares its memory through ordinary objects"
    rest = "the main programs run" if away else "the main programs run, models and agents included,"
    if apart:
        text = f"Separate processes: yes, {'; '.join(apart)}. Everything else runs in the process that starts them and "
        return text + shares, hits
    if outside:
        text = f"{'Other s' if away else 'S'}eparate processes: only outside programs ({programs(outside)}), which "
        text += "share no memory with the code and are given arguments, files or pipes. Everything else that "
        return f"{text}{rest} lives in one process and {shares}", outside[:4]
    if away:
        return f"Everything else that {rest} lives in one process and {shares}; no other process is started for it", []
    return f"Everything that {rest} lives in one process and {shares}; no separate process is started for any of it", []


def _carriers(groups: dict[str, Group]) -> Told:
    if parallel := groups["parallel"].run:
        yield (
            f"`torch.nn.DataParallel` ({homes(parallel)}) copies the model to each GPU, within the same process",
            list(parallel),
        )
    if shared := groups["shared"].run:
        yield f"Memory shared between processes: {listed([f'`{hit.name}()`' for hit in shared], SHOWN)}", list(shared)
    if managers := groups["managers"].run:
        yield f"A process manager ({managers[0].path}) carries objects between processes", list(managers)


def _idle_memory(groups: dict[str, Group]) -> Told:
    names = [n for n in ("processes", "threads", "scripts", "ranks") if groups[n].idle and not groups[n].run]
    idle = [(name, groups[name].idle) for name in names]
    if idle:
        said = ", ".join(
            f"{LABELS[name]} ({listed(list(dict.fromkeys(f'`{hit.path}`' for hit in hits)), 3)})" for name, hits in idle
        )
        shown = [hit for _name, hits in idle for hit in hits[:2]]
        yield f"Only in code that the main programs do not run: {said}", shown
