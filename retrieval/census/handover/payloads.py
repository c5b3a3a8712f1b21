"""Kind `payloads`: which types of data the main programs' functions take and give: arrays, tensors, images, paths.

Types come from annotations (aliases followed), docstrings, `isinstance` and the calls that made what is returned,
shapes and ranges from asserts and docstrings. A function without any of these says nothing.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.spine import spine_of
from retrieval.census.flow.steps import steps_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMED, SHAPES, PLACES, BODIES, LONGEST = 5, 5, 30, 12, 260
Place = tuple[str, str]
_SORTS = {
    "NumPy arrays": r"\b(?:ndarray|NDArray)\b|\bnp\.array\b",
    "torch tensors": r"\b(?:Tensor|FloatTensor|LongTensor|BoolTensor|HalfTensor)\b",
    "PIL images": r"\bImage\.Image\b|\bPIL\.Image\b",
    "paths": r"^(?:Optional\[)?(?:pathlib\.)?Path\b",
    "bytes": r"^(?:Optional\[)?bytes\b",
    "data frames": r"\bDataFrame\b",
}
_MAKERS = (
    (
        "NumPy arrays",
        r"^(?:numpy|np)\.(?!load|save|random\.seed)\w+|\.numpy$|^cv2\.(?:imread|resize|cvtColor)|^librosa\.",
    ),
    ("torch tensors", r"^torch\.(?!load|save|cuda|device|no_grad|nn\.Module)\w+|\.(?:detach|cuda|unsqueeze|squeeze)$"),
    ("PIL images", r"^(?:PIL\.)?Image\.(?:open|fromarray|new)$"),
)
_ROWS = frozenset({"iloc", "iterrows", "itertuples"})
_SHAPE = re.compile(r"\.(?:shape|ndim|dtype|dim\(\)|size\(\))|\.(?:min|max)\(\)")
_IN_WORDS = re.compile(r"(?m)^\s*(\w+)\s*:\s*([^\n]*\b(?:Tensor|ndarray|array|Image)\b[^\n]*)$")
_ALIAS = re.compile(r"^[A-Z]\w+$")


@dataclass(slots=True)
class Payload:
    """One type with the functions that take or give it, what is said of shapes, and the aliases of the type."""

    users: dict[Place, int] = field(default_factory=dict)
    shapes: dict[str, tuple[str, int]] = field(default_factory=dict)
    aliases: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    named: Counter[str] = field(default_factory=Counter)  # how many functions use each alias


@kind(
    "payloads",
    summary="types of data that functions take and give - arrays, tensors, images, paths - with shapes where told",
    example="payloads, or payloads: *tensors*",
    reads="python",
    ordered=True,
)
def payloads(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per type that several functions take or give, the most frequent first. Patterns match the type."""
    found = _found(codebase)
    steps = _steps(codebase)
    for name, item in sorted(found.items(), key=lambda row: -len(row[1].users)):
        if len(item.users) > 1 and query.matches(name):
            yield _hit(codebase, name, item, steps)


def _steps(codebase: Codebase) -> list[Place]:
    """The functions that the bodies of the spine call."""
    focus = focus_of(codebase)
    found = [
        (target.path, target.definition.symbol)
        for frame in spine_of(focus)[:BODIES]
        for step in steps_of(focus, frame)
        for target in step.site.targets
    ]
    return list(dict.fromkeys(found))


def _found(codebase: Codebase) -> dict[str, Payload]:
    reach = reach_of(codebase)
    found: dict[str, Payload] = {name: Payload() for name in _SORTS}
    aliases = _aliases(codebase, found)
    for unit in units(codebase, r"\bdef "):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            if reach.runs((unit.path, symbol)):
                _read(unit, function, symbol, (found, aliases))
    return found


def _aliases(codebase: Codebase, found: dict[str, Payload]) -> dict[str, str]:
    """Names that modules give to types: `Frame = np.ndarray`, and which sort they are."""
    names: dict[str, str] = {}
    for path, fact in codebase.all_facts("assign"):
        value = fact.detail.get("value", "")
        if fact.symbol or not _ALIAS.match(fact.name) or "(" in value:
            continue
        for sort, pattern in _SORTS.items():
            if re.search(pattern, value):
                names[fact.name] = sort
                found[sort].aliases[fact.name] = path, fact.start, value
    return names


