"""Functions and methods as a short list in words: those of one name together, with the base class they share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.meaning.prose import counted, listed

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMED = 3
Place = tuple[str, str]


def people(codebase: Codebase, places: Iterable[Place], most: int = 6) -> str:
    """ "`__call__()` of 6 classes derived from `BaseStep`, `load()`, `save()` (io.py) and 2 more functions".

    Many functions of one name come first; the others stand in their order, with the file behind those of one file.
    """
    groups: dict[str, list[Place]] = {}
    for path, symbol in dict.fromkeys(places):
        groups.setdefault(symbol.rpartition(".")[2], []).append((path, symbol))
    large = sorted((g for g in groups.items() if len(g[1]) > NAMED), key=lambda item: -len(item[1]))
    single = [place for group in groups.values() if len(group) <= NAMED for place in group]
    told = [_group(codebase, name, group) for name, group in large[:most]]
    shown = single[: max(most - len(told), 1)]
    by_file: dict[str, list[str]] = {}
    for path, symbol in shown:
        by_file.setdefault(path, []).append(f"`{symbol}()`" if symbol else "the top level of the file")
    told += [f"{', '.join(names)} ({path})" for path, names in by_file.items()]
    rest = sum(len(group) for _, group in large[most:]) + len(single) - len(shown)
    return ", ".join(told) + (f" and {counted(rest, 'more function')}" if rest else "")


def _group(codebase: Codebase, name: str, group: list[Place]) -> str:
    if not name:
        files = list(dict.fromkeys(path for path, _ in group))
        return f"the top level of {len(files)} files ({_folder(files)})"
    owners = [place for place in group if "." in place[1]]
    if len(owners) == len(group) and (base := _shared_base(codebase, group)):
        return f"`{name}()` of {len(group)} classes derived from `{base}`"
    files = list(dict.fromkeys(path for path, _ in group))
    where = f"in {len(files)} files ({_folder(files)})" if len(files) > 1 else f"of {len(group)} classes ({files[0]})"
    return f"`{name}()` {where}"


def _folder(paths: list[str]) -> str:
    """What the paths have in common, with the first files when that is nothing."""
    parts = [PurePosixPath(path).parts for path in paths]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return "/".join((*parts[0][:shared], "…")) if shared else listed(paths, 2)


def _shared_base(codebase: Codebase, group: list[Place]) -> str:
    """The base class of the repository that all (but at most a fifth) of the methods' classes derive from."""
    counts: dict[str, int] = {}
    for path, symbol in group:
        owner = symbol.rpartition(".")[0]
        item = next((d for d in codebase.facts[path].definitions if d.symbol == owner and d.kind == "class"), None)
        for base in codebase.bases(path, item) if item is not None else ():
            if codebase.resolve_local(path, base) is not None:
                counts[base] = counts.get(base, 0) + 1
    if not counts:
        return ""
    best = max(counts, key=lambda name: counts[name])
    return best.rpartition(".")[2] if counts[best] * 5 >= len(group) * 4 else ""
