"""Kind `branches`: the decisions on the paths from the entry points, and what each arm of them does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.flow.branch_ranks import MODELS, rank_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import Body, Decision, Guard, one_line
from retrieval.census.meaning.callgraph import Target
from retrieval.census.meaning.program import Program, program_of
from retrieval.census.meaning.trivial import is_trivial
from retrieval.census.meaning.values import ClassRef, FunctionRef, Value, alternatives
from retrieval.census.meaning.wording import caller, circumstances, spoken
from retrieval.census.models.computing import is_part
from retrieval.census.models.models import family_of
from retrieval.census.models.tiers import anatomy_of
from retrieval.census.project.exports import all_frames
from retrieval.facts import CensusHit
from retrieval.parse import Node, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_ACTS = 3
LONGEST_ARMS = 6
_LEAVING = {
    "return": "returns",
    "raise": "raises",
    "continue": "goes on with the next round of the loop",
    "break": "leaves the loop",
}
CHOICES = ("values", "exit", "calls")


@dataclass(frozen=True, slots=True)
class Arm:
    """One way a decision can go: when, and what happens then.

    `weight` 2: repository calls, or a class or function chosen; 1: an exit. `chosen` are these classes and functions.
    """

    when: str
    acts: tuple[str, ...]
    weight: int
    chosen: tuple[Target, ...] = ()


@kind(
    "branches",
    summary="if/elif/match decisions on the execution paths and what each arm does",
    example="branches",
    reads="python",
    options=("chooses", "parts"),
    ordered=True,
)
def branches(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Decisions that choose between repository calls first, then those that leave, then all others.

    Of the first, those that choose a model, a part of one, a loss or a transform come first, then those that
    choose between several functions or by a named mode, trivial ones last; each in order of execution, layers
    of models last, and with `parts=no` left out. Patterns match the function; `chooses=calls` (`exit`,
    `values`) keeps one sort of decision, `models` the choices of a model or a part of one.
    """
    program = program_of(codebase)
    anatomy = anatomy_of(program, family_of(codebase, Query("models", "models", (), {})).bases)
    found: list[tuple[tuple[int, ...], CensusHit]] = []
    chooses = query.options.get("chooses")
    wanted = "calls" if chooses == "models" else chooses
    for frame, depth in all_frames(program):
        if not query.matches(frame.symbol or frame.path):
            continue
        if query.options.get("parts") == "no" and is_part(anatomy, frame.owner):
            continue
        for decision in frame.body.decisions:
            arms = _arms(program, frame, decision)
            weight = max((arm.weight for arm in arms), default=0)
            if wanted in (None, CHOICES[weight]) and any(arm.acts for arm in arms):
                rank = rank_of(codebase, frame, decision, [arm.chosen for arm in arms])
                if chooses == "models" and rank > MODELS:
                    continue
                order = (0 if depth >= 0 else 1, 2 - weight, rank)
                found.append((order, _hit(codebase, frame, decision, (arms, depth, weight))))
    yield from (hit for _, hit in sorted(found, key=lambda item: item[0]))


def _arms(program: Program, frame: "Frame", decision: Decision) -> list[Arm]:
    node, text = decision.node, frame.body.tree.text
    if node.type == "conditional_expression":
        if len(node.named_children) != 3:
            return []
        chosen, condition, other = node.named_children
        when = f"`{one_line(text(condition))}`"
        sides = [(f"if {when}", chosen, 0), ("otherwise", other, 1)]
        sides = [] if _is_main(when) else sides
        return [_side(program, frame, decision, side) for side in sides]
    if node.type == "match_statement":
        block = node.child_by_field_name("body")
        cases = [c for c in block.named_children if c.type == "case_clause"] if block else []
        return [_arm(program, frame, node, (_pattern(frame, case), arm)) for arm, case in enumerate(cases)]
    return _if_arms(program, frame, node)


def _if_arms(program: Program, frame: "Frame", node: Node) -> list[Arm]:
    arms: list[Arm] = []
    tested: list[str] = []
    for arm, part in enumerate([node, *node.children_by_field_name("alternative")]):
        condition = part.child_by_field_name("condition")
        silent = any(not earlier.acts for earlier in arms)
        if condition is not None:
            tested.append(f"`{one_line(frame.body.tree.text(condition))}`")
            when = f"else if {tested[-1]}" if arm and not silent else f"if {tested[-1]}"
        elif silent:
            when = f"if {' and '.join(tested)} {'is' if len(tested) == 1 else 'are'} false"
        else:
            when = "otherwise"
        if not _is_main(when):
            arms.append(_arm(program, frame, node, (when, arm)))
    return arms


def _is_main(condition: str) -> bool:
    return "__name__" in condition and "__main__" in condition


def _pattern(frame: "Frame", case: Node) -> str:
    patterns = [c for c in case.named_children if c.type == "case_pattern"]
    return "case `" + ", ".join(one_line(frame.body.tree.text(c), 40) for c in patterns) + "`"


def _side(program: Program, frame: "Frame", decision: Decision, side: tuple[str, Node, int]) -> Arm:
    when, node, arm = side
    calls = _calls(program, frame, decision.node.id, arm)
    value = f"takes `{one_line(frame.body.tree.text(node), 60)}`"
    chosen = (*_targets(program, frame, decision.node.id, arm), *_named(frame.value(node, guards=decision.guards)))
    return Arm(when, (value,), 2 if calls or chosen else 0, chosen)


