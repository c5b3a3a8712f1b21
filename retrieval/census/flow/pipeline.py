"""Kind `pipeline`: what the main programs do, step by step, as numbered lines with loops and early exits.

`walk.py` finds the steps; here they are put into words.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.flow.entries import Entry, is_side_tool
from retrieval.census.flow.flow import Root, roots, way
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.standing import RUNS, Standing, is_training
from retrieval.census.flow.starts import LIBRARY
from retrieval.census.flow.step_lines import line_of
from retrieval.census.flow.user_events import SILENT, WAITING, event_under, silence, trigger_of
from retrieval.census.flow.walk import DEEPEST, Mark, fitting, walked
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import Exit, Guard
from retrieval.census.meaning.callgraph import Site, defined
from retrieval.census.meaning.wording import caller, label, summary
from retrieval.census.models.outside import Outside, does
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LINES, RIVALS = 100, 8


@kind(
    "pipeline",
    summary="the main programs step by step: calls, loops, early exits, models made and run (roots=N, lines=N)",
    example="pipeline: roots=2, lines=60",
    reads="python",
    options=("roots", "lines", "what"),
    ordered=True,
)
def pipeline(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """The steps of the most important programs. Patterns match where a program starts.

    `lines` is the most that one program takes: it is followed as deep as that allows, later programs get a third.
    `what=models` keeps what makes, loads or runs a model. `detail`: `depth` (0 for the start), `number`, `does`.
    """
    focus = focus_of(codebase)
    found = [root for root in main_roots(focus) if query.matches(root.frame.symbol or root.frame.path)]
    most = query.number("lines", LINES)
    shown: set[tuple[str, str]] = set()
    known: frozenset[str] = frozenset()
    left = query.number("roots", len(found))
    library = bool(found) and found[0].entries[0].kind == "api"
    for rank, root in enumerate(found):
        aside = root.entries[0].kind == "api" and root.entries[0].shown is None and not library and not query.patterns
        if aside or not left or (root.frame.path, root.frame.symbol) in shown or tells_nothing_new(focus, root, known):
            continue
        left -= 1
        marks = fitting(focus, root, most if not rank else most // 3)
        shown |= {(mark.frame.path, mark.frame.symbol) for mark in marks}
        known |= models_run(focus, root)
        hits = [start_hit(codebase, root), *_lines(codebase, focus, marks)]
        yield from _models_only(hits) if query.options.get("what") == "models" else hits


def _lines(codebase: "Codebase", focus: Focus, marks: list[Mark]) -> Iterator[CensusHit]:
    """The lines of a walk; handlers that lead to no model are counted, and what waits for events is announced."""
    silent = [mark for mark in marks if _is_silent(focus, mark)]
    aside = tuple(f"{mark.number}." for mark in silent)
    begun = False
    for mark in marks:
        if len(silent) > 1 and (mark in silent or mark.number.startswith(aside)):
            continue
        if not begun and _waits(mark):
            begun = True
            yield _remark(codebase, mark, WAITING)
        yield _hit(codebase, focus, mark)
    if len(silent) > 1:
        yield _remark(codebase, silent[0], silence(len(silent)))


def _waits(mark: Mark) -> bool:
    """Whether a line tells what an event runs."""
    event = mark.event
    return trigger_of(event.step.guards if isinstance(event, Site) else mark.guards) is not None or (
        isinstance(event, Guard) and event.kind == "event"
    )


def _is_silent(focus: Focus, mark: Mark) -> bool:
    """Whether a line connects a handler that leads to no model."""
    guards = mark.event.step.guards if isinstance(mark.event, Site) else ()
    found = event_under(focus, mark.frame, (mark.event,) if isinstance(mark.event, Guard) else guards)
    return found is not None and found.rank == SILENT


def _remark(codebase: "Codebase", mark: Mark, text: str) -> CensusHit:
    """A line between the steps."""
    event = mark.event
    start = event.step.start if isinstance(event, Site | Outside) else event.line
    detail = {"depth": str(mark.level), "number": "", "does": "remark"}
    lines = (start, start)
    return hit_at(codebase, mark.frame.path, lines, symbol=mark.frame.symbol, name="", text=text, detail=detail)


def _models_only(hits: list[CensusHit]) -> Iterator[CensusHit]:
    """What makes, loads or runs a model, all on one level."""
    for hit in hits:
        if hit.detail["does"] in ("start", "makes", "runs", "library"):
            level = "0" if hit.detail["does"] == "start" else "1"
            inside = f"In `{hit.symbol}`: " if level == "1" else ""
            text = hit.text if level == "0" else f"{inside}{hit.text.partition(': ')[2]}"
            yield replace(hit, text=text, detail=hit.detail | {"depth": level})


def main_roots(focus: Focus) -> list[Root]:
    """Where the programs start that are no side tools: those that lead to a model first.

    Scripts that nothing names as programs come after the public API; of the API what runs a model comes first.
    """
    if focus.roots:
        return list(focus.roots)
    program = focus.program
    role = {path: file.role for path, file in program.snapshot.by_path.items()}
    found = [root for root in roots(program) if not is_side_tool(root.entries[0])]
    apart = ("test", "vendored")
    found = [r for r in found if role[r.frame.path] not in apart and role[r.entries[0].path] not in apart] or found
    found = _told(focus, found) or found or roots(program)
    focus.roots = _grouped(sorted(found, key=lambda root: _after(focus, root)))
    focus.roots = _shown_first(focus, _whole_first(focus, _by_readme(focus, focus.roots)))
    return list(focus.roots)


def _by_readme(focus: Focus, found: list[Root]) -> list[Root]:
    """The installed commands that lead to models in the order in which the README names them first."""
    scored = Standing(focus.program.snapshot)
    commands = [r for r in found if r.entries[0].kind == "console script" and not any(_after(focus, r))]
    ordered = iter(sorted(commands, key=lambda root: scored.place(root.entries[0].name)))
    return [next(ordered) if root in commands else root for root in found]


def _told(focus: Focus, found: list[Root]) -> list[Root]:
    """Where a command is installed: without the scripts beside it that nothing names as programs."""
    commands = any(root.entries[0].kind == "console script" and not _is_beside(focus, root) for root in found)
    return [
        root for root in found if any(e.kind != "script" or e.standing >= RUNS for e in root.entries) or not commands
    ]


def _whole_first(focus: Focus, found: list[Root]) -> list[Root]:
    """A script that runs all models of the first one and more goes before it: the first runs a part of the work."""
    alike = [r for r in found[:RIVALS] if r.entries[0].kind == "script" and _rank(r) >= _rank(found[0])]
    if len(alike) < 2 or alike[0] is not found[0]:
        return found
    models = {id(root): models_run(focus, root) for root in alike}
    best = found[0]
    for root in alike[1:]:
        if models[id(best)] < models[id(root)]:
            best = root
    return [best, *(root for root in found if root is not best)]


def _shown_first(focus: Focus, found: list[Root]) -> list[Root]:
    """The use that the README at the root shows in code goes before scripts that it gives no command for."""
    program, scored = focus.program, Standing(focus.program.snapshot)
    shown = [r for r in found if r.entries[0].shown is not None and "/" not in r.frame.path and focus.leads(r.frame)]
    facts = program.facts

    def named(root: Root) -> bool:
        installed = any(entry.kind in ("console script", "package main") for entry in root.entries)
        return installed or scored.is_run_by_readme(root.frame.path, facts[root.frame.path].module)

    at = next((at for at, root in enumerate(found) if root in shown or not named(root)), len(found))
    return [*found[:at], *shown, *(root for root in found[at:] if root not in shown)]


def _rank(root: Root) -> int:
    return root.entries[0].standing


def tells_nothing_new(focus: Focus, root: Root, known: frozenset[str]) -> bool:
    """Whether a further program runs only models of those that are told already."""
    models = models_run(focus, root) if known else frozenset()
    return bool(models) and models <= known


def models_run(focus: Focus, root: Root) -> frozenset[str]:
    """The names of the models that a program runs, those inside other models left out."""
    found: set[str] = set()
    for mark in walked(focus, root, DEEPEST):
        event = mark.event
        if focus.in_model(mark.frame) or not isinstance(event, Site | Outside):
            continue
        if isinstance(event, Site):  # what this way of calling runs, where the roster has every way
            made = focus.makes(event)
            found |= set() if made else {cls.definition.symbol for cls in focus.models(event)}
        elif (use := focus.roster.used(mark.frame, event.step)) is not None:
            found |= {made.name for made in use.made}
    return frozenset(found)


def _grouped(found: list[Root]) -> list[Root]:
    """The handlers of a server behind the script that starts it, and the first training behind the main program."""
    served = [root for root in found if root.entries[0].kind == "web app"]
    ordered = [r for root in found for r in (root, *(s for s in served if s.frame.path == root.frame.path))]
    kept = list({id(root): root for root in ordered}.values())
    told = [root for root in kept[1:] if root.entries[0].standing > 0]
    training = next((root for root in told if is_training(root.frame.path)), None)
    if training is None or not kept or is_training(kept[0].frame.path):
        return kept
    first = sum(root.frame.path == kept[0].frame.path for root in kept)
    return [*kept[:first], training, *(root for root in kept[first:] if root is not training)]


def _after(focus: Focus, root: Root) -> tuple[bool, bool, bool, bool]:
    leads = any(focus.models(site) or focus.followed(site, root.frame) for site in root.sites) or focus.direct(
        root.frame
    )
    entry = root.entries[0]
    minor = (entry.kind == "script" and not _is_told(focus, root)) or not is_served(focus, root)
    return not leads, _is_beside(focus, root), minor, entry.kind == "api" and not focus.runs(root.frame)


def _is_beside(focus: Focus, root: Root) -> bool:
    """Whether a command is installed by a manifest in a subfolder alone, and the root's README does not name it."""
    program, path = focus.program, root.frame.path
    kinds = {entry.kind for entry in root.entries} - {"api", "script"}
    told = Standing(program.snapshot).is_run_by_readme(path, program.facts[path].module)
    plain = kinds == {"console script"} and not told
    return plain and all(_is_nested(focus, e) for e in root.entries if e.kind == "console script")


