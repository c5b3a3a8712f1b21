"""The answer on what is measured: use of GPU and CPU, times and figures, by the program and by benchmarks.

A function that nobody calls measures nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.flow.scope import functions, parted
from retrieval.census.language import parse_query, run_query
from retrieval.census.meaning.prose import listed
from retrieval.census.telling.usage_metrics import usage_metrics
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

METERS = "calls: *AverageMeter, *MetricLogger, *SmoothedValue, *.log_every"
_MEASURED = {
    "throughput": "throughput by {}",
    "time": "elapsed time by {}",
    "counter": "counters (tokens, requests) by {}",
    "profiler": "profilers in {}",
    "meter": "running averages by {}",
}
_DEVICES = {"gpu": "GPU memory or load", "cpu": "CPU or process memory"}
_TIMES = {"time": "elapsed time", "throughput": "throughput", "profiler": "FLOPs or time by profilers"}
_BENCH = re.compile(r"(?i)bench|profil|perf")
_NAMING = re.compile(r"^\s*(?:(?:async\s+)?def|from|import|#)\b|^\s*[\"']\w+[\"'],?\s*$")


def usage(codebase: "Codebase") -> tuple[str, list[CensusHit]]:
    """One or two sentences and the places."""
    hits = list(usage_metrics(codebase, parse_query("usage_metrics")))
    hits += [replace(hit, name="meter") for hit in run_query(codebase, METERS).hits]
    hits += run_query(codebase, "told_figures").hits
    hits = [hit for hit in hits if _is_called(codebase, hit)]
    run, idle = parted(codebase, hits)
    aside = [hit for hit in hits if hit.role not in ("source", "config", "test")]
    aside += [hit for hit in idle if _BENCH.search(hit.path) and hit not in aside]
    idle = [hit for hit in idle if hit not in aside]
    use = [hit for hit in run if hit.name in _DEVICES]
    rest = [hit for hit in run if hit not in use]
    text = "" if run else "Not by the program itself. " if aside else "No. "
    text += _device_use(use)
    told = [hit.text for hit in [*_of(rest, "timer")[:2], *_of(rest, "key")[:3]]]
    told += [words.format(functions(found)) for sort, words in _MEASURED.items() if (found := _of(rest, sort))]
    text += f"Performance: {'; '.join(told)}." if told else "No performance figure is measured and told."
    text += _beside(aside)
    text += f" Only in code that no main program calls: {functions(idle)}." if idle else ""
    return text, [*use, *rest, *aside, *idle]


def _beside(aside: Sequence[CensusHit]) -> str:
    """What benchmarks and scripts beside the program measure, by what is measured."""
    if not aside:
        return ""
    said = []
    for sort, words in (_DEVICES | _TIMES).items():
        paths = sorted({hit.path for hit in _of(aside, sort)})
        said += [f"{words} in {listed(paths, 3, '`')}"] if paths else []
    said = said or [f"figures in {listed(sorted({hit.path for hit in aside}), 3, '`')}"]
    who = "Benchmarks" if all(_BENCH.search(hit.path) for hit in aside) else "Code beside the main code"
    return f" {who} measure{'' if who == 'Benchmarks' else 's'} {'; '.join(said)}."


def _is_called(codebase: "Codebase", hit: CensusHit) -> bool:
    """Whether anything names the function in which a figure is measured; methods and scripts count as called."""
    name = hit.symbol
    if not name or "." in name or name in ("main", "run") or hit.role not in ("source", "config"):
        return True
    word = re.compile(rf"\b{re.escape(name)}\b")
    for path, facts in codebase.facts.items():
        file = codebase.snapshot.by_path[path]
        may = facts.language in ("python", "notebook") and name.encode() in file.data
        if may and any(word.search(line) and not _NAMING.match(line) for line in file.lines):
            return True
    return any(
        name in file.text for file in codebase.snapshot.files if file.path.endswith((".toml", ".cfg")) and file.data
    )


def _device_use(use: Sequence[CensusHit]) -> str:
    """What of GPU and CPU is measured, each by itself."""
    if not use:
        return "GPU and CPU use is not tracked. "
    said = [
        f"{words} is measured by {functions(found)}" for sort, words in _DEVICES.items() if (found := _of(use, sort))
    ]
    absent = [words for sort, words in (("gpu", "GPU use"), ("cpu", "CPU use")) if not _of(use, sort)]
    return f"{'; '.join(said)}{f'; {absent[0]} is not tracked' if absent else ''}. "


def _of(hits: Sequence[CensusHit], sort: str) -> list[CensusHit]:
    return [hit for hit in hits if hit.name == sort]
