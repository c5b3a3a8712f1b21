"""Kind `callbacks`: functions that callers can hand in to be called on the way, by what the receiving body does with
them. A parameter counts by its name together with a call of it in the body, directly or out of a list.
"""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_NAMED = re.compile(r"(?i)callback|(?:^|_)hooks?(?:$|_)|^on_[a-z]\w+|(?:^|_)(?:pre|post)_?process(?:or)?_?(?:fn|func)$")
SHOWN, LONGEST = 4, 90


@kind(
    "callbacks",
    summary="parameters that take a function which the body calls on the way, such as step callbacks",
    example="callbacks",
    reads="python",
    ordered=True,
)
def callbacks(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function and parameter, those that main programs run first; patterns match the parameter."""
    found = list(units(codebase, r"(?i)callback|hook|\bon_|process_?(?:fn|func)"))
    hits = [hit for unit in found for hit in _of(codebase, unit)] + list(_kept(codebase, found))
    reach = reach_of(codebase)
    for hit in sorted(hits, key=lambda hit: (hit.role != "source", not reach.has(hit))):
        if query.matches(hit.name):
            yield hit


def _of(codebase: "Codebase", unit: Unit) -> Iterator[CensusHit]:
    for function, symbol in unit.functions():
        names = [arg.arg for arg in (*function.args.args, *function.args.kwonlyargs) if _NAMED.search(arg.arg)]
        for name in names:
            called = _called(function, name)
            if called:
                first, last = unit.lines(called[0])
                text = f"`{symbol}()` ({unit.path}) takes `{name}` and calls it as {listed(_shown(called), SHOWN)}"
                related = tuple(("call", unit.path, *unit.lines(node)) for node in called[1:SHOWN])
                yield hit_at(codebase, unit.path, (first, last), symbol=symbol, name=name, text=text, related=related)


def _kept(codebase: "Codebase", found: list[Unit]) -> Iterator[CensusHit]:
    """Methods that append a function to a list of their object, which the class or a subclass calls in a loop."""
    loops = [(unit, symbol, *loop) for unit in found for body, symbol in unit.functions() for loop in _loops(body)]
    for unit in found if loops else ():
        for body, symbol in unit.functions():
            for list_ in _appended(body):
                called = [loop for loop in loops if loop[2] == list_ and _is_of(codebase, loop, unit.path, symbol)]
                if called:
                    runs = list(dict.fromkeys(f"`{by}()` ({at.path})" for at, by, *_ in called))
                    text = f"`{symbol}()` ({unit.path}) adds a function to `{list_}`, which is called in a loop of "
                    text += listed(runs, SHOWN)
                    related = tuple(("call", at.path, *at.lines(node)) for at, _, _, node in called[:SHOWN])
                    yield hit_at(codebase, unit.path, unit.lines(body), symbol=symbol, name=body.name, text=text,
                                 related=related)  # fmt: skip


def _appended(body: Function) -> Iterator[str]:
    """The lists of the object to which a body appends one of its parameters."""
    given = {arg.arg for arg in body.args.args[1:]}
    for node in own_nodes(body):
        if isinstance(node, ast.Call) and len(node.args) == 1 and written(node.args[0]) in given:
            owner, _, method = written(node.func).rpartition(".")
            if method == "append" and owner.startswith("self.") and _NAMED.search(owner.rpartition(".")[2]):
                yield owner


def _loops(body: Function) -> Iterator[tuple[str, ast.For]]:
    """The loops over a list of the object that call what they take out."""
    for node in own_nodes(body):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and written(node.iter).startswith("self."):
            name = node.target.id
            if any(isinstance(n, ast.Call) and written(n.func) == name for n in ast.walk(node)):
                yield written(node.iter), node


def _is_of(codebase: "Codebase", loop: tuple[Unit, str, str, ast.For], path: str, symbol: str) -> bool:
    """Whether the body of a loop belongs to the class of a method or to one below it."""
    at, by, *_ = loop
    own, asked = symbol.rpartition(".")[0], by.rpartition(".")[0]
    if (at.path, asked) == (path, own):
        return True
    item = next((d for d in codebase.facts[at.path].definitions if d.symbol == asked and d.kind == "class"), None)
    return item is not None and own in {base.rpartition(".")[2] for base in codebase.bases(at.path, item)}


def _shown(called: list[ast.Call]) -> list[str]:
    texts = dict.fromkeys(written(node).replace("`", "'") for node in called)
    return [f"`{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}`" for text in texts]


def _called(function: Function, name: str) -> list[ast.Call]:
    """The calls of a parameter, of what a loop over it gives, or of a method of it."""
    held = {name}
    for node in own_nodes(function):
        if isinstance(node, ast.For) and written(node.iter) in held and isinstance(node.target, ast.Name):
            held.add(node.target.id)
    return [
        node
        for node in own_nodes(function)
        if isinstance(node, ast.Call)
        and (written(node.func) in held or written(node.func).rpartition(".")[0] in held)
        and written(node.func).rpartition(".")[2]
        not in ("append", "extend", "get", "items", "keys", "values", "remove")
    ]
