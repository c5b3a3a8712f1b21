"""Whether a statement runs when nobody sets anything: its conditions under the defaults of options and variables."""

import ast
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.conditions import UNKNOWN, fails, parsed, truth
from retrieval.census.meaning.feasible import literal
from retrieval.census.meaning.spots import Spot, default
from retrieval.census.settings.switches import Switch, condition_of, names_of, switches_of

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase


def is_off(codebase: "Codebase", frame: "Frame", guards: tuple[Guard, ...]) -> bool:
    """Whether one of the conditions certainly does not hold by default; a doubt counts as on."""
    return any(guard.kind in ("if", "else") and _fails(codebase, frame, guard) for guard in guards)


def is_preset(codebase: "Codebase", frame: "Frame", guards: tuple[Guard, ...]) -> bool:
    """Whether there are conditions, and all of them certainly hold by default."""
    asked = [guard for guard in guards if guard.kind in ("if", "else")]
    return bool(asked) and all(_holds(codebase, frame, guard) for guard in asked)


def unless_given(frame: "Frame", guards: tuple[Guard, ...]) -> str:
    """The condition that does not hold where a caller gives nothing but what the function must have; "" for none."""

    def given(name: str) -> object:
        preset = default(frame, name) if name in frame.parameters and not frame.bound(name) else None
        return UNKNOWN if preset is None else literal(frame.body.tree.text(preset), preset)

    return next((guard.text for guard in guards if guard.kind in ("if", "else") and fails(guard, given)), "")


def _fails(codebase: "Codebase", frame: "Frame", guard: Guard) -> bool:
    return fails(guard, _Defaults(codebase, frame, guard))


def _holds(codebase: "Codebase", frame: "Frame", guard: Guard) -> bool:
    defaults = _Defaults(codebase, frame, guard)
    told = [truth(parsed(part), defaults) for part in guard.text.split("` and `")]
    return all(value is (guard.kind == "if") for value in told)


class _Defaults:
    """What the names of a condition are by default, UNKNOWN for those that no single option or variable decides."""

    def __init__(self, codebase: "Codebase", frame: "Frame", guard: Guard) -> None:
        self.codebase, self.frame, self.guard = codebase, frame, guard

    def __call__(self, written: str) -> object:
        switches = switches_of(self.codebase)
        node = condition_of(self.frame, self.guard)
        for name in names_of(node) if node is not None else ():
            if self.frame.body.tree.text(name) == written:
                told = switches.behind(Spot(self.frame, name, guards=()))
                chosen = [switch for switch in told if switch.kind in ("option", "environment")]
                return _value(chosen[0]) if len(chosen) == 1 and len(told) == 1 else UNKNOWN
        return UNKNOWN


def _value(switch: Switch) -> object:
    """The default of a switch as a value; an option without any is None, a variable without any is unknown."""
    if not switch.default:
        return None if switch.kind == "option" and not switch.asked else UNKNOWN
    try:
        value = ast.literal_eval(switch.default)
    except (ValueError, SyntaxError):
        return UNKNOWN
    return value if value is None or isinstance(value, str | int | float) else UNKNOWN
