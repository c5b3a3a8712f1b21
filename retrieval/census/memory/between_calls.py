"""Models in attributes, between the calls that use them: cleared again by a `finally`, or kept until a test fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.presence import is_first_use
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.wording import caller

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.models.roster import Roster

LONGEST, SHOWN = 200, 2


@dataclass(frozen=True)
class Methods:
    """The bodies of methods by the file and symbol of their class, and the names of those run only on a first use."""

    by_class: dict[tuple[str, str], list[Frame]]
    tested: frozenset[str]


def methods_of(roster: Roster) -> Methods:
    """The methods that the main programs run."""
    found: dict[tuple[str, str], list[Frame]] = {}
    for frame, _depth in roster.frames:
        if frame.owner is not None:
            found.setdefault((frame.owner.path, frame.owner.definition.symbol), []).append(frame)
    steps = [step for frames in found.values() for frame in frames for step in frame.body.calls]
    tested = {step.written.rpartition(".")[2] for step in steps if any(map(is_first_use, step.guards))}
    return Methods(found, frozenset(tested))


def let_go_after(methods: Methods, frame: Frame, name: str) -> bool:
    """Whether `name` ("self.x"), bound in `frame`, is emptied in the `finally` of each method that runs `frame`.

    The methods are those of the class of `frame`, of its bases and of the classes that derive from it.
    """
    family, method = _family(methods, frame), frame.symbol.rpartition(".")[2]
    clearing = {other.symbol.rpartition(".")[2] for other in family if _empties(other, name)}
    users = {(other.path, other.symbol): other for other in family if any(_calls(other, {method}))}
    return bool(clearing and users) and all(
        any(_in_finally(step) for step in _calls(other, clearing)) for other in users.values()
    )


def kept_while(methods: Methods, frame: Frame, name: str) -> str:
    """How `name` ("self.x"), which `frame` makes, is kept where each of its callers tests that first; "" for others.

    `if self.net is None or size != self.size: self.load(size)` in every method that runs `load()`.
    """
    method = frame.symbol.rpartition(".")[2]
    family = _family(methods, frame) if method in methods.tested and method != "__init__" else []
    steps = [(other, step) for other in family for step in _calls(other, {method})]
    tests = [[g for g in step.guards if is_first_use(g) and f"{name} is None" in g.text] for _other, step in steps]
    if not tests or not all(tests):
        return ""
    test = re.sub(r"^\((.*?)\)?$", r"\1", one_line(tests[0][-1].text, LONGEST))
    ends = list(dict.fromkeys(f"`{other.symbol}()`" for other in family if _empties(other, name)))
    until = f"; {listed(ends, SHOWN)} lets it go" if ends else ""
    return f"from one call to the next: {caller(steps[0][0])} has {caller(frame)} make it only if `{test}`{until}"


def _family(methods: Methods, frame: Frame) -> list[Frame]:
    """The bodies of a method's class, of its bases and of what derives from it."""
    if frame.owner is None:
        return []
    line = dict.fromkeys((*frame.program.line(frame.owner), *frame.program.descendants(frame.owner)))
    return [other for cls in line for other in methods.by_class.get((cls.path, cls.definition.symbol), ())]


def _empties(frame: Frame, name: str) -> bool:
    if frame.symbol.endswith("__init__"):
        return False
    return any(b.name == name and b.value is not None and b.value.type == "none" for b in frame.body.bindings)


def _calls(frame: Frame, names: set[str]) -> list[CallStep]:
    own = next(iter(frame.parameters), "")
    return [step for step in frame.body.calls if step.written in {f"{own}.{name}" for name in names}]


def _in_finally(step: CallStep) -> bool:
    """Whether a call is a statement of a `finally` itself, on no condition of its own."""
    node = step.node.parent
    while node is not None and node.type in ("expression_statement", "block"):
        node = node.parent
    return node is not None and node.type == "finally_clause"
