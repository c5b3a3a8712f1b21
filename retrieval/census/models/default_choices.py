"""Which class the default of an option chooses, where a table or a function has one class per member of an enumeration.

`DETECTORS = {Kind.FAST: Fast, Kind.FINE: Fine}` with a field `detector: Kind = Kind.FAST`; or a function that makes
`Fast()` under `if kind == Kind.FAST.value:` and an option with that default. The members tie the two: an enumeration
of which options have different defaults chooses nothing, nor does one whose classes come from several places.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import hit_at, parse_query
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef, Table
from retrieval.census.memory.stage_sets import held_in
from retrieval.census.models.model_entries import entries_of
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.settings.options import cli_options
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase
    from retrieval.parse import Node

LEAST, MOST, MOST_MODELS = 2, 12, 3
_MEMBER = re.compile(r"(?:\w+\.)*?([A-Z]\w*)\.(\w+?)(?:\.value)?")
_EQUAL = re.compile(rf"[\w.]+ (?:==|is) {_MEMBER.pattern}")
Classes = dict[str, ClassRef]  # by member of an enumeration


@dataclass(frozen=True, slots=True)
class Choice:
    """What stands ready for the members of one enumeration, in a table or function of that name."""

    path: str
    lines: tuple[int, int]
    name: str
    kind: str
    classes: Classes


def default_choices(codebase: "Codebase") -> Iterator[CensusHit]:
    """One sentence for all choices among classes with models that defaults decide; none without such choices."""
    roster = roster_of(codebase)
    rows = {said: choice for choice in _choices(roster) if (said := _said(codebase, roster, choice))}
    if rows:
        places = [("chosen", c.path, *c.lines) for c in rows.values()]
        yield hit_at(
            codebase, places[0][1], places[0][2:], symbol="", name="chosen",
            text=f"By the defaults of its options the code chooses {'; '.join(list(rows)[:MOST])}",
            related=tuple(places[1:MOST]),
        )  # fmt: skip


def _said(codebase: "Codebase", roster: Roster, choice: Choice) -> str:
    """ "`Fast` with `Net` (one of 3 in `DETECTORS`, as `Options.detector` is `Kind.FAST`)"; "" when nothing decides."""
    given = _defaults(codebase).get(choice.kind, {})
    if len(given) != 1:
        return ""
    member, option = next(iter(given.items()))
    why, cls = f"as `{option}` is `{choice.kind}.{member}`", choice.classes.get(member)
    if cls is None:
        return f"none of the {len(choice.classes)} classes of `{choice.name}` ({why})"
    whole = {entry.name for entry in entries_of(codebase) if not entry.part}
    models = [f"`{name}`" for name in held_in(roster, cls) if name in whole]
    held = f" with {listed(models, MOST_MODELS)}" if models else ""
    others = len(set(choice.classes.values()))
    return f"`{cls.definition.symbol}`{held} (one of {others} classes in `{choice.name}`, {why})"


@once
def _choices(roster: Roster) -> tuple[Choice, ...]:
    """The choices of the main code among classes that hold models: of each enumeration the widest, which all others are
    parts of."""
    by_kind: dict[str, list[Choice]] = {}
    for frame, _ in roster.frames:
        if roster.codebase.snapshot.by_path[frame.path].role == "source":
            for choice in (*_tables(frame), *_arms(frame)):
                if any(held_in(roster, cls) for cls in choice.classes.values()):
                    by_kind.setdefault(choice.kind, []).append(choice)
    widest = {kind: max(some, key=lambda one: len(one.classes)) for kind, some in by_kind.items()}
    agreed = (w for kind, w in widest.items() if all(one.classes.items() <= w.classes.items() for one in by_kind[kind]))
    return tuple(agreed)


def _tables(frame: "Frame") -> Iterator[Choice]:
    """The tables of a body whose keys are members of one enumeration and whose values are classes."""
    for binding in frame.body.bindings:
        node = binding.value
        if node is None or node.type != "dictionary" or not any(map(_is_keyed, node.named_children)):
            continue
        value = frame.value(node)
        held = value.held if isinstance(value, Table) else ()
        pairs = [(found, of) for name, of in held if (found := _MEMBER.fullmatch(name)) and isinstance(of, ClassRef)]
        kinds = {found[1] for found, _ in pairs}
        if len(kinds) == 1 and len(pairs) == len(held) >= LEAST:
            classes = {found[2]: of for found, of in pairs if isinstance(of, ClassRef)}
            lines = (node.start_point[0] + 1, node.end_point[0] + 1)
            yield Choice(frame.path, lines, binding.name, kinds.pop(), classes)


def _is_keyed(pair: "Node") -> bool:
    key = pair.child_by_field_name("key")
    return key is not None and key.type == "attribute"


def _arms(frame: "Frame") -> Iterator[Choice]:
    """The classes that a body makes under conditions which compare with the members of one enumeration."""
    if frame.definition is None or not any(_EQUAL.search(g.text) for step in frame.body.calls for g in step.guards):
        return
    found: dict[str, dict[str, set[ClassRef]]] = {}
    for site in frame.program.sites(frame):
        asked = [guard for guard in site.step.guards if guard.kind == "if"]
        told = _EQUAL.fullmatch(asked[0].text) if len(asked) == 1 else None
        for target in site.targets if told is not None else ():
            if told is not None and isinstance(target, ClassRef):
                found.setdefault(told[1], {}).setdefault(told[2], set()).add(target)
    for kind, arms in found.items():
        classes = {member: next(iter(of)) for member, of in arms.items() if len(of) == 1}
        if len(classes) == len(arms) and len(set(classes.values())) >= LEAST:
            lines = (frame.definition.head_start, frame.definition.head_end)
            yield Choice(frame.path, lines, f"{frame.definition.symbol}()", kind, classes)


@once
def _defaults(codebase: "Codebase") -> dict[str, dict[str, str]]:
    """By enumeration the members that are defaults of options or of class fields, with the option."""
    found: dict[str, dict[str, str]] = {}
    for option, default in (*_of_options(codebase), *_of_fields(codebase)):
        if told := _MEMBER.fullmatch(default):
            found.setdefault(told[1], {}).setdefault(told[2], option)
    return found


def _of_options(codebase: "Codebase") -> Iterator[tuple[str, str]]:
    for hit in cli_options(codebase, parse_query("cli_options")):
        yield hit.name, hit.detail.get("default", "")


def _of_fields(codebase: "Codebase") -> Iterator[tuple[str, str]]:
    """The fields of the classes whose file names a member in an assignment."""
    for path, facts in codebase.facts.items():
        owners = {fact.symbol for fact in facts.facts if fact.kind == "assign" and fact.symbol}
        if codebase.snapshot.by_path[path].role == "source":
            for item in facts.definitions:
                if item.kind == "class" and item.symbol in owners:
                    yield from ((f"{f.owner}.{f.name}", f.default) for f in class_fields(codebase, path, item, 0))
