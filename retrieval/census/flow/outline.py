"""Kind `outline`: the main programs in sentences: what they run in which order, and which models."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.event_outline import event_sentences
from retrieval.census.flow.flow import Root, way
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.model_order import ordered
from retrieval.census.flow.own_steps import inside, spine, steps_by_number, steps_in
from retrieval.census.flow.pipeline import is_served, main_roots, models_run
from retrieval.census.flow.rounds import round_of
from retrieval.census.flow.rounds import told as said_of_round
from retrieval.census.flow.trainer_calls import trained_by
from retrieval.census.flow.walk import LOOPS, Mark, walked
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.wording import caller
from retrieval.census.models.outside import Outside
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

STEPS, MODELS, INSIDE, OTHERS, DEPTH, DEEP, LIBRARY, SHOWN, ROUNDS, PROGRAMS = 36, 24, 12, 8, 9, 20, 6, 2, 3, 4
FURTHER, MAIN, FURTHER_ONE = 2, "The main program is", "Another program that runs other models is"
NO_ORDER = "Made or loaded besides in these pipelines, alternatives and optional steps among them, so in no order"
RUN_SOMEWHERE = "Run besides in these pipelines, alternatives and optional steps among them, so in no order"
_MODEL = re.compile(r"(?:^|one of: |, or )`([^`]+)`")
Place = tuple[str, str, int, int]


@kind(
    "outline",
    summary="one sentence each on the steps of the main program, the models it makes and runs, and other programs",
    example="outline, or outline: what=models",
    reads="python",
    options=("what",),
    ordered=True,
)
def outline(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Sentences on the most important program, and one on the others; `what=steps|models|others` keeps some."""
    focus = focus_of(codebase)
    roots = main_roots(focus)
    if not roots:
        return
    wanted = query.options.get("what", "steps|loops|models|others").split("|")
    used = _used(roots)
    if "steps" in wanted:
        for root in used[:SHOWN] if _is_shown(roots[0]) else roots[:1]:
            yield from _steps(codebase, focus, root)
        for root in [root for root in _with_models(focus, roots, used) if root not in used][:FURTHER]:
            yield from _steps(codebase, focus, root, FURTHER_ONE)
    if "loops" in wanted:
        yield from _loops(codebase, focus, roots[0])
    if "models" in wanted:
        yield from _models(codebase, focus, _with_models(focus, roots, used))
    if "others" in wanted and len(roots) > 1:
        yield from _others(codebase, focus, roots)


def _used(roots: list[Root]) -> list[Root]:
    """The main program; of a library the uses that its documents show, else its first public functions."""
    if roots[0].entries[0].kind != "api":
        return roots[:1]
    shown = [root for root in roots if _is_shown(root)]
    return shown[:SHOWN] or [root for root in roots if root.entries[0].kind == "api"][:LIBRARY]


def _with_models(focus: Focus, roots: list[Root], used: list[Root]) -> list[Root]:
    """The programs `used`, and those after them that run models which none before them runs."""
    found = list(used)
    known = frozenset[str]().union(*(models_run(focus, root) | _trainers(focus, root) for root in used))
    for root in roots:
        if root in found or root.entries[0].kind == "api" or not is_served(focus, root) or _tests_itself(root):
            continue
        if len(found) >= PROGRAMS:
            break
        models = models_run(focus, root) | _trainers(focus, root)
        if models - known:
            found.append(root)
            known |= models
    return found


def _tests_itself(root: Root) -> bool:
    """Whether a program is a script that nothing names, deep among the modules: mostly it tries out its module."""
    return root.entries[0].kind == "script" and root.entries[0].standing < 0


def _trainers(focus: Focus, root: Root) -> frozenset[str]:
    """The trainers of libraries whose loops a program runs."""
    marks = walked(focus, root, DEEP)
    events = ((mark.frame, mark.event) for mark in marks if isinstance(mark.event, Site | Outside))
    return frozenset(trained_by(frame, event) for frame, event in events) - {""}


