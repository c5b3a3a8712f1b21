"""Kind `aborts`: where the code itself ends the program, and programs that an unhandled exception ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.entries import Entry, code_entries, main_sites, start_frames
from retrieval.census.flow.served import served_entries
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import Unit, guarded, only_if, subject_of, units
from retrieval.facts import Call, CensusHit, Fact
from retrieval.resume import EXITS

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

ENDING = re.compile(
    r"^(?:SystemExit|click\.(?:exceptions\.)?(?:Abort|UsageError|BadParameter|ClickException|Exit|FileError)|typer\.(?:Exit|Abort|BadParameter))$"
)
PARSERS = ("argparse.ArgumentParser", "optparse.OptionParser")
CONTEXTS = ("click.Context", "typer.Context")
FINE = frozenset(["", "0", "None", "code=0", "os.EX_OK", "EXIT_SUCCESS"])
_STOPPING = re.compile(r"(?:\w+\.)*(?:KeyboardInterrupt|SystemExit|GeneratorExit)")
_WIDE = re.compile(r"(?:Base)?Exception")
NOT_HANDLING = frozenset(["import_guard", "reraise", "abort"])
MAIN_RESULT = re.compile(r"^[\w.]+\(.*\)$")
WORDED = re.compile(r"^(?:str|repr|format)\(|\.(?:format|join)\(")
HOSTS = frozenset(["streamlit", "gradio"])  # they show an exception and go on
SHOWN = 4
_NEEDS = r"(?i)exit|quit\(|abort|\.error\(|\.fail\(|UsageError|BadParameter|ClickException"
Found = tuple[str, Call | Fact, str, str]  # path, what ends the program, its words, the status


@kind(
    "aborts",
    summary="where the code ends the program (sys.exit, SystemExit, parser.error …), programs without any handler",
    example="aborts",
    reads="python",
)
def aborts(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Patterns match what ends the program, the function, or `detail["how"]`: exit, usage or exception."""
    conditions = _Conditions(codebase)
    for path, item, words, how in _ends(codebase):
        around = conditions.at(path, item.start)
        if how == "fine" and not any(text.endswith("is caught") for text in around):
            continue
        how = "exit" if how == "fine" else how
        if query.matches(item.name, item.symbol, how):
            text = f"{words} in {subject_of(codebase, path, item.symbol)} {_ending(how)}{only_if(around)}"
            lines = (item.start, item.end)
            yield hit_at(codebase, path, lines, symbol=item.symbol, name=item.name, text=text, detail={"how": how})
    for hit in _unhandled(codebase):
        if query.matches(hit.name, hit.symbol, "exception"):
            yield hit


def _ending(how: str) -> str:
    return "ends the program with a usage error" if how == "usage" else "ends the program"


def _ends(codebase: Codebase) -> Iterator[Found]:
    for path, call in codebase.all_calls():
        how = _how(call)
        if how:
            given = ", ".join([*call.arguments, *(f"{key}={value}" for key, value in call.keywords)])
            yield path, call, f"`{call.written}({_cut(given)})`", how
    for path, fact in codebase.all_facts("raise"):
        if ENDING.match(fact.name):
            last = fact.name.rpartition(".")[2]
            status = fact.detail["message"]
            how = "usage" if last in ("UsageError", "BadParameter") else "exit"
            if last in ("Exit", "SystemExit") and status in FINE:
                how = "fine"
            yield path, fact, f"`{_cut(fact.text)}`", how


def _how(call: Call) -> str:
    """ "exit", "usage", "fine" for a normal end, "" for a call that does not end the program."""
    first = (*call.arguments, *(f"{key}={value}" for key, value in call.keywords), "")[0]
    if call.name in EXITS:
        if MAIN_RESULT.match(first) and not WORDED.search(first):
            return ""  # `sys.exit(main())`: how a program ends that went well
        return "fine" if first in FINE and call.name != "os.abort" else "exit"
    owner, _, method = call.written.rpartition(".")
    if method in ("error", "exit") and (
        call.receiver in PARSERS or owner.rpartition(".")[2] in ("parser", "argparser")
    ):
        return "usage" if method == "error" else "fine" if first in FINE else "exit"
    if method in ("fail", "abort", "exit") and call.receiver in CONTEXTS:
        return "usage" if method == "fail" else "fine" if method == "exit" and first in FINE else "exit"
    return ""


def _cut(text: str) -> str:
    text = text.replace("`", "'")
    return text if len(text) <= 90 else f"{text[:90]}…"


class _Conditions:
    """The conditions under which lines of a codebase run."""

    def __init__(self, codebase: Codebase) -> None:
        self.units: dict[str, list[Unit]] = {}
        for unit in units(codebase, _NEEDS):
            self.units.setdefault(unit.path, []).append(unit)

    def at(self, path: str, line: int) -> tuple[str, ...]:
        """The conditions around the innermost statement at a line, those of its function only."""
        best: tuple[int, tuple[str, ...]] = (1 << 30, ())
        for unit in self.units.get(path, ()):
            for body in (unit.tree.body, *(function.body for function, _ in unit.functions())):
                for statement, around in guarded(body):
                    first, last = unit.lines(statement)
                    if first <= line <= last and last - first <= best[0]:
                        best = (last - first, around)
        return tuple(text for text in best[1] if "__name__" not in text)