def _read(unit: Unit, function: Function, symbol: str, known: tuple[dict[str, Payload], dict[str, str]]) -> None:
    found, aliases = known
    place, line = (unit.path, symbol), unit.row(function.lineno)
    given = function.args
    written = [a.annotation for a in (*given.posonlyargs, *given.args, *given.kwonlyargs) if a.annotation]
    written += [function.returns] if function.returns else []
    sorts = {sort for note in written for sort in _sorts(ast.unparse(note).strip("'\""), aliases)}
    document = ast.get_docstring(function) or ""
    told = [(m[1], m[2], sort) for m in _IN_WORDS.finditer(document) for sort in _sorts(m[2], aliases)]
    sorts |= {sort for _, _, sort in told}
    sorts |= set(_made(function))
    for word in {word for note in written for word in re.findall(r"\w+", ast.unparse(note)) if word in aliases}:
        found[aliases[word]].named[word] += 1
    checks = [n for n in own_nodes(function) if isinstance(n, ast.Assert)]
    for node in checks:
        text = ast.unparse(node.test)
        sorts |= {sort for sort in _sorts(text, aliases) if "isinstance(" in text}
    for sort in sorts:
        found[sort].users.setdefault(place, line)
    for name, words, sort in told:
        if "shape" in words or "(" in words:
            said = f"`{symbol}()` says of `{name}`: {' '.join(words.split())}"
            found[sort].shapes.setdefault(said[:160], (unit.path, line))
    for node in checks if sorts else ():
        text = " ".join(ast.unparse(node.test).split()).replace("`", "'")
        if _SHAPE.search(text) and len(text) < LONGEST:
            first = next(sort for sort in _SORTS if sort in sorts)
            found[first].shapes.setdefault(f"`{symbol}()` asserts `{text}`", (unit.path, unit.row(node.lineno)))


def _sorts(text: str, aliases: dict[str, str]) -> Iterator[str]:
    """The sorts that a written type names."""
    for sort, pattern in _SORTS.items():
        if re.search(pattern, text):
            yield sort
    for word in re.findall(r"\w+", text):
        if word in aliases:
            yield aliases[word]


def _made(function: Function) -> Iterator[str]:
    """The sorts of what a function returns, told by the call that made it, and of what it works on row by row."""
    bound: dict[str, ast.expr] = {}
    for node in own_nodes(function):
        if isinstance(node, ast.Attribute) and node.attr in _ROWS:
            yield "data frames"
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            bound[node.targets[0].id] = node.value
        if isinstance(node, ast.Return) and node.value is not None:
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for part in parts:
                value = bound.get(part.id, part) if isinstance(part, ast.Name) else part
                name = _callee(value)
                yield from (sort for sort, pattern in _MAKERS if name and re.search(pattern, name))


def _callee(value: ast.expr) -> str:
    """What a call calls: a dotted name, or ".method" on what an expression gave."""
    if not isinstance(value, ast.Call):
        return ""
    chain = dotted(value.func)
    return chain or (f".{value.func.attr}" if isinstance(value.func, ast.Attribute) else "")


def _hit(codebase: Codebase, name: str, item: Payload, steps: list[Place]) -> CensusHit:
    ordered = [place for place in steps if place in item.users]
    ordered += [place for place in item.users if place not in set(ordered)]
    text = (
        f"{name}: {counted(len(item.users), 'function')} take or give them, such as {people(codebase, ordered, NAMED)}"
    )
    if item.aliases:
        ranked = sorted(item.aliases.items(), key=lambda row: -item.named[row[0]])
        told = [f"`{alias}` (= `{value[:40]}`)" for alias, (_, _, value) in ranked]
        text += f"; named {listed(told, 4)}"
    shapes = sorted(item.shapes.items(), key=lambda row: -min(len(_SHAPE.findall(row[0])), 3))[:SHAPES]
    if shapes:
        text += f"; shapes and ranges: {'; '.join(said for said, _ in shapes)}"
    places = [place for _, place in shapes]
    places += [(path, line) for path, line, _ in item.aliases.values()]
    places += [(place[0], item.users[place]) for place in ordered]
    places = list(dict.fromkeys(places))[:PLACES]
    return hit_at(
        codebase,
        places[0][0],
        (places[0][1], places[0][1]),
        symbol="",
        name=name,
        text=text,
        related=tuple(("use", path, line, line) for path, line in places[1:]),
        detail={"functions": str(len(item.users))},
    )
