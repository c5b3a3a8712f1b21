"""Kind `handed_files`: files that a body has written and hands by path to a later call: a step, a model, a program.

The path is followed inside one body (`path_names.py`). What is handed out before anything was seen to write it is no
hand-over.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.concurrency.workers import step_of
from retrieval.census.files.commands import RUNNERS
from retrieval.census.files.disk import Contact, contacts_of
from retrieval.census.files.library_files import NO_TOUCH, SORTS, sort_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.started import started
from retrieval.census.handover.path_names import SAME, PathNames
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import entered, reached
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import call_name, units
from retrieval.census.models.touches import touches_of
from retrieval.facts import Call, CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TAKERS, PLACES, MOST, DEEP = 4, 8, 6, 3
_NO_RESULT = re.compile(
    r"download|log$|^folder$|^removal$|^link$|upload|database|cache$|^temporary|^unpacked|^empty|^memory map"
)
_NO_TAKER = re.compile(
    r"^(?:\w*log\w*|debug|info|warn(?:ing)?|error|print|close|flush|seek|cleanup|update|chmod|chdir|notify|emit|put|send"
    r"|touch|is_\w+|(?:rotate|prune|clean|clear|delete|remove|purge)_\w+|\w+(?:Error|Exception|Expired|Warning)|CompletedProcess|__init__)$"
)
_BUILTINS = frozenset(dir(builtins)) - {"open"}
_SERVING = re.compile(r"Response$|^send_|upload|download|^(?:audio|image|video|File)$|_button$")
_COMMAND = "file of another program"


@dataclass(slots=True)
class HandedFile:
    """One file of one body: the name of its path there, the call that wrote it, and what the path is given to then."""

    writer: Contact
    name: str
    temporary: bool
    takers: list[tuple[str, int]] = field(default_factory=list)  # the call as written, its line

    @property
    def place(self) -> tuple[str, str]:
        """The body."""
        return self.writer.place


@kind(
    "handed_files",
    summary="files that a body writes, or has a program write, and then hands by path to a step, a model or a program",
    example="handed_files",
    reads="python",
    ordered=True,
)
def handed_files(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per file, of the main programs first. Patterns match the function, the writing and the taking calls."""
    reach = reach_of(codebase)
    told = [(item, _takers(codebase, item)) for item in handed_files_of(codebase)]
    for item, takers in sorted(told, key=lambda pair: (not reach.runs(pair[0].place), _rank(pair[1]))):
        if query.matches(item.writer.symbol, item.writer.call, *(name for name, _ in item.takers)):
            yield _hit(codebase, item, takers)


def _rank(takers: list[str]) -> int:
    """What goes to a model or a program first, what is only shown or sent last."""
    if not takers[0].endswith("()`"):
        return 0
    return 1 + all(_SERVING.search(taker.strip("`()").rpartition(".")[2]) is not None for taker in takers)


@once
def handed_files_of(codebase: Codebase) -> list[HandedFile]:
    """Every such file of the source code."""
    by_place: dict[tuple[str, str], list[Contact]] = {}
    for path, call in codebase.all_calls():
        if call.name.startswith("tempfile.") and codebase.snapshot.by_path[path].role == "source":
            by_place.setdefault((path, call.symbol), [])
    for contact in contacts_of(codebase):
        fetched = "download" in contact.call.lower()
        if contact.effect == "writes" and not fetched and not _NO_RESULT.search(contact.what) and contact.where:
            by_place.setdefault(contact.place, []).append(contact)
    found: list[HandedFile] = []
    for path in dict.fromkeys(path for path, _ in by_place):
        for unit in units(codebase, path=path):
            for body, symbol in [(unit.tree, ""), *unit.functions()]:
                contacts = by_place.get((path, symbol))
                found += _handed(PathNames(unit, body), symbol, contacts) if contacts is not None else []
    return found


def _handed(names: PathNames, symbol: str, contacts: list[Contact]) -> Iterator[HandedFile]:
    """The files of a body that are written, and then handed on."""
    files: dict[str, list[HandedFile]] = {}
    for contact in sorted([*contacts, *_filled(names, symbol)], key=lambda c: c.start):
        name = names.named(contact.where)
        known = files.setdefault(names.root(name), []) if name else []
        if name and (not known or known[-1].writer.end < contact.start):
            known.append(HandedFile(contact, name, _temporary(names, contact, name)))
    for node in names.nodes:
        if isinstance(node, ast.Call):
            _take(names, node, files)
    yield from (item for known in files.values() for item in known if item.takers)


def _temporary(names: PathNames, contact: Contact, name: str) -> bool:
    return names.root(name) in names.made or contact.pattern.startswith("{own temporary")


def _filled(names: PathNames, symbol: str) -> Iterator[Contact]:
    """Temporary files that are written through their handle: `f.write(data)`."""
    for node in names.nodes:
        if isinstance(node, ast.Call) and call_name(node) in ("write", "writelines"):
            name = dotted(node.func).rpartition(".")[0]
            if name in names.handles:
                lines = names.unit.lines(node)
                yield Contact(names.unit.path, symbol, *lines, "writes", "file", "", f"{name}.write", name)


