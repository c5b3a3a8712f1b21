"""Kind `decisions`: which conditions decide what the main program runs, in a sentence, with the steps of their arms.

Told are the conditions above steps that make or run models: those with most below them, in the order of execution.
Options behind a condition are named with their defaults. Conditions inside models are left out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.course_steps import Step, steps_of
from retrieval.census.flow.default_targets import first_said
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.walk import walked
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import Guard, one_line
from retrieval.census.meaning.body_events import guards_of
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller, label, spoken
from retrieval.census.models.outside import Outside
from retrieval.census.settings.switches import Switch, proof, switches_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.flow.flow import Root
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

DEPTH, ROOTS, SHOWN, STEPS, CONDITION, DEFAULT, PLAIN, NAMED = 16, 4, 9, 2, 90, 40, 2, 5
_OPTIONS = r"(?:args|opts?|options|flags|FLAGS|cfg|config|hparams)"
_CHOICES = frozenset({"if", "else", "case"})
_COMPARES = re.compile(r"(?:==|\bin\b|!=) *[\[({]?[\"'\d]|==\s*\w+\.[A-Z]|` matches `|(?:[\"'])\s+in\s")
_FIRST_USE = re.compile(r"\bnot in [A-Za-z_][\w.]*\b")
_PRESENCE = re.compile(
    r"\bis (?:not )?None\b|^isinstance\(|^not \w|\blen\(|hasattr\(|^(?:\w+\.)*_\w+$|^\w*valid\w*$|exists\("
    r"|\.(?:shape|ndim)\b"
)


@dataclass(slots=True)
class Choice:
    """One decision of a body: its arms with the steps under each, and how much these have to do with models."""

    frame: "Frame"
    order: int
    arms: dict[int, tuple[Guard, dict[str, None]]] = field(default_factory=dict)
    weight: int = 0
    dispatch: str = ""  # for a call that runs one of several functions: which, in words
    line: int = 0
    around: str = ""  # the condition around the decision itself
    runs: bool = False  # whether a model runs below, or is only made

    @property
    def rank(self) -> int:
        """0 for dispatch, a choice between steps, or a comparison with a constant; 2 for tests that something is there
        or of a type; 1 for the rest."""
        tests = [guard for guard, _ in self.arms.values()]
        if self.dispatch or len(self.arms) > 1 or any(_COMPARES.search(guard.text) for guard in tests):
            return 0
        first_use = not self.runs and all(_FIRST_USE.search(guard.text) for guard in tests)
        return 2 if first_use or all(map(_asks_presence, tests)) else 1


@kind(
    "decisions",
    summary="a sentence on the conditions that decide which models the main program makes and runs, with defaults",
    example="decisions",
    reads="python",
    ordered=True,
)
def decisions(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit about the most important program that has such conditions, tests for what is there at all last. Patterns
    match where it starts."""
    focus = focus_of(codebase)
    roots = [root for root in main_roots(focus)[:ROOTS] if query.matches(root.frame.symbol or root.frame.path)]
    weak: tuple[Root, list[Choice]] | None = None
    for root in roots:
        found = choices(focus, root)
        telling = list({_same(choice): choice for choice in reversed(found) if _decides(choice)}.values())
        ranked = sorted(telling[::-1], key=lambda choice: (choice.rank // PLAIN, -choice.weight, choice.rank))
        strong = [choice for choice in ranked if choice.rank < PLAIN]
        if strong:
            yield _sentence(codebase, root, sorted(strong[:SHOWN], key=lambda choice: choice.order))
            return
        weak = weak or ((root, ranked[:SHOWN]) if len(ranked) > 1 else None)
    if weak is not None:
        yield _sentence(codebase, weak[0], sorted(weak[1], key=lambda choice: choice.order))


def _asks_presence(guard: Guard) -> bool:
    """Whether a condition only asks whether something is there, or of which type or shape; the other arm of a `not x`
    asks for `x`."""
    plain = guard.text.removeprefix("not ") if guard.kind == "else" else guard.text
    return _PRESENCE.search(plain) is not None


def choices(focus: Focus, root: "Root") -> list[Choice]:
    """The decisions above the steps of a program that make or run models, in the order of execution."""
    found: dict[tuple[str, int], Choice] = {}
    for order, step in enumerate(_every(steps_of(focus, walked(focus, root, DEPTH)))):
        event, frame = step.mark.event, step.mark.frame
        if not isinstance(event, Site | Outside) or not step.weight or focus.in_model(frame):
            continue
        if isinstance(event, Site) and (said := _dispatch(focus, event)):
            key = (said, 0)
            kept = found.setdefault(key, Choice(frame, order, dispatch=said, line=event.step.start))
            kept.weight = max(kept.weight, step.weight)
        guard = next((guard for guard in reversed(guards_of(event)) if guard.kind in _CHOICES), None)
        if guard is None:
            continue
        choice = found.setdefault((frame.path, guard.key), Choice(frame, order, around=_around(event, guard)))
        _, names = choice.arms.setdefault(guard.arm, (guard, {}))
        names[f"`{spoken(event)}`" if isinstance(event, Site) else f"`{event.step.written}()`"] = None
        choice.weight += step.weight
        choice.runs = choice.runs or bool(step.runs)
    return list(found.values())


def _around(event: Site | Outside, guard: Guard) -> str:
    """The condition in the same body under which a decision is come to, in words."""
    held = [item for item in guards_of(event) if item.kind in _CHOICES]
    outer = held[held.index(guard) - 1] if guard in held and held.index(guard) else None
    return _condition(outer) if outer is not None and outer.key != guard.key else ""


def _dispatch(focus: Focus, event: Site) -> str:
    """What a call runs one of, where a table or the class of its object chooses; "" for models and single targets."""
    if event.handed or event.how or event.called is not None or focus.models(event):
        return ""
    ways = focus.ways(event)
    names = list(dict.fromkeys(f"`{label(way.target)}`" for way in ways))
    if len(names) < 2 or any(isinstance(way.target, ClassRef) for way in ways):
        return ""
    first = f", first {names[0]} ({said})" if (said := first_said(ways)) else ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"`{event.step.written}()` runs one of {', '.join(names[:NAMED])}{more}{first}"


def _same(choice: Choice) -> tuple[object, ...]:
    if choice.dispatch:
        return (choice.dispatch,)
    return tuple((guard.text, tuple(names)) for guard, names in choice.arms.values())


def _decides(choice: Choice) -> bool:
    """Whether the arms do different things: where all of them make the same calls, only how it is done differs."""
    listed = [tuple(names) for _, names in choice.arms.values()]
    return bool(choice.dispatch) or len(listed) < 2 or len(set(listed)) > 1


def _every(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _every(step.inner)


def _sentence(codebase: "Codebase", root: "Root", found: list[Choice]) -> CensusHit:
    told: list[str] = []
    places: list[tuple[str, str, int, int]] = []
    for number, choice in enumerate(found, 1):
        said, switches = _said(codebase, choice)
        said += f" in {caller(choice.frame)}" if len(found) > 1 else ""
        said += f", inside {choice.around}" if choice.around else ""
        told.append(f"({number}) {said}" if len(found) > 1 else said)
        lines = [guard.line for guard, _ in choice.arms.values()] or [choice.line]
        places += [("decision", choice.frame.path, line, line) for line in lines]
        places += proof(switches)
    first = places[0]
    text = f"What {caller(root.frame)} makes and runs is decided by these conditions: {'; '.join(told)}"
    at = (first[2], first[3])
    related = tuple(dict.fromkeys(places[1:]))
    return hit_at(codebase, first[1], at, symbol="", name="decisions", text=text, related=related)


def _said(codebase: "Codebase", choice: Choice) -> tuple[str, list[Switch]]:
    parts: list[str] = [choice.dispatch] if choice.dispatch else []
    behind: list[Switch] = []
    for guard, names in (choice.arms[arm] for arm in sorted(choice.arms)):
        told = switches_of(codebase).conditions(choice.frame, [guard])
        switches = [switch for condition in told for switch in condition.switches if _is_named(switch, guard.text)]
        behind += switches
        preset = "; ".join(dict.fromkeys(switch.said for switch in switches))
        steps = ", ".join(list(names)[:STEPS]) + (f" and {len(names) - STEPS} more" if len(names) > STEPS else "")
        parts.append(f"{_condition(guard)}{f' ({preset})' if preset else ''} → {steps}")
    return ", ".join(parts), behind


def _is_named(switch: Switch, condition: str) -> bool:
    """Whether a condition names the setting itself, as a variable or as a part of the parsed options."""
    name = re.escape(switch.name.lstrip("-").replace("-", "_"))
    short = len(switch.default) <= DEFAULT and "/" not in switch.default
    return (
        short
        and switch.kind != "constant"
        and re.search(rf"(?<![\w.])(?:{_OPTIONS}\.)?{name}\b", condition) is not None
    )


def _condition(guard: Guard) -> str:
    conditions = guard.text.split("` and `")
    if guard.kind == "else" and len(conditions) > 1:
        return " and ".join(f"not `{one_line(text, CONDITION)}`" for text in conditions)
    plain = conditions[0].removeprefix("not ")
    if guard.kind == "else" and plain != conditions[0] and re.fullmatch(r"[\w.]+", plain):
        return f"`{plain}`"
    negated = "not " * (guard.kind == "else")
    return f"{negated}`{one_line(conditions[0], CONDITION)}`"
