"""Which marks of a walk exclude one another: what is one of several is never told as one step after another.

Two marks exclude one another where they stand in different arms of one decision, under conditions that compare the same
expression with different constants, or below different classes that one call may run.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.census.flow.walk import Mark
from retrieval.census.meaning.body import Guard, one_line
from retrieval.census.meaning.body_events import guards_of
from retrieval.census.meaning.callgraph import Site
from retrieval.census.models.outside import Outside

CHOICES = frozenset({"if", "else", "case"})
_NEGATED = re.compile(r"not ([\w.]+(?:\([^()]*\))?)")
_LETTERS = "abcdefgh"
CONDITION, MOST_ARMS, LONGEST_ARM, NEAR, TOGETHER = 70, 8, 8, 2, 2
Place = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision above a mark: which one, which way it went, and the condition as written ("" for none)."""

    place: Place
    option: object
    said: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A mark with what is said of it, the decisions above it, the outermost first, and later marks of the same."""

    said: str
    mark: Mark
    choices: tuple[Choice, ...] = ()
    also: tuple[Mark, ...] = ()


class Choices:
    """The decisions above the marks of one walk."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        self._known = {mark.number: mark for mark in marks}
        self._shared = {mark.seen for mark in marks if mark.seen}  # code that is reached by other ways too
        self._void = _void(marks)

    def of(self, mark: Mark) -> tuple[Choice, ...]:
        """The decisions above a mark, in the bodies that lead to it too."""
        found: list[Choice] = []
        outers = [mark, *self.above(mark)]
        found += self._boundary(outers[-1])
        for outer in reversed(outers):
            found.extend(self._decided(outer))
            found += self._letter(outer, mark.number) if outer is not mark else []
        return tuple(found)

    def _boundary(self, outer: Mark) -> list[Choice]:
        """Which of several targets a mark is below that is reached by other ways too: so it is on each of them."""
        number = outer.number.rpartition(".")[0]
        found = self._known.get(number.rstrip(_LETTERS)) if number in self._shared else None
        return self._letter(found, f"{number}.") if found is not None else []

    @staticmethod
    def _letter(outer: Mark, number: str) -> list[Choice]:
        """Which of the targets of a call a number is below, where one call runs one of them."""
        base = outer.number.rstrip(_LETTERS)
        below = number[len(base) : len(base) + 1]
        told = below and below in _LETTERS and not _is_looped(outer)
        return [Choice(("call", base), below)] if told else []

    def way(self, number: str) -> dict[Place, object]:
        """The decisions on the way to a place in the walk, by which way each goes; of other ways to it nothing."""
        found: dict[Place, object] = {}
        at = number
        while at:
            outer = self._known.get(at.rstrip(_LETTERS)) or self._known.get(at)
            for choice in (*_decided(outer), *self._letter(outer, number)) if outer is not None else ():
                found.setdefault(choice.place, choice.option)
            at = at.rpartition(".")[0]
        return found

    def own(self, mark: Mark) -> tuple[Choice, ...]:
        """The decisions of the body that a mark stands in."""
        return tuple(self._decided(mark))

    def _decided(self, mark: Mark) -> Iterator[Choice]:
        """The decisions of the body around a mark, without those of which each arm makes the same call."""
        return _decided(mark, self._void.get(_call(mark), frozenset()))

    def above(self, mark: Mark) -> Iterator[Mark]:
        """The calls that lead to a mark, the nearest first, as far as there is one way only."""
        number = mark.number
        while "." in number:
            number = number.rpartition(".")[0]
            found = self._known.get(number.rstrip(_LETTERS)) or self._known.get(number)
            if number in self._shared:
                return
            if found is not None and isinstance(found.event, Site | Outside):
                yield found

    def condition(self, mark: Mark, near: int = NEAR) -> str:
        """The nearest conditions of a mark or of the `near` calls above it, in words; "" without one."""
        for outer in (mark, *list(self.above(mark))[:near]):
            told = [choice.said for choice in self._decided(outer) if choice.said and choice.place[0] == "arm"]
            if told:
                return " and ".join(dict.fromkeys(told[-TOGETHER:]))
        return ""


def _call(mark: Mark) -> Place:
    """What a mark calls, and where: the same for calls in other arms."""
    return (
        mark.frame.path,
        mark.frame.symbol,
        *(mark.event.targets if isinstance(mark.event, Site) else (mark.number,)),
    )


