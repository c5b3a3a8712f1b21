"""Kind `memory_answers`: direct answers in words on what becomes of models in memory, drawn from the other kinds.

Each answer is one sentence or two on what the main programs do, with its places; the lists stand elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of, reached_from
from retrieval.census.flow.scope import ASIDE, functions, parted, places, programs, said_of
from retrieval.census.language import Query, kind, parse_query, run_query
from retrieval.census.meaning.naming import naming_of
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.account import account
from retrieval.census.memory.devices import SPREAD as MAPPED
from retrieval.census.memory.kept_sets import kept_together
from retrieval.census.memory.launch_settings import launch_settings
from retrieval.census.memory.letting_go import told
from retrieval.census.memory.moves import device_moves
from retrieval.census.memory.object_sets import object_sets
from retrieval.census.memory.offloading_options import offloading_options
from retrieval.census.memory.placements import placements
from retrieval.census.memory.precision_told import precision
from retrieval.census.memory.residency import made_by
from retrieval.census.memory.unloading import unloading
from retrieval.census.models.roster import roster_of
from retrieval.census.settings.options import cli_options
from retrieval.census.telling.usage_answer import usage
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEVICE_TESTS = "calls: *.is_available, *.device_count, onnxruntime.get_available_providers"
_DEVICE_OPTION = re.compile(
    r"(?i)(?:^|[-_])(?:device(?:[-_]?ids?)?|execution[-_]providers?|providers|gpus?|gpu[-_]?ids?|use[-_](?:cpu|cuda|gpu))$"
)
_TOGETHER = re.compile(
    r".*?: (?:each \S+ object holds )?(?:at (?:least|most) )?\d+(?: of \d+)? models in memory together\b"
)
_TARGET = re.compile(r"moves .* to `(\w+)`")
MOST_NAMED, MOST_CITED, MOST_PROGRAMS, LEAST_SHELVES = 4, 6, 8, 2
_HOOK = re.compile(
    r"^(?:forward|setup|teardown|close|shutdown|run|predict|load|process\w*|\w+_step|\w+_end|\w+_start)$"
)


@kind(
    "memory_answers",
    summary="direct answers: whether models are unloaded, moved or deleted, in what the main programs run",
    example="memory_answers: unloading",
    reads="python",
    ordered=True,
)
def memory_answers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per answer; patterns are of unloading, memory, moving and usage."""
    for name, answer in _ANSWERS.items():
        if query.matches(name):
            text, hits = answer(codebase)
            yield said_of(codebase, name, text, hits)


def _unloading(codebase: "Codebase") -> tuple[str, list[CensusHit]]:
    text, hits = _models_let_go(codebase)
    switches = offloading_options(codebase)
    if switches:
        said = listed([hit.text for hit in switches], MOST_NAMED)
        if text.startswith("No. "):
            text = f"Yes, of data, by parameters: {said}. No whole model is let go: {text[4].lower()}{text[5:]}"
        else:
            text += f" Data or weights are kept off the GPU by parameters: {said}."
    maps = [hit for hit in placements(codebase, parse_query("placements")) if MAPPED in hit.detail.get("chosen", "")]
    maps, _ = parted(codebase, maps)
    if maps:
        names = listed([f"`{name}`" for hit in maps for name in hit.detail["names"].split(",")], MOST_NAMED)
        text += (
            f" Placement that may leave layers on the CPU from the start, which is no unloading: {names}, loaded with "
        )
        text += '`device_map="auto"` or the like, by which what does not fit on the GPUs goes to the CPU.'
        hits = [*hits, *maps[:2]]
    spread = [hit for hit in launch_settings(codebase) if hit.detail.get("offload") == "yes"]
    if spread:
        said = "; ".join(hit.text for hit in spread[:3])
        if text.startswith("No. "):
            code = f"{text[4].lower()}{text[5:]}"
            text = f"Only in training, where a launch names such settings: {said}. In the code: {code}"
        else:
            text += f" In training also, where a launch names such settings: {said}."
        hits = [*hits, *spread[:2]]
    ends, _ = parted(codebase, list(run_query(codebase, "calls: *.maybe_free_model_hooks").hits))
    if ends:
        text += (
            f" {functions(ends)} ends with `maybe_free_model_hooks()`, which takes the parts of the pipeline back to "
        )
        text += "the CPU where offloading has been turned on."
    return text, [*hits, *switches[:4], *ends[:2]]


