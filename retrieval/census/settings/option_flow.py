"""What one body does with options: names that hold them, calls that are given them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.meaning.callgraph import possible
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import Unit, bound_names, call_name, own_nodes, units, written
from retrieval.census.meaning.values import FunctionRef
from retrieval.census.settings.option_parts import parts_of
from retrieval.census.settings.option_reads import METHODS, SET, is_whole, option_of
from retrieval.census.settings.option_sites import PARSING
from retrieval.facts import Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_PLAIN = words(
    """print len str int float bool isinstance getattr setattr hasattr vars list dict tuple set sorted format join
    exists isfile isdir append add extend warning error info debug echo max min abs range enumerate open next iter
    reversed makedirs log exit tqdm zip any all sum map filter write splitext basename dirname Path"""
)
_COPIES = frozenset(["vars", "asdict", "dict", "deepcopy", "to_dict", "Namespace"])
_MOST = 6  # functions of one call that are followed
SPELLING = frozenset(["lower", "upper", "strip", "expanduser"])


@dataclass(frozen=True, slots=True)
class Given:
    """A call that is given options: pairs of option and parameter ("" when by position, "**" when spread)."""

    callee: str
    lines: tuple[int, int]
    options: tuple[tuple[str, str], ...]
    positions: tuple[int, ...]
    whole: frozenset[str]
    targets: tuple[tuple[str, Definition], ...]
    first: str = ""  # a class that stands beside all options, "InferenceConfig, …"
    explicit: frozenset[str] = frozenset()  # the parameters that are given by name, options or not
    count: int = 0  # how many arguments are given by position
    replaced: frozenset[str] = frozenset()  # the options that the body has given values of its own before

    @property
    def target(self) -> tuple[str, Definition] | None:
        """The first of the functions of the repository that the call may run."""
        return self.targets[0] if self.targets else None


@dataclass(frozen=True, slots=True)
class Seen:
    """An expression that is an option's value."""

    option: str
    unit: Unit
    node: ast.AST


@dataclass(slots=True)
class Flow:
    """What one body does with options: option → line it is read or popped on, kept targets, calls, each expression.

    `built` are the calls with what they are given, for those that make objects of classes without an `__init__`;
    `attributes` are the expressions, as `self.width`, that hold an option from then on, `parts` the dictionaries that
    hold some options, by key, `replaced` the options that the body gives values of its own, with line and value.
    """

    read: dict[str, int] = field(default_factory=dict)
    kept: dict[str, dict[str, int]] = field(default_factory=dict)
    popped: dict[str, int] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    built: list[tuple[Unit, ast.Call, Given]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    replaced: dict[str, tuple[int, str]] = field(default_factory=dict)


def flow(codebase: Codebase, path: str, symbol: str, names: dict[str, str]) -> Flow:
    """What the body `symbol` of the file at `path` does with the options that `names` hold."""
    found = Flow()
    for unit in units(codebase, path=path):
        outer = dict(names)
        if symbol == "":
            _follow(codebase, unit, unit.tree, outer, found)
        for body, own in unit.functions():
            inner = own.startswith(f"{symbol}.") if symbol else bool(outer)
            if own == symbol or inner:
                known = dict(outer)
                if inner:  # names of the body around, which for the top level are those it has bound
                    known = {n: o for n, o in outer.items() if n.split(".")[0] not in bound_names(body)}
                _follow(codebase, unit, body, known, found)
    return found


def _follow(codebase: Codebase, unit: Unit, body: ast.AST, known: dict[str, str], found: Flow) -> None:
    for node in own_nodes(body):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            _assigned(unit, node, node.value, known, found)
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and (option := option_of(node.iter, known)):
            known[node.target.id] = option
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Name) and (option := option_of(node, known)):
            if not isinstance(getattr(node, "ctx", None), ast.Store):
                found.seen.append(Seen(option, unit, node))
            if not isinstance(node, ast.Name):
                found.read.setdefault(option, unit.row(node.lineno))
            if call_name(node) == "pop":
                found.popped.setdefault(option, unit.row(node.lineno))
        if isinstance(node, ast.Call):
            _call(codebase, unit, node, known, found)


def _assigned(
    unit: Unit, node: ast.Assign | ast.AnnAssign, value: ast.expr, known: dict[str, str], found: Flow
) -> None:
    """Names that now hold an option, names that no longer do, and attributes that keep one."""
    held = [option for part in ast.walk(value) if (option := option_of(part, known))]
    some, popped = parts_of(unit, value, known)
    for option in some.values() if popped else ():
        found.popped.setdefault(option, unit.row(node.lineno))
    plain = isinstance(value, ast.Attribute | ast.Subscript | ast.Name | ast.BoolOp | ast.IfExp)
    plain = plain or bool(option_of(value, known)) or call_name(value) in SPELLING
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            if some:
                found.parts[target.id] = some
            if is_whole(value, known) or (held and plain):
                known[target.id] = held[0] if held else ""
            elif (
                _fills_in(unit, node, target.id)
                or known.get(target.id) in held
                or (known.get(target.id) == "" and "parse" in call_name(value))
            ):
                continue  # a value worked out of itself is still the option's, and the parser gives all of them
            elif not any(isinstance(p, ast.Call) and PARSING.search(written(p.func)) for p in ast.walk(value)):
                known.pop(target.id, None)
        elif isinstance(target, ast.Attribute):
            _kept(unit, (node, target, value), held if plain else [], known, found)


