"""Choices of a model class by conditions: which class each arm makes, by what is really tested there.

The arms are told by the conditions that exclude each other. A class that a variable holds is chosen where the
variable is bound, not where it is called.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef, alternatives
from retrieval.census.meaning.wording import caller
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.parse import Node

_ARMS = ("if", "else", "case")
SHOWN, LONGEST, PAST = 6, 70, -1
_COMPARED = re.compile(r"(?:==|\bin\b|startswith\(|matches).*(?:[\"'\d]|\b[A-Z_]{2,}\b|\b[A-Z]\w*\.\w+)")


@dataclass(frozen=True, slots=True)
class Arm:
    """One class and the conditions that lead to it, "otherwise" for what is left."""

    made: Made
    when: str
    line: int

    @property
    def told(self) -> str:
        """ "`Net`", or "one of `NETS[kind]`" where a table gives the class."""
        table = _table(self.made)
        return f"one of `{table}`" if table else f"`{self.made.name}`"


@dataclass(frozen=True, slots=True)
class Choice:
    """The classes among which a body chooses, and whether it raises an error for anything else."""

    frame: "Frame"
    arms: tuple[Arm, ...]
    raises: bool
    others: tuple[str, ...] = ()  # what the arms call that make no model known as one

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that the body names, each once."""
        return tuple(dict.fromkeys(arm.made.name for arm in self.arms if not _table(arm.made)))

    @property
    def said(self) -> str:
        """ "`load()` (a.py) makes `A` if `kind == 'a'`; `B` otherwise"."""
        told: dict[tuple[str, ...], list[str]] = {}
        for name in dict.fromkeys(arm.told for arm in self.arms):
            whens = dict.fromkeys(arm.when for arm in self.arms if arm.told == name)
            told.setdefault(tuple(whens), []).append(name)
        parts = [f"{listed(names, SHOWN)} {_either(whens)}" for whens, names in told.items()]
        text = f"{caller(self.frame)} ({self.frame.path}) makes {'; '.join(parts[:SHOWN])}"
        text += f"; and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
        text += f"; other arms make {listed([f'`{name}`' for name in self.others], SHOWN)}" if self.others else ""
        return text + ("; it raises an error for anything else" if self.raises else "")


def _table(made: Made) -> str:
    """ "NETS[kind]" of `NETS[kind](…)` and `NETS[kind].from_pretrained(…)`, "" where the class is named."""
    node = made.step.node.child_by_field_name("function")
    while node is not None and node.type == "attribute":
        node = node.child_by_field_name("object")
    key = node.child_by_field_name("subscript") if node is not None and node.type == "subscript" else None
    return made.frame.body.tree.text(node) if node is not None and key is not None and key.type != "string" else ""


def _either(whens: tuple[str, ...]) -> str:
    more = f" or in {len(whens) - 2} more cases" if len(whens) > 2 else ""
    return f"{' or '.join(whens[:2])}{more}"


@once
def choices(roster: Roster) -> list[Choice]:
    """Every body of source code that chooses among model classes, or makes one or raises an error."""
    by_frame: dict[tuple[str, str], list[Made]] = {}
    roles = roster.program.snapshot.by_path
    for made in (*roster.made, *_parts(roster)):
        if roles[made.frame.path].role == "source" and not made.config[0]:
            by_frame.setdefault((made.frame.path, made.frame.symbol), []).append(made)
    return [choice for found in by_frame.values() for choice in _chosen(found)]


def _parts(roster: Roster) -> Iterator[Made]:
    """The places in functions that make parts of models, which are no entries of the roster."""
    known = {made.key for made in roster.made}
    anatomy = roster.makers.anatomy
    for frame, _depth in roster.frames:
        for site in roster.program.sites(frame) if frame.body.decisions and frame.owner is None else ():
            for cls in site.targets if (frame.path, site.step.node.id) not in known else ():
                if isinstance(cls, ClassRef) and cls in anatomy.models and anatomy.tier(cls) in ("model", "part"):
                    yield Made(frame, site.step, cls.definition.symbol, cls, None)