def _steps(codebase: "Codebase", focus: Focus, root: Root, lead: str = MAIN) -> Iterator[CensusHit]:
    """What a program runs, then what the step runs that runs most models, and so on; of others than the main one only
    the first of these."""
    marks = walked(focus, root, DEPTH)
    frame = root.frame if _is_shown(root) else spine(focus, root.frame, marks)
    told, own, partly = steps_in(focus, marks, frame)
    events = event_sentences(focus, marks)
    if not told and not events:
        return
    loaded = _loaded(focus, root, marks)
    hands = ". Then it" if loaded else ", which"
    via = "" if frame is root.frame else f"{hands} hands the work to {caller(frame)} ({frame.path}); that"
    begin = "Then it" if loaded else "At its start it" if events and not via else "It"
    run = f"{via or f'. {begin}'} runs {_listed(told, partly)}" if told else ""
    before = f". When its file is loaded, the top level of the file runs {' → '.join(loaded)}" if loaded else ""
    places = [_place(mark) for mark in (*loaded.values(), *(own or marks[:1]))]
    yield _sentence(codebase, root, _begins(root, lead) + before + run, places)
    further = events or inside(focus, marks, own, steps_by_number(focus, marks))
    for said, held in further if lead == MAIN else further[:1]:
        yield _sentence(codebase, root, said, [_place(mark) for mark in held])


def _loaded(focus: Focus, root: Root, marks: list[Mark]) -> dict[str, Mark]:
    """What the top level of the file does with models before the function runs that starts the program."""
    frame = focus.program.frame(root.frame.path, None) if root.frame.definition else None
    told, own, _ = steps_in(focus, [mark for mark in marks if mark.frame is frame], frame) if frame else ([], [], False)
    return dict(zip(told, own, strict=False))


def _loops(codebase: "Codebase", focus: Focus, root: Root) -> Iterator[CensusHit]:
    """The loops around model runs that carry something from round to round, the outermost first."""
    marks = walked(focus, root, DEEP)
    steps = steps_by_number(focus, marks)
    told_ones: set[int] = set()
    for mark in marks:
        guard = mark.event
        if not isinstance(guard, Guard) or guard.kind not in LOOPS or focus.is_layer(mark.frame):
            continue
        runs = any(n.startswith(f"{mark.number}.") and step.runs for n, step in steps.items())
        found = round_of(mark.frame, guard)
        if not runs or not found.tells or guard.key in told_ones or len(told_ones) >= ROUNDS:
            continue
        told_ones.add(guard.key)
        head = f"while `{guard.text}`" if guard.kind == "while" else f"for each `{guard.text}`"
        text = f"{caller(mark.frame)} repeats its steps {head}: {said_of_round(found)}"
        place = ("loop", mark.frame.path, guard.line, guard.line)
        yield _sentence(codebase, root, text[0].upper() + text[1:], [place])


def _listed(told: list[str], partly: bool) -> str:
    """ "4 steps in this order: a → b"; one step by its name."""
    if len(told) == 1:
        return told[0]
    more = f" → and {len(told) - STEPS} more" if len(told) > STEPS else ""
    which = "these main steps" if partly else counted(len(told), "step")
    return f"{which} in this order: {' → '.join(told[:STEPS])}{more}"


def _begins(root: Root, lead: str = MAIN) -> str:
    ways = list(dict.fromkeys(way(entry) for entry in root.entries if entry.kind != "api"))
    if _is_shown(root):
        return f"The code is used as a library, as {caller(root.frame)} shows ({root.frame.symbol})"
    where = caller(root.frame) + (f" in {root.frame.path}" if root.frame.definition else "")
    if not ways:
        return f"The code is used as a library; the most important of its public functions is {where}"
    return f"{lead} {where}" + (f", started by {' or '.join(ways)}" if root.frame.definition else "")


def _models(codebase: "Codebase", focus: Focus, roots: list[Root]) -> Iterator[CensusHit]:
    """What each program makes or loads, what it runs, and what models run inside, in the order of the first time."""
    told: set[str] = set()
    for root in roots:
        marks = walked(focus, root, DEEP)
        order = ordered(focus, [marks])
        several = _has_pipelines(focus, marks)
        made, run = (_untold(focus, items) if several else items for items in (order.made, order.run))
        inside = [f"`{name}`: {' → '.join(steps[:INSIDE])}" for name, steps in order.inside.items()]
        parts = [f"`{name}`: {' → '.join(steps[:INSIDE])}" for name, steps in order.parts.items()]
        for verb, key, found in (
            (NO_ORDER if several else "Made or loaded, in this order", "made", made),
            ("Their constructors make, each in its order", "parts", parts),
            (RUN_SOMEWHERE if several else "Run, in this order", "run", run),
            ("Inside these models run, method by method", "inside", inside),
        ):
            more = f" and {len(found) - MODELS} more" if len(found) > MODELS else ""
            listed = "; ".join(found[:MODELS]) if key in ("inside", "parts") or several else numbered(found[:MODELS])
            if not found or f"{verb}{listed}" in told:
                continue
            told.add(f"{verb}{listed}")
            lead = f"By {_placed(root)}: {verb[0].lower()}{verb[1:]}" if len(roots) > 1 else verb
            yield _sentence(codebase, root, f"{lead}: {listed}{more}", [_place(mark) for mark in order.marks[key]])


