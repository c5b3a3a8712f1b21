"""Kind `hierarchies`: base classes of the repository, the classes that extend them, and where one of these is taken.

Interface-like bases (methods that only raise NotImplementedError, abstract methods, Protocols) come first. Trees
of model classes without abstract methods are left out unless one function chooses between their members. Which
class a computed name stands for at run time is not followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Unit, call_name, units
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.families import is_model_base
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.pyast import dotted
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMED = 16
PLACES = 6
_ABSTRACT = words("abstractmethod abstractproperty abstractclassmethod abstractstaticmethod")
_PROTOCOL = re.compile(r"(?:^|\.)Protocol$")
_INTERFACE = re.compile(r"(?:^|\.)(?:Protocol|ABC)$")
ASIDE = re.compile(r"(?:^|/)(?:bench\w*|eval\w*|tests?|examples?|docs?|datasets?)/")  # not the program itself
_CHECKS = words("isinstance issubclass super cast TypeVar NewType")
_ERRORS = re.compile(r"(?:Error|Exception|Warning)$")
Key = tuple[str, str]  # path and symbol of a class
Place = tuple[Key, str, int, str]  # the class, then path, line and symbol of the place


@dataclass
class Tree:
    """A base class with the classes below it, the methods left to these, and where one is made or named."""

    base: ClassRef
    members: list[ClassRef]
    abstract: list[str] = field(default_factory=list)
    made: list[Place] = field(default_factory=list)
    named: list[Place] = field(default_factory=list)

    def choosing(self) -> bool:
        """Whether one function makes or names two or more of the classes below the base."""
        by_symbol: dict[tuple[str, str], set[Key]] = {}
        for key, path, _line, symbol in [*self.made, *self.named]:
            if key != _key(self.base) and symbol:
                by_symbol.setdefault((path, symbol), set()).add(key)
        return any(len(names) > 1 for names in by_symbol.values())

    def interface(self) -> bool:
        """Whether the base leaves methods to others or says that it is an interface."""
        return bool(self.abstract) or any(map(_INTERFACE.search, self.base.definition.bases))


@kind(
    "hierarchies",
    summary="base classes with the local classes that extend them, what is left to these, and where one is constructed",
    example="hierarchies, or hierarchies: *Decoder*",
    reads="python",
    options=("what",),
    ordered=True,
)
def hierarchies(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per base; patterns match the name of the base or of a class below it. Interfaces come first.

    `what=interfaces` keeps bases of source code that leave methods to other classes.
    """
    trees = _trees(codebase)
    for unit in units(codebase, "|".join(_names(trees)) or r"\A\b\B"):
        _read(codebase, unit, trees)
    kept = [tree for tree in trees if tree.interface() or tree.choosing() or not _is_model(codebase, tree)]
    if query.options.get("what") == "interfaces":
        kept = [tree for tree in kept if _is_interface(codebase, tree)]
    for tree in sorted(kept, key=lambda tree: _importance(codebase, tree)):
        if any(query.matches(cls.definition.name) for cls in (tree.base, *tree.members)):
            yield _hit(codebase, tree)


@once
def every_hierarchy(codebase: Codebase) -> tuple[CensusHit, ...]:
    """All hits without a pattern, worked out once."""
    return tuple(hierarchies(codebase, Query("", "hierarchies", (), {})))


def _is_interface(codebase: Codebase, tree: Tree) -> bool:
    source = codebase.snapshot.by_path[tree.base.path].role == "source" and not ASIDE.search(tree.base.path)
    several = len(tree.members) > 1 or bool(tree.abstract)
    return source and tree.interface() and several and not _ERRORS.search(tree.base.definition.name)


def _key(cls: ClassRef) -> Key:
    return cls.path, cls.definition.symbol


def _trees(codebase: Codebase) -> list[Tree]:
    program = program_of(codebase)
    found = []
    for cls in program.classes:
        members = sorted(program.descendants(cls), key=lambda c: (c.path != cls.path, c.path, c.definition.start))
        if members:
            found.append(Tree(cls, members))
    return found


