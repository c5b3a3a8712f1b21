"""The bodies in which models take part in hand-overs: their steps with the role of each, the weightiest first.

A body counts by the hand-overs in which a model, or a function that leads to one, takes part; what lies close below
the start of a program counts most. See `body_flow.py` for how values are followed inside a body.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.screens import is_screen
from retrieval.census.flow.spine import hand_over_bodies, nearness_of
from retrieval.census.handover.filled import filled_by
from retrieval.census.handover.handoffs import NAMES, OPTIONS
from retrieval.census.meaning.body_flow import Step, Taken, steps_in
from retrieval.census.meaning.callgraph import Site, entered, reached
from retrieval.census.meaning.trivial import is_trivial
from retrieval.census.meaning.units import Function, Unit, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller
from retrieval.census.models.outside import does

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

DEEPEST, SIBLINGS, ALTERNATIVE, PROGRAMS, PART = 12, 3, 0.3, 8, 0.3
_WRITES = re.compile(r"^(?:save\w*|dump|dumps|write\w*|imwrite|imsave|to_csv|to_json|put|put_nowait|send|backward)$")
DIRECT = 1.5  # how much more a hand-over counts in which a model itself takes part
TOOLS = re.compile(
    r"(?i)(?:^|_)(?:(?:model|net)s?(?:_(?:without_ddp|ddp|module|wrapped|dict))?|tokenizer|processor|preprocess\w*|"
    r"transforms?|optimi[sz]er|scheduler|scaler|device|dtype|logger|writer|tqdm|autocast|generator|config|epoch|step|"
    r"(?:data)?loaders?|datasets?|samplers?|accelerator|pipe|pipeline|sess|session)\d*$"
)
"""Names of what steps work with, and not of what flows through them."""
LOGS = re.compile(r"(?i)(?:^|[._])(?:log\w*|debug|info|warn\w*|meter\w*|add_scalar|update)$")
_KNOWN: Beside[Codebase, list[ModelBody]] = Beside()
_REACHES: Beside[Codebase, dict[tuple[str, str], bool]] = Beside()
_RUNS: Beside[Codebase, dict[tuple[str, str], bool]] = Beside()


@dataclass(frozen=True, slots=True)
class Role:
    """What a call is in a body: "model", "leads" (to a model), "own" code or "writes"; and the models."""

    does: str
    models: tuple[str, ...] = ()
    site: Site | None = None

    @property
    def leading(self) -> bool:
        """Whether a model runs in the call."""
        return self.does in ("model", "leads")


@dataclass(slots=True)
class ModelBody:
    """A body in which models take part in hand-overs: its steps in order, with their roles."""

    frame: Frame
    unit: Unit
    function: Function
    steps: list[Step]
    roles: dict[Step, Role]
    weight: float
    near: float

    @property
    def where(self) -> str:
        """ "`main()` (run.py)", "the script run.py"."""
        return f"{caller(self.frame)} ({self.frame.path})" if self.frame.symbol else caller(self.frame)

    @property
    def trains(self) -> bool:
        """Whether a loss goes back through the models."""
        return any(step.callee.rpartition(".")[2] == "backward" for step in self.steps)


def leading_bodies(codebase: Codebase, most: int) -> list[ModelBody]:
    """The weightiest bodies, those of the first program and nearest to its start first, training before other work.

    Inner bodies of models come after those of programs.
    """
    focus, order = focus_of(codebase), _first_programs(codebase)

    def program(body: ModelBody) -> tuple[bool, int]:
        number = order.get((body.frame.path, body.frame.symbol), len(order))
        return focus.in_model(body.frame), number

    named: dict[str, ModelBody] = {}
    for body in sorted(model_bodies(codebase), key=program):
        named.setdefault(body.frame.symbol, body)  # one of several scripts with the same function
    first = list(named.values())[:most]
    return sorted(first, key=lambda body: (*program(body), -body.near, not body.trains))


@once
def _first_programs(codebase: Codebase) -> dict[tuple[str, str], int]:
    """Each function that the main programs reach with the number of the first one that does."""
    focus = focus_of(codebase)
    found: dict[tuple[str, str], int] = {}
    for number, root in enumerate(main_roots(focus)[:PROGRAMS]):
        for frame, _ in reached(focus.program, [root.frame]):
            found.setdefault((frame.path, frame.symbol), number)
    return found


def model_bodies(codebase: Codebase) -> list[ModelBody]:
    """The bodies by weight; worked out once."""
    if codebase not in _KNOWN:
        focus = focus_of(codebase)
        found = []
        for frame in hand_over_bodies(focus, models=True):
            roles = _roles(focus, frame)
            led = any(role.leading for role in roles.values()) and _is_told(focus, frame, roles)
            if led and (body := _read(codebase, focus, frame, roles)):
                found.append(body)
        found = [body for body in found if _is_run(focus, body.frame)] or found
        _lower_parts(found)
        _KNOWN[codebase] = sorted(found, key=lambda body: (-body.weight, body.frame.path, body.frame.symbol))
    return _KNOWN[codebase]


def _lower_parts(bodies: list[ModelBody]) -> None:
    """What another body runs as a model of its own stands for a part: who puts the parts together counts more."""
    run = {model for body in bodies for role in body.roles.values() if role.does == "model" for model in role.models}
    for body in bodies:
        if body.frame.owner is not None and body.frame.owner.definition.symbol in run:
            body.weight *= PART


def _is_told(focus: Focus, frame: Frame, roles: dict[tuple[int, str], Role]) -> bool:
    """Whether a body is no model's own, or one of a model that is put together from at least two of other files."""
    if not focus.in_model(frame):
        return True
    inner: set[str] = set()
    for role in roles.values():
        held = focus.models(role.site) if role.site is not None and role.does == "model" else []
        inner |= {c.definition.symbol for c in held if c.path != frame.path}
        inner |= set(role.models) if role.site is None else set()
    return len(inner) > 1