def _calls(program: Program, frame: "Frame", key: int, arm: int) -> list[tuple[str, bool]]:
    """What the arm calls of the repository, and whether it does so without further conditions."""
    found: dict[str, bool] = {}
    for site in program.sites(frame):
        inner = _inside(site.step.guards, key, arm)
        if inner is not None:
            plain = not any(guard.kind in ("if", "else", "case", "except") for guard in inner)
            verb = "constructs" if all(isinstance(t, ClassRef) for t in site.targets) else "calls"
            words = f"{verb} `{spoken(site)}`"
            found[words] = found.get(words, False) or plain
    return list(found.items())


def _targets(program: Program, frame: "Frame", key: int, arm: int) -> tuple[Target, ...]:
    """What the arm runs of the repository, trivial functions aside, and the classes and functions it binds."""
    sites = [site for site in program.sites(frame) if _inside(site.step.guards, key, arm) is not None]
    found = [target for site in sites if not is_trivial(program, site) for target in site.targets]
    bound = [b for b in frame.body.bindings if _inside(b.guards, key, arm) is not None and b.taken == "whole"]
    return (*found, *(target for binding in bound for target in _named(frame.binding_value(binding))))


def _named(value: Value | None) -> tuple[Target, ...]:
    """The classes and functions that a value is, when it is nothing else."""
    members = alternatives(value)
    named = tuple(member for member in members if isinstance(member, ClassRef | FunctionRef))
    return named if len(named) == len(members) else ()


def _inside(guards: tuple[Guard, ...], key: int, arm: int) -> tuple[Guard, ...] | None:
    """The guards further in than this arm; None outside of it."""
    for position, guard in enumerate(guards):
        if guard.key == key and guard.arm == arm:
            return guards[position + 1 :]
    return None


def _arm(program: Program, frame: "Frame", node: Node, place: tuple[str, int]) -> Arm:
    when, arm = place
    calls = _calls(program, frame, node.id, arm)
    plain = [words for words, always in calls if always]
    nested = [words for words, always in calls if not always]
    exits = _exits(frame.body, node.id, arm)
    acts = [*_cut(plain), *exits]
    if nested:
        acts.append(f"under further conditions {', '.join(_cut(nested))}")
    chosen = _targets(program, frame, node.id, arm)
    if not acts:
        acts = _settings(frame.body, node.id, arm)
        if not acts and chosen:
            acts = [f"under further conditions {', '.join(_choices(frame, node.id, arm))}"]
        acts = acts or _other_calls(frame.body, node.id, arm)
    return Arm(when, tuple(acts), 2 if calls or chosen else 1 if exits else 0, chosen)


def _choices(frame: "Frame", key: int, arm: int) -> list[str]:
    """The bindings in an arm that choose a class or function, whatever further conditions they stand under."""
    return [
        f"sets `{binding.name} = {one_line(frame.body.tree.text(binding.value), 60)}`"
        for binding in frame.body.bindings
        if _inside(binding.guards, key, arm) is not None and _named(frame.binding_value(binding))
    ][:MOST_ACTS]


def _cut(words: list[str]) -> list[str]:
    more = [f"and {len(words) - MOST_ACTS} more"] if len(words) > MOST_ACTS else []
    return [*words[:MOST_ACTS], *more]


def _direct(guards: tuple[Guard, ...], key: int, arm: int) -> bool:
    """Whether the innermost guard is this arm, so that the event always happens in it."""
    kept = [guard for guard in guards if guard.kind != "past"]
    return bool(kept) and kept[-1].key == key and kept[-1].arm == arm


def _exits(body: Body, key: int, arm: int) -> list[str]:
    found = []
    for item in body.exits:
        if not _direct(item.guards, key, arm) or item.kind == "yield":
            continue
        value = one_line(body.tree.text(item.value), 60)
        words = _LEAVING[item.kind]
        found.append(f"{words} `{value}`" if value else words)
    return found[:1]


def _settings(body: Body, key: int, arm: int) -> list[str]:
    found = []
    for binding in body.bindings:
        if _direct(binding.guards, key, arm) and binding.value is not None:
            value = one_line(body.tree.text(binding.value), 60)
            whole = binding.taken == "whole"
            found.append(f"sets `{binding.name} = {value}`" if whole else f"sets `{binding.name}` from `{value}`")
    return list(dict.fromkeys(found))[:2]


def _other_calls(body: Body, key: int, arm: int) -> list[str]:
    found = [
        f"calls `{step.written}()`"
        for step in body.calls
        if _direct(step.guards, key, arm) and re.match(r"[\w.]+\Z", step.written)
    ]
    return list(dict.fromkeys(found))[:2]


def _hit(
    codebase: "Codebase",
    frame: "Frame",
    decision: Decision,
    told: tuple[list[Arm], int, int],
) -> CensusHit:
    arms, depth, weight = told
    shown = [f"{arm.when}: {', '.join(arm.acts)}" for arm in arms if arm.acts]
    more = f"; and {len(shown) - LONGEST_ARMS} more arms" if len(shown) > LONGEST_ARMS else ""
    subject = caller(frame)
    node = decision.node
    matched = ""
    if node.type == "match_statement":
        matched = f" on `{one_line(frame.body.tree.text(node.child_by_field_name('subject')))}`"
    text = f"In {subject}{matched}, {'; '.join(shown[:LONGEST_ARMS])}{more}"
    return hit_at(
        codebase,
        frame.path,
        (first_line(node), last_line(node)),
        symbol=frame.symbol,
        name=frame.symbol or frame.path,
        text=text + circumstances(decision.guards),
        detail={
            "chooses": CHOICES[weight],
            "depth": str(depth),
            "arms": str(len(arms)),
        },
    )
