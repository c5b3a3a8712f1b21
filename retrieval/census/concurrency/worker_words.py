"""What runs side by side, in words: workers with what they run, started programs, web servers, groups of places."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 4
LABELS = {
    "processes": "worker processes",
    "threads": "threads",
    "async": "`async`/`await` code",
    "scripts": "scripts of the repository started as processes",
    "loaders": "data-loader workers",
    "maps": "worker processes of `map()` and `filter()` over data sets (`num_proc`)",
    "ranks": "distributed running",
    "collective": "calls between the processes of a distributed launcher",
    "parallel": "batches split over several GPUs by `torch.nn.DataParallel`",
}


_NAMES = {
    "processes": re.compile(r"\bProcessPoolExecutor\b|\bmultiprocessing\.(?:Pool|Process)\b"),
    "threads": re.compile(r"\bThreadPool(?:Executor)?\b|\bthreading\.Thread\b"),
    "loaders": re.compile(r"\bnum_workers?\w*\s*[=:]\s*[1-9]"),
    "ranks": re.compile(r"\bDistributedDataParallel\b|\btorch\.distributed\b|\btorchrun\b"),
}


@once
def names_in_code(codebase: "Codebase", name: str) -> bool:
    """Whether code or configuration names what makes such a group, traced or not: it is not denied then."""
    word = _NAMES.get(name)
    files = (f for f in codebase.snapshot.files if f.role in ("source", "config") and f.language != "notebook")
    return word is not None and any(word.search(file.text) for file in files)


def web(hit: CensusHit) -> str:
    """ "`launch()` in app.py"."""
    return f"`{hit.name.removeprefix('().')}()` in {hit.path}"


def group_said(name: str, hits: tuple[CensusHit, ...]) -> str:
    """A group (see `LABELS`) with the places of its hits."""
    if name in ("threads", "processes"):
        at = f", started at {len(hits)} places" if len(hits) > SHOWN else ""
        return f"{LABELS[name]}{at} ({listed(targets(hits), SHOWN)})"
    if name == "scripts":
        programs = dict.fromkeys(f"`{hit.detail['program']}`" for hit in hits)
        return f"scripts of the repository started as processes of their own ({listed(list(programs), SHOWN + 4)})"
    if name == "async":
        files = len({hit.path for hit in hits})
        named = listed(list(dict.fromkeys(hit.text for hit in hits)), SHOWN)
        return f"{LABELS[name]}, {counted(len(hits), 'function')} in {counted(files, 'file')} ({named})"
    where = listed(list(dict.fromkeys(f"{hit.path}" for hit in hits)), SHOWN, "`")
    inside = ", in threads of one process" if name == "parallel" else ""
    return f"{LABELS[name]}{inside} ({where})"


def targets(hits: Iterable[CensusHit]) -> list[str]:
    """What each worker runs, in words: "`f()` started in `g()`", those that run models first."""
    said = []
    for hit in sorted(hits, key=lambda hit: (hit.detail.get("model") != "yes", bool(hit.detail.get("off")))):
        runs = hit.detail.get("runs", "").split(", ")[0]
        at = f" in `{hit.symbol}()`" if hit.symbol and not hit.text.startswith("class") else ""
        what = f"`{runs}()`" if runs else f"`{hit.detail.get('program') or hit.name.rpartition('.')[2]}`"
        said.append(f"{what}{at}{hit.detail.get('off', '')}")
    return list(dict.fromkeys(said))


def programs(hits: Iterable[CensusHit]) -> str:
    """The programs that are started, and the functions that make up a command at run time."""
    named = dict.fromkeys(_program(hit) for hit in hits if hit.detail["program"])
    unnamed = dict.fromkeys(
        f"`{hit.symbol}()`" if hit.symbol else hit.path for hit in hits if not hit.detail["program"]
    )
    made = [f"commands made up at run time in {listed(list(unnamed), SHOWN)}"] if unnamed else []
    return listed([*named, *made], SHOWN + 3)


def _program(hit: CensusHit) -> str:
    """ "`git`", "`tesseract` (by `pytesseract`)"."""
    name = hit.detail["program"]
    library = hit.detail.get("library", "")
    by = f" (by `{library}`)" if library and library != name else ""
    return f"{name if ' ' in name else f'`{name}`'}{by}"


def flagged(hits: Iterable[CensusHit]) -> str:
    """Started programs that run a model of their own, or are given one by an option."""
    said = []
    for hit in sorted(hits, key=lambda hit: bool(hit.detail["flag"])):
        name = f"`{hit.detail['program'] or hit.detail.get('head') or hit.name}`"
        given = f" with `{hit.detail['flag']}`" if hit.detail["flag"] else ""
        said.append(f"{name}{given}, started in `{hit.symbol or hit.path}`")
    return listed(list(dict.fromkeys(said)), 3)


def homes(hits: Iterable[CensusHit]) -> str:
    """The files of hits."""
    return listed(list(dict.fromkeys(f"`{hit.path}`" for hit in hits)), 3)
