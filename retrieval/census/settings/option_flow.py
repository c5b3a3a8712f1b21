"""Where options are parsed, and where one body hands them on: names that hold them, calls that are given them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Unit, bound_names, call_name, own_nodes, units, written
from retrieval.census.settings.dispatchers import dispatched
from retrieval.census.settings.option_reads import METHODS, is_whole, option_of
from retrieval.facts import Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_PARSING = re.compile(
    r"\.(?:parse_args|parse_known_args|parse_intermixed_args|parse_args_into_dataclasses|parse_json_file)$"
    r"|(?:^|\.)(?:tyro\.cli|simple_parsing\.parse|pyrallis\.parse|draccus\.parse|CliApp\.run)$"
)
_COMMANDS = re.compile(
    r"(?:^|\.)(?:command|group|callback|option|argument)$|hydra\.main$|(?:^|\.)hydra_main$|(?:pyrallis|draccus)\.wrap$"
)
_WRAPPED = re.compile(r"(?:^|\.)hydra_main$|(?:^|\.)hydra\.main$|(?:^|\.)(?:pyrallis|draccus)\.wrap$")
_PLAIN = words(
    """print len str int float bool isinstance getattr setattr hasattr vars list dict tuple set sorted format join
    exists isfile isdir append add extend warning error info debug echo max min abs range enumerate open next iter
    reversed makedirs log exit tqdm zip any all sum map filter write splitext basename dirname Path"""
)
_LIBRARIES = frozenset(["click", "typer", "rich_click", "cyclopts", "asyncclick", "hydra", "pyrallis", "draccus"])
_COPIES = frozenset(["vars", "asdict", "dict", "deepcopy", "to_dict", "Namespace"])
SPELLING = frozenset(["lower", "upper", "strip", "expanduser"])


@dataclass(frozen=True, slots=True)
class Site:
    """A body that parses: where, what is said of it, and which names hold the options ("" for all of them)."""

    path: str
    symbol: str
    lines: tuple[int, int]
    said: str
    names: dict[str, str]


Places = dict[tuple[str, str], Site]  # path and name of a function that gives back what it parses


@dataclass(frozen=True, slots=True)
class Given:
    """A call that is given options: pairs of option and parameter ("" when by position, "**" when spread)."""

    callee: str
    lines: tuple[int, int]
    options: tuple[tuple[str, str], ...]
    positions: tuple[int, ...]
    whole: frozenset[str]
    target: tuple[str, Definition] | None
    first: str = ""  # a class that stands beside all options, "InferenceConfig, …"
    explicit: frozenset[str] = frozenset()  # the parameters that are given by name, options or not
    count: int = 0  # how many arguments are given by position


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
    `attributes` are the expressions, as `self.width`, that hold an option from then on.
    """

    read: dict[str, int] = field(default_factory=dict)
    kept: dict[str, dict[str, int]] = field(default_factory=dict)
    popped: dict[str, int] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    built: list[tuple[Unit, ast.Call, Given]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


def sites(codebase: Codebase) -> Iterator[Site]:
    """Bodies that parse a command line, those that call such a body for its result, and click or typer commands."""
    returning: Places = {}
    for unit in units(codebase, r"parse_|tyro|click|typer|hydra|pyrallis|draccus|CliApp"):
        for body, symbol in [(unit.tree, ""), *unit.functions()]:
            if (site := _parsing(codebase, unit, body, symbol)) is not None:
                if symbol and _gives_back(body, site.names):
                    returning[site.path, symbol.rpartition(".")[2]] = site
                yield site
    yield from _dispatched(codebase)
    names = sorted({name for _, name in returning})
    for unit in units(codebase, rf"\b(?:{'|'.join(map(re.escape, names))})\b") if names else ():
        for body, symbol in [(unit.tree, ""), *unit.functions()]:
            yield from _asking(codebase, unit, body, symbol, returning)


def _dispatched(codebase: Codebase) -> Iterator[Site]:
    runs = ((*run.found, run.call.name, run.through) for run in dispatched(codebase) if run.found)
    for path, item, call, through in {run[:2]: run for run in runs}.values():
        names = (p.split(":")[0].split("=")[0].strip().lstrip("*") for p in item.parameters)
        given = {name: name for name in names if name not in ("", "self", "cls")}
        by = f"`{through}()`, which gives it to a library of command lines" if through else f"`{call}()`"
        said = f"is run by {by}: its {len(given)} parameters are the options"
        if given and item.kind != "class":
            yield Site(path, item.symbol, (item.head_start, item.head_start), said, given)


def _gives_back(body: ast.AST, names: dict[str, str]) -> bool:
    """Whether a body returns what it has parsed."""
    returned = [node.value for node in own_nodes(body) if isinstance(node, ast.Return) and node.value is not None]
    return any(
        written(part) in names or (isinstance(part, ast.Call) and _PARSING.search(written(part.func)))
        for value in returned
        for part in ast.walk(value)
        if isinstance(part, ast.Call | ast.Name)
    )


def _parsing(codebase: Codebase, unit: Unit, body: ast.AST, symbol: str) -> Site | None:
    if isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef):
        decorators = [d.func if isinstance(d, ast.Call) else d for d in body.decorator_list]
        wrapped = next((d for d in body.decorator_list if _WRAPPED.search(written(getattr(d, "func", d)))), None)
        if wrapped is not None and (parameters := _parameters(body)):
            said = f"is given the whole configuration by `@{written(wrapped)[:90].replace(chr(96), chr(39))}`"
            lines = unit.row(body.lineno), unit.row(body.lineno)
            return Site(unit.path, symbol, lines, f"{said} as `{parameters[0]}`", {parameters[0]: ""})
        if any(_COMMANDS.search(written(d)) and _is_command(codebase, unit, written(d)) for d in decorators):
            given = {name: name for name in _parameters(body)}
            lines = unit.row(body.lineno), unit.row(body.lineno)
            said = f"is a command: its {len(given)} parameters are the options" if given else "is a command"
            return Site(unit.path, symbol, lines, said, given)
    for node in own_nodes(body):
        if isinstance(node, ast.Call) and _PARSING.search(written(node.func)) and "super()" not in written(node.func):
            names = _targets(unit, node)
            kept = f" into {' and '.join(f'`{name}`' for name in names)}" if names else " and gives the result back"
            return Site(unit.path, symbol, unit.lines(node), f"parses with `{written(node.func)}()`{kept}", names)
    return None


