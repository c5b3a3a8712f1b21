"""Which code names a file or folder: the one hint that a data file without words of its own gives of its purpose."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_SHORTEST = 4
_SHOWN = 3


def named_in(codebase: "Codebase", name: str, at: str = "") -> str:
    """ "; named in `a.py`, `b.py`" for the source files with a string constant that has `name` as a part of a path;
    "" when there is none, or the name is too short to mean anything. Of several files of one name, that `at` is meant
    by its path or by files beside and above it."""
    if len(name) < _SHORTEST:
        return ""
    several = bool(at) and sum(path.endswith(f"/{name}") or path == name for path in codebase.snapshot.by_path) > 1
    found = [
        path
        for path, facts in codebase.facts.items()
        if codebase.snapshot.by_path[path].role == "source"
        and any(
            fact.kind == "string" and _mentions(fact.name, name) and not (several and _is_other(path, fact.name, at))
            for fact in facts.facts
        )
    ]
    names = ", ".join(f"{PurePosixPath(path).name}" for path in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"; named in {names}{more}" if found else ""


def _mentions(value: str, name: str) -> bool:
    return name in value and name in value.replace("\\", "/").split("/")


def _is_other(naming: str, value: str, at: str) -> bool:
    """Whether a path that a file writes does not lead to `at`."""
    told = value.replace("\\", "/").lstrip("./")
    if "/" in told:
        return not (at.endswith(told) or told.endswith(at))
    return not at.startswith(naming.rpartition("/")[0])
