"""What one line of a walk says: a call with its circumstances, a loop, an early exit, the handler of an event."""

from typing import TYPE_CHECKING

from retrieval.census.files.effects import effects_of
from retrieval.census.flow.default_targets import first_said
from retrieval.census.flow.focus import Focus
from retrieval.census.flow.rounds import round_of, told
from retrieval.census.flow.user_events import event_under, needed, trigger_of
from retrieval.census.flow.walk import ALL_LEVELS, LOOPS, Mark
from retrieval.census.meaning.body import Exit, Guard, one_line
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.meaning.wording import action, circumstances, either, label
from retrieval.census.models.outside import Outside
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

STATEMENT, WRITTEN_LEVELS, WAYS, MOST_ENDS = 130, 2, 4, 3
_LEAVES = {
    "return": "returns",
    "raise": "raises",
    "continue": "goes on with the next round",
    "break": "leaves the loop",
}


def line_of(focus: Focus, mark: Mark) -> str:
    """What one line of a walk says, without its number."""
    event = mark.event
    if isinstance(event, Guard):
        found = told(round_of(mark.frame, event)) if event.kind in LOOPS else ""
        return f"{_opening(event)}{_when(mark.guards)}{f' ({found})' if found else ''}{_ends(mark, event)}:"
    if isinstance(event, Exit):
        value = one_line(mark.frame.body.tree.text(event.value), 60) if event.value is not None else ""
        said = f"{_LEAVES[event.kind]} `{value}`" if value else _LEAVES[event.kind]
        return f"Early exit: {said}{_when(mark.guards)}"
    said = event.said if isinstance(event, Outside) else _said(focus, mark, event)
    waits = trigger_of(mark.guards)
    text = f"On `{waits.text}`: {said}" if waits is not None else f"{said[0].upper()}{said[1:]}"
    text += f"{_when(mark.guards)}{_needs(focus, mark)}"
    if mark.again:
        lines = [str(e.step.start) for e in mark.again if not isinstance(e, Exit)]
        text += f"; again on line{'s' if len(lines) > 1 else ''} {', '.join(lines)}"
    text += f"; its steps stand under {mark.seen}" if mark.seen else ""
    quiet = isinstance(event, Site) and not mark.seen and not focus.followed(event)
    started = effects_of(focus.program.codebase).programs(event) if quiet and isinstance(event, Site) else ()
    return text + (f"; it starts another program: {listed(started)}" if started else "")


def _ends(mark: Mark, loop: Guard) -> str:
    """Where a loop ends early, when the walk is too deep to tell each exit by itself."""
    if loop.kind not in LOOPS or mark.level <= ALL_LEVELS + 1:
        return ""
    found = []
    for item in mark.frame.body.exits:
        at = next((n for n, guard in enumerate(item.guards) if (guard.kind, guard.key) == (loop.kind, loop.key)), None)
        if at is None or item.kind not in ("break", "return"):
            continue
        inside = item.guards[at + 1 :]
        if item.kind == "return" or not any(guard.kind in LOOPS for guard in inside):
            found.append(f"line {item.line}{_when(inside).replace(' — only', '', 1)}")
    return f"; ends early on {listed(found, MOST_ENDS)}" if found else ""


def _needs(focus: Focus, mark: Mark) -> str:
    """What a handler needs that other events set."""
    event = mark.event
    if not isinstance(event, Site) or not focus.followed(event):
        return ""
    found = event_under(focus, mark.frame, event.step.guards)
    return needed(found) if found is not None else ""


def _opening(guard: Guard) -> str:
    match guard.kind:
        case "way":
            return f"By {guard.text}"
        case "event":
            return f"On `{guard.text}`, one after the other"
        case "for":
            return f"For each `{guard.text}`"
        case "while":
            return f"Repeated while `{guard.text}`"
        case "if":
            return f"Else if `{guard.text}`" if guard.arm else f"If `{guard.text}`"
        case "else":
            return f"Otherwise (not `{guard.text.replace('` and `', '`, not `')}`)"
        case "case":
            return f"If `{guard.text}`"
        case "except":
            return f"When `{guard.text}` is caught" if guard.text else "When an exception is caught"
    return "After the loop"


def _said(focus: Focus, mark: Mark, site: Site) -> str:
    said = action(site, mark.frame.path)
    models = focus.models(site)
    ways = focus.ways(site) if site.overridden else []
    if ways and ways[0].rank:
        names = [f"`{label(way.target)}`" for way in ways]
        said = f"calls `{site.step.written}()`, which is {listed(names[:WAYS])}"
        said += f" or {len(names) - WAYS} more" if len(names) > WAYS else ""
        said += f" (first: {chosen})" if (chosen := first_said(ways)) else ""
    if models and not focus.makes(site) and not site.base:
        runs = [label(t) for t in site.targets if isinstance(t, FunctionRef)]
        known = "" if site.sure else ", for the objects whose class is known"
        said = f"runs the model: {either(runs)} ({site.target.path}){known}"
    elif models and not site.base:
        named = f"makes the model {either([cls.definition.symbol for cls in models])} with `{site.step.written}()`"
        said = said.replace("constructs", "makes the model", 1) if isinstance(site.target, ClassRef) else named
    written = _statement(mark.frame, site.step.node)
    shown = (mark.level <= WRITTEN_LEVELS or bool(models)) and trigger_of(site.step.guards) is None
    return f"{said}: `{one_line(written, STATEMENT)}`" if shown else said


def _statement(frame: "Frame", node: Node) -> str:
    """The call with what its result is bound to."""
    holder = node.parent
    plain = holder is not None and holder.type == "assignment" and holder.child_by_field_name("right") == node
    return frame.body.tree.text(holder if plain else node)


def _when(guards: tuple[Guard, ...]) -> str:
    return circumstances(guards)
