"""Parameters that take a model itself, where who calls decides which model it is.

`Restorer(upsampler=…)`, a constructor that keeps what another file makes, and `model = model or Whisper(…)`, a function
that makes its own model only when it is given none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.kept_models import kept
from retrieval.census.models.made_models import Made
from retrieval.census.models.model_entries import CLASSICAL, entries_of
from retrieval.census.models.model_summary import main_entries
from retrieval.census.models.roster import Roster
from retrieval.facts import CensusHit
from retrieval.roles import is_left

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

SHOWN, METHODS = 4, 6


@dataclass
class Slot:
    """A parameter of `frame`, and the models that it is given, or that are made when it is given none."""

    frame: "Frame"
    parameter: str
    line: int
    instead: bool
    kept: str = ""  # the attribute that the model is kept in
    models: dict[str, list[Made]] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """`Restorer` for its constructor, else the function."""
        return self.frame.symbol.removesuffix(".__init__")


def given_models(codebase: "Codebase", roster: Roster) -> Iterator[Point]:
    """One point per parameter that takes a main model."""
    slots: dict[tuple[str, str, str], Slot] = {}
    entries = [entry for entry in entries_of(codebase) if entry.does != CLASSICAL]
    main = main_entries(entries)
    for entry in sorted(entries, key=lambda entry: entry not in main):
        for made in entry.made:
            for slot in (*(_kept(roster, made) if entry in main else ()), *_instead(made)):
                if not is_left(slot.frame.path):
                    key = (slot.frame.path, slot.frame.symbol, slot.parameter)
                    slots.setdefault(key, slot).models.setdefault(entry.name, []).append(made)
    yield from (point for slot in slots.values() if (point := _point(codebase, roster, slot)) is not None)


def _kept(roster: Roster, made: Made) -> Iterator[Slot]:
    """The parameters of constructors in other files that attributes of objects, no models themselves, are set from."""
    for at in kept(roster, made):
        frame = at.frame
        if at.inside or made.frame.path == frame.path or not frame.symbol.endswith("__init__"):
            continue
        for binding in frame.body.bindings:
            if binding.line == at.line and binding.name.endswith(at.name) and (name := _parameter(frame, binding)):
                yield Slot(frame, name, at.line, False, at.name)


def _parameter(frame: "Frame", binding: Binding) -> str:
    value = binding.value
    name = frame.body.tree.text(value) if value is not None and value.type == "identifier" else ""
    return name if name in frame.parameters else ""


def _instead(made: Made) -> Iterator[Slot]:
    """The parameter that takes the place of a model: `given or Net()`, and `given = Net()` unless it is given."""
    frame, node = made.frame, made.step.node
    for binding in frame.body.bindings:
        value = binding.value
        if value is None or not value.start_byte <= node.start_byte < value.end_byte:
            continue
        text = frame.body.tree.text(value)
        either = re.match(r"(\w+)(?: or | if \1(?: is not None)? else )", text)
        name = either[1] if either is not None else binding.name
        absent = any(_is_absent(name, guard.text, guard.kind) for guard in binding.guards)
        if name in frame.parameters and (either is not None or absent):
            yield Slot(frame, name, binding.line, True)


def _is_absent(name: str, test: str, kind: str) -> bool:
    """Whether a condition holds when a parameter was not given."""
    none = test in (f"{name} is None", f"not {name}")
    return none if kind == "if" else kind == "else" and test in (f"{name} is not None", name)


def _point(codebase: "Codebase", roster: Roster, slot: Slot) -> Point | None:
    path, frame, made = slot.frame.path, slot.frame, [item for found in slot.models.values() for item in found]
    hit = CensusHit(path, slot.line, slot.line, frame.symbol, "", "")
    uses = [] if slot.instead else [
        use for item in made for use in roster.uses_of(item)
        if use.frame.owner is not None and frame.owner in roster.program.line(use.frame.owner)
    ]  # fmt: skip
    if not (uses or slot.instead) or not reach_of(codebase).has(hit):
        return None
    today, asked = _today(slot), dict.fromkeys(f"`{use.method or '__call__'}()`" for use in uses)
    asked |= dict.fromkeys(_members(codebase, slot))
    methods = listed(list(asked), METHODS)
    takes = f"`{slot.parameter}` of `{slot.owner}()` takes the model itself"
    if slot.instead:
        short = f"{takes}, in place of {today}"
        said = f"By argument: {takes.replace('()`', f'()` ({path})')}; only where none is given {today} is made"
    else:
        makers = listed(list(dict.fromkeys(caller(item.frame) + f" ({item.frame.path})" for item in made)), SHOWN)
        short = f"{takes}, today {today}, of which {len(asked)} members are used ({methods})"
        short = short if len(asked) > 1 else f"{takes}, today {today}, of which only {methods} is used"
        said = f"Handed in: {takes.replace('()`', f'()` ({path})')}, today {today}, made in {makers}; "
        every = "this" if len(asked) == 1 else "all of these"
        said += f"`{slot.owner}` uses its {methods}, so that any object with {every} can be made there instead"
    related = [("made", item.frame.path, item.step.start, item.step.end) for item in made[:SHOWN]]
    related += [("called", use.frame.path, use.step.start, use.step.end) for use in uses[:SHOWN]]
    sort = "argument" if slot.instead else "handed"
    return Point(sort, short, said, path, (slot.line, slot.line), frame.symbol, tuple(dict.fromkeys(related)),
                 tuple(slot.models))  # fmt: skip


def _members(codebase: "Codebase", slot: Slot) -> Iterator[str]:
    """The members that the class takes of the attribute which keeps the model: what another object must have."""
    owner = slot.frame.owner.definition if slot.frame.owner is not None and slot.kept else None
    lines = codebase.snapshot.by_path[slot.frame.path].lines[owner.start - 1 : owner.end] if owner is not None else ()
    for line in lines:
        for name, call in re.findall(rf"\bself\.{re.escape(slot.kept)}\.([A-Za-z_]\w*)(\(?)", line.partition("#")[0]):
            yield f"`{name}{'()' if call else ''}`"


def _today(slot: Slot) -> str:
    return listed([f"`{name}`" for name in slot.models], SHOWN)