def _is_command(codebase: Codebase, unit: Unit, name: str) -> bool:
    """Whether a decorator such as `app.command` is one of a library for command lines, not of a web framework."""
    libraries = {item.module.partition(".")[0] for item in codebase.facts[unit.path].imports}
    return "." not in name or bool(libraries & _LIBRARIES) or not name.startswith(("app.", "self."))


def _parameters(body: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = body.args
    listed = [*given.posonlyargs, *given.args, *given.kwonlyargs, *([given.kwarg] if given.kwarg else [])]
    return [item.arg for item in listed if item.arg not in ("self", "cls", "ctx")]


def _targets(unit: Unit, node: ast.AST) -> dict[str, str]:
    """The names that the result of a call is bound to."""
    current: ast.AST | None = node
    while current is not None and not isinstance(current, ast.stmt):
        current = unit.parents.get(current)
    if isinstance(current, ast.Assign | ast.AnnAssign):
        targets = current.targets if isinstance(current, ast.Assign) else [current.target]
        found = [n for t in targets for n in ast.walk(t) if isinstance(n, ast.Name | ast.Attribute)]
        return {written(n): "" for n in found if not (isinstance(n, ast.Name) and n.id in ("_", "self", "unknown"))}
    return {}


def _asking(codebase: Codebase, unit: Unit, body: ast.AST, symbol: str, returning: Places) -> Iterator[Site]:
    for node in own_nodes(body):
        name = call_name(node)
        called = any(name == known for _, known in returning)
        if called and isinstance(node, ast.Call) and (names := _targets(unit, node)):
            found = codebase.resolve_local(unit.path, written(node.func))
            if found is not None and (found[0], name) in returning:
                said = f"takes the options from `{name}()` into {' and '.join(f'`{n}`' for n in names)}"
                yield Site(unit.path, symbol, unit.lines(node), said, names)


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
    plain = isinstance(value, ast.Attribute | ast.Subscript | ast.Name | ast.BoolOp | ast.IfExp)
    plain = plain or bool(option_of(value, known)) or call_name(value) in SPELLING
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            if is_whole(value, known) or (held and plain):
                known[target.id] = held[0] if held else ""
            elif (
                _fills_in(unit, node, target.id)
                or known.get(target.id) in held
                or (known.get(target.id) == "" and "parse" in call_name(value))
            ):
                continue  # a value worked out of itself is still the option's, and the parser gives all of them
            elif not any(isinstance(p, ast.Call) and _PARSING.search(written(p.func)) for p in ast.walk(value)):
                known.pop(target.id, None)
        elif isinstance(target, ast.Attribute) and held and plain:
            owner = written(target.value)
            found.kept.setdefault(owner, {}).setdefault(held[0], unit.row(node.lineno))
            found.attributes.setdefault(written(target), held[0])
            known |= {written(target): held[0]} if owner == "self" else {}


def _fills_in(unit: Unit, node: ast.AST, name: str) -> bool:
    """Whether an assignment stands under a test of the name itself: `if device is None: device = "cpu"`."""
    around = unit.parents.get(node)
    return isinstance(around, ast.If) and any(
        isinstance(part, ast.Name) and part.id == name for part in ast.walk(around.test)
    )


def _call(codebase: Codebase, unit: Unit, node: ast.Call, known: dict[str, str], found: Flow) -> None:
    name = call_name(node)
    if name in _PLAIN or name in METHODS or _PARSING.search(written(node.func)):
        return
    options: list[tuple[str, str]] = []
    positions: list[int] = []
    whole: set[str] = set()
    arguments = [(value, "", i) for i, value in enumerate(node.args)]
    arguments += [(k.value, k.arg or "**", -1) for k in node.keywords]
    for value, parameter, position in arguments:
        if is_whole(value, known):
            whole.add(written(value))
            options.append((written(value), parameter))
            positions.append(position)
        elif held := [option for part in ast.walk(value) if (option := option_of(part, known))]:
            options.append((held[0], parameter))
            positions.append(position)
    if options:
        target = _target(codebase, unit, node)
        callee, lines, first = written(node.func), unit.lines(node), _class_beside(node, whole)
        explicit = frozenset(k.arg for k in node.keywords if k.arg)
        entry = Given(
            callee, lines, tuple(options), tuple(positions), frozenset(whole), target, first, explicit, len(node.args)
        )
        found.given.append(entry)
        if target is None:
            found.built.append((unit, node, entry))


def _class_beside(node: ast.Call, whole: set[str]) -> str:
    """ "InferenceConfig, …" of `fill(InferenceConfig, vars(args))`."""
    names = [written(argument) for argument in node.args if isinstance(argument, ast.Name)]
    classes = [name for name in names if name[:1].isupper() and name not in whole]
    return f"{classes[0]}, …" if whole and classes else ""


def _target(codebase: Codebase, unit: Unit, node: ast.Call) -> tuple[str, Definition] | None:
    """The repository function that a call runs, the `__init__` of a class."""
    row = unit.row(node.lineno)
    call = next(
        (c for c in codebase.facts[unit.path].calls if c.start == row and c.written == written(node.func)), None
    )
    found = codebase.resolve_call(unit.path, call) if call is not None else None
    if found is not None and found[1].kind == "class":
        return codebase.member(found, "__init__")
    return found
