"""What an encoder gave, kept in an attribute of an object that is no model and read by another of its methods.

`self.features = self.model.image_encoder(image)`: many prompts are answered from one encoding.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.census.models.families import MODELISH
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ENCODING = re.compile(
    r"^_?(?:(?:encode|embed|extract)(?:_\w+)?|forward_(?:image|text|audio|features)|\w*encoder|\w*embedder)$"
)
_HOLDING = re.compile(r"(?:^|_)(?:encoder|embedder|extractor)$")
MOST_NAMED = 3


def kept_outputs(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per class and attribute."""
    models = {(cls.path, cls.definition.symbol) for cls in roster_of(codebase).family.bases}
    for unit in units(codebase, r"encode|embed|extract|forward_"):
        for node in unit.nodes:
            if isinstance(node, ast.ClassDef) and (unit.path, unit.symbol_of(node)) not in models:
                yield from _of_class(codebase, unit, node)


def _of_class(codebase: Codebase, unit: Unit, node: ast.ClassDef) -> Iterator[CensusHit]:
    methods = [item for item in node.body if isinstance(item, Function)]
    found: dict[str, list[tuple[str, ast.stmt, ast.Call]]] = {}
    for method in (item for item in methods if item.name != "__init__"):
        for name, (statement, call) in _kept(method).items():
            found.setdefault(name, []).append((method.name, statement, call))
    for name, rows in found.items():
        setters = [f"`{setter}()`" for setter, _, _ in rows]
        readers = [f"`{m.name}()`" for m in methods if f"`{m.name}()`" not in setters and _reads(m, name)]
        _, statement, call = rows[0]
        if readers:
            owner, made = unit.symbol_of(node), source_of(call.func, 60)
            text = f"`{owner}.{name}` keeps what `{made}()` gave, so that it is not computed again: set by "
            text += f"{listed(setters, MOST_NAMED)} and read by {listed(readers, MOST_NAMED)}"
            yield hit_at(
                codebase, unit.path, unit.lines(statement), symbol=f"{owner}.{rows[0][0]}", name="results", text=text
            )


def _kept(method: Function) -> dict[str, tuple[ast.stmt, ast.Call]]:
    """The attributes that a method sets to what an encoder gave, or to what is made of it."""
    known: dict[str, ast.Call] = {}
    found: dict[str, tuple[ast.stmt, ast.Call]] = {}
    statements = [node for node in own_nodes(method) if isinstance(node, ast.Assign)]
    for statement in sorted(statements, key=lambda node: node.lineno):
        call = _encoding(statement.value) or _taken(statement.value, known)
        if call is None:
            continue
        for target in statement.targets:
            for item in target.elts if isinstance(target, ast.Tuple) else [target]:
                name = dotted(item.value if isinstance(item, ast.Subscript) else item)
                if name.startswith("self.") and name.count(".") == 1:
                    found.setdefault(name[5:], (statement, call))
                elif isinstance(item, ast.Name):
                    known[item.id] = call
    return found


def _encoding(value: ast.expr) -> ast.Call | None:
    """The call of an encoder in an expression."""
    for node in ast.walk(value):
        parts = dotted(node.func).split(".") if isinstance(node, ast.Call) else []
        if len(parts) > 1 and _ENCODING.search(parts[-1]) and any(map(_is_model, parts[:-1])):
            return node  # type: ignore[return-value]
    return None


def _is_model(name: str) -> bool:
    return MODELISH.search(name.lower()) is not None or _HOLDING.search(name.lower()) is not None


def _taken(value: ast.expr, known: dict[str, ast.Call]) -> ast.Call | None:
    """What an expression is made of, when that came from an encoder."""
    names = (node.id for node in ast.walk(value) if isinstance(node, ast.Name))
    return next((known[name] for name in names if name in known), None)


def _reads(method: Function, name: str) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)
        for node in ast.walk(method)
    )
