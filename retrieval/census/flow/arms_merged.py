"""One order out of ways that exclude one another: what each way runs first comes first.

A walk opens a body once. Where a later arm of a decision reaches it again, what that arm does before stands behind the
body in the walk, though on no way it runs after it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from retrieval.census.flow.alternatives import Choice, Choices, Named, Place
from retrieval.census.flow.walk import Mark

MOST, WAYS = 80, 6
Occurrence = tuple[int, dict[Place, object]]
"""Where in a walk something happens, and the decisions on the way there."""


def merged(found: Iterable[Named], walks: Sequence[Sequence[Mark]]) -> list[Named]:
    """The items of one walk in an order that holds on every way on which two of them run; of several walks, and of
    many items, as they are."""
    items = list(found)
    if len(walks) != 1 or len(items) > MOST:
        return items
    ways = _Ways(walks[0])
    happens = [ways.of((item.mark, *item.also)) for item in items]
    before: list[set[int]] = [set() for _ in items]
    apart: list[set[int]] = [set() for _ in items]
    for late in range(len(items)):
        for early in range(late):
            turned = _turned(happens[early], happens[late])
            if turned is None:
                apart[late].add(early)
                apart[early].add(late)
            else:
                first, second = (late, early) if turned else (early, late)
                before[second].add(first)
    return _parted(items, _sorted(before, apart), apart)


def _parted(items: list[Named], order: list[int], apart: list[set[int]]) -> list[Named]:
    """The items in order; those next to each other that no way runs together are alternatives, also where each stands
    in several arms and no one decision parts them."""
    groups: list[list[int]] = []
    for at in order:
        joins = groups and all(other in apart[at] and not _decided(items[at], items[other]) for other in groups[-1])
        if joins:
            groups[-1].append(at)
        else:
            groups.append([at])
    found: list[Named] = []
    for group in groups:
        for at in group:
            item = items[at]
            choice = Choice(("apart", group[0]), at)
            found.append(replace(item, choices=(choice, *item.choices)) if len(group) > 1 else item)
    return found


def _decided(first: Named, second: Named) -> bool:
    """Whether one decision parts two items: they are told with its conditions."""
    options = {choice.place: choice.option for choice in first.choices}
    return any(options.get(choice.place, choice.option) != choice.option for choice in second.choices)


class _Ways:
    """Where the marks of one walk happen, on every way that it knows."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        self._choices = Choices(marks)
        self._at = {mark.number: at for at, mark in enumerate(marks)}
        self._again = [mark for mark in marks if mark.seen]

    def of(self, marks: Sequence[Mark]) -> list[Occurrence]:
        """The places themselves, and those from which a body around them is reached again."""
        found = dict.fromkeys(mark.number for mark in marks[:WAYS])
        for number in (waiting := list(found)):
            for again in self._again:
                if again.number not in found and number.startswith(f"{again.seen}.") and len(found) < WAYS:
                    found[again.number] = None
                    waiting.append(again.number)
        return [(self._at[number], self._choices.way(number)) for number in found]


def _turned(early: list[Occurrence], late: list[Occurrence]) -> bool | None:
    """Whether what is found later runs before the other; None where no way runs both."""
    orders = {a < b for a, first in early for b, second in late if a != b and not _exclude(first, second)}
    return None if not orders else orders == {False}


def _exclude(first: dict[Place, object], second: dict[Place, object]) -> bool:
    return any(second.get(place, option) != option for place, option in first.items())


def _sorted(before: list[set[int]], apart: list[set[int]]) -> list[int]:
    """The positions, each after those before it; alternatives of the one just told first, else as they stand."""
    left = set(range(len(before)))
    order: list[int] = []
    while left:
        ready = [at for at in left if not before[at] & left] or [min(left)]  # a circle is told as it stands
        last = order[-1] if order else -1
        order.append(min(ready, key=lambda at: (last not in apart[at], at)))
        left.discard(order[-1])
    return order
