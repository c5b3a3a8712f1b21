"""Steps that are put into a list under conditions: alternatives told as such, that of the defaults first."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard, one_line
from retrieval.census.meaning.conditions import UNKNOWN, fails, parsed, value_of
from retrieval.census.meaning.spots import default

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_PREFIX = re.compile(
    r"\b(?:torchvision\.transforms\.(?:v2\.)?|transforms\.(?:v2\.)?|(?:TF?|TS|v2)\.(?=[A-Z])|InterpolationMode\.|albumentations\.)"
)
_OR = re.compile(r"^(\w+) or (.+)$")
STEP, CONDITION = 100, 50


@dataclass(frozen=True)
class Step:
    """One step as written, the conditions that the whole does not stand under, outermost first, and its line."""

    text: str
    guards: tuple[Guard, ...]
    line: int


def step_of(written: str, guards: tuple[Guard, ...], around: tuple[Guard, ...], line: int) -> Step:
    """A step, without the conditions that the call which composes the steps stands under itself."""
    own = {(guard.key, guard.arm) for guard in around}
    extra = tuple(g for g in guards if g.kind in ("if", "else", "case") and (g.key, g.arm) not in own)
    flat = re.sub(r"(?<=[(\[]) | (?=[)\]])", "", " ".join(written.split())).replace(",)", ")")
    return Step(_PREFIX.sub("", flat), extra, line)


def in_order(steps: Sequence[Step], frame: "Frame") -> str:
    """ "`a` → one of [`b`] (by default) or [`c`] (if `mode == 'x'`) → `d`"."""
    return _written(steps, 0, lambda name: preset(frame, name))


def _written(steps: Sequence[Step], deep: int, given: Callable[[str], object]) -> str:
    parts: list[str] = []
    for key, group in groupby(steps, key=lambda step: step.guards[deep].key if len(step.guards) > deep else None):
        members = list(group)
        if key is None:
            parts += [f"`{one_line(step.text, STEP)}`" for step in members]
            continue
        arms: dict[int, list[Step]] = {}
        for step in members:
            arms.setdefault(step.guards[deep].arm, []).append(step)
        told = [(arm[0].guards[deep], _written(arm, deep + 1, given)) for arm in arms.values()]
        if len(told) == 1:
            inner = f"[{told[0][1]}]" if " → " in told[0][1] else told[0][1]
            parts.append(f"{inner} ({_condition(told[0][0])})")
            continue
        refuted = [fails(guard, given) for guard, _ in told]
        order = sorted(range(len(told)), key=lambda at: refuted[at])
        sure = refuted.count(False) == 1
        shown = [
            f"[{told[at][1]}] ({'by default' if sure and not refuted[at] else _condition(told[at][0])})" for at in order
        ]
        parts.append(f"one of {' or '.join(shown)}")
    return " → ".join(parts)


def _condition(guard: Guard) -> str:
    return f"if `{one_line(guard.text, CONDITION)}`" if guard.kind != "else" else "otherwise"


def preset(frame: "Frame", name: str) -> object:
    """What a name is in a body when callers give nothing: its default, or what stands after `or` for a default of
    None; UNKNOWN for everything else."""
    node = default(frame, name) if name in frame.parameters else None
    value = value_of(parsed(frame.body.tree.text(node)), lambda _: UNKNOWN) if node is not None else UNKNOWN
    for binding in frame.bound(name):
        found = _OR.match(frame.body.tree.text(binding.value)) if binding.value is not None else None
        if found is None or found[1] != name or binding.guards:
            return UNKNOWN
        value = (
            value_of(parsed(found[2]), lambda _: UNKNOWN) if value in (None, "", 0) and value is not UNKNOWN else value
        )
    return value