def _chosen(places: list[Made]) -> Iterator[Choice]:
    """The choices of one body, those whose conditions exclude each other together."""
    ways = [(made, way, line) for made in places for way, line in _ways(made)]
    keys: dict[int, set[tuple[str, int]]] = {}
    for made, way, _ in ways:
        for guard in way:
            keys.setdefault(guard.key, set()).add((made.name, guard.arm))
    body = places[0].frame.body
    raised = {
        guard.key
        for item in body.exits
        if item.kind == "raise"
        for guard in _arms(places[0].frame, item.guards)
        if guard.kind == "else" or guard.text.endswith("matches `_")
    }
    deciding = {
        key for key, seen in keys.items()
        if (len({arm for _, arm in seen}) > 1 and (len({name for name, _ in seen}) > 1 or _is_named(key, ways)))
        or (key in raised and _is_named(key, ways))
    }  # fmt: skip
    chosen = [(made, _telling(way, deciding), line) for made, way, line in ways]
    arms = tuple(dict.fromkeys(Arm(made, _when(guards), line) for made, guards, line in chosen if guards))
    if arms:
        others = _others(places, deciding)
        yield Choice(places[0].frame, arms, bool(raised & deciding), others)


def _others(places: list[Made], deciding: set[int]) -> tuple[str, ...]:
    """What other arms of the deciding conditions call in the place of a model, and those of conditions that come before
    an error: what they return, and what they bind the variable to that holds the model."""
    frame = places[0].frame
    kept = {(guard.key, guard.arm) for made in places for way, _ in _ways(made) for guard in way}
    for item in (item for item in frame.body.exits if item.kind == "raise"):
        past = {guard.key for guard in _arms(frame, item.guards)}
        deciding = deciding | past if deciding & past else deciding
    spans = [(made.step.node.start_byte, made.step.node.end_byte) for made in places]
    holding = {b.name for b in frame.body.bindings for start, end in spans if _holds(b.value, start, end)}
    instead = {b.value.start_byte for b in frame.body.bindings if b.value is not None and b.name in holding}
    returned = {item.value.start_byte for item in frame.body.exits if item.kind == "return" and item.value is not None}
    return tuple(
        dict.fromkeys(
            step.written
            for step in frame.body.calls
            if step.node.start_byte in instead | returned
            and (step.node.start_byte in instead or step.written.rpartition(".")[2][:1].isupper())
            and any(g.kind in _ARMS and g.key in deciding and (g.key, g.arm) not in kept for g in step.guards)
        )
    )


def _holds(value: "Node | None", start: int, end: int) -> bool:
    return value is not None and value.start_byte <= start and end <= value.end_byte


def _is_named(key: int, ways: "list[tuple[Made, tuple[Guard, ...], int]]") -> bool:
    """Whether a decision compares something with constants in every arm that makes a model."""
    guards = [guard for _, way, _ in ways for guard in way if guard.key == key]
    return bool(guards) and all(guard.kind != "else" and _COMPARED.search(guard.text) for guard in guards)


def _ways(made: Made) -> Iterator[tuple[tuple[Guard, ...], int]]:
    """The conditions under which the class of a place is chosen: where a variable is bound to it, or where it stands.

    What follows a `return` under a condition is the other arm of that condition.
    """
    bound = list(_bound(made))
    for guards, line in bound or [(made.step.guards, made.step.start)]:
        yield _arms(made.frame, guards), line


def _arms(frame: "Frame", guards: tuple[Guard, ...]) -> tuple[Guard, ...]:
    found = [guard for guard in guards if guard.kind in _ARMS]
    for past in (guard for guard in guards if guard.kind == "past"):
        leaving = next((item for item in frame.body.exits if item.line == past.line), None)
        inner = [g for g in leaving.guards if g.kind in _ARMS] if leaving is not None else []
        if inner and inner[-1].key not in {g.key for g in found}:
            last = inner[-1]
            found.append(Guard("else", last.text, past.line, last.key, PAST))
    return tuple(found)


def _telling(way: tuple[Guard, ...], deciding: set[int]) -> tuple[Guard, ...]:
    """The conditions that decide; after a `return` of another arm also the next conditions of the same kind."""
    left = any(guard.arm == PAST and guard.key in deciding for guard in way)
    return tuple(guard for guard in way if guard.key in deciding or (left and guard.kind != "else"))


def _bound(made: Made) -> Iterator[tuple[tuple[Guard, ...], int]]:
    function = made.step.node.child_by_field_name("function")
    if function is None or function.type != "identifier" or made.cls is None:
        return
    for binding in made.frame.bound(made.frame.body.tree.text(function)):
        if made.cls in alternatives(made.frame.binding_value(binding)):
            yield binding.guards, binding.line


def _when(guards: Sequence[Guard]) -> str:
    tests = list(dict.fromkeys(f"`{_cut(guard.text)}`" for guard in guards if guard.kind != "else"))
    left = any(guard.kind == "else" and guard.arm != PAST for guard in guards)
    if not tests:
        return "otherwise"
    return f"in other cases with {' and '.join(tests)}" if left else f"if {' and '.join(tests)}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
