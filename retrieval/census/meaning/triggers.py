"""What makes a function run: its callers, upwards until all of them stand under a switch that people set."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.wording import caller
from retrieval.census.settings.switch import Place, Switch
from retrieval.census.settings.switches import Condition, switches_of

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Row = tuple[str, str, int, tuple[Switch, ...]]  # a caller, its place, and the switches it calls under
Told = dict[str, list[Row]]  # a condition in words → callers
MOST_UP, MOST_NAMED, MOST_WIDE = 3, 3, 40


@dataclass(frozen=True)
class Trigger:
    """The callers of a body as the end of a sentence, their places, and the switches that they call under."""

    said: str = ""
    places: tuple[Place, ...] = ()
    switches: tuple[Switch, ...] = ()


def triggers_of(codebase: "Codebase", frame: "Frame") -> Trigger:
    """What makes a body run; an empty trigger when no caller is known."""
    level, seen = [frame], {id(frame)}
    first: Told = {}
    told: Told = {}
    for _ in range(MOST_UP):
        told = _told(_callers(codebase, level))
        first = first or told
        if any(told) or not told:
            break
        level = [around for around, _, _ in _callers(codebase, level) if id(around) not in seen][:MOST_WIDE]
        seen |= {id(around) for around in level}
    if "" in told or not told:
        told = first  # some callers call whatever is set: who calls it is told, not under what the others do
    groups = [_group([row[:3] for row in rows], words) for words, rows in sorted(told.items(), key=lambda r: r[0] > "")]
    said = "; run by " + ", and by ".join(groups[:2]) if groups else ""
    rows = [row for members in told.values() for row in members]
    behind = dict.fromkeys(switch for row in rows for switch in row[3] if "" not in told)
    places = [(path, line) for members in told.values() for _, path, line, _ in members[:MOST_NAMED]]
    if not groups:
        by_name = _by_name(codebase, frame)
        names = list(dict.fromkeys(f"`{symbol}()`" for _, _, symbol in by_name))
        more = f" and {len(names) - MOST_WIDE} more" if len(names) > MOST_WIDE else ""
        said = f"; run by {', '.join(names[:MOST_WIDE])}{more}" if names else ""
        places = [(path, line) for path, line, _ in by_name[:MOST_WIDE]]
    return Trigger(said + _at_exit(codebase, frame, rows), tuple(places), tuple(behind))


def _by_name(codebase: "Codebase", frame: "Frame") -> list[tuple[str, int, str]]:
    """The calls of a method by its name, where all classes that have a method of that name are of one family: what
    holds such an object calls it, whichever of them it is."""
    program, name = program_of(codebase), frame.symbol.rpartition(".")[2]
    if frame.owner is None or name.startswith("__"):
        return []
    having = [cls for cls in program.line(frame.owner) if program.method(cls, name) is not None]
    family = {(c.path, c.definition.symbol) for root in having[-1:] for c in (root, *program.descendants(root))}
    defined = {
        (path, item.symbol.rpartition(".")[0])
        for path, item in codebase.all_definitions()
        if item.name == name and item.kind != "class" and codebase.snapshot.by_path[path].role == "source"
    }
    if not defined <= family:
        return []
    return [
        (path, call.start, call.symbol)
        for path, call in codebase.all_calls()
        if call.written.endswith(f".{name}")
        and codebase.snapshot.by_path[path].role == "source"
        and call.symbol
        and call.symbol != frame.symbol
    ]


def _at_exit(codebase: "Codebase", frame: "Frame", rows: list[Row]) -> str:
    """Whether the body, or one of its callers, is given to `atexit.register`."""
    calls = [call for facts in codebase.facts.values() for call in facts.calls if call.name == "atexit.register"]
    given = {argument for call in calls for argument in call.arguments[:1]}
    names = [frame.definition.name] if frame.definition else []
    names += [row[0].strip("`()").rpartition(".")[2] for row in rows]
    last = next((name for name in names if name in given), "")
    return f"; `atexit.register({last})` runs it when the process ends" if last else ""


def _told(found: "list[tuple[Frame, int, list[Condition]]]") -> "Told":
    """Callers by the switches that they call under."""
    told: Told = {}
    for around, line, conditions in found:
        switched = [c for c in conditions if c.is_set]
        words = " and ".join(dict.fromkeys(c.said for c in switched))
        behind = tuple(s for c in switched for s in c.switches)
        told.setdefault(words, []).append((caller(around), around.path, line, behind))
    return told


def _callers(codebase: "Codebase", level: "list[Frame]") -> "list[tuple[Frame, int, list[Condition]]]":
    holders, switches = tracer_of(program_of(codebase)).holders, switches_of(codebase)
    return [
        (around, step.start, switches.conditions(around, step.guards))
        for inner in level
        for around, step, _target in holders.callers(inner)[:MOST_WIDE]
    ]


def _group(places: list[tuple[str, str, int]], words: str) -> str:
    names = list(dict.fromkeys(name for name, _, _ in places))
    files = len({path for _, path, _ in places})
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    wide = f" in {files} files" if files > 1 else ""
    return ", ".join(names[:MOST_NAMED]) + more + wide + (f" only if {words}" if words else "")