def _models_let_go(codebase: "Codebase") -> tuple[str, list[CensusHit]]:
    run, idle, dead = let_go(codebase, "delete, container, none, release, cpu, offload")
    unused = f" {ASIDE} does it too: {places(idle)}." if idle and run else ""
    unused += f" Code for it exists that nothing is seen to call: {functions(dead)}." if dead else ""
    if run and all(_at_the_end(codebase, hit) for hit in run):
        text = f"Not while the program works: models are let go only when the object that holds them ends: {told(run)}."
        return f"{text} Nothing is unloaded between steps.{unused}", run
    if run:
        return f"Yes: {told(run)}.{_where(codebase, run)}{unused}", run
    stays = "offloaded, deleted or moved back to the CPU: a model stays in memory until the function or object that "
    stays += "holds it ends, at the latest with the process."
    if idle:
        text = f"Yes, but only in code that the main programs are not seen to run: {told(idle, placed=True)}."
        return f"{text} What the main programs themselves load is never {stays}{unused}", idle
    asked, movers = _on_request(codebase)
    return f"No. What the main programs load is never {stays}{asked}{unused}", [*movers, *dead]


def _on_request(codebase: "Codebase") -> tuple[str, list[CensusHit]]:
    """The methods `to(device)` here by which a caller may move a model anywhere, in a sentence; "" for none."""
    program, found = program_of(codebase), []
    for hit in device_moves(codebase, parse_query("device_moves: model, to=device")):
        target = _TARGET.search(hit.text)
        definition = program.definition(hit.path, hit.symbol) if target and hit.symbol.endswith(".to") else None
        frame = program.frame(hit.path, definition) if definition is not None else None
        found += [hit] if target and frame is not None and target[1] in frame.parameters else []
    text = f" By {functions(found)} a caller may move it to any device, the CPU too." if found else ""
    return text, found


def let_go(codebase: "Codebase", sorts: str) -> tuple[list[CensusHit], list[CensusHit], list[CensusHit]]:
    """What lets models go in what the main programs run, in other code, and in functions that nothing calls."""
    run, idle = parted(codebase, list(unloading(codebase, parse_query(f"unloading: {sorts}"))))
    called = {call.name.rpartition(".")[2] for _, call in codebase.all_calls()}
    # A method may also be handed on to be called: `change(fn=voice.load)`.
    given = (text for _, call in codebase.all_calls() for text in (*call.arguments, *dict(call.keywords).values()))
    called |= {last for text in given if (last := text.rpartition(".")[2]).isidentifier()}
    run = [hit for hit in run if not hit.symbol.endswith(".__init__")]  # a part that is built anew
    dead = [hit for hit in run if "." in hit.symbol and not _may_run(hit.symbol.rpartition(".")[2], called)]
    dead += [hit for hit in idle if hit.symbol and not _may_run(hit.symbol.rpartition(".")[2], called)]
    return [hit for hit in run if hit not in dead], [hit for hit in idle if hit not in dead], dead


def _may_run(method: str, called: set[str]) -> bool:
    """Whether a method is called by its name, or is one that Python or a library may call."""
    return method in called or method.startswith(("__", "on_")) or bool(_HOOK.search(method))


