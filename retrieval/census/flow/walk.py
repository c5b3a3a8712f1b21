"""Walks a program from where it starts, in order of execution, down to the models it makes and runs.

Every call, loop and early exit is one `Mark`; the words for them stand in `pipeline.py`. Layers inside a model
are not entered, and from the third level on only what leads to a model is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import takewhile
from typing import TYPE_CHECKING

from retrieval.census.files.effects import effects_of
from retrieval.census.flow.focus import Focus
from retrieval.census.flow.user_events import parted
from retrieval.census.meaning.body import Exit, Guard
from retrieval.census.meaning.body_events import Event, again_below, beside_models, guards_of, order_of, usual_first
from retrieval.census.meaning.callgraph import Site, imported_sites, reached
from retrieval.census.meaning.narrowing import Given
from retrieval.census.meaning.trivial import is_trivial
from retrieval.census.meaning.values import ClassRef, Instance
from retrieval.census.meaning.wording import label
from retrieval.census.models.outside import Outside, does

if TYPE_CHECKING:
    from retrieval.census.flow.flow import Root
    from retrieval.census.meaning.frame import Frame

LOOPS = frozenset({"for", "while"})
ALL_LEVELS, DEEPEST, COORDINATED = 2, 9, 3
_LOADED = frozenset({"console script", "package main", "script"})
_TURNS = frozenset({"continue", "break"})
_CHOICES = frozenset({"if", "else", "case", "except", "loop-else"})
Joined = tuple[Event, tuple[Event, ...]]
Opened = tuple[str, str, Given, Instance | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of a walk: an event or a loop of `frame`, under `guards` that the loops above it do not tell.

    `level` 1 is the start itself, `number` its place ("2.1"); `again` are later repetitions, `seen` is the number
    under which the steps of the called code stand already.
    """

    frame: "Frame"
    event: Event | Guard
    guards: tuple[Guard, ...]
    level: int
    number: str
    again: tuple[Event, ...] = ()
    seen: str = ""


def _is_later(event: Event) -> bool:
    """Whether a call stands in a `lambda`: it does not run where it is written."""
    return any(guard.kind == "lambda" for guard in guards_of(event))


