"""Kinds `returned_dicts`, `returned_tuples` and `returned_objects`: what functions that return several values give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.built import (
    Built,
    Conditions,
    Key,
    Returned,
    assigned,
    before,
    dictionary,
    returns_of,
    rows,
    statements_of,
)
from retrieval.census.meaning.units import Function, Unit, only_if, quoted, units, written
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 24
PARTS = 12
RECORD = re.compile(
    r"(?:\A|\.)dataclass\Z|\Atyping(?:_extensions)?\.(?:NamedTuple|TypedDict)\Z|\Apydantic\.(?:\w+\.)*BaseModel\Z"
    r"|\.ModelOutput\Z|\Aattrs?\.(?:define|frozen|mutable|s|attrs|dataclass)\Z|\Amsgspec\.Struct\Z"
)


@kind(
    "returned_dicts",
    summary="functions that return a dictionary (or a list of them) they build, with its keys",
    example="returned_dicts, or returned_dicts: *.forward, *.__getitem__",
    reads="python",
)
def returned_dicts(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per `return` of a dictionary; keys set under a condition say so. Patterns match the function."""
    for unit, function, symbol in _functions(codebase, query):
        statements = statements_of(function)
        for given in returns_of(statements):
            earlier = before(given, statements)
            built = dictionary(given.value, function, earlier)
            listed = None if built else rows(given.value, function, earlier)
            told = _content(built or listed, given.conditions) if built or listed else ""
            if built and told:
                yield _hit(codebase, unit, (symbol, given), _dict_text(built, told), built.keys)
            elif listed and told:
                yield _hit(codebase, unit, (symbol, given), f"a list of dictionaries with {told}", listed.keys)