def _kept(
    unit: Unit,
    at: tuple[ast.stmt, ast.Attribute, ast.expr],
    held: list[str],
    known: dict[str, str],
    found: Flow,
) -> None:
    """An attribute that is set: an option that gets a value of the code, one that keeps all options, or one of them."""
    node, target, value = at
    name, owner = written(target), written(target.value)
    if is_whole(target.value, known) and _is_own(unit, node, value):
        known[name] = SET
        found.replaced[target.attr] = unit.row(node.lineno), written(value)
    elif is_whole(value, known) and owner == "self":
        found.attributes.setdefault(name, "")
        known[name] = ""
    elif held:
        found.kept.setdefault(owner, {}).setdefault(held[0], unit.row(node.lineno))
        found.attributes.setdefault(name, held[0])
        known |= {name: held[0]} if owner == "self" else {}


def _is_own(unit: Unit, node: ast.AST, value: ast.expr) -> bool:
    """Whether a value is written in the code and given under no condition."""
    around = unit.parents.get(node)
    return isinstance(value, ast.Constant) and isinstance(around, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef)


def _fills_in(unit: Unit, node: ast.AST, name: str) -> bool:
    """Whether an assignment stands under a test of the name itself: `if device is None: device = "cpu"`."""
    around = unit.parents.get(node)
    return isinstance(around, ast.If) and any(
        isinstance(part, ast.Name) and part.id == name for part in ast.walk(around.test)
    )


def _call(codebase: Codebase, unit: Unit, node: ast.Call, known: dict[str, str], found: Flow) -> None:
    name = call_name(node)
    if name in _PLAIN or name in METHODS or PARSING.search(written(node.func)):
        return
    options: list[tuple[str, str]] = []
    positions: list[int] = []
    whole: set[str] = set()
    arguments = [(value, "", i) for i, value in enumerate(node.args)]
    arguments += [(k.value, k.arg or "**", -1) for k in node.keywords]
    for value, parameter, position in arguments:
        if some := found.parts.get(written(value), {}) if parameter == "**" else {}:
            options += [(option, key) for key, option in some.items()]
            positions += [-1] * len(some)
        elif is_whole(value, known) or written(value) in found.parts:
            whole.add(written(value))
            options.append((written(value), parameter))
            positions.append(position)
        elif held := [option for part in ast.walk(value) if (option := option_of(part, known))]:
            options.append((held[0], parameter))
            positions.append(position)
    if options:
        targets = _targets_of(codebase, unit, node)
        callee, lines, first = written(node.func), unit.lines(node), _class_beside(node, whole)
        explicit = frozenset(k.arg for k in node.keywords if k.arg)
        entry = Given(
            callee, lines, tuple(options), tuple(positions), frozenset(whole), targets, first, explicit, len(node.args),
            frozenset(found.replaced),
        )  # fmt: skip
        found.given.append(entry)
        if not targets:
            found.built.append((unit, node, entry))


def _class_beside(node: ast.Call, whole: set[str]) -> str:
    """ "InferenceConfig, …" of `fill(InferenceConfig, vars(args))`."""
    names = [written(argument) for argument in node.args if isinstance(argument, ast.Name)]
    classes = [name for name in names if name[:1].isupper() and name not in whole]
    return f"{classes[0]}, …" if whole and classes else ""


def _targets_of(codebase: Codebase, unit: Unit, node: ast.Call) -> tuple[tuple[str, Definition], ...]:
    """The repository functions that a call may run: the `__init__` of a class, the `__call__` of an object, and what
    subclasses define in the place of a method."""
    row = unit.row(node.lineno)
    calls = (c for c in codebase.facts[unit.path].calls if c.start == row and c.written == written(node.func))
    call = next(calls, None)
    found = codebase.resolve_call(unit.path, call) if call is not None else None
    if found is not None and found[1].kind == "class":
        found = codebase.member(found, "__init__")
        return (found,) if found is not None else ()
    if found is not None and found[1].kind != "method":
        return (found,)
    return _possible(codebase, unit, node) or ((found,) if found is not None else ())


def _possible(codebase: Codebase, unit: Unit, node: ast.Call) -> tuple[tuple[str, Definition], ...]:
    program, symbol, row = program_of(codebase), unit.symbols.get(node, ""), unit.row(node.lineno)
    definition = next((d for d in codebase.facts[unit.path].definitions if d.symbol == symbol), None)
    frame = program.frame(unit.path, definition)
    at = (
        [s for s in program.sites(frame) if s.step.start == row and s.step.written == written(node.func)]
        if frame
        else []
    )
    reached = (target for site in at if not site.handed for target in possible(program, site))
    return tuple((t.path, t.definition) for t in reached if isinstance(t, FunctionRef))[:_MOST]
