"""Kind `started`: other programs that code starts, scripts of the repository told apart from outside programs.

A command is read from its text: literals in the call and in what its names may come from. A script of the repository
is looked into for models like any other body; what an outside program does is not guessed.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.code.syntax import call_text
from retrieval.census.concurrency.workers import step_of
from retrieval.census.files.command_texts import MODULE, SCRIPT, command_texts, program_of_command
from retrieval.census.files.commands import STARTING
from retrieval.census.flow.program_libraries import library_starts
from retrieval.census.flow.served import served_entries
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.frame import Frame
from retrieval.census.meaning.program import program_of
from retrieval.census.models.touches import places, told, ways
from retrieval.census.settings.set_defaults import default_of
from retrieval.facts import Call, CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_HELD = re.compile(r"^\{([A-Za-z_][\w.]*)\}(?:\0|$)")
_WEIGHTS = re.compile(r"(?<![\w-])--?(?!-?served)[\w-]*(?:model(?!-len|_len)|ckpt|checkpoint|weights)[\w-]*")


@kind(
    "started",
    summary="programs that code starts: scripts of the repository with the models they reach, and outside programs",
    example="started: own=yes",
    reads="python",
    options=("own",),
)
def started(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call that starts a program; patterns match the program's name or path, or the call's name.

    `detail["own"]` is "yes" for a script or module of the repository; `detail["model"]` "yes" when that reaches one.
    """
    wanted = query.options.get("own", "yes|no").split("|")
    for hit in _every(codebase):
        if hit.detail["own"] in wanted and query.matches(hit.detail["program"], hit.name):
            yield hit


@once
def _every(codebase: "Codebase") -> tuple[CensusHit, ...]:
    calls = [(path, call) for path, call in codebase.all_calls() if STARTING.match(call.name)]
    direct = [_hit(codebase, path, call) for path, call in calls]
    return (*direct, *(_by_library(codebase, *found) for found in library_starts(codebase)))


def _by_library(codebase: "Codebase", path: str, call: Call, library: str, program: str) -> CensusHit:
    """A call that has a library start a program."""
    text = f"`{call_text(call)}` has `{library}` start {_named(program)} as a process"
    detail = {"own": "no", "model": "unknown", "program": program, "flag": "", "head": "", "library": library}
    lines = (call.start, call.end)
    return hit_at(codebase, path, lines, symbol=call.symbol, name=call.name, text=text, detail=detail)


def _named(program: str) -> str:
    return program if " " in program else f"the outside program `{program}`"


def _hit(codebase: "Codebase", path: str, call: Call) -> CensusHit:
    at = step_of(codebase, path, call)
    texts = command_texts(*at) if at is not None else []
    script = next(filter(None, (_own(codebase, path, text) for text in texts)), "")
    flag = next((found[0] for text in texts if (found := _WEIGHTS.search(text))), "")
    said = f"`{call_text(call)}` starts "
    head = next((found[1] for text in texts[:1] if (found := _HELD.match(text))), "")
    name = script or program_of_command(texts) or (_by_default(codebase, path, call, head) if head else "")
    detail = {"own": "yes" if script else "no", "model": "unknown", "program": name, "flag": flag, "head": head}
    related: tuple[tuple[str, str, int, int], ...] = ()
    if script:
        found = ways(codebase, _begins(codebase, script))
        said += f"the program `{script}` of the repository as a process of its own"
        said += f"; it {told(found)}" if found else "; whether that reaches a model was not traced"
        detail["model"], related = "yes" if found else "unknown", (("program", script, 1, 1), *places(found))
    elif call.name.endswith("stdio_client"):
        detail["program"], said = "", f"{said}the tool server that its parameters name"
    else:
        said += (
            f"the outside program `{detail['program']}`"
            if detail["program"]
            else "a command that is made up at run time"
        )
    return hit_at(
        codebase,
        path,
        (call.start, call.end),
        symbol=call.symbol,
        name=call.name,
        text=said,
        related=related,
        detail=detail,
    )


def _begins(codebase: "Codebase", script: str) -> list[Frame]:
    """The bodies that run when a script is started: its top level, and what its server calls."""
    program = program_of(codebase)
    served = [entry.target for entry in served_entries(program) if entry.path == script and entry.target is not None]
    frames = [program.frame(script, None), *(entered(program, target) for target in served)]
    return [frame for frame in frames if frame is not None]


def _own(codebase: "Codebase", path: str, text: str) -> str:
    """The file of the repository that a command runs, "" when it names none; a build script is no program."""
    for name in SCRIPT.findall(text):
        found = _file(codebase, path, name.replace("\\", "/").removeprefix("./"))
        if found and codebase.snapshot.by_path[found].role != "config":
            return found
    for name in MODULE.findall(text):
        located = codebase.locate(f"{name}.__main__", path) or codebase.locate(name, path)
        if located is not None:
            return located
    return ""


def _file(codebase: "Codebase", path: str, name: str) -> str:
    near = str(PurePosixPath(path).parent / name)
    if name in codebase.facts or near in codebase.facts:
        return name if name in codebase.facts else near
    ends = [known for known in codebase.facts if known.endswith(f"/{name.lstrip('/')}")]
    return ends[0] if len(ends) == 1 and "/" in name else ""


def _by_default(codebase: "Codebase", path: str, call: Call, head: str) -> str:
    """The program that an option or field names by default, of which the head of a command is made."""
    bound = (f for f in codebase.facts[path].facts if f.kind == "assign" and f.name in (head, head.rpartition(".")[2]))
    owner = call.symbol.rpartition(".")[0]
    values = [f.detail.get("value", "") for f in bound if f.symbol.startswith(owner)]
    for name in dict.fromkeys(re.findall(r"\w+", f"{head.rpartition('.')[2]} {' '.join(values)[:200]}")):
        told = default_of(codebase, name).strip("\"'") if re.search(r"(?i)cmd|command|bin|exe|program", name) else ""
        if re.fullmatch(r"[a-z][\w.\-]+", told):
            return told
    return ""