@kind(
    "returned_tuples",
    summary="functions that return a tuple of several values or a named tuple, with its parts",
    example="returned_tuples, or returned_tuples: create_*",
    reads="python",
)
def returned_tuples(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per `return` of several values. Patterns match the function."""
    for unit, function, symbol in _functions(codebase, query):
        for given in returns_of(statements_of(function)):
            told = _tuple_text(given.value) or _record_text(codebase, unit.path, given.value, True)
            if told:
                yield _hit(codebase, unit, (symbol, given), told, ())


@kind(
    "returned_objects",
    summary="functions that return an object of a repository record class (dataclass, named tuple, …), with its fields",
    example="returned_objects, or returned_objects: *.forward",
    reads="python",
)
def returned_objects(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per `return` of such an object or a list of them. Patterns match the function."""
    for unit, function, symbol in _functions(codebase, query):
        statements = statements_of(function)
        for given in returns_of(statements):
            value = given.value
            if isinstance(value, ast.Name):
                bound = assigned(value.id, before(given, statements))
                value = bound[0] if len(bound) == 1 else value
            if told := _record_text(codebase, unit.path, value, False):
                yield _hit(codebase, unit, (symbol, given), told, ())


def _functions(codebase: Codebase, query: Query) -> Iterator[tuple[Unit, Function, str]]:
    for unit in units(codebase, r"\breturn\b"):
        module = codebase.facts[unit.path].module
        for function, symbol in unit.functions():
            if query.matches(symbol, function.name, f"{module}.{symbol}"):
                yield unit, function, symbol


def _dict_text(built: Built, told: str) -> str:
    if built.start == "parameter":
        return f"its parameter {built.origin}, a dictionary in which it sets {told}"
    if built.start:
        return f"what {built.origin} gives, in which it sets {told}"
    return f"a dictionary with {told}"


def _content(built: Built | None, conditions: Conditions) -> str:
    """ "the keys `a`, `b`, `c` only if `x`, and everything in `other`"; "" for a dictionary without known keys."""
    if built is None or not built.keys:
        return ""
    always, sometimes = _by_condition(built.keys, conditions)
    words = dict.fromkeys(_word(key) for key in always)
    extra = {word: when for word, when in sometimes.items() if word not in words}
    shown = [*words, *(f"{word}{when}" for word, when in extra.items())]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    noun = "key" if len(shown) == 1 else "keys"
    text = f"the {noun} {', '.join(shown[:SHOWN])}{more}"
    wholes = dict.fromkeys(_whole(whole, conditions) for whole in built.wholes)
    return f"{text}, and everything in {', '.join(wholes)}" if wholes else text


def _by_condition(keys: Sequence[Key], around: Conditions) -> tuple[list[Key], dict[str, str]]:
    """The keys that are set in any case, and the others with the words that say when."""
    when: dict[str, list[Conditions]] = {}
    for key in keys:
        when.setdefault(_word(key), []).append(_beyond(key.conditions, around))
    always = [key for key in keys if _certain(when[_word(key)])]
    certain = {_word(key) for key in always}
    several = " (in some branches)"
    sometimes = {
        word: several if len(set(found)) > 1 else f" ({only_if(found[0]).strip()})"
        for word, found in when.items()
        if word not in certain
    }
    return always, sometimes


def _certain(found: list[Conditions]) -> bool:
    """Whether one of the conditions always holds: none at all, or both arms of one decision."""
    if any(not conditions for conditions in found):
        return True
    single = {conditions[0] for conditions in found if len(conditions) == 1}
    return any(f"{condition} is false" in single for condition in single)


def _whole(whole: Key, around: Conditions) -> str:
    when = only_if(_beyond(whole.conditions, around)).strip()
    return f"{whole.text} ({when})" if when else whole.text


def _beyond(conditions: Conditions, around: Conditions) -> Conditions:
    """The conditions that do not hold already where the value is returned."""
    return tuple(item for item in conditions if item not in around)


def _word(key: Key) -> str:
    if not key.plain:
        return f"the value of `{key.text.replace('`', chr(39))}`"
    return f"`{' '.join(key.text.replace('`', chr(39)).split())}`"


def _tuple_text(value: ast.expr) -> str:
    if not isinstance(value, ast.Tuple) or len(value.elts) < 2:
        return ""
    shown = [quoted(item, 60) for item in value.elts[:PARTS]]
    more = f" and {len(value.elts) - PARTS} more" if len(value.elts) > PARTS else ""
    return f"a tuple of {len(value.elts)}: {', '.join(shown)}{more}"


def _record_text(codebase: Codebase, path: str, value: ast.expr, tuples: bool) -> str:
    """A record class of the repository that the expression constructs, with the fields that it lists."""
    several = isinstance(value, ast.ListComp)
    call = value.elt if isinstance(value, ast.ListComp) else value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name | ast.Attribute):
        return ""
    found = codebase.resolve_local(path, written(call.func))
    if found is None or found[1].kind != "class":
        return ""
    bases = codebase.bases(*found)
    record = found[1].decorators + tuple(bases) if not tuples else tuple(bases)
    if not any(RECORD.search(name) if not tuples else name == "typing.NamedTuple" for name in record):
        return ""
    fields = ", ".join(f"`{name}`" for name in _fields(codebase, *found))
    what = "named tuple" if "typing.NamedTuple" in bases else "record"
    lead = f"a list of {what}s" if several else f"the {what}"
    noun = "fields" if "," in fields else "field"
    return f"{lead} `{found[1].symbol}`" + (f" with the {noun} {fields}" if fields else "")


def _fields(codebase: Codebase, path: str, item: Definition) -> list[str]:
    return [
        fact.name
        for fact in codebase.facts[path].facts
        if fact.kind == "assign" and fact.symbol == item.symbol and fact.detail["scope"] == "class"
    ]


def _hit(codebase: Codebase, unit: Unit, what: tuple[str, Returned], told: str, keys: Sequence[Key]) -> CensusHit:
    symbol, given = what
    when = only_if(given.conditions)
    text = f"`{symbol}()` returns {told}{f' —{when}' if when else ''}"
    if given.others:
        others = ", ".join(str(unit.row(line)) for line in given.others[:8])
        text += f"; it also returns on line{'s' if len(given.others) > 1 else ''} {others}"
    lines = unit.lines(given.node)
    places = sorted({unit.row(key.line) for key in keys} - set(range(lines[0], lines[1] + 1)))
    return hit_at(
        codebase,
        unit.path,
        lines,
        symbol=symbol,
        name=symbol,
        text=text,
        related=tuple(("key", unit.path, place, place) for place in places[:SHOWN]),
        detail={"keys": ", ".join(dict.fromkeys(key.text for key in keys)), "condition": "; ".join(given.conditions)},
    )
