"""Kind `flow`: from each entry point, the calls of repository code in order, with their circumstances."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.entries import Entry, main_sites, start_frames
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import Site, defined, entered, imported_sites
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.trivial import is_trivial
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import action, caller, circumstances, label, summary
from retrieval.census.models.outside import Outside, outside_steps
from retrieval.census.project.exports import entries_in_order
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

Step = Site | Outside
DEPTH = 3
SMALL_LINES = 12
_ENDS = re.compile(
    r"^(?:print|exit|quit|input|sys\.exit|os\._exit|log\w*\.\w+|time\.\w+|gc\.collect)$|\.(?:close|join|show|shutdown)$"
)


@dataclass(slots=True)
class Root:
    """Where one flow starts: the body that runs, the sites of it that count, and the entries that start it."""

    frame: "Frame"
    sites: list[Site]
    entries: list[Entry] = field(default_factory=list)
    block: bool = False  # a script's top level instead of a function


@kind(
    "flow",
    summary="the ordered calls of repository code from each entry point (depth=N, roots=N, all=yes)",
    example="flow: depth=2",
    reads="python",
    options=("depth", "roots", "all"),
    ordered=True,
)
def flow(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Execution order. Each hit is one call, nested calls follow theirs; patterns match the root's name.

    Calls of trivial functions (see `trivial.py`) are left out unless `all=yes` asks for them.
    `detail` holds `depth` (0 for the root itself), `number` ("2.1"), `root` and its `rank`.
    """
    program = program_of(codebase)
    depth = query.number("depth", DEPTH)
    most = query.number("roots", 1_000_000)
    shown: set[tuple[str, str]] = set()
    rank = 0
    for root in roots(program):
        name = root.frame.symbol or root.frame.path
        if rank >= most or not query.matches(name):
            continue
        if root.entries[0].kind == "api" and (root.frame.path, root.frame.symbol) in shown:
            continue
        rank += 1
        printer = _Printer(codebase, program, root, rank, shown)
        printer.all = query.options.get("all") == "yes"
        yield from printer.hits(depth)


def roots(program: "Program") -> list[Root]:
    """Every start of execution with calls of the repository or of model libraries in it, entries of one body joined."""
    found: dict[tuple[str, str, int], Root] = {}
    for entry in entries_in_order(program):
        root = _root(program, entry)
        if root is None or not (root.sites or _is_of_libraries(program, root.frame, entry)):
            continue
        line = entry.guard_line if root.block else 0
        kept = found.setdefault((root.frame.path, root.frame.symbol, line), root)
        kept.entries.extend([entry] if entry not in kept.entries else [])
    return list(found.values())


def _is_of_libraries(program: "Program", frame: "Frame", entry: Entry) -> bool:
    """Whether a program that calls nothing else of the repository calls model libraries."""
    found = outside_steps(program, frame)
    return bool(found) and (entry.target is not None or any(item.does == "library" for item in found))


def _root(program: "Program", entry: Entry) -> Root | None:
    if entry.shown is not None:
        return next((Root(frame, program.sites(frame)) for frame in start_frames(program, entry)), None)
    if entry.target is not None:
        frame = entered(program, entry.target)
        return Root(frame, program.sites(frame)) if frame else None
    frame = program.frame(entry.path, None)
    if frame is None:
        return None
    sites = main_sites(program, frame, entry)
    alone = len(sites) == 1 and not _goes_on(frame, sites[0])
    if alone and (inner := entered(program, sites[0].target)) is not None:
        whole = inner.definition is None
        return Root(inner, imported_sites(program, inner) if whole else program.sites(inner), block=whole)
    return Root(frame, sites, block=True)


def _goes_on(frame: "Frame", site: Site) -> bool:
    """Whether a script does more of weight after its one call of repository code than to say so and to end."""
    around = site.step.node
    later = [
        step for step in frame.body.calls if step.start > site.step.end and step.guards[:1] == site.step.guards[:1]
    ]
    return any(step.node.id != around.id and not _ENDS.search(step.written) for step in later)