def _unhandled(codebase: Codebase) -> Iterator[CensusHit]:
    """What an exception does to each program: whether its first function has handlers around its calls."""
    program = program_of(codebase)
    seen: set[tuple[str, str]] = set()
    served = {(e.target.path, e.target.definition.symbol) for e in served_entries(program) if e.target is not None}
    for entry in code_entries(program):
        own = program.snapshot.by_path[entry.path].role in ("source", "example", "config")
        hosted = any(item.module.split(".")[0] in HOSTS for item in program.facts[entry.path].imports)
        if not own or hosted or (entry.kind == "script" and not entry.guard_line):
            continue
        for frame in start_frames(program, entry):
            place = (frame.path, frame.symbol)
            definition = frame.definition
            if definition is None or definition.kind != "function" or place in seen:
                continue
            if _caught_outside(program, entry) or any("catch" in name for name in definition.decorators):
                continue
            seen.add(place)
            hit = _program(codebase, program, frame, entry, place in served)
            if hit is not None:
                yield hit


def handlers_at(codebase: Codebase, path: str, symbol: str) -> list[Fact]:
    """The handlers of one body that end neither the program nor in another exception; those of Ctrl-C are none."""
    return [
        fact
        for where, fact in codebase.all_facts("catch")
        if where == path
        and fact.symbol == symbol
        and fact.detail["what"] not in NOT_HANDLING
        and not _STOPPING.fullmatch(fact.name)
    ]


def covering(facts: list[Fact], line: int) -> Fact | None:
    """The handler whose `try` covers a line."""
    return next((f for f in facts if int(f.detail["try_start"]) <= line <= int(f.detail["try_end"])), None)


def _caught_outside(program: Program, entry: Entry) -> bool:
    """Whether the script's own top level calls the function inside a `try`."""
    frame = program.frame(entry.path, None) if entry.guard_line else None
    if frame is None:
        return False
    tries = [f for f in program.facts[entry.path].facts if f.kind == "try" and not f.symbol and f.detail["caught"]]
    lines = [site.step.start for site in main_sites(program, frame, entry)]
    return any(fact.start <= line <= fact.end for fact in tries for line in lines)


def _program(codebase: Codebase, program: Program, frame: Frame, entry: Entry, served: bool) -> CensusHit | None:
    definition = frame.definition
    if definition is None:
        return None
    handlers = handlers_at(codebase, frame.path, frame.symbol)
    calls: dict[str, list[Fact | None]] = {}
    for site in program.sites(frame):
        calls.setdefault(site.step.written, []).append(covering(handlers, site.step.start))
    inside = [name for name, around in calls.items() if any(around)]
    outside = [f"`{name}()`" for name, around in calls.items() if None in around]
    if not outside:
        return None
    by = f"the command `{entry.name}`" if entry.kind == "console script" else f"`{entry.path}`"
    subject = f"`{frame.symbol}()`, which {by} {'serves' if served else 'runs'},"
    how = "ends that request with an error, and the server goes on" if served else "ends the run"
    ends = f"an exception that {_some(outside)} {'lets' if len(outside) == 1 else 'let'} out {how}"
    if inside:
        stand = "stands" if len(inside) == 1 else "stand"
        facts = [fact for name in inside for fact in calls[name] if fact is not None]
        text = f"in {subject} {_some([f'`{name}()`' for name in inside])} {stand} in a `try` that goes on after "
        text += f"{_caught(facts)}: {ends}"
    elif any(fact.symbol == frame.symbol for fact in program.facts[frame.path].facts if fact.kind == "try"):
        text = f"no `try` in {subject} goes on after an error in its calls of repository code: {ends}"
    else:
        text = f"{subject} has no `try` around its calls: {ends}"
    lines = (definition.head_start, definition.head_end)
    related = tuple(("handler", frame.path, fact.start, fact.end) for fact in handlers)
    name = definition.name
    loose = [name for name, around in calls.items() if None in around] if inside else []
    guard = entry.path if entry.kind == "script" else ""
    detail = {"how": "request" if served else "exception", "outside": ", ".join(loose), "guard": guard}
    return hit_at(
        codebase, frame.path, lines, symbol=frame.symbol, name=name, text=text, related=related, detail=detail
    )


def _caught(handlers: list[Fact]) -> str:
    """ "an error", or the errors of which alone handlers go on: "`OSError`, `KeyError` alone"."""
    types = [name for fact in handlers for name in filter(None, fact.detail["types"].split(", "))]
    if any(not fact.detail["types"] for fact in handlers) or any(_WIDE.fullmatch(name) for name in types):
        return "an error"
    return f"{_some([f'`{name}`' for name in dict.fromkeys(types)])} alone"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
