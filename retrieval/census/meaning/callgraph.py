"""Which repository code each call in a body runs; `wording.py` says so.

A call whose target is not certain is no edge. A call on an object of a repository class that another class
of the repository overrides is an edge with the overriding classes named.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.flow.handed import handed
from retrieval.census.flow.launches import imports, launched
from retrieval.census.flow.routes import requested, served
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.configured import configured_for
from retrieval.census.meaning.hooks import called_back
from retrieval.census.meaning.narrowing import Given
from retrieval.census.meaning.overrides import each_once, never_runs, overrides, overriding, runnable
from retrieval.census.meaning.registered import registered_for
from retrieval.census.meaning.results import call_target
from retrieval.census.meaning.values import (
    ClassRef,
    External,
    ExternalObject,
    FunctionRef,
    Instance,
    Items,
    Loaded,
    OneOf,
    Parts,
    Table,
    Value,
    alternatives,
)
from retrieval.census.models.families import CONSTRUCTING

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

Target = FunctionRef | ClassRef
DEEPEST_CALL = 40  # far more than real chains have


@dataclass(frozen=True, slots=True)
class Site:
    """A call of repository code. `called` is the object when an object itself is called, as in `model(x)`.

    With `handed` the target is not called here but given to something that runs it, such as a thread.
    `others` are the further targets when a variable holds one of several functions, classes or objects.
    When it may also hold something that is not known, `sure` is false; `registry` says that a registry gives it.
    `base` is a class from outside whose code is called, which calls the targets (see `hooks.py`). `how` "serves"
    means that the call runs a server whose handlers the targets are, "asks" that it sends them a request, "configured"
    that configuration files name them.
    """

    step: CallStep
    target: Target
    called: Instance | None = None
    overridden: tuple[str, ...] = ()
    abstract: bool = False
    handed: bool = False
    others: tuple[Target, ...] = ()
    base: str = ""
    sure: bool = True
    registry: bool = False
    how: str = ""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Everything that the call may run."""
        return (self.target, *self.others)


def sites(program: "Program", frame: "Frame") -> list[Site]:
    """The calls of repository code in a body, in the order in which they are evaluated."""
    found = []
    for step in frame.body.calls:
        site = _asked(program, frame, step) or site_at(program, step, frame.callee(step))
        site = site or _loaded(program, frame, step) or _open(program, frame, step)
        given = [Site(step, value, handed=True) for value in handed(frame, step)] if site is None else []
        found.extend([site] if site is not None else given or _hooked(program, frame, step))
        found.extend(_elsewhere(program, frame, step, known=site is not None) if not given else [])
    found.extend(Site(step, target, handed=True) for step, target in imports(program, frame))
    return sorted(found, key=lambda site: site.step.order)


def _elsewhere(program: "Program", frame: "Frame", step: CallStep, *, known: bool) -> list[Site]:
    """What a call runs in another process: a script of the repository, or handlers of its server. A function of the
    repository, which is `known`, may start a program with the command that it is given."""
    for how, find in (("starts", launched), ("serves", served), ("asks", requested))[: 1 if known else None]:
        targets = find(program, frame, step)
        if targets:
            return [Site(step, targets[0], handed=True, others=targets[1:], how=how)]
    return []


def _loaded(program: "Program", frame: "Frame", step: CallStep) -> Site | None:
    """`Net.from_pretrained(…)` of a repository class that inherits the method from outside."""
    node = step.node.child_by_field_name("function")
    if node is None or node.type != "attribute" or step.written.rpartition(".")[2] not in CONSTRUCTING:
        return None
    cls = frame.value(node.child_by_field_name("object"), step.order, step.guards)
    if not isinstance(cls, ClassRef) or program.method(cls, step.written.rpartition(".")[2]):
        return None
    return Site(step, cls)


def _open(program: "Program", frame: "Frame", step: CallStep) -> Site | None:
    """A call of a method of an object that may be of one of several classes of the repository, or of one not known;
    also of a variable that holds one of several functions, or something not known."""
    node = step.node.child_by_field_name("function")
    told = node is not None and node.type in ("attribute", "identifier", "call")
    value = frame.value(node, step.order, step.guards) if told else None
    function = node is not None and node.type == "identifier"
    if not isinstance(value, OneOf) or not (value.open or (function and value.holds(ExternalObject))):
        return None
    targets = dict.fromkeys(call_target(program, member) for member in value.members)
    known = [t for t in targets if isinstance(t, FunctionRef) and (function or t.receiver is not None)]
    known = each_once(program, known)
    return Site(step, known[0], others=tuple(known[1:]), sure=False) if known else None


def _asked(program: "Program", frame: "Frame", step: CallStep) -> Site | None:
    """A call of what a registry gave: `build = REG.get(name); build(x)`, or `REG.get_class(name).from_config(x)`."""
    node = step.node.child_by_field_name("function")
    direct = registered_for(program, frame, node)
    held = node.child_by_field_name("object") if node is not None and node.type == "attribute" else None
    name = step.written.rpartition(".")[2]
    given = direct or (registered_for(program, frame, held) if held is not None else ())
    found = [_method(program, target, name) for target in given] if not direct else list(given)
    known = [target for target in found if target is not None]
    if known:
        return Site(step, known[0], others=tuple(known[1:]), registry=True)
    made = [target for _, target in configured_for(program, frame, step.node) if not isinstance(target, External)]
    return Site(step, made[0], others=tuple(made[1:]), registry=True, how="configured") if made else None


