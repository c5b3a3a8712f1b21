"""Census kinds `writes` and `reads`: what touches the disk, with the expression that says where.

What counts stands in `data/storage.yaml`; for `open` and its like the mode decides. A mode that is not a literal is
reported by both kinds, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from retrieval.census.code.syntax import call_hit, call_text
from retrieval.census.files.library_files import given_paths, is_writing
from retrieval.census.language import Query, kind
from retrieval.facts import Call, CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[2] / "data" / "storage.yaml"
_MODE = re.compile(r"""[rRbBuU]?(["'])([rwaxbtU+:|gz2]{1,5})\1""")
_MEMORY = re.compile(r"\b(?:BytesIO|StringIO)\(")
_LIKE_PATH = re.compile(r"(?i)path|file|dir\b|folder|/|\.\w{2,5}[\"']$|\.join\(")
WRITING = frozenset("wax+")


@dataclass(frozen=True, slots=True)
class Access:
    """One call that touches the disk: effect "reads", "writes" or "unknown", what, and where as written."""

    effect: str
    what: str
    where: str


@cache
def _table() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(TABLE.read_text(encoding="utf-8"))


@kind(
    "writes",
    summary="calls that write, create, move or remove files or folders, with the path expression",
    example="writes: torch.save, open, *.to_csv",
    reads="python",
)
def writes(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every call that writes to the disk and whose name (or what it writes) fits."""
    yield from _accesses(codebase, query, "writes")


@kind(
    "reads",
    summary="calls that read files or list folders, with the path expression",
    example="reads: PIL.Image.open, json.load",
    reads="python",
)
def reads(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every call that reads from the disk and whose name (or what it reads) fits."""
    yield from _accesses(codebase, query, "reads")


def _accesses(codebase: Codebase, query: Query, effect: str) -> Iterator[CensusHit]:
    for path, call in codebase.all_calls():
        names = codebase.speller.names(path, call.name)
        typed = codebase.speller.typed_names(path, call)
        found = _access(call, names, typed, effect) or (_by_name(codebase, path, call) if effect == "writes" else None)
        if found is None or not query.matches(*names, found.what, typed=typed):
            continue
        if codebase.resolve_call(path, call) is not None:
            continue  # a function of this repository: what it does itself is reported where it does it
        if is_buffer(codebase, path, call, found.where):
            continue
        hit = call_hit(codebase, path, call, text=_text(call, found))
        hit.detail.update({"where": found.where, "what": found.what, "effect": found.effect})
        yield hit


def _by_name(codebase: Codebase, path: str, call: Call) -> Access | None:
    """What a function that the table does not know writes, where its name says so and the path ends like a file."""
    given = given_paths(codebase, path, call) if is_writing(call) else ()
    return next((Access(item.effect, item.what, item.where) for item in given if item.effect == "writes"), None)


@dataclass(frozen=True, slots=True)
class Touch:
    """A call in one body that touches the disk: its lines, the callee as written, what, and where as written."""

    start: int
    end: int
    written: str
    what: str
    where: str


def touches(codebase: Codebase, path: str, symbol: str, effect: str) -> Iterator[Touch]:
    """The calls of the body `symbol` of a file that have an effect, "reads" or "writes"."""
    for call in codebase.facts[path].calls:
        if call.symbol != symbol or codebase.resolve_call(path, call) is not None:
            continue
        names = codebase.speller.names(path, call.name)
        found = _access(call, names, codebase.speller.typed_names(path, call), effect)
        if found is not None and found.effect == effect:
            yield Touch(call.start, call.end, call.written, found.what, found.where)


def is_buffer(codebase: Codebase, path: str, call: Call, where: str) -> bool:
    """Whether what is read or written is a buffer in memory and no file."""
    if _MEMORY.search(where):
        return True
    facts = codebase.facts[path].facts if where.isidentifier() else ()
    bound = [f for f in facts if f.kind == "assign" and f.symbol == call.symbol and f.name == where]
    return any(_MEMORY.search(fact.detail.get("value", "")) for fact in bound if fact.start <= call.start)


def access_of(codebase: Codebase, path: str, call: Call, effect: str) -> Access | None:
    """What a call of an outside function does to the disk, None when it has no such effect."""
    method = call.name.rpartition(".")[2]
    if method not in _methods() or codebase.resolve_call(path, call) is not None:
        return None
    return _access(call, codebase.speller.names(path, call.name), codebase.speller.typed_names(path, call), effect)


@cache
def _methods() -> frozenset[str]:
    """The last names of everything in the table."""
    table = _table()
    return frozenset(
        {name.rpartition(".")[2] for part in ("opens", "writes", "reads") for name in table[part]} | {"open"}
    )


def _text(call: Call, found: Access) -> str:
    told = found.what
    if found.effect == "unknown":
        told = f"{told}, mode decided at run time"
    place = f" at `{found.where}`" if found.where else ""
    return f"{call_text(call)} ({told}{place})"


def _access(call: Call, names: tuple[str, ...], typed: tuple[str, ...], effect: str) -> Access | None:
    table = _table()
    for name in (*names, *typed):
        if name in table["opens"]:
            path, mode = table["opens"][name]
            return _opened(call, path, mode, effect)
    method = call.name.rpartition(".")[2]
    if method == "open" and call.written != "open" and _is_path(call):
        return _opened(call, None, 0, effect)
    second = call.arguments[1] if len(call.arguments) > 1 else dict(call.keywords).get("mode", "")
    if method == "open" and "." in call.written and call.arguments and _MODE.fullmatch(second):
        return _opened(call, 0, 1, effect)  # of a file system: `fs.open(path, "w")`
    for name in (*names, *typed, f"*.{method}" if "." in call.written else ""):
        if (row := table[effect].get(name)) is not None:
            return _listed(call, row, effect)
    return None


def _is_path(call: Call) -> bool:
    """Whether `x.open(…)` opens a file: x is a Path, or the first argument is a mode."""
    if call.receiver.startswith("pathlib."):
        return True
    return bool(call.arguments and not call.receiver and _MODE.fullmatch(call.arguments[0]))


def _opened(call: Call, path: int | None, mode: int, effect: str) -> Access | None:
    keywords = dict(call.keywords)
    written = keywords.get("mode") or (call.arguments[mode] if len(call.arguments) > mode else "'r'")
    where = _argument(call, path, "file") if path is not None else _owner(call)
    literal = _MODE.fullmatch(written)
    if literal is None:
        return Access("unknown", "file", where)
    writing = bool(WRITING & set(literal[2]))
    reading = not WRITING & set(literal[2]) or "+" in literal[2]
    if (effect == "writes" and writing) or (effect == "reads" and reading):
        what = "file opened for appending" if "a" in literal[2] else f"file opened for {effect[:-1]}ing"
        return Access(effect, what.replace("writeing", "writing"), where)
    return None


def _listed(call: Call, row: dict[str, Any], effect: str) -> Access | None:
    where = _owner(call) if "owner" in row else _argument(call, row.get("path"), row.get("keyword"))
    where = (_second(call) or where) if row.get("or") == 1 else where
    if "needs" in row and not where:
        return None
    return Access(effect, row["what"], where)


def _argument(call: Call, position: int | None, keyword: str | None) -> str:
    named = dict(call.keywords)
    if keyword and keyword in named:
        return named[keyword]
    if position is not None and len(call.arguments) > position:
        return call.arguments[position]
    return ""


def _second(call: Call) -> str:
    """The second argument of `x.save(what, path)`, where it alone looks like a path; "" otherwise."""
    given = call.arguments[:2]
    return given[1] if len(given) > 1 and _LIKE_PATH.search(given[1]) and not _LIKE_PATH.search(given[0]) else ""


def _owner(call: Call) -> str:
    return call.written.rpartition(".")[0]
