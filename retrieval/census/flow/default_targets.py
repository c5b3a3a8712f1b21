"""Which of several implementations of a method runs: the class that defaults choose first, with what chooses it.

A class is chosen where code names it as a value: as the default of a field or parameter, in a table, in a call. What no
code of the main programs names is no alternative; a class that others derive from stands for those that are named.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.callgraph import Site, possible
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.units import Unit, quoted, units, written
from retrieval.census.meaning.values import ClassRef, FunctionRef

if TYPE_CHECKING:
    from retrieval.census.flow.focus import Focus
    from retrieval.census.meaning.callgraph import Target
    from retrieval.codebase import Codebase

PRESET, NAMED, CONDITIONAL, OWNERS = 3, 2, 1, 3
_KNOWN: Beside[Codebase, dict[str, Chosen]] = Beside()


@dataclass(slots=True)
class Chosen:
    """How a class is chosen: the strongest way, and who does it in words."""

    rank: int = 0
    by: tuple[tuple[str, tuple[str, str]], ...] = ()  # in words, and the body that does it

    @property
    def said(self) -> str:
        """In words; "" for a class that nothing chooses."""
        return _said(self.rank, list(dict.fromkeys(said for said, _ in self.by))) if self.rank else ""


@dataclass(frozen=True, slots=True)
class Way:
    """One implementation that a call may run, how certain its choice is, and what chooses it, if that is known."""

    target: Target
    rank: int
    chosen: Chosen | None = None
    heir: str = ""  # the class derived from the target's that is chosen

    @property
    def said(self) -> str:
        """What chooses it, in words; "" when not known."""
        return self.told(None)

    def told(self, bodies: Set[tuple[str, str]] | None) -> str:
        """The same, without what other bodies choose: they are no part of the program."""
        if self.chosen is None:
            return ""
        kept = [s for s, body in self.chosen.by if bodies is None or body in bodies or self.chosen.rank == PRESET]
        said = _said(self.chosen.rank, list(dict.fromkeys(kept))) if kept else ""
        return f"for `{self.heir}`, {said}" if self.heir and said else said


def ways_of(focus: Focus, site: Site) -> list[Way]:
    """The implementations that a call may run, those of the classes that defaults choose first."""
    targets = possible(focus.program, site)
    if len(targets) < 2 or not all(isinstance(t, FunctionRef) and t.receiver is not None for t in targets):
        return [Way(target, 0) for target in targets]
    found = [_way(focus, target, targets) for target in targets]
    if not any(way.rank for way in found):
        return [Way(target, 0) for target in targets]
    kept = [way for way in found if way.rank]
    return sorted(kept, key=lambda way: (-way.rank, -_size(way.target)))


def first_said(ways: list[Way]) -> str:
    """What chooses the first of several ways, where it is the default of something or the only one so certain."""
    ahead = len(ways) > 1 and (ways[0].rank == PRESET or ways[0].rank > ways[1].rank)
    return ways[0].said if ahead else ""


def _size(target: Target) -> int:
    """The length of the class whose method it is: the one that does most comes first."""
    cls = target if isinstance(target, ClassRef) else target.receiver
    return cls.definition.end - cls.definition.start if cls is not None else 0


def _way(focus: Focus, target: Target, targets: tuple[Target, ...]) -> Way:
    assert isinstance(target, FunctionRef)
    program = focus.program
    owner = target.receiver
    if owner is None:
        return Way(target, 0)
    others = {t.receiver for t in targets if isinstance(t, FunctionRef)} - {owner}
    heirs = [c for c in program.descendants(owner) if c not in others and not set(program.line(c)[1:]) & others]
    best, heir = Chosen(), ""
    for cls in target.among or [owner, *heirs]:
        chosen = chosen_by(program.codebase, cls.definition.name)
        if chosen.rank > best.rank:
            best, heir = chosen, "" if cls is owner else cls.definition.symbol
    return Way(target, best.rank, best if best.rank else None, heir)


def _said(rank: int, by: list[str]) -> str:
    """What chooses a class; a body that names it under a condition is told with that alone."""
    by = [one for one in by if not any(other.startswith(f"{one} if ") for other in by)]
    more = f" and {len(by) - OWNERS} more" if len(by) > OWNERS else ""
    verb = {PRESET: "the default of", NAMED: "chosen by", CONDITIONAL: "chosen by"}[rank]
    return f"{verb} {', '.join(by[:OWNERS])}{more}"


def chosen_by(codebase: Codebase, name: str) -> Chosen:
    """How code chooses the class of that name, worked out once."""
    known = _KNOWN.setdefault(codebase, {})
    if name not in known:
        known[name] = Chosen()  # while it is looked up: classes may choose one another
        known[name] = _looked_up(codebase, name)
    return known[name]


def _looked_up(codebase: Codebase, name: str) -> Chosen:
    """Where the code that main programs may run names a class as a value."""
    reach, found = reach_of(codebase), Chosen()
    for unit in units(codebase, rf"\b{re.escape(name)}\b"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in unit.nodes:
            if isinstance(node, ast.Name | ast.Attribute) and written(node).rpartition(".")[2] == name:
                rank, by = _use(unit, node)
                symbol = unit.symbols.get(node, "")
                if (
                    rank
                    and not is_unchosen(codebase, unit.path, symbol)
                    and (reach.runs((unit.path, symbol)) or rank == PRESET)
                    and rank >= found.rank
                ):
                    same = found.by if rank == found.rank else ()
                    found = Chosen(rank, tuple(dict.fromkeys((*same, (by, (unit.path, symbol))))))
    return found


def is_unchosen(codebase: Codebase, path: str, symbol: str) -> bool:
    """Whether a body is a method of a class that nothing chooses, where something chooses another of the same base."""
    program, owner = program_of(codebase), symbol.rpartition(".")[0]
    item = program.definition(path, owner) if owner else None
    cls = ClassRef(path, item) if item is not None and item.kind == "class" else None
    bases = program.line(cls)[1:] if cls is not None else ()
    if cls is None or not bases or any(_is_chosen(codebase, c) for c in (cls, *program.descendants(cls))):
        return False
    return any(_is_chosen(codebase, c) for base in bases for c in program.descendants(base))


def _is_chosen(codebase: Codebase, cls: ClassRef) -> bool:
    return chosen_by(codebase, cls.definition.name).rank > 0


def _use(unit: Unit, node: ast.AST) -> tuple[int, str]:
    """How one place uses the name of a class: as a default, as a value, or under a condition."""
    parent = unit.parents.get(node)
    symbol = unit.symbols.get(node, "")
    if isinstance(parent, ast.AnnAssign | ast.Assign) and parent.value is node:
        holder = unit.parents.get(parent)
        target = parent.target if isinstance(parent, ast.AnnAssign) else parent.targets[0]
        if isinstance(holder, ast.ClassDef):
            return PRESET, f"`{holder.name}.{written(target)}`"
        return _under(unit, node, f"`{written(target)}` in `{symbol or unit.path}`")
    if isinstance(parent, ast.arguments):
        return PRESET, f"a parameter of `{symbol or unit.path}`"
    if isinstance(parent, ast.BoolOp) and isinstance(parent.op, ast.Or) and parent.values[-1] is node:
        return PRESET, f"`{quoted(parent, 60).strip('`')}`"
    if isinstance(parent, ast.Dict) and node in parent.values:
        return _under(unit, node, f"a table in `{symbol or unit.path}`")
    called = isinstance(parent, ast.Call) and (parent.func is node or node in parent.args)
    if isinstance(parent, ast.keyword) or (called and not _looks(parent)):
        return _under(unit, node, f"`{symbol or unit.path}`")
    return 0, ""


def _looks(call: ast.AST | None) -> bool:
    """Whether a call only asks about a class."""
    return isinstance(call, ast.Call) and written(call.func) in ("isinstance", "issubclass", "cast", "super", "TypeVar")


def _under(unit: Unit, node: ast.AST, by: str) -> tuple[int, str]:
    child, current = node, unit.parents.get(node)
    while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        if isinstance(current, ast.If) and child is not current.test:
            return CONDITIONAL, f"{by} if {quoted(current.test, 60)}" if child in current.body else by
        child, current = current, unit.parents.get(current)
    return NAMED, by