def _names(trees: list[Tree]) -> list[str]:
    names = {cls.definition.name for tree in trees for cls in (tree.base, *tree.members)}
    return sorted(map(re.escape, names))


def _is_model(codebase: Codebase, tree: Tree) -> bool:
    return any(map(is_model_base, codebase.bases(tree.base.path, tree.base.definition)))


def _importance(codebase: Codebase, tree: Tree) -> tuple[int, bool, bool, bool, int, str, int]:
    base = tree.base
    role = ROLES.index(codebase.snapshot.by_path[base.path].role)
    error = bool(_ERRORS.search(base.definition.name))
    size = -len(tree.members)
    aside = bool(ASIDE.search(base.path))
    return (role, error or aside, not tree.interface(), not tree.abstract, size, base.path, base.definition.start)


def _read(codebase: Codebase, unit: Unit, trees: list[Tree]) -> None:
    """Fill in what one file says: abstract methods, constructions and other uses of the classes."""
    wanted: dict[Key, list[Tree]] = {}
    for tree in trees:
        for cls in (tree.base, *tree.members):
            wanted.setdefault(_key(cls), []).append(tree)
    short = {symbol.rpartition(".")[2] for _path, symbol in wanted}
    for node in unit.nodes:
        if isinstance(node, ast.ClassDef):
            for tree in wanted.get((unit.path, unit.symbol_of(node)), ()):
                if _key(tree.base) == (unit.path, unit.symbol_of(node)):
                    tree.abstract = _abstract(node)
        elif isinstance(node, ast.Name | ast.Attribute) and dotted(node).rpartition(".")[2] in short:
            _mention(codebase, unit, node, wanted)


def _abstract(node: ast.ClassDef) -> list[str]:
    """The methods of a class that its subclasses must bring."""
    protocol = any(_PROTOCOL.search(dotted(base)) for base in node.bases)
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    return list(dict.fromkeys(item.name for item in methods if _is_abstract(item, protocol)))


def _is_abstract(method: ast.FunctionDef | ast.AsyncFunctionDef, protocol: bool) -> bool:
    if any(dotted(item).rpartition(".")[2] in _ABSTRACT for item in method.decorator_list):
        return True
    body = method.body[1:] if ast.get_docstring(method) is not None else method.body
    if protocol:
        return all(isinstance(item, ast.Pass | ast.Expr) for item in body)
    raised = body[0].exc if len(body) == 1 and isinstance(body[0], ast.Raise) else None
    return raised is not None and (call_name(raised) or dotted(raised)) == "NotImplementedError"


def _mention(codebase: Codebase, unit: Unit, node: ast.Name | ast.Attribute, wanted: dict[Key, list[Tree]]) -> None:
    used = _use(unit, node)
    found = codebase.resolve_local(unit.path, dotted(node)) if used else None
    if found is None or found[1].kind != "class":
        return
    key = (found[0], found[1].symbol)
    place = (key, unit.path, unit.lines(node)[0], unit.symbols.get(node, ""))
    for tree in wanted.get(key, ()):
        (tree.made if used == "made" else tree.named).append(place)


def _use(unit: Unit, node: ast.AST) -> str:
    """ "made" for a construction, "named" for a class given as a value, "" for annotations, checks, bases and such."""
    parent = unit.parents.get(node)
    if isinstance(parent, ast.Call) and parent.func is node:
        return "made"
    if isinstance(parent, ast.Attribute | ast.ClassDef | ast.arg | ast.ExceptHandler | ast.Raise | ast.Compare):
        return ""
    while isinstance(parent, ast.expr):
        if isinstance(parent, ast.Subscript) and node is parent.slice:
            return ""  # the inside of an annotation
        if isinstance(parent, ast.Call):
            return "" if call_name(parent) in _CHECKS else "named"
        node, parent = parent, unit.parents.get(parent)
    if isinstance(parent, ast.AnnAssign) and node is parent.annotation:
        return ""
    definition = isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.arg)
    return "" if definition or isinstance(parent, ast.ExceptHandler | ast.Raise) else "named"