def _is_nested(focus: Focus, entry: Entry) -> bool:
    nested = entry.kind == "console script" and "/" in entry.path
    return nested and not Standing(focus.program.snapshot).says(entry.name)


def is_served(focus: Focus, root: Root) -> bool:
    """Whether a handler belongs to a server that some main program starts; true for all other starts."""
    paths = {start.path for start in reach_of(focus.program.codebase).starts}
    return root.entries[0].kind != "web app" or root.frame.path in paths or not paths


def _is_told(focus: Focus, root: Root) -> bool:
    """Whether the file is one of the main programs, by what it builds or by who names it."""
    starts = reach_of(focus.program.codebase).starts
    return any((root.frame.path, "") in start.units for start in starts if not start.name.startswith(LIBRARY))


def start_hit(codebase: "Codebase", root: Root) -> CensusHit:
    """The line that says where a program starts and what runs it."""
    frame, entries = root.frame, root.entries
    definition = frame.definition
    ways = list(dict.fromkeys(way(entry) for entry in entries if entry.kind != "api"))
    shown = entries[0].shown is not None
    lines = (definition.head_start, definition.head_end) if definition and not shown else entries[0].lines
    what = f"{caller(frame)} ({frame.path})" if definition and not shown else caller(frame)
    run = f", run by {' and by '.join(ways)}" if ways and definition else "" if ways else ", a public function"
    about = f', documented as "{summary(definition)}"' if definition and summary(definition) else ""
    text = what[0].upper() + what[1:] + (f" ({frame.symbol})" if shown else run) + about
    return hit_at(
        codebase,
        frame.path,
        lines,
        symbol=frame.symbol,
        name=frame.symbol or frame.path,
        text=f"{text}:",
        related=tuple(("entry", e.path, *e.lines) for e in entries if e.path != frame.path),
        detail={"depth": "0", "number": "", "does": "start", "entry": entries[0].kind},
    )


def _hit(codebase: "Codebase", focus: Focus, mark: Mark) -> CensusHit:
    event, frame = mark.event, mark.frame
    targets = event.targets if isinstance(event, Site) else ()
    if isinstance(event, Guard):
        lines, does = (event.line, event.line), "loop"
    elif isinstance(event, Exit):
        lines, does = (event.line, event.line), "exit"
    else:
        lines, does = (event.step.start, event.step.end), _does(focus, event)
    again = [e.step for e in mark.again if not isinstance(e, Exit)]
    return hit_at(
        codebase,
        frame.path,
        lines,
        symbol=frame.symbol,
        name=label(targets[0]) if targets else getattr(event, "name", ""),
        text=f"Step {mark.number}: {line_of(focus, mark)}",
        related=(*map(defined, targets), *(("again", frame.path, s.start, s.end) for s in again)),
        detail={"depth": str(mark.level), "number": mark.number, "does": does},
    )


def _does(focus: Focus, event: Site | Outside) -> str:
    if isinstance(event, Outside):
        weights = event.step.written.rpartition(".")[2] == "load_state_dict"
        return "library" if weights or does(event) else "other"
    if not focus.models(event):
        return "calls"
    return "makes" if focus.makes(event) else "runs"