def _method(program: "Program", target: Target, name: str) -> Target | None:
    """The method of a registered class, or the class itself where it is one that makes objects."""
    found = program.method(target, name) if isinstance(target, ClassRef) else None
    if found is not None and isinstance(target, ClassRef):
        return FunctionRef(found[0].path, found[1], found[0], target)
    return target if isinstance(target, ClassRef) and name in CONSTRUCTING else None


def _hooked(program: "Program", frame: "Frame", step: CallStep) -> list[Site]:
    """The methods that a base class from outside calls while the call runs."""
    base, methods, how = called_back(program, frame, step)
    return [Site(step, methods[0], handed=True, others=methods[1:], base=base, how=how)] if methods else []


def site_at(program: "Program", step: CallStep, value: Value | None) -> Site | None:
    """The site of a call of `value`, None when that is no code of the repository."""
    if isinstance(value, OneOf):
        return _several(program, step, value)
    called = value if isinstance(value, Instance) else None
    target = call_target(program, value)
    if isinstance(target, ClassRef):
        return Site(step, target)
    if not isinstance(target, FunctionRef):
        return None
    named = overriding(program, target)
    return Site(step, target, called, named, bool(named) and never_runs(program, target))


def _several(program: "Program", step: CallStep, value: OneOf) -> Site | None:
    members = [m for m in alternatives(value) if not isinstance(m, Table | Items | Parts | Loaded)]
    targets = dict.fromkeys(call_target(program, member) for member in members)
    known = [target for target in targets if isinstance(target, FunctionRef | ClassRef)]
    if len(known) < len(targets) or not known:
        return None
    known.extend(override for target in tuple(known) for override in overrides(program, target))
    first, *others = each_once(program, known)
    called = next((member for member in members if isinstance(member, Instance)), None)
    return Site(step, first, called, others=tuple(others))


def possible(program: "Program", site: Site) -> tuple[Target, ...]:
    """Everything that a call may run: its targets and their overrides, only these where it runs an abstract method."""
    if not site.overridden:
        return tuple(dict.fromkeys(site.targets))
    return tuple(dict.fromkeys(found for target in site.targets for found in runnable(program, target, site.abstract)))


def entered(program: "Program", target: Target, given: Given = ()) -> "Frame | None":
    """The body that runs when `target` is called: a class runs its `__init__`. `given` are constants it is given."""
    function = started(program, target)
    if function is None:
        return None
    if isinstance(target, ClassRef):
        return program.frame(function.path, function.definition, target, given)
    if function.receiver is None or (not function.exact and not function.among and function.receiver == function.owner):
        return program.frame(function.path, function.definition, None, given)
    among = function.among or (None if function.exact else ())
    return program.frame(function.path, function.definition, function.receiver, given, among)


def started(program: "Program", target: Target) -> FunctionRef | None:
    """The function that runs when `target` is called."""
    if isinstance(target, FunctionRef):
        return target
    found = program.method(target, "__init__") or program.method(target, "__post_init__")
    return FunctionRef(found[0].path, found[1], found[0], target) if found else None


def defined(target: Target) -> tuple[str, str, int, int]:
    """The related span of a hit that shows where a target is defined."""
    definition = target.definition
    return "definition", target.path, definition.head_start, definition.head_end


def reached(
    program: "Program", roots: "list[Frame]", depth: int = DEEPEST_CALL, *, imported: bool = False
) -> "Iterator[tuple[Frame, int]]":
    """Every body that runs from `roots` at most `depth` calls below, in order of execution, each once; `imported`
    roots are top levels of files that are only imported.

    A method that several classes inherit is entered for each of them: what it calls on `self` differs.
    """
    stack = [(frame, 0, not imported) for frame in reversed(roots)]
    seen: set[tuple[str, str]] = set()
    entries: set[tuple[str, str, Instance | None]] = set()
    while stack:
        frame, level, whole = stack.pop()
        entry = (frame.path, frame.symbol, frame.of)
        if entry in entries:
            continue
        entries.add(entry)
        if entry[:2] not in seen:
            seen.add(entry[:2])
            yield frame, level
        if level >= depth:
            continue
        sites = program.sites(frame) if whole else imported_sites(program, frame)
        targets = [target for site in sites for target in possible(program, site)]
        inner = [(entered(program, target), target.definition.kind != "module") for target in targets]
        stack.extend((found, level + 1, main) for found, main in reversed(inner) if found is not None)


def imported_sites(program: "Program", frame: "Frame") -> list[Site]:
    """The calls that a file makes when it is imported: those of its `__main__` block are left out."""
    guard = program.main_guard(frame.path)
    return [s for s in program.sites(frame) if guard is None or not guard[0] <= s.step.start <= guard[1]]