def _roles(focus: Focus, frame: Frame) -> dict[tuple[int, str], Role]:
    """The calls of a body that are steps, by line and callee."""
    found: dict[tuple[int, str], Role] = {}
    for step in frame.body.calls:
        if _WRITES.match(step.written.rpartition(".")[2]):
            found[_key(step.start, step.written)] = Role("writes")
    for site in focus.program.sites(frame):
        if site.handed or is_trivial(focus.program, site):
            continue
        models = () if isinstance(site.target, ClassRef) else tuple(m.definition.symbol for m in focus.models(site))
        word = "model" if models else "own" if isinstance(site.target, ClassRef) else _leads(focus, frame, site)
        found[_key(site.step.start, site.step.written)] = Role(word, models, site)
    for event in focus.outside(frame):
        if does(event) == "runs":
            names = tuple(event.name.split(" | "))
            found[_key(event.step.start, event.step.written)] = Role("model", names)
    return found


def _leads(focus: Focus, around: Frame, site: Site) -> str:
    inner = [frame for target in site.targets if (frame := entered(focus.program, target)) is not None]
    run = [frame for frame in inner if _is_run(focus, frame) or not _is_run(focus, around)]
    return "leads" if any(_reaches(focus, frame) for frame in run) else "own"


def _is_run(focus: Focus, frame: Frame) -> bool:
    """Whether the main programs may run a body: one that the constants of all callers rule out is not run."""
    known = frame.definition is not None and focus.program.definition(frame.path, frame.symbol) is not None
    return not known or reach_of(focus.program.codebase).runs((frame.path, frame.symbol))


def _reaches(focus: Focus, frame: Frame) -> bool:
    """Whether a body or what it calls runs a model."""
    known = _REACHES.setdefault(focus.program.codebase, {})
    key = (frame.path, frame.symbol)
    if key not in known:
        aside = not _is_run(focus, frame)
        bodies = (inner for inner, _ in reached(focus.program, [frame], DEEPEST) if aside or _is_run(focus, inner))
        known[key] = any(_runs(focus, inner) for inner in bodies)
    return known[key]


def _runs(focus: Focus, frame: Frame) -> bool:
    known = _RUNS.setdefault(focus.program.codebase, {})
    key = (frame.path, frame.symbol)
    if key not in known:
        sites = (site for site in focus.program.sites(frame) if not isinstance(site.target, ClassRef))
        known[key] = any(map(focus.models, sites)) or any(does(event) == "runs" for event in focus.outside(frame))
    return known[key]


def _key(line: int, text: str) -> tuple[int, str]:
    return line, re.sub(r"[\s'\"]", "", text)