class Walk:
    """One walk from one root; `depth` is how many calls deep it goes, `built` the same for constructors."""

    def __init__(self, focus: Focus, root: "Root", depth: int, built: int) -> None:
        self.focus = focus
        self.root = root
        self.depth = depth
        self.built = built
        self.imported: set[Frame] = set()
        self.opened: dict[Opened, str] = {}
        self.later: dict[str, Opened] = {}  # number → what a later line opens

    def marks(self) -> list[Mark]:
        """Every line in order."""
        frame = self.root.frame
        self.opened[_key(frame)] = "the start"
        found = self._loading()
        first = 1 + sum(mark.level == 1 for mark in found)
        found += self._block(frame, self._events(frame, 0), (0, 1, first), "")
        told = {number: self.opened.get(key, "") for number, key in self.later.items()}
        return [replace(mark, seen=told[mark.number]) if mark.number in told else mark for mark in found]

    def _loading(self) -> list[Mark]:
        """What the file of a function that starts a program does with models when it is loaded, before it runs."""
        program, focus, entry = self.focus.program, self.focus, self.root.entries[0]
        whole = self.root.frame.definition is not None and entry.kind in _LOADED
        frame = program.frame(self.root.frame.path, None) if whole else None
        if frame is None:
            return []
        guard = program.main_guard(frame.path) or (0, 0)
        sites = [site for site in imported_sites(program, frame) if not site.handed and not _is_later(site)]
        found: list[Event] = [site for site in sites if focus.models(site) or focus.followed(site)]
        outside = [item for item in focus.outside(frame) if does(item) and not _is_later(item)]
        found += [item for item in outside if not guard[0] <= item.step.start <= guard[1]]
        return list(self._block(frame, sorted(found, key=order_of), (0, 1, 1), ""))

    @cached_property
    def _bodies(self) -> frozenset[tuple[str, str]]:
        """The bodies that the program runs, as far as its calls are certain."""
        return frozenset((f.path, f.symbol) for f, _ in reached(self.focus.program, [self.root.frame]))

    def _events(self, frame: "Frame", depth: int) -> list[Event]:
        program, focus = self.focus.program, self.focus
        within = focus.in_model(frame)
        found: list[Event] = []
        sites = self.root.sites if frame is self.root.frame else self._inner(frame)
        sites = [site for site in sites if not (site.handed and site.step.written.endswith("partial"))]  # called later
        leading = [site for site in sites if site.how == "starts" or focus.models(site) or focus.followed(site)]
        outside = focus.outside(frame)
        asking = {item.step.node.id for item in outside}  # a function here sends the request to a model in a server
        sites = [site for site in sites if site.step.node.id not in asking]
        leading = [site for site in leading if site.step.node.id not in asking]
        works = coordinates(leading) or _works(focus, leading, outside) or not focus.leads(frame)
        whole = not within and (depth < ALL_LEVELS or works)
        shown = self.root.entries[0].shown is not None and frame is self.root.frame
        plain = [site for site in sites if shown or (whole and not is_trivial(program, site))]
        kept = {id(site) for site in (*leading, *plain, *beside_models(sites, leading))}
        found += parted(focus, frame, [site for site in sites if id(site) in kept])
        effects = effects_of(program.codebase).steps(frame) if whole else []
        block = frame is self.root.frame and self.root.block
        guard = self.root.entries[0].guard_line if block else 0
        told = {item.step.node.id for item in outside} | {site.step.node.id for site in sites}
        outside = [*outside, *(item for item in effects if item.step.node.id not in told)]
        found += [item for item in outside if not guard or any(g.line == guard for g in item.step.guards)]
        if depth < ALL_LEVELS and not within and not block:
            found += _exits(frame, found, depth)
        return sorted(usual_first(frame, found), key=order_of)

    def _inner(self, frame: "Frame") -> list[Site]:
        """The calls of a body that was entered; of a file those that run when it is imported or started."""
        program = self.focus.program
        return imported_sites(program, frame) if frame in self.imported else program.sites(frame)

    def _block(
        self, frame: "Frame", events: list[Event], place: tuple[int, int, int], prefix: str, told: int = 0
    ) -> Iterator[Mark]:
        """The events of one block; `place` is depth, level and first position, `told` the guards told above."""
        depth, level, position = place
        rest = _joined(self.focus, frame, events)
        while rest:
            number, position = f"{prefix}{position}", position + 1
            held, header = _held(rest, told)
            rest = rest[len(held) :]
            if header < 0:
                yield from self._event(frame, held[0], (depth, level, number), told)
                continue
            guards = guards_of(held[0][0])
            yield Mark(frame, guards[header], guards[told:header], level, number)
            inside = sorted((event for item in held for event in (item[0], *item[1])), key=order_of)
            yield from self._block(frame, inside, (depth, level + 1, 1), f"{number}.", header + 1)

    def _event(
        self, frame: "Frame", item: tuple[Event, tuple[Event, ...]], place: tuple[int, int, str], told: int
    ) -> Iterator[Mark]:
        event, again = item
        depth, level, number = place
        most = self.built if isinstance(event, Site) and isinstance(event.target, ClassRef) else self.depth
        inner = self.focus.followed(event, frame) if isinstance(event, Site) and depth < most else []
        if inner and isinstance(event, Site) and again_below(self.focus, frame, event):
            self.later[number] = _key(inner[0])
            inner = []
        fresh = [frame for frame in inner if _key(frame) not in self.opened]
        known = [self.opened[_key(f)] for f in inner if f not in fresh]
        yield Mark(frame, event, guards_of(event)[told:], level, number, again, known[0] if known else "")
        if isinstance(event, Site) and event.target.definition.kind == "module":
            self.imported.update(fresh)
        chosen = self._chosen(event, fresh) if isinstance(event, Site) and len(fresh) > 1 else {}
        for letter, inside in zip("abcdefgh", fresh, strict=False):
            own = f"{number}{letter if len(fresh) > 1 else ''}"
            self.opened[_key(inside)] = own
            if inside in chosen:
                yield Mark(frame, chosen[inside], (), level + 1, own)
            below = level + 1 + (inside in chosen)
            yield from self._block(inside, self._events(inside, depth + 1), (depth + 1, below, 1), f"{own}.")

    def _chosen(self, event: Site, fresh: "list[Frame]") -> "dict[Frame, Guard]":
        """A line for each of several implementations that a call may run, with what chooses it."""
        found: dict[Frame, Guard] = {}
        for way in self.focus.ways(event):
            chosen = way.told(self._bodies)
            said = f"`{label(way.target)}` ({way.target.path})" + (f" - {chosen}" if chosen else "")
            for inside in fresh:
                same = inside.path == way.target.path and inside.definition == way.target.definition
                if same and inside not in found and way.rank:
                    found[inside] = Guard("way", said, event.step.start, event.step.node.id, len(found))
        return found if len(found) == len(fresh) else {}