def _at_the_end(codebase: "Codebase", hit: CensusHit) -> bool:
    """Whether only the end of an object makes a release run: `__del__`; callers of a method are told by its name."""
    method = hit.symbol.rpartition(".")[2]
    roles = codebase.snapshot.by_path
    calls = [(path, call) for path, call in codebase.all_calls() if call.name.rpartition(".")[2] == method]
    callers = {call.symbol.rpartition(".")[2] for path, call in calls if roles[path].role == "source"} - {method}
    return method == "__del__" or (bool(callers) and callers == {"__del__"})


def _where(codebase: "Codebase", hits: Sequence[CensusHit]) -> str:
    """Which of several main programs reach one of the hits, when not all do."""
    roster = roster_of(codebase)
    starts = [start for start in reach_of(codebase).starts if made_by(roster, start)]
    if not 1 < len(starts) <= MOST_PROGRAMS:
        return ""
    units = [(start, reached_from(codebase, [start])) for start in starts]
    naming = naming_of(codebase)
    at = {naming.unit_at(hit.path, hit.start) for hit in hits}
    having = list(dict.fromkeys(start.name for start, run in units if at & run))
    lacking = list(dict.fromkeys(start.name for start, run in units if not at & run and start.name not in having))
    if not having or not lacking:
        return ""
    return f" This happens in {programs(having)} and not in {programs(lacking)}."


def _moving(codebase: "Codebase") -> tuple[str, list[CensusHit]]:
    moved, elsewhere = parted(codebase, list(device_moves(codebase, parse_query("device_moves: model, to=device"))))
    back, idle, _ = let_go(codebase, "cpu, offload")
    gone, unused, dead = let_go(codebase, "delete, container, none, release")
    text = f"Moved: yes, to a device by {functions(moved)}" if moved else "Moved: "
    if not moved:
        text += f"yes, in code that the main programs are not seen to run: {places(elsewhere)}" if elsewhere else ""
        text += "" if elsewhere else "no model is moved to a device by a call of its own"
    text += f"; {told(back)}." if back else f"; back to the CPU {f'only by {places(idle)}' if idle else 'never'}."
    text += _on_request(codebase)[0] if not back and not idle else ""
    text += f" Deleted: yes, {told(gone)}.{_where(codebase, gone)}" if gone else " Deleted: "
    if not gone:
        built = [hit for hit in unloading(codebase, parse_query("unloading: delete, discard")) if _builds(hit)]
        parts = (
            f"no whole model, only parts that are not needed, while one is built, by {functions(built)}."
            if built
            else "no."
        )
        text += f"only in code that the main programs are not seen to run: {places(unused)}." if unused else parts
    elif unused:
        text += f" {ASIDE} deletes too: {places(unused)}."
    text += f" Only in functions that nothing is seen to call: {functions(dead)}." if dead and not gone else ""
    return text, [*(moved or elsewhere)[:2], *back[:2], *gone[:3], *idle[:1], *unused[:2]]


def _builds(hit: CensusHit) -> bool:
    return hit.symbol.endswith("__init__") and hit.role in ("source", "example")


