"""Events of user interfaces: which calls connect a handler, which handlers run one after the other, what each needs.

A handler runs when its event happens, not when it is connected. The handlers of a body are told behind its other steps:
what loads for another one, what runs models, what leads to a model or starts a program, then the rest.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from retrieval.census.files.effects import effects_of
from retrieval.census.flow.handed import EVENTS
from retrieval.census.flow.screens import TOOLKITS, is_screen
from retrieval.census.meaning.body import CHAINED, Guard, one_line
from retrieval.census.meaning.callgraph import Site, entered, reached
from retrieval.census.meaning.sources import TOP_LEVEL
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, ModuleRef
from retrieval.census.models.outside import does
from retrieval.languages import words
from retrieval.parse import Node, first_line

if TYPE_CHECKING:
    from retrieval.census.flow.focus import Focus
    from retrieval.census.meaning.frame import Frame

NEEDED, RUNNING, LEADING, SILENT = range(4)
LATER, DEEP, STATE_DEEP, SHOWN, TRIGGER = 1_000_000, 12, 3, 4, 60
_AT_ONCE = words("Thread Process Timer map starmap imap apply submit run_in_executor to_thread partial create_task")
WAITING = "Then it waits for the user; each of the following runs when its event happens, by itself"
Key = tuple[str, str, str]  # what holds a value: a class, a file or the call of a body; where it stands; its name


@dataclass(slots=True)
class Event:
    """What one event of an interface runs: handlers, one after the other. `needs` are the names that handlers of other
    events set for it, by the words for these."""

    trigger: str
    sites: list[Site]
    rank: int
    needs: dict[str, list[str]] = field(default_factory=dict)
    made: bool = False  # an element that is made with the handler, such as a list of examples


def events_of(focus: "Focus", frame: "Frame") -> list[Event]:
    """The events that a body connects, in the order in which they are told; worked out once."""
    key = (frame.path, frame.symbol)
    if key not in focus.events:
        focus.events[key] = []
        focus.events[key] = _events(focus, frame)
    return focus.events[key]


def parted(focus: "Focus", frame: "Frame", sites: Sequence[Site]) -> list[Site]:
    """The calls of a body with those that connect handlers behind the others, each under the event it waits for."""
    events = {id(site): event for event in events_of(focus, frame) for site in event.sites}
    found = [site for site in sites if id(site) not in events]
    waiting = {id(site): site for site in sites if id(site) in events}
    for at, key in enumerate(key for key in events if key in waiting):
        site, root = waiting[key], _root(frame, waiting[key])
        guard = Guard("event", events[key].trigger, first_line(root), root.id)
        step = replace(site.step, guards=(*site.step.guards, guard), order=LATER + at)
        found.append(replace(site, step=step))
    return found


def event_under(focus: "Focus", frame: "Frame", guards: Sequence[Guard]) -> Event | None:
    """The event that one of `guards` stands for."""
    guard = trigger_of(guards)
    told = (event for event in events_of(focus, frame) if guard and _root(frame, event.sites[0]).id == guard.key)
    return next(told, None)


def trigger_of(guards: Sequence[Guard]) -> Guard | None:
    """The event among guards."""
    return next((guard for guard in guards if guard.kind == "event"), None)


def needed(event: Event) -> str:
    """ "; it uses `model`, which `load()` (on `button.click()`) sets": what other handlers must have set."""
    told = [f"{_listed([f'`{name}`' for name in names])}, which {who} sets" for who, names in event.needs.items()]
    return f"; it uses {'; and '.join(told)}" if told else ""


def silence(count: int) -> str:
    """What is said of handlers that are not told."""
    return f"Besides, {count} handlers are connected that change the interface or settings and lead to no model"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _events(focus: "Focus", frame: "Frame") -> list[Event]:
    chains: dict[int, list[Site]] = {}
    for site in focus.program.sites(frame):
        if is_event(frame, site):
            chains.setdefault(_root(frame, site).id, []).append(site)
    found = [Event(_trigger(frame, s[0]), s, _rank(focus, s), made=_is_made(frame, s[0])) for s in chains.values()]
    if sum(event.rank < SILENT for event in found) > 1:
        _connect(focus, frame, found)
    return sorted(found, key=lambda event: (event.rank, event.made))


def is_event(frame: "Frame", site: Site) -> bool:
    """Whether a call connects a handler to an event of an interface."""
    if not site.handed or site.base or site.how or site.target.definition.kind in TOP_LEVEL:
        return False
    node = _connecting(frame, site.step.node)
    callee = frame.value(node.child_by_field_name("function"))
    held = callee if isinstance(callee, External) else _holder(frame, node)
    if isinstance(held, External):
        return held.name.partition(".")[0] in TOOLKITS
    if isinstance(held, ExternalObject):
        return held.maker.partition(".")[0] in TOOLKITS
    last = frame.body.tree.text(node.child_by_field_name("function")).rpartition(".")[2]
    return held is None and last not in _AT_ONCE and is_screen(frame.program.codebase, frame.path)


def _connecting(frame: "Frame", node: Node) -> Node:
    """The call that a function is given to at last: `button.click(fn=wrap(f))` around `wrap(f)`."""
    current, found = node, node
    while (holder := current.parent) is not None and holder.type in ("call", "argument_list", "keyword_argument"):
        if holder.type == "call" and holder.child_by_field_name("arguments") == current:
            name = frame.body.tree.text(holder.child_by_field_name("function")).rpartition(".")[2]
            found = holder if name in EVENTS else found
        current = holder
    return found


def _holder(frame: "Frame", node: Node) -> object:
    """The outside object at the root of a call, through chained calls; None when it is not known."""
    current: Node | None = node.child_by_field_name("function")
    while current is not None and current.type in ("attribute", "call"):
        current = current.child_by_field_name("object" if current.type == "attribute" else "function")
        value = frame.value(current) if current is not None else None
        if isinstance(value, ExternalObject):
            return value
    return None


def _root(frame: "Frame", site: Site) -> Node:
    """The first call of a chain: `button.click(f)` in `button.click(f).then(g)`."""
    node = _connecting(frame, site.step.node)
    while (callee := node.child_by_field_name("function")) is not None and callee.type == "attribute":
        before = callee.child_by_field_name("object")
        if before is None or before.type != "call" or frame.body.tree.text(callee).rpartition(".")[2] not in CHAINED:
            break
        node = before
    return node


def _is_made(frame: "Frame", site: Site) -> bool:
    return isinstance(frame.callee(site.step), External)


def _trigger(frame: "Frame", site: Site) -> str:
    return f"{one_line(frame.body.tree.text(_root(frame, site).child_by_field_name('function')), TRIGGER)}()"


def _rank(focus: "Focus", sites: list[Site]) -> int:
    frames = _frames(focus, sites)
    if any(_runs(focus, frame) for frame in frames):
        return RUNNING
    effects = effects_of(focus.program.codebase)
    leads = any(focus.leads(frame) for frame in frames) or any(effects.programs(site) for site in sites)
    return LEADING if leads else SILENT


def _frames(focus: "Focus", sites: list[Site]) -> "list[Frame]":
    inner = (entered(focus.program, target) for site in sites for target in site.targets)
    return [frame for frame in inner if frame is not None]


def _runs(focus: "Focus", frame: "Frame") -> bool:
    """Whether a body or anything it calls runs a model, one of a library too."""
    for inner, _ in reached(focus.program, [frame], DEEP):
        sites = (site for site in focus.program.sites(inner) if not isinstance(site.target, ClassRef))
        if any(map(focus.models, sites)) or any(does(item) == "runs" for item in focus.outside(inner)):
            return True
    return False


def _connect(focus: "Focus", frame: "Frame", found: list[Event]) -> None:
    """Tell which events that lead to models set what the events that run them read."""
    given = {id(e): _sets(focus, frame, e) for e in found if e.rank < SILENT}
    for event in found:
        taken = _Reads(focus, frame, event) if event.rank == RUNNING else None
        for other in found if taken is not None else ():
            names = [key[2] for key in given.get(id(other), ()) if taken is not None and taken.has(key)]
            if other is not event and other.rank in (LEADING, NEEDED) and names:
                other.rank = NEEDED
                name = one_line(other.sites[0].target.definition.symbol, TRIGGER)
                event.needs[f"`{name}()` (on `{other.trigger}`)"] = names


def _sets(focus: "Focus", frame: "Frame", event: Event) -> list[Key]:
    """What the handlers of an event put into attributes, variables of modules and states of the interface."""
    found = dict.fromkeys(_state(frame, event, "outputs", 2))
    for inner, _ in reached(focus.program, _frames(focus, event.sites), STATE_DEEP):
        for binding in inner.body.bindings if _makes(focus, inner) else ():
            key = _key(inner, binding.name)
            if key is not None:
                found[key] = None
    return list(found)


def _makes(focus: "Focus", frame: "Frame") -> bool:
    """Whether a body, or what it calls at once, makes or loads a model."""
    for inner, _ in reached(focus.program, [frame], STATE_DEEP):
        made = any(isinstance(site.target, ClassRef) and focus.models(site) for site in focus.program.sites(inner))
        if made or any(does(item) == "makes" for item in focus.outside(inner)):
            return True
    return False


def _key(frame: "Frame", name: str) -> Key | None:
    if name in frame.body.not_local:
        return "file", frame.path, name
    head, _, rest = name.partition(".")
    if not rest or "." in rest:
        return None
    cls = frame.receiver or frame.owner
    if head == "self" and cls is not None and not (frame.definition and frame.definition.name == "__init__"):
        return "class", cls.definition.symbol, rest
    value = None if frame.bound(head) or head in frame.parameters else frame.program.member(frame.path, head)
    return ("file", value.path, rest) if isinstance(value, ModuleRef) and value.path else None


def _state(frame: "Frame", event: Event, keyword: str, place: int) -> Iterator[Key]:
    """The `State` objects of an interface that an event gives to its handlers, or takes from them."""
    for site in event.sites:
        arguments = site.step.node.child_by_field_name("arguments")
        given = [n for n in (arguments.named_children if arguments else ()) if n.type != "comment"]
        plain = [node for node in given if node.type != "keyword_argument"]
        named = (n for n in given if n.type == "keyword_argument")
        text = frame.body.tree.text
        found = [n for n in named if text(n.child_by_field_name("name")) == keyword] or plain[place : place + 1]
        for name in re.findall(r"\w+", " ".join(map(text, found))):
            values = [binding.value for binding in frame.bound(name) if binding.value is not None]
            if any(re.match(r"[\w.]*\bState\(", text(value)) for value in values):
                yield "state", frame.path, name


class _Reads:
    """What the handlers of an event read of attributes, variables of modules and states."""

    def __init__(self, focus: "Focus", frame: "Frame", event: Event) -> None:
        self.states = set(_state(frame, event, "inputs", 1))
        self.bodies: list[tuple[Frame, str]] = []
        program = focus.program
        for inner, _ in reached(program, _frames(focus, event.sites), STATE_DEEP):
            if inner.definition is not None:
                lines = program.snapshot.by_path[inner.path].lines
                text = "\n".join(lines[inner.definition.head_end : inner.definition.end])
                self.bodies.append((inner, text))
        first = self.bodies[0][0] if self.bodies else None
        bound = first.body.bindings if first is not None else []
        self.own = {_key(first, b.name) for b in bound if first is not None and not b.guards}

    def has(self, key: Key) -> bool:
        """Whether what stands under a key is read, and not set by the handler itself first."""
        kind, place, name = key
        if kind == "state":
            return key in self.states
        if key in self.own:
            return False
        for frame, text in self.bodies:
            cls = frame.receiver or frame.owner
            if kind == "class" and cls is not None and cls.definition.symbol == place:
                if re.search(rf"\bself\.{re.escape(name)}\b", text):
                    return True
            elif kind == "file" and _names(frame, place, name, text):
                return True
        return False


def _names(frame: "Frame", path: str, name: str, text: str) -> bool:
    """Whether a body names a variable of a file."""
    if frame.path == path:
        return re.search(rf"(?<![\w.]){re.escape(name)}\b", text) is not None
    for head in re.findall(rf"\b(\w+)\.{re.escape(name)}\b", text):
        value = frame.program.member(frame.path, head)
        if isinstance(value, ModuleRef) and value.path == path:
            return True
    return False
