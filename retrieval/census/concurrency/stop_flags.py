"""Kind `stop_flags`: flags that one function sets and that another tests before, between or after its model runs.

A flag is an attribute, a variable of a module, an entry of a dictionary, an event, or a set of things to be stopped.
It counts where the function that tests it leads to a model and ends, skips or repeats by it, does not set it itself,
and another function gives it a constant, or adds to the set.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, quoted, subject_of, units, written
from retrieval.census.models.model_concerns import concerns_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, SETTERS, TEST = 3, 4, 100
_LEAVES: dict[type[ast.stmt], str] = {
    ast.Return: "ends",
    ast.Break: "leaves the loop",
    ast.Continue: "skips the round",
}
_OPTIONS = re.compile(r"(?:^|\.)(?:args|opts?|options|cfg|config|hparams|settings)\.")
_STOPPED = re.compile(r"(?i)(?:stop|cancel|abort|time[ds]?_?out|kill|expire|interrupt|revoke)")
_IS_SET, _HAS = ".is_set()", ".__contains__()"
Setter = tuple[str, str, bool]


@kind(
    "stop_flags",
    summary="flags that one function sets and that another, which leads to models, tests to end or to skip",
    example="stop_flags",
    reads="python",
    ordered=True,
)
def stop_flags(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per flag, those with most tests first; patterns match the flag as written."""
    tests: dict[str, list[tuple[Unit, str, ast.If, str]]] = {}
    concerns = concerns_of(codebase)
    for unit in units(codebase, r"\bif\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            tested = (node for node in own_nodes(function) if isinstance(node, ast.If))
            found = [(node, flag) for node in tested for flag in _flags(node)]
            for node, flag in found if found and concerns.runs(unit.path, symbol) else ():
                if concerns.drives(unit.path, symbol) and _setters(codebase, unit, symbol, flag):
                    tests.setdefault(flag, []).append((unit, symbol, node, flag))
    for flag, places in sorted(tests.items(), key=lambda item: -len(item[1])):
        if query.matches(flag):
            yield _hit(codebase, flag, places)


def _flags(node: ast.If) -> Iterator[str]:
    """The flags of a test that leaves: `if self.stopped or event.is_set(): return`."""
    if not any(map(_stops, node.body)):
        return
    parts = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
    for part in parts:
        plain = part.operand if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) else part
        member = plain.comparators[0] if isinstance(plain, ast.Compare) and isinstance(plain.ops[0], ast.In) else None
        if isinstance(member, ast.Attribute) and _STOPPED.search(member.attr):
            yield f"{written(member)}{_HAS}"
        event = isinstance(plain, ast.Call) and isinstance(plain.func, ast.Attribute) and plain.func.attr == "is_set"
        held = plain.func.value if event else plain  # type: ignore[union-attr]
        if isinstance(held, ast.Subscript) and _STOPPED.search(_key(held)):
            yield written(held)
        if isinstance(held, ast.Attribute) and not _OPTIONS.search(written(held)):
            yield f"{written(held)}{_IS_SET}" if event else written(held)


def _key(node: ast.Subscript) -> str:
    """The constant key of an entry: "canceled" of `session["canceled"]`; "" for others."""
    return node.slice.value if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) else ""


def _last(flag: str) -> str:
    """What names a flag wherever it is held: its last name, or the key of its entry."""
    key = re.search(r"\['[^']*'\]$", flag)
    return key[0] if key else flag.rpartition(".")[2]


def _stops(statement: ast.stmt) -> bool:
    """Whether a statement leaves without a result: a `return` of something computed is another way, no stop."""
    if isinstance(statement, ast.Return):
        return statement.value is None or isinstance(statement.value, ast.Constant)
    return type(statement) in _LEAVES


