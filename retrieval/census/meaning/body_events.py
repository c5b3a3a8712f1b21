"""The events of a body: the guards around them, their order, the usual way first, and what belongs to model runs."""

from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import Focus
from retrieval.census.meaning.body import Exit, Guard
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.conditions import UNKNOWN, fails
from retrieval.census.meaning.feasible import literal
from retrieval.census.meaning.spots import default
from retrieval.census.models.outside import Outside

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.parse import Node

UNUSUAL = 500_000
_ENDING = frozenset({"sys.exit", "exit", "quit", "os._exit"})
Event = Site | Outside | Exit


def usual_first(frame: "Frame", events: list[Event]) -> list[Event]:
    """The events of a body, those behind the others that stand in an arm which ends the body and which the defaults of
    its parameters exclude: `if name == "debug": … return` of `load(name="base")`."""

    def given(name: str) -> object:
        preset = default(frame, name) if name in frame.parameters and not frame.bound(name) else None
        return UNKNOWN if preset is None else literal(frame.body.tree.text(preset), preset)

    apart: dict[tuple[int, int], bool] = {}
    found: list[Event] = []
    for event in events:
        late = False
        for at, guard in enumerate(guards := guards_of(event)):
            if guard.kind == "if":
                arm = (guard.key, guard.arm)
                if arm not in apart:
                    apart[arm] = fails(guard, given) and _leaves(frame, guards[: at + 1])
                late = late or apart[arm]
        found.append(_behind(event) if late else event)
    return found


def _behind(event: Event) -> Event:
    if isinstance(event, Exit):
        return replace(event, order=event.order + UNUSUAL)
    return replace(event, step=replace(event.step, order=event.step.order + UNUSUAL))


def again_below(focus: Focus, frame: "Frame", event: Site) -> bool:
    """Whether a call stands in an arm that ends the body, and a later call of the same code stands outside that arm:
    the later one is on the way that the program takes otherwise."""
    guards = guards_of(event)
    for index, guard in enumerate(guards):
        if guard.kind in ("if", "else", "case") and _leaves(frame, guards[: index + 1]):
            arm = (guard.key, guard.arm)
            for other in focus.program.sites(frame):
                apart = arm not in [(g.key, g.arm) for g in guards_of(other)]
                if other.step.order > event.step.order and apart and set(other.targets) & set(event.targets):
                    return True
    return False


def _leaves(frame: "Frame", guards: tuple[Guard, ...]) -> bool:
    """Whether the innermost arm of these guards ends with leaving the body."""
    wanted = [(guard.key, guard.arm) for guard in guards]
    exits = [item for item in frame.body.exits if item.kind == "return"]
    ending = [step for step in frame.body.calls if step.written in _ENDING]
    around = [item.guards for item in (*exits, *ending)]
    return any([(g.key, g.arm) for g in held if g.kind != "past" and not _is_main(g)] == wanted for held in around)


def guards_of(event: Event) -> tuple[Guard, ...]:
    """The guards around an event; exits above it are marks of their own, and a test for `__main__` tells nothing."""
    guards = event.guards if isinstance(event, Exit) else event.step.guards
    return tuple(guard for guard in guards if guard.kind != "past" and not _is_main(guard))


def _is_main(guard: Guard) -> bool:
    """Whether a guard is the test of a script for being run: it holds whenever the walk gets there."""
    return guard.kind == "if" and "__name__" in guard.text and "__main__" in guard.text


def order_of(event: Event) -> int:
    """The position of an event in its body's order of evaluation."""
    return event.order if isinstance(event, Exit) else event.step.order


def beside_models(sites: list[Site], leading: list[Site]) -> list[Site]:
    """Calls that belong to those that lead to models: what gives the object that these are made on, and the other steps
    of a template whose steps subclasses define."""
    holders = {_receiver(site) for site in leading} - {b""}
    template = any(site.overridden and site.step.written.startswith("self.") for site in leading)
    found = []
    for site in sites:
        holder = site.step.node.parent
        target = holder.child_by_field_name("left") if holder is not None and holder.type == "assignment" else None
        gives = target is not None and target.type == "identifier" and target.text in holders
        step = template and site.overridden and site.step.written.startswith("self.")
        made = any(_object(other) == site.step.node for other in leading)
        if site not in leading and not site.handed and (gives or step or made):
            found.append(site)
    return found


def _object(site: Site) -> "Node | None":
    callee = site.step.node.child_by_field_name("function")
    return callee.child_by_field_name("object") if callee is not None and callee.type == "attribute" else None


def _receiver(site: Site) -> bytes:
    """The name of the object that a method is called on."""
    node = _object(site)
    return (node.text or b"") if node is not None and node.type == "identifier" else b""