def _untold(focus: Focus, items: list[str]) -> list[str]:
    """What is no model of a stage whose place in the order is told with the stage."""
    hits = run_query(focus.program.codebase, "stage_order").hits
    told = {name for hit in hits for name in hit.detail["models"].split(",")}
    return [item for item in items if not (names := set(_MODEL.findall(item))) or not names <= told]


def _has_pipelines(focus: Focus, marks: list[Mark]) -> bool:
    """Whether a program runs one of several pipeline objects of one base, each with its own order of stages."""
    program = focus.program
    hits = run_query(program.codebase, "stage_order").hits
    told = {name for hit in hits for name in hit.detail["classes"].split(",")}
    pipelines = [cls for cls in program.classes if cls.definition.symbol in told]
    bases = {base for cls in pipelines for base in program.line(cls)}
    owners = {mark.frame.receiver or mark.frame.owner for mark in marks} - {None}
    family = {cls for cls in owners if cls is not None and bases & set(program.line(cls))}
    return len({cls for cls in family if not set(program.descendants(cls)) & family}) > 1


def numbered(names: list[str]) -> str:
    """ "(1) a; (2) b"; one name stands by itself."""
    return "; ".join(f"({at}) {name}" for at, name in enumerate(names, 1)) if len(names) > 1 else "".join(names)


def _others(codebase: "Codebase", focus: Focus, roots: list[Root]) -> Iterator[CensusHit]:
    """Other programs; besides a program the use as a library that documents show, else the public functions."""
    others = [root for root in roots[1:] if root.entries[0].kind != "api" and is_served(focus, root)]
    shown = [root for root in roots[1:] if _is_shown(root)]
    if others:
        yield _list(codebase, others, "Execution can also start in")
    if shown and not _is_shown(roots[0]):
        root = max(shown, key=lambda shown_one: len(models_run(focus, shown_one)))
        told, own, _ = steps_in(focus, walked(focus, root, DEPTH), root.frame)
        text = f"As a library it is used as {_placed(root)} shows: {' → '.join(told[:STEPS])}"
        yield _sentence(codebase, root, text, [_place(mark) for mark in own])
    api = [root for root in roots[1:] if root.entries[0].kind == "api" and not focus.is_layer(root.frame)]
    if api and not others and not shown:
        yield _list(codebase, api, "As a library it offers")


def _list(codebase: "Codebase", roots: list[Root], lead: str) -> CensusHit:
    names = list({_placed(root): None for root in roots})
    more = f" and {len(names) - OTHERS} more" if len(names) > OTHERS else ""
    own = [root for root in roots if root.entries[0].path == root.frame.path and _placed(root) in names[:OTHERS]]
    places = [("entry", root.frame.path, *root.entries[0].lines) for root in own]
    return _sentence(codebase, roots[0], f"{lead} {', '.join(names[:OTHERS])}{more}", places)


def _is_shown(root: Root) -> bool:
    return root.entries[0].shown is not None


def _placed(root: Root) -> str:
    if _is_shown(root):
        return f"{caller(root.frame)} ({root.frame.symbol})"
    return f"{caller(root.frame)} ({root.frame.path})" if root.frame.definition else root.frame.path


def _place(mark: Mark) -> Place:
    event = mark.event
    assert isinstance(event, Site | Outside)
    return "step", mark.frame.path, event.step.start, event.step.end


def _sentence(codebase: "Codebase", root: Root, text: str, places: list[Place]) -> CensusHit:
    frame, entry = root.frame, root.entries[0]
    definition = frame.definition
    lines = (definition.head_start, definition.head_end) if definition else entry.lines
    return hit_at(
        codebase,
        frame.path,
        lines,
        symbol=frame.symbol,
        name=frame.symbol or frame.path,
        text=text,
        related=tuple(places),
        detail={"entry": entry.kind},
    )