def _memory(codebase: "Codebase") -> tuple[str, list[CensusHit]]:
    placed, elsewhere = parted(codebase, list(placements(codebase, parse_query("placements"))))
    lead = "" if placed or not elsewhere else "In code that the main programs are not seen to run: "
    placed = placed or elsewhere
    hosted = [hit for hit in placed if hit.detail["hosted"] == "yes"]
    served = [hit for hit in placed if hit.detail["hosted"] == "served"]
    placed = [hit for hit in placed if hit not in served]
    local = [hit for hit in placed if hit not in hosted and hit.name]
    local = [hit for hit in local if hit.detail.get("used") != "no"] or local
    chosen: dict[str, list[str]] = {}
    unknown = {hit.detail["chosen"] for hit in local if hit.detail.get("known") == "no"}
    for hit in local:
        if hit.detail["chosen"]:
            names = [f"`{name}`" for name in hit.detail["names"].split(",")]
            chosen.setdefault(hit.detail["chosen"], []).extend(names)
    rows = [
        f"{listed(names, MOST_NAMED)} on {said}".replace(" on chosen", " as chosen")
        for said, names in sorted(chosen.items(), key=lambda r: (r[0] in unknown, -len(r[1])))
    ]
    if rows:
        text = f"{lead}{'w' if lead else 'W'}eights are placed as follows: {'; '.join(rows[:3])}"
        text += f"{next((hit.detail['library'] for hit in local if hit.detail.get('library')), '')}."
    elif any(hit.detail["hosted"] == "no" for hit in placed):
        text, placed = _unplaced(codebase, placed) if not served else ("", placed)
    elif hosted and not served:
        text = "No model's weights are in the memory of this process."
    else:
        text = "" if served else "No model was found that the main programs hold in memory."
    text = " ".join([*(f"{hit.text[0].upper()}{hit.text[1:]}." for hit in served), *([text] if text else [])])
    text += _fullest(codebase) + (account(codebase) if local or rows else "")
    text += precision(codebase)
    if hosted:
        names = [f"`{name}`" for hit in hosted for name in hit.detail["names"].split(",")]
        text += f" Hosted, without weights or VRAM here: {listed(names, MOST_NAMED)}."
    proving = [hit for hit in placed if hit.detail.get("chosen") or "hosted" not in hit.detail]
    return text, [*served, *proving[:4], *hosted[:2]]


def _fullest(codebase: "Codebase") -> str:
    """What is in memory together where it is several models: of the program, or the object, that holds most."""
    for hit in run_query(codebase, "residency").hits:
        if _TOGETHER.match(hit.text):
            first, *others = hit.text.split("; ")
            also = [part for part in others if part.startswith("of these ")]
            lead = "All at once" if "until `del" not in first else "Together, as long as none has been let go yet"
            return f" {lead}: {'; '.join([first, *also[:1]])}."
        if shelves := _shelved(codebase):
            return shelves
        if hit.text.startswith("Each ") and " holds at the same time, " in hit.text:
            stays = kept_together(codebase, object_sets(codebase))
            also = f" {stays[0].upper()}{stays[1:]}." if stays else ""
            return f" All at once: {hit.text[0].lower()}{hit.text[1:]}.{also}"
    return ""


def _shelved(codebase: "Codebase") -> str:
    """The containers in which what was loaded stays, where there are several: what was used is in memory together."""
    every = [hit for hit in run_query(codebase, "caching: models").hits if " keeps loaded " in hit.text]
    kept, _ = parted(codebase, every)
    names = list(dict.fromkeys(hit.text.split("`")[1] for hit in kept))
    if len(names) < LEAST_SHELVES:
        return ""
    held = listed([f"`{name}`" for name in names], MOST_NAMED)
    return f" Each model that was used stays in its container ({held}) until it is let go, in memory with the others."


def _unplaced(codebase: "Codebase", placed: list[CensusHit]) -> tuple[str, list[CensusHit]]:
    """What is known of the device when no argument was traced to it: tests of availability, and options."""
    where, _ = parted(codebase, list(run_query(codebase, DEVICE_TESTS).hits))
    options = [hit for hit in cli_options(codebase, parse_query("cli_options")) if _DEVICE_OPTION.search(hit.name)]
    main = [hit for hit in options if hit.role == "source"]
    text = "No device argument of a model was traced to a choice between GPU and CPU"
    if not where and not main:
        text += "; the libraries that load them choose"
    text += f"; availability is tested by {functions(where)}" if where else ""
    named = [hit.text.partition("): ")[0] + ")" if "): " in hit.text else hit.text for hit in main]
    text += f"; options that name devices: {listed(list(dict.fromkeys(named)), 3)}" if main else ""
    return f"{text}.", [*placed, *main[:2]]


_ANSWERS: dict[str, Callable[["Codebase"], tuple[str, list[CensusHit]]]] = {
    "unloading": _unloading,
    "memory": _memory,
    "moving": _moving,
    "usage": usage,
}
