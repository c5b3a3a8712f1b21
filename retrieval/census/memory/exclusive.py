"""Objects of which one run makes only one: in arms of one decision, or before and behind an early `return`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.flow.ways_in import Way
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.conditions import left_under
from retrieval.census.meaning.presence import conditions
from retrieval.census.models.made_models import Made

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

Standing = tuple["Frame", tuple[Guard, ...]]  # a body on the way to a model, and what its call there stands under


def standing(made: Made, way: Way) -> list[Standing]:
    """The bodies on a way with the conditions of the call in each, the outermost first."""
    return [*((around, step.guards) for around, step, _target in way), (made.frame, made.step.guards)]


def exclude(one: Sequence[Standing], other: Sequence[Standing]) -> bool:
    """Whether a run that takes one way cannot take the other."""
    for (frame, guards), (around, others) in zip(one, other, strict=False):
        if frame is not around:
            return False
        arms = {guard.key: guard.arm for guard in guards if guard.kind in ("if", "else", "case")}
        if any(guard.key in arms and arms[guard.key] != guard.arm for guard in others if guard.kind != "past"):
            return True
        if any(_is_left(frame, past, mine) for mine, past in (*_pasts(guards, others), *_pasts(others, guards))):
            return True
    return False


def behind(item: Sequence[Standing], others: Sequence[Sequence[Standing]]) -> Iterator[tuple["Frame", Guard]]:
    """The conditions that sent a run another way, to one of the `others`, where they hold: each as what must not."""
    for index, (frame, guards) in enumerate(item):
        for past in (guard for guard in guards if guard.kind == "past"):
            asked = conditions(left_under(frame.body, past))
            if len(asked) == 1 and any(_passes(other, index, frame, past) for other in others):
                yield frame, replace(asked[0], kind="else", arm=asked[0].arm + 1)


def _passes(other: Sequence[Standing], index: int, frame: "Frame", past: Guard) -> bool:
    return len(other) > index and other[index][0] is frame and _is_left(frame, past, other[index][1])


def _pasts(ours: Sequence[Guard], theirs: Sequence[Guard]) -> Iterator[tuple[Sequence[Guard], Guard]]:
    yield from ((ours, guard) for guard in theirs if guard.kind == "past")


def _is_left(frame: "Frame", past: Guard, guards: Sequence[Guard]) -> bool:
    """Whether what stands under `guards` is in the block that an early exit ends."""
    around = left_under(frame.body, past)
    have = {(guard.key, guard.arm) for guard in guards}
    return bool(around) and past not in guards and all((guard.key, guard.arm) in have for guard in around)