def _key(frame: "Frame") -> Opened:
    return frame.path, frame.symbol, frame.given, frame.of


def walked(focus: Focus, root: "Root", depth: int, built: int | None = None) -> list[Mark]:
    """The marks of one walk, each walk done once."""
    key = (root.frame.path, root.frame.symbol, root.entries[0].guard_line, depth, depth if built is None else built)
    if key not in focus.walks:
        focus.walks[key] = Walk(focus, root, depth, key[-1]).marks()
    return list(focus.walks[key])


def fitting(focus: Focus, root: "Root", most: int) -> list[Mark]:
    """The deepest walk of at most `most` lines: calls before constructors; a walk of depth 0 may be longer."""
    for depth in range(DEEPEST, 0, -1):
        for built in dict.fromkeys([depth, min(depth, 3), min(depth, 2), 1, 0]):
            marks = walked(focus, root, depth, built)
            if len(marks) <= most:
                return marks
    return walked(focus, root, 0)


def _works(focus: Focus, leading: list[Site], outside: list[Outside]) -> bool:
    """Whether a body runs a model itself, or has a loop around calls that lead to one: all its steps are told."""
    runs = any(focus.models(site) and not focus.makes(site) for site in leading)
    looped = any(guard.kind in LOOPS for site in leading for guard in guards_of(site))
    return runs or looped or any(does(item) == "runs" for item in outside)


def coordinates(leading: list[Site]) -> bool:
    """Whether a body that makes these calls, which lead to models, is one that puts a pipeline together."""
    return len({site.targets for site in leading if not isinstance(site.target, ClassRef)}) >= COORDINATED


def _exits(frame: "Frame", steps: list[Event], depth: int) -> list[Exit]:
    """Conditional exits: of the start all, further down returns and what leaves a loop that has steps in it."""
    loops = {guard.key for event in steps for guard in guards_of(event) if guard.kind in LOOPS}
    found = []
    for item in frame.body.exits:
        if not any(guard.kind in _CHOICES for guard in item.guards):
            continue
        loop = next((guard.key for guard in reversed(item.guards) if guard.kind in LOOPS), 0)
        if item.kind == "return" or (item.kind == "raise" and not depth) or (item.kind in _TURNS and loop in loops):
            found.append(item)
    return found


def _held(rest: list[Joined], told: int) -> tuple[list[Joined], int]:
    """The events at the head of `rest` that stand together in a loop or under a condition, and the index of that
    guard; one event and -1 when it stands alone."""
    guards = guards_of(rest[0][0])
    loop = next((i for i in range(told, len(guards)) if guards[i].kind in LOOPS), -1)
    for index in [told] if loop < 0 else range(told, loop + 1):
        if index >= len(guards):
            break
        same = list(takewhile(partial(_under, index, guards[index]), rest))
        if index == loop or len(same) > 1:
            return same, index
    return rest[:1], -1


def _under(index: int, guard: Guard, item: Joined) -> bool:
    """Whether an event stands under `guard`, as the guard at `index` of those around it."""
    guards = guards_of(item[0])
    return len(guards) > index and (guards[index].key, guards[index].arm) == (guard.key, guard.arm)


def _joined(focus: Focus, frame: "Frame", events: list[Event]) -> list[Joined]:
    """Each event with the later ones that are the same call in the same circumstances, and take the same way; a model
    that runs again after another run, or after a step of its training, is told again."""
    found: dict[object, list[Event]] = {}
    turns: dict[object, object] = {}  # the last turn of what runs again
    last: object = None
    for event in events:
        arms = tuple((guard.key, guard.arm) for guard in guards_of(event))
        if isinstance(event, Exit):
            key: object = event.order
        elif isinstance(event, Outside):
            key = (event.name, event.said, arms)
        else:
            key = (event.targets, event.step.written, arms, focus.given(event, frame))
        if runs_model(focus, event):
            again = key in turns and last != key
            last, turns[key] = key, (key, len(found)) if again else turns.get(key, key)
            key = turns[key]
        found.setdefault(key, []).append(event)
    return [(same[0], tuple(same[1:])) for same in found.values()]


def runs_model(focus: Focus, event: Event) -> bool:
    """Whether an event runs a model or a step of its training."""
    if isinstance(event, Site):
        return bool(focus.models(event)) and not focus.makes(event)
    return isinstance(event, Outside) and (does(event) == "runs" or event.does == "training")