def _void(marks: Sequence[Mark]) -> dict[Place, frozenset[int]]:
    """By call the decisions of which every arm, an `else` among them, makes that call: they decide nothing about it."""
    arms: dict[tuple[Place, int], dict[int, str]] = {}
    for mark in marks:
        events = (mark.event, *mark.again) if isinstance(mark.event, Site) else ()
        for guard in (g for event in events if isinstance(event, Site) for g in guards_of(event) if g.kind in CHOICES):
            arms.setdefault((_call(mark), guard.key), {})[guard.arm] = guard.kind
    found: dict[Place, frozenset[int]] = {}
    for (call, key), held in arms.items():
        if "else" in held.values() and len(held) == max(held) + 1:
            found[call] = found.get(call, frozenset()) | {key}
    return found


def _is_looped(mark: Mark) -> bool:
    """Whether a call is made again and again, so that it may run each of several targets in turn."""
    guards = guards_of(mark.event) if isinstance(mark.event, Site | Outside) else ()
    return any(guard.kind in ("for", "while", "comprehension") for guard in guards)


def _decided(mark: Mark, void: frozenset[int] = frozenset()) -> Iterator[Choice]:
    """The decisions of the body around a mark but those in `void`."""
    if not isinstance(mark.event, Site | Outside):
        return
    for guard in guards_of(mark.event):
        if guard.kind not in CHOICES or guard.key in void:
            continue
        yield Choice(("arm", mark.frame.path, guard.key), guard.arm, _said(guard))
        subject = _subject(guard.text) if guard.kind == "if" else ""
        if subject:
            yield Choice(("subject", mark.frame.path, mark.frame.symbol, subject), guard.text, _said(guard))


def _said(guard: Guard) -> str:
    """A condition in words; what must not hold for an `else` is negated."""
    if guard.kind != "else":
        return f"`{one_line(guard.text, CONDITION)}`"
    plain = _NEGATED.fullmatch(guard.text)
    if plain:
        return f"`{one_line(plain[1], CONDITION)}`"
    conditions = guard.text.split("` and `")
    if len(conditions) > 1:
        return "none of the conditions before it holds"
    return f"not `{one_line(conditions[0], CONDITION)}`"


def _subject(condition: str) -> str:
    """The expression that a condition compares with constants, "" for other conditions."""
    try:
        node = ast.parse(condition.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.In):
        right = node.comparators[0]
        parts = right.elts if isinstance(right, ast.List | ast.Tuple | ast.Set) else [right]
        if parts and all(isinstance(part, ast.Constant) for part in parts):
            return ast.unparse(node.left)
    return ""


def in_order(items: Sequence[Named]) -> list[str]:
    """The items in words, in order; those that exclude one another as one entry."""
    found: list[str] = []
    rest = list(items)
    while rest:
        place = _parting(rest)
        if place is None:
            found.append(rest.pop(0).said)
            continue
        held = _together(rest, place)
        rest = rest[len(held) :]
        found.append(_one_of(held, place))
    return list(dict.fromkeys(found))


def _parting(rest: Sequence[Named]) -> Place | None:
    """The outermost decision at which the first item and the following ones go different ways."""
    for choice in rest[0].choices:
        held = _together(rest, choice.place)
        if len({_option(item, choice.place) for item in held}) > 1:
            return choice.place
    return None


def _together(rest: Sequence[Named], place: Place) -> list[Named]:
    held: list[Named] = []
    for item in rest:
        if all(choice.place != place for choice in item.choices):
            break
        held.append(item)
    return held


def _option(item: Named, place: Place) -> object:
    return next(choice.option for choice in item.choices if choice.place == place)


def _one_of(held: Sequence[Named], place: Place) -> str:
    arms: dict[object, list[Named]] = {}
    for item in held:
        arms.setdefault(_option(item, place), []).append(item)
    said: dict[str, None] = {}
    for inside in arms.values():
        condition = next(choice.said for choice in inside[0].choices if choice.place == place)
        told = list(dict.fromkeys(_bare(item.said, condition) for item in inside))
        more = f" then {len(told) - LONGEST_ARM} more" if len(told) > LONGEST_ARM else ""
        steps = " then ".join(told[:LONGEST_ARM]) + more
        said[f"if {condition}: {steps}" if condition else steps] = None
    shown = list(said)
    more = f", or one of {len(shown) - MOST_ARMS} more" if len(shown) > MOST_ARMS else ""
    return f"one of: {', or '.join(shown[:MOST_ARMS])}{more}" if len(shown) > 1 else shown[0]


def _bare(said: str, condition: str) -> str:
    """What is said of a mark, without the condition that is told before it."""
    said = said.removesuffix(f" (only if {condition})").removesuffix(" (on a condition)")
    if condition and "(only if " in said:
        said = said.replace(f"(only if {condition} and ", "(only if ").replace(f" and {condition})", ")")
    return said.replace(", on a condition)", ")")