def _setters(codebase: Codebase, unit: Unit, symbol: str, flag: str) -> list[Setter]:
    """The other functions that give a flag a constant; none where the function that tests it sets it too."""
    name, own = _last(_bare(flag)), flag.startswith("self.")
    owner = f"{symbol.rpartition('.')[0]}."
    handed = flag.endswith(_HAS) and _takes(codebase, unit, f"{owner}__init__", name.lstrip("_"))
    known = _added(codebase).get(name.lstrip("_"), []) if flag.endswith(_HAS) else _set_flags(codebase).get(name, [])
    found = [
        setter
        for setter in known
        if not setter[1].rpartition(".")[2].startswith("__")
        and (handed or not (own and setter[2]) or (setter[0] == unit.path and setter[1].startswith(owner)))
    ]
    itself = any(setter[:2] == (unit.path, symbol) for setter in found)
    return [] if itself else [setter for setter in found if setter[1]]


@once
def _set_flags(codebase: Codebase) -> dict[str, list[Setter]]:
    """Every place that sets an attribute to a constant truth value or sets an event, by the last name: file, function,
    whether it sets an attribute of `self`."""
    found: dict[str, list[Setter]] = {}
    for unit in units(codebase, r"=\s*(?:True|False)\b|\.set\(\)"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            for held in _given(function):
                own = written(held).startswith("self.")
                found.setdefault(_last(written(held)), []).append((unit.path, symbol, own))
    return found


@once
def _added(codebase: Codebase) -> dict[str, list[Setter]]:
    """The same of what is added to a set: the object that works may have been given it under a private name."""
    found: dict[str, list[Setter]] = {}
    for unit in units(codebase, r"\.add\("):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for function, symbol in unit.functions():
                for node in own_nodes(function):
                    owner = node.func.value if isinstance(node, ast.Call) and _adds(node) else None  # type: ignore[attr-defined]
                    if isinstance(owner, ast.Attribute) and _STOPPED.search(owner.attr):
                        own = written(owner).startswith("self.")
                        found.setdefault(owner.attr.lstrip("_"), []).append((unit.path, symbol, own))
    return found


def _takes(codebase: Codebase, unit: Unit, symbol: str, name: str) -> bool:
    """Whether a function takes a parameter of that name."""
    found = (item for item in codebase.facts[unit.path].definitions if item.symbol == symbol)
    return any(re.match(rf"\W*{name}\b", parameter) for item in found for parameter in item.parameters)


def _adds(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "add"


def _bare(flag: str) -> str:
    """A flag as it is written, without how it is asked."""
    return flag.removesuffix(_IS_SET).removesuffix(_HAS)


def _given(function: Function) -> Iterator[ast.expr]:
    for node in own_nodes(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
            yield from (target for target in node.targets if isinstance(target, ast.Attribute | ast.Name))
            if node.value.value:  # what an entry is when work begins is no stop
                yield from (target for target in node.targets if isinstance(target, ast.Subscript) and _key(target))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set":
            yield from [] if node.args else [node.func.value]


def _hit(codebase: Codebase, flag: str, places: list[tuple[Unit, str, ast.If, str]]) -> CensusHit:
    unit, symbol, node, _ = places[0]
    setters = [s for u, name, _, _ in places for s in _setters(codebase, u, name, flag)]
    named = listed(list(dict.fromkeys(f"`{name}()`" for _, name, _ in setters)), SETTERS)
    does = dict.fromkeys(
        f"{subject_of(codebase, u.path, name)} {_does(test)} if {quoted(test.test, TEST)}"
        for u, name, test, _ in places
    )
    text = f"{listed(list(does), SHOWN)}; `{_bare(flag)}` is {'filled' if flag.endswith(_HAS) else 'set'} by {named}"
    related = tuple(("test", u.path, *u.lines(test)) for u, _, test, _ in places[1:])
    return hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=flag, text=text, related=related)


def _does(node: ast.If) -> str:
    leaving = next(statement for statement in node.body if _stops(statement))
    return _LEAVES[type(leaving)]