def _read(codebase: Codebase, focus: Focus, frame: Frame, roles: dict[tuple[int, str], Role]) -> ModelBody | None:
    found = _function(codebase, frame)
    if found is None:
        return None
    unit, function = found

    def role_of(node: ast.expr | ast.stmt) -> Role | None:
        return roles.get(_key(unit.row(node.lineno), written(node.func))) if isinstance(node, ast.Call) else None

    def fills(call: ast.Call) -> list[tuple[ast.expr, list[str]]]:
        role = role_of(call)
        return filled_by(codebase, role.site, call) if role is not None and role.site is not None else []

    steps = steps_in(function, lambda call: role_of(call) is not None, fills)
    told = {step: role_of(step.node) or Role("ends") for step in steps}
    near = nearness_of(focus, frame) * (ALTERNATIVE if _is_alternative(focus, frame) else 1)
    weight = _weight(steps, told) * near * (0.2 if is_screen(codebase, frame.path) else 1)
    return ModelBody(frame, unit, function, steps, told, weight, near) if weight else None


def _is_alternative(focus: Focus, frame: Frame) -> bool:
    """Whether a method is one of several that stand in for each other: siblings below one base define it too."""
    program, name = focus.program, frame.symbol.rpartition(".")[2]
    if frame.owner is None or name == "__init__":
        return False
    for base in program.line(frame.owner)[1:]:
        owners = {program.codebase.member((c.path, c.definition), name) for c in program.descendants(base)}
        if len({(found[0], found[1].symbol) for found in owners if found is not None}) >= SIBLINGS:
            return True
    return False


def _function(codebase: Codebase, frame: Frame) -> tuple[Unit, Function] | None:
    name = frame.symbol.rpartition(".")[2]
    if not name:
        whole = list(units(codebase, path=frame.path))
        return (whole[0], top_level(whole[0].tree)) if len(whole) == 1 else None
    for unit in units(codebase, rf"\bdef\s+{re.escape(name)}\b", path=frame.path):
        for function, symbol in unit.functions():
            if symbol == frame.symbol and frame.definition and unit.row(function.lineno) >= frame.definition.start:
                return unit, function
    return None


@once
def top_level(tree: ast.Module) -> Function:
    """The statements of a module as a function without parameters; one that is only run by its name is no other."""
    given = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.FunctionDef(name="", args=given, body=tree.body, decorator_list=[], lineno=1, col_offset=0)


def _weight(steps: list[Step], roles: dict[Step, Role]) -> float:
    """What models give to models counts most, then what they give to other steps and take from loops."""
    weight = 0.0
    seen: set[tuple[str, str]] = set()
    for step in steps:
        if roles[step].leading and any(taken.source.endswith("`") for taken in step.takes):
            weight += 1.0 if (step.callee, "") not in seen else 0
            seen.add((step.callee, ""))
        for maker in step.makers:
            pair = (maker.callee, step.callee)
            if not any(maker in taken.makers and is_data(taken) and not taken.receiver for taken in step.takes):
                continue
            ends = [role for role in (roles[maker], roles[step]) if role.leading]
            if ends and pair not in seen and step.callee != maker.callee and not LOGS.search(step.callee):
                seen.add(pair)
                share = DIRECT if any(role.does == "model" for role in ends) else 1.0
                weight += share * (1.0 if len(ends) == 1 else 2.0) if roles[step].does != "ends" else 0.5
    return weight


def is_data(taken: Taken) -> bool:
    """Whether an argument is something that flows through the steps: no tool, no option, no name or path."""
    parts = re.findall(r"[A-Za-z_]\w*", taken.text.split("[")[0] if taken.text[:1] != "[" else taken.text)
    tool = any(map(TOOLS.search, parts)) or any(map(OPTIONS.search, parts))
    return not (tool or (parts and NAMES.search(parts[-1])) or taken.text[:1].isdigit())


def data_of(body: ModelBody, step: Step) -> list[Taken]:
    """What flows into a step; of what a method is called on only results of models."""
    led, back = body.roles[step].leading, step.callee.endswith(".backward")
    return [
        taken
        for taken in step.takes
        if (taken.makers or taken.source)
        and is_data(taken)
        and not (taken.receiver and (led or not (back or any(body.roles[m].leading for m in taken.makers))))
    ]


def made_by(body: ModelBody, step: Step) -> list[Step]:
    """The steps that a step takes data from."""
    return list(dict.fromkeys(maker for taken in data_of(body, step) for maker in taken.makers))
