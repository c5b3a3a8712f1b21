"""Census kinds `attribute_uses` and `uses`: where attributes are read, and where a name occurs in any role at all.

Both answer by function, so that a name which no function uses is known to be absent. Names in other languages
and in configuration files are found as words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, is_code, kind
from retrieval.census.meaning.units import Unit, call_name, subject_of, units
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.languages import CONFIG_LANGUAGES
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LINES = 8
FORMS = 5
LONGEST_LINE = 2_000
KEYED = frozenset(["get", "pop", "setdefault", "getattr", "hasattr", "setattr", "delattr"])
_WORD = re.compile(r"-{0,2}[A-Za-z_][\w-]*")
_JSON_KEY = re.compile(r'"([\w-]+)"\s*:')
_PLAIN = re.compile(r"-{0,2}[A-Za-z_][\w-]*\Z")
Place = tuple[str, str]


@kind(
    "attribute_uses",
    summary="attributes that are read, by the receiver and name as written; once per function and attribute",
    example="attribute_uses: model.visual, *.logit_scale, args.*",
    reads="python",
)
def attribute_uses(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """`model.visual` also finds `model.visual.size`; `*.x` finds x on any receiver; getattr("x") counts."""
    for unit in units(codebase, _needed(query)):
        found: dict[Place, list[int]] = {}
        for node in unit.nodes:
            chain = _read(unit, node)
            if chain and query.matches(*_prefixes(chain)):
                found.setdefault((unit.symbols.get(node, ""), chain), []).append(unit.lines(node)[0])
        for (symbol, chain), lines in found.items():
            text = f"{subject_of(codebase, unit.path, symbol)} reads `{chain}`{_on(lines)}"
            yield _hit(codebase, unit.path, (symbol, chain), sorted(lines), text)


def _read(unit: Unit, node: ast.AST) -> str:
    """The attribute chain that an expression reads, "" for parts of longer ones and for methods called."""
    if call_name(node) in ("getattr", "hasattr") and isinstance(node, ast.Call) and len(node.args) > 1:
        name = node.args[1]
        plain = isinstance(name, ast.Constant) and isinstance(name.value, str)
        return f"{_written(node.args[0])}.{name.value}" if plain and isinstance(name, ast.Constant) else ""
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return ""
    parent = unit.parents.get(node)
    if isinstance(parent, ast.Attribute):
        outer = unit.parents.get(parent)
        if not (isinstance(outer, ast.Call) and outer.func is parent):
            return ""
    elif isinstance(parent, ast.Call) and parent.func is node:
        return ""
    return _written(node)


def _written(node: ast.AST) -> str:
    """`a.b().c[]`: an expression without its arguments and keys."""
    tail: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            tail.append(f".{node.attr}")
            node = node.value
        elif isinstance(node, ast.Call):
            tail.append("()")
            node = node.func
        elif isinstance(node, ast.Subscript):
            tail.append("[]")
            node = node.value
        else:
            break
    root = node.id if isinstance(node, ast.Name) else "(…)"
    return root + "".join(reversed(tail))


def _prefixes(chain: str) -> tuple[str, ...]:
    parts = chain.split(".")
    return tuple(".".join(parts[:count]) for count in range(2, len(parts) + 1))


@kind(
    "uses",
    summary="every use of a name in any role (variable, attribute, keyword, option, key, string …), by function",
    example="uses: *accum*, world_size",
    reads="text",
)
def uses(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function and name. `-` and `_` are alike. Raises QueryError without a pattern."""
    if not query.names():
        raise QueryError(f"{query.text!r}: which name?", hint="for example `uses: *accum*`")
    for unit in units(codebase, _needed(query)):
        found: dict[Place, dict[str, list[int]]] = {}
        for node in unit.nodes:
            for name, form in _named(unit, node):
                if _fits(query, name):
                    key = (unit.symbols.get(node, ""), name.lstrip("-").replace("-", "_"))
                    found.setdefault(key, {}).setdefault(form, []).append(unit.lines(node)[0])
        for (symbol, name), forms in found.items():
            lines = sorted(line for places in forms.values() for line in places)
            more = f" and in {len(forms) - FORMS} more forms" if len(forms) > FORMS else ""
            told = f"{subject_of(codebase, unit.path, symbol)} uses {', '.join(list(forms)[:FORMS])}{more}{_on(lines)}"
            yield _hit(codebase, unit.path, (symbol, name), lines, told)
    for file in codebase.snapshot.files:
        if file.language not in ("python", "notebook") and (is_code(file) or file.language in CONFIG_LANGUAGES):
            yield from _words(codebase, query, file)


def _named(unit: Unit, node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a node itself uses, each with its role in words."""
    match node:
        case ast.arg(arg=name):
            yield name, f"the parameter `{name}`"
        case ast.Name(id=name):
            yield name, f"the name `{name}`"
        case ast.Attribute(attr=name):
            yield name, f"the attribute `{_written(node)}`"
        case ast.keyword(arg=str(name)):
            yield name, f"the keyword argument `{name}=`"
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, f"the function `{name}()`, defined here"
        case ast.ClassDef(name=name):
            yield name, f"the class `{name}`, defined here"
        case ast.alias(name=name):
            yield node.asname or name.rpartition(".")[2], f"the import of `{name}`"
        case ast.Constant(value=str(name)) if _PLAIN.match(name):
            yield name, _string_role(unit, node, name)


def _string_role(unit: Unit, node: ast.Constant, name: str) -> str:
    parent = unit.parents.get(node)
    if name.startswith("-") and isinstance(parent, ast.Call):
        return f"the option `{name}`"
    keyed = isinstance(parent, ast.Subscript) or (isinstance(parent, ast.Dict) and node in parent.keys)
    if keyed or (call_name(parent) in KEYED and isinstance(parent, ast.Call) and node in parent.args[:2]):
        return f"the key `{name}`"
    return f"the string `{name}`"


def _words(codebase: Codebase, query: Query, file: SourceFile) -> Iterator[CensusHit]:
    expression = _JSON_KEY if file.language == "json" else _WORD
    found: dict[str, list[int]] = {}
    for number, line in enumerate(file.lines, 1):
        for match in expression.finditer(line[:LONGEST_LINE]):
            name = match[match.lastindex or 0]
            if _fits(query, name):
                found.setdefault(name.lstrip("-").replace("-", "_"), []).append(number)
    for name, lines in found.items():
        text = f"{file.path} has the word `{name}`{_on(lines)}"
        yield _hit(codebase, file.path, ("", name), lines, text)


def _fits(query: Query, name: str) -> bool:
    bare = name.lstrip("-")
    return query.matches(bare, bare.replace("-", "_"), name)


def _needed(query: Query) -> str:
    """An expression that the text of every fitting file must hold: the longest word of each pattern."""
    longest = []
    for text in query.names():
        words = re.findall(r"[A-Za-z0-9]{3,}", "" if text.startswith("re:") or "[" in text else text)
        if not words:
            return ""
        longest.append(max(words, key=len))
    return "|".join(longest)


def _on(lines: list[int]) -> str:
    places = sorted(set(lines))
    if len(places) < 2:
        return ""
    more = f" and {len(places) - LINES} more" if len(places) > LINES else ""
    return f" (lines {', '.join(map(str, places[:LINES]))}{more})"


def _hit(codebase: Codebase, path: str, what: Place, lines: list[int], text: str) -> CensusHit:
    symbol, name = what
    related = tuple(("use", path, line, line) for line in dict.fromkeys(lines[1:]))[:LINES]
    return hit_at(codebase, path, (lines[0], lines[0]), symbol=symbol, name=name, text=text, related=related)