def _take(names: PathNames, node: ast.Call, files: dict[str, list[HandedFile]]) -> None:
    """Notes a call that is given the path of a file with the last of those that wrote it further up."""
    name, line = call_name(node), names.unit.lines(node)[0]
    plain = name in NO_TOUCH | SAME | _BUILTINS or _NO_TAKER.match(name) is not None
    if not name or (plain and not RUNNERS.match(name)):
        return
    for value in [*node.args, *(keyword.value for keyword in node.keywords)]:
        if isinstance(value, ast.Name) and value.id in names.handles:
            continue
        for root in names.held(value) & set(files):
            if all(line != item.writer.start for item in files[root]):
                _note(names, (dotted(node.func) or name, line, value), files[root])


def _note(names: PathNames, taking: tuple[str, int, ast.expr], written: list[HandedFile]) -> None:
    called, line, value = taking
    told = names.plain(value)
    before = [item for item in written if item.writer.end < line and not names.apart(value, item.writer.start)]
    before = [item for item in before if not names.changed(told, item.writer.end, value)]
    if told in _lists(names):  # the command itself, which names the file that it writes
        before = [item for item in before if item.writer.what != _COMMAND]
    for item in before[-1:]:
        if called not in [taker for taker, _ in item.takers]:
            item.name = told if told.isidentifier() and not item.takers else item.name
            item.takers.append((called, line))


def _lists(names: PathNames) -> set[str]:
    """The variables of a body that are written out as lists."""
    bound = [node for node in names.nodes if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)]
    return {target.id for node in bound for target in node.targets if isinstance(target, ast.Name)}


def _hit(codebase: Codebase, item: HandedFile, takers: list[str]) -> CensusHit:
    writer = item.writer
    sort = sort_of(writer.pattern) or (writer.what if writer.what in SORTS else "")
    noun = "folder of model files" if writer.what == "model files" else "file"
    what = " ".join(filter(None, ["temporary" if item.temporary else "", sort, noun]))
    who = f"`{writer.symbol}()`" if writer.symbol else "the top level"
    command = writer.what == _COMMAND and _call(codebase, item, writer.call, writer.start) is None
    by = f"a command of `{writer.call}`" if command else f"`{writer.call}()`"
    by += "" if command else _reaches(codebase, item, writer.call, writer.start)
    article = "an" if what[0] in "aeiou" else "a"
    text = f"in {who} ({writer.path}) {by} writes `{item.name}`, {article} {what}, whose path is then given to "
    return hit_at(
        codebase,
        writer.path,
        (writer.start, writer.end),
        symbol=writer.symbol,
        name=writer.symbol or writer.path,
        text=text + listed(takers, TAKERS),
        related=tuple(("taken", writer.path, line, line) for _, line in item.takers[:PLACES]),
    )


def _takers(codebase: Codebase, item: HandedFile) -> list[str]:
    """The taking calls in words, those that reach a model or a program first."""
    told = [f"`{name}()`{_reaches(codebase, item, name, line)}" for name, line in item.takers[:MOST]]
    return sorted(told, key=lambda taker: taker.endswith("()`"))


def _reaches(codebase: Codebase, item: HandedFile, name: str, line: int) -> str:
    """ " (the program `ffmpeg`)", " (the model `Net`)": what a call starts or runs, "" when nothing is known."""
    call = _call(codebase, item, name, line)
    at = step_of(codebase, item.place[0], call) if call is not None else None
    if at is None:
        return ""
    frame, step = at
    if here := _runs(codebase, item.place, line):
        return f" (the model {here})"
    if told := _programs(codebase).get((item.place[0], line)):
        return f" (the program `{told}`)"
    program = program_of(codebase)
    sites = [site for site in program.sites(frame) if site.step.node.id == step.node.id]
    bodies = [entered(program, target) for site in sites for target in site.targets]
    for inner, _ in reached(program, [body for body in bodies if body is not None], depth=DEEP):
        if told := _programs(codebase).get((inner.path, inner.symbol)):
            return f" (the program `{told}`)"
        if runs := _runs(codebase, (inner.path, inner.symbol)):
            return f" (the model {runs})"
    return ""


def _call(codebase: Codebase, item: HandedFile, name: str, line: int) -> Call | None:
    path, symbol = item.place
    calls = (call for call in codebase.facts[path].calls if call.start == line and call.symbol == symbol)
    return next((call for call in calls if call.written == name), None)


def _runs(codebase: Codebase, place: tuple[str, str], line: int = 0) -> str:
    """The first model that a body runs, on a line of it."""
    touches = touches_of(codebase).get(place, ())
    return next((t.model for t in touches if t.does == "runs" and line in (0, t.line)), "")


@once
def _programs(codebase: Codebase) -> dict[tuple[str, str | int], str]:
    """The functions, and the lines, that start an outside program, with its name."""
    every = started(codebase, Query("", "started", (), {"own": "no"}))
    named = [hit for hit in every if hit.detail["program"]]
    return {(h.path, at): h.detail["program"] for h in named for at in (h.symbol, h.start)}