def _hit(codebase: Codebase, tree: Tree) -> CensusHit:
    base = tree.base.definition
    members = [f"`{cls.definition.symbol}`" for cls in tree.members]
    text = f"`{base.symbol}` ({tree.base.path}) is the base of {listed(members, NAMED)}{_elsewhere(tree)}"
    if tree.abstract:
        noun = "method" if len(tree.abstract) == 1 else "methods"
        text += f"; {noun} left to subclasses: {listed([f'`{name}`' for name in tree.abstract], NAMED)}"
    elif note := next((name for name in base.bases if _INTERFACE.search(name)), ""):
        text += f"; it derives from `{note}`"
    made = _one_per_symbol([place for place in tree.made if not _own(place)])
    makers = {(path, symbol) for _key, path, _line, symbol in made}
    named = [place for place in _one_per_symbol(tree.named) if (place[1], place[3]) not in makers]
    text += _told("constructed", made) + _told("named as a value", named) + _registered(tree)
    related = [("subclass", c.path, c.definition.head_start, c.definition.head_end) for c in tree.members[:NAMED]]
    related += [("construction", path, line, line) for _key, path, line, _symbol in made[:PLACES]]
    related += [("choice", path, line, line) for _key, path, line, _symbol in named[:PLACES]]
    return hit_at(
        codebase,
        tree.base.path,
        (base.head_start, base.head_end),
        symbol=base.symbol,
        name=base.name,
        text=text,
        related=tuple(related),
        detail={"members": ", ".join(c.definition.symbol for c in tree.members), "abstract": ", ".join(tree.abstract)},
    )


def _elsewhere(tree: Tree) -> str:
    folders = {cls.path for cls in tree.members} - {tree.base.path}
    return f" ({listed(sorted(folders), 3)})" if folders else ""


def _own(place: Place) -> bool:
    """Whether a class of the tree makes an object of itself, as alternative constructors do."""
    return place[1] == place[0][0] and place[3].startswith(f"{place[0][1]}.")


def _one_per_symbol(places: list[Place]) -> list[Place]:
    found: dict[tuple[Key, str, str], Place] = {}
    for place in sorted(places, key=lambda place: place[1:3]):
        found.setdefault((place[0], place[1], place[3]), place)
    return list(found.values())


def _told(what: str, places: list[Place]) -> str:
    """ "; constructed: `A`, `B` in `f` (x.py:3, 5)", functions that know most classes first."""
    by_symbol: dict[tuple[str, str], list[Place]] = {}
    for place in places:
        by_symbol.setdefault((place[1], place[3]), []).append(place)
    several = sorted(by_symbol.items(), key=lambda item: -len({place[0] for place in item[1]}))
    told = []
    for (path, symbol), found in several[:PLACES]:
        names = list(dict.fromkeys(f"`{key[1]}`" for key, *_rest in found))
        where = f"in `{symbol}`" if symbol else "at module level"
        lines = ", ".join(map(str, sorted({place[2] for place in found})[:8]))
        told.append(f"{listed(names, 8)} {where} ({path}:{lines})")
    more = f" and in {counted(len(several) - PLACES, 'more place')}" if len(several) > PLACES else ""
    return f"; {what}: {'; '.join(told)}{more}" if told else ""


def _registered(tree: Tree) -> str:
    marks = [name for cls in tree.members for name in cls.definition.decorators if "regist" in name.lower()]
    if not marks:
        return ""
    count = "one of them is" if len(marks) == 1 else f"{len(marks)} of them are"
    return f"; {count} registered by name with `{max(sorted(set(marks)), key=marks.count)}`"