class _Printer:
    def __init__(
        self,
        codebase: "Codebase",
        program: "Program",
        root: Root,
        rank: int,
        shown: set[tuple[str, str]],
    ) -> None:
        self.codebase = codebase
        self.program = program
        self.root = root
        self.rank = rank
        self.shown = shown
        self.all = False
        self.opened: set[tuple[str, str]] = set()
        self.described: set[str] = set()

    def hits(self, depth: int) -> Iterator[CensusHit]:
        yield self._start()
        yield from self._steps(self.root.frame, self.root.sites, "", depth, 1)

    def _start(self) -> CensusHit:
        frame, entries = self.root.frame, self.root.entries
        definition = frame.definition
        ways = list(dict.fromkeys(way(entry) for entry in entries if entry.kind != "api"))
        what = f"{caller(frame)} ({frame.path})" if definition else caller(frame)
        lines = (definition.head_start, definition.head_end) if definition else entries[0].lines
        if not ways or definition is None:
            offered = "Public API: " if not ways and not entries[0].shown else "Execution of " if ways else ""
            text = f"{offered}{what} runs the following calls"
        else:
            text = f"Execution starts in {what}, run by {' and by '.join(ways)}"
        about = summary(definition) if definition else ""
        return hit_at(
            self.codebase,
            frame.path,
            lines,
            symbol=frame.symbol,
            name=frame.symbol or frame.path,
            text=f'{text} — documented as "{about}"' if about else text,
            related=tuple(("entry", e.path, *e.lines) for e in entries if e.path != frame.path),
            detail=self._detail(0, ""),
        )

    def _detail(self, depth: int, number: str) -> dict[str, str]:
        name = self.root.frame.symbol or self.root.frame.path
        return {
            "depth": str(depth),
            "number": number,
            "root": name,
            "rank": str(self.rank),
            "entry": self.root.entries[0].kind,
        }

    def _steps(self, frame: "Frame", sites: list[Site], number: str, left: int, depth: int) -> Iterator[CensusHit]:
        self.opened.add((frame.path, frame.symbol))
        self.shown.add((frame.path, frame.symbol))
        if left <= 0:
            return
        for position, step in enumerate(self._ordered(frame, sites), 1):
            own = f"{number}{position}"
            first, again = step
            if isinstance(first, Outside):
                yield self._outside(frame, (first, again), own, depth)
                continue
            site = first
            yield self._step(frame, (site, again), own, depth)
            yield from self._entered(frame, site, own, left - _cost(frame, site), depth)

    def _entered(self, frame: "Frame", site: Site, number: str, left: int, depth: int) -> Iterator[CensusHit]:
        """The steps of what a site runs; the alternatives of a call are numbered a, b, c."""
        for position, target in enumerate(site.targets):
            inner = entered(self.program, target)
            if left <= 0 or inner is None or (inner.path, inner.symbol) in self.opened:
                continue
            letter = chr(ord("a") + position) if site.others and position < 26 else ""
            calls = self.program.sites(inner)
            yield from self._steps(inner, calls, f"{number}{letter}.", left, depth + 1)

    def _ordered(self, frame: "Frame", sites: list[Site]) -> list[tuple[Step, list[Step]]]:
        """Repository calls and calls of model libraries in order of execution, each with its repetitions."""
        steps: list[Step] = [site for site in sites if self.all or not is_trivial(self.program, site)]
        block = self.root.block and frame is self.root.frame
        guard = self.root.entries[0].guard_line if block else 0
        for outside in outside_steps(self.program, frame) if not block or guard else ():
            if not guard or any(g.line == guard for g in outside.step.guards):
                steps.append(outside)
        return _joined(self.program, sorted(steps, key=lambda step: step.step.order))

    def _outside(self, frame: "Frame", item: tuple[Outside, list[Step]], number: str, depth: int) -> CensusHit:
        step, again = item
        subject = caller(frame)
        text = f"{subject[0].upper()}{subject[1:]} {step.said}{circumstances(step.step.guards)}{_repeated(step, again)}"
        return hit_at(
            self.codebase,
            frame.path,
            (step.step.start, step.step.end),
            symbol=frame.symbol,
            name=step.name,
            text=text,
            related=tuple(("again", frame.path, s.step.start, s.step.end) for s in again),
            detail=self._detail(depth, number) | {"does": step.does},
        )

    def _step(self, frame: "Frame", item: tuple[Site, list[Step]], number: str, depth: int) -> CensusHit:
        site, again = item
        subject = caller(frame)
        text = f"{subject[0].upper()}{subject[1:]} {action(site, frame.path)}{circumstances(site.step.guards)}"
        text += _repeated(site, again)
        named = label(site.target)
        single = not site.others and named not in self.described
        about = summary(site.target.definition) if single else ""
        self.described.add(named)
        return hit_at(
            self.codebase,
            frame.path,
            (site.step.start, site.step.end),
            symbol=frame.symbol,
            name=named,
            text=text,
            related=(*map(defined, site.targets), *(("again", frame.path, s.step.start, s.step.end) for s in again)),
            detail=self._detail(depth, number)
            | ({"about": about} if about else {})
            | {"does": "construct" if isinstance(site.target, ClassRef) else "call"},
        )


def way(entry: Entry) -> str:
    """What starts an entry, in words."""
    match entry.kind:
        case "console script":
            return f"the console script `{entry.name}`"
        case "package main":
            return f"`{entry.name}`"
        case "script":
            return f"the script {entry.path}" if entry.name == entry.path else f"`{entry.name}`"
        case "web app":
            return "Cog" if entry.text.startswith("Cog") else "requests to the server"
    return "`torch.hub.load`"


def _joined(program: "Program", steps: list[Step]) -> list[tuple[Step, list[Step]]]:
    """Steps with the later ones that repeat them: the same call in the same circumstances; calls of small leaf
    functions and calls out of the repository in any."""
    found: dict[object, tuple[Step, list[Step]]] = {}
    for step in steps:
        key: object = (step.name, step.said) if isinstance(step, Outside) else _call_key(program, step)
        if key in found:
            found[key][1].append(step)
        else:
            found[key] = (step, [])
    return list(found.values())


def _call_key(program: "Program", site: Site) -> object:
    return (site.targets, site.step.written, () if _is_leaf(program, site) else _keys(site))


def _repeated(step: Step, again: list[Step]) -> str:
    if not again:
        return ""
    lines = ", ".join(str(other.step.start) for other in again)
    alike = all(_keys(other) == _keys(step) for other in again)
    return f"; again on line{'s' if len(again) > 1 else ''} {lines}" + ("" if alike else " in other circumstances")


def _keys(site: Step) -> tuple[tuple[int, int], ...]:
    return tuple((guard.key, guard.arm) for guard in site.step.guards if guard.kind != "past")


def _is_leaf(program: "Program", site: Site) -> bool:
    definition = site.target.definition
    inner = entered(program, site.target)
    small = definition.end - definition.head_end <= SMALL_LINES
    return small and inner is not None and not program.sites(inner)


def _cost(frame: "Frame", site: Site) -> int:
    """How much of the depth a call takes: inner functions none, constructors of layers twice as much."""
    if isinstance(site.target, ClassRef):
        return 2
    return 0 if site.target.definition.symbol.startswith(f"{frame.symbol}.") and frame.symbol else 1
